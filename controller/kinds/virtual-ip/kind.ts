// The cluster's one address as a kind. In: its manifest, and what its nodes tell over ssh of their interfaces and of the program
// that keeps it. Out: what differs and the steps. Must never move the address for a change that can be made where it is.
import { objectsOf } from '../../model/desired.ts';
import type { Subject } from '../../model/change.ts';
import type { KindContext, ResourceKind } from '../../model/kind.ts';
import { isSecretDue } from '../secret-fields.ts';
import { virtualIpFindings, virtualIpLiveFindings } from './findings.ts';
import { markedAddresses, observeAddress, standingOf } from './observe.ts';
import type { VirtualIpLive } from './observe.ts';
import { sceneOf } from './scene.ts';
import type { Scene } from './scene.ts';
import { VIRTUAL_IP_SCHEMA } from './schema.ts';
import type { VirtualIpSpec } from './schema.ts';
import { compareAll, fieldsOf, newFields, setUp, takeDown } from './work.ts';

export function virtualIpKind(): ResourceKind<VirtualIpSpec, VirtualIpLive> {
  return {
    kind: 'VirtualIP', schema: VIRTUAL_IP_SCHEMA, idSpace: 'virtual IP', refersTo: ['Node'], isOnNodes: true, asksAllNodes: true,
    id: (object) => object.ref.name,
    findings: virtualIpFindings,
    liveFindings: virtualIpLiveFindings,
    requires: (object, desired) => objectsOf(desired, 'Node').map(({ ref }) => ref).filter(({ name }) => object.spec.nodes[name] !== undefined),
    nodesToAsk: (object) => Object.keys(object.spec.nodes),
    marked: markedAddresses,
    reads: () => [],
    observe: (subject, facts, _answer, mark) => observeAddress(subject, facts, mark),
    diff: (subject, { owned }, context) => {
      const scene = sceneFor(subject, context);
      return scene ? fieldsOf(scene, compareAll(scene, isNewSecret(subject, scene, owned, context))) : [];
    },
    steps: ({ subject, observed, verb }, context) => {
      const scene = sceneFor(subject, context);
      if (!scene) return verb === 'delete' ? takeDown(subject.id, context) : { steps: [] };
      const compared = compareAll(scene, isNewSecret(subject, scene, observed.state === 'present' && observed.owned, context));
      const asked = setUp(scene, compared, verb === 'adopt');
      return verb === 'create' ? { ...asked, fields: newFields(scene) } : verb === 'none' ? { steps: [], notes: troubleOf(subject, context) } : asked;
    },
    standing: standingOf,
    fields: ({ spec }) => Object.keys(spec).sort(),
    secretPaths: () => ['authentication'],
  };
}

/** As its manifest asks, and still not well: a reader of the plan should know. */
function troubleOf({ desired }: Subject<VirtualIpSpec>, context: KindContext): readonly string[] {
  const standing = desired && standingOf(desired, context);
  return standing?.trouble === undefined ? [] : [standing.message];
}

function sceneFor({ desired: object, id }: Subject<VirtualIpSpec>, { facts, desired, mark }: KindContext): Scene | undefined {
  return object && sceneOf(id, object.spec, facts, desired, mark);
}

function isNewSecret(subject: Subject<VirtualIpSpec>, { spec }: Scene, owned: boolean, { facts }: KindContext): boolean {
  return spec.authentication !== undefined && isSecretDue(spec.authentication, 'authentication', subject, { state: 'set', owned }, facts);
}
