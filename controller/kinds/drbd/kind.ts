// A DRBD resource as a kind: its manifest, and its copies as their nodes tell of them over ssh. Out: steps on those nodes, and
// the storage of Proxmox that stands on it. Pure.
// Must never choose whose data is right, and never take the last good copy.
import type { Change, FieldChange } from '../../model/change.ts';
import type { DesiredObject } from '../../model/desired.ts';
import type { KindContext, ResourceKind, Steps } from '../../model/kind.ts';
import { compareText } from '../../model/ref.ts';
import { drbdFindings, drbdLiveFindings } from './findings.ts';
import { markedResources, observeResource } from './observe.ts';
import type { DrbdLive } from './observe.ts';
import { removeResource } from './remove.ts';
import { hostsNamed, sceneOf } from './scene.ts';
import type { Scene } from './scene.ts';
import { DRBD_SCHEMA } from './schema.ts';
import type { DrbdSpec } from './schema.ts';
import { verifyStanding } from './verify-text.ts';
import { createdFields, workOf } from './work.ts';

export function drbdKind(): ResourceKind<DrbdSpec, DrbdLive> {
  return {
    kind: 'DrbdResource', schema: DRBD_SCHEMA, idSpace: 'drbd', refersTo: [], isOnNodes: true,
    id: (object) => object.ref.name,
    findings: drbdFindings,
    liveFindings: drbdLiveFindings,
    requires: () => [],
    marked: (facts, mark) => markedResources(facts, mark).map((name) => ({ ref: { kind: 'DrbdResource', name }, id: name })),
    reads: () => [],
    observe: (subject, facts, _answer, mark, desired) => observeResource(subject, facts, mark, desired),
    diff: (subject, _observed, context) => (subject.desired ? workOf(sceneFor(subject.desired, context), subject).fields : removeResource(subject.id, context).fields),
    steps: stepsOf,
    standing: (object, context) => verifyStanding(sceneFor(object, context)),
    nodesToAsk: ({ spec }) => Object.keys(spec.nodes).sort(compareText),
    nodesNamedThere: ({ ref }, facts) => hostsNamed(ref.name, facts),
    fields: ({ spec }) => Object.keys(spec).sort(compareText),
    secretPaths: () => ['sharedSecret'],
    derives: (object) => storageOn(object),
  };
}

function sceneFor(object: DesiredObject<DrbdSpec>, { facts, desired, mark }: KindContext): Scene {
  return sceneOf(object.ref.name, object.spec, facts, desired, mark);
}

function stepsOf({ verb, subject }: Change<DrbdSpec, DrbdLive>, context: KindContext): Steps {
  if (!subject.desired) return verb === 'delete' ? withoutFields(removeResource(subject.id, context)) : { steps: [] };
  const scene = sceneFor(subject.desired, context);
  const { steps, notes } = workOf(scene, subject);
  return { steps, notes, ...(verb === 'create' ? { fields: createdFields(scene) } : {}) };
}

function withoutFields({ steps, notes }: { readonly steps: Steps['steps']; readonly notes: readonly string[]; readonly fields: readonly FieldChange[] }): Steps {
  return { steps, notes };
}

/** `storage` is a storage of Proxmox in every way; it only is not written a second time. */
function storageOn({ spec, annotations, place }: DesiredObject<DrbdSpec>): readonly DesiredObject[] {
  if (!spec.storage) return [];
  const { id, volumeGroup, content = ['images', 'rootdir'] } = spec.storage;
  const nodes = Object.entries(spec.nodes).filter(([, { diskless }]) => !diskless).map(([name]) => name).sort(compareText);
  return [{ ref: { kind: 'Storage', name: id }, spec: { type: 'lvm', config: { vgname: volumeGroup, shared: true, content: [...content], nodes } }, annotations, place: () => place('spec.storage') }];
}
