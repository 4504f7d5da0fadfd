// A node as a kind. In: its manifest. Out: what differs from the cluster's own knowledge. Must never make, join or
// remove a node: maintenance has no call of the API, it works through the guests, which are planned away from it.
import type { Observed } from '../../model/change.ts';
import type { DesiredObject, Desired } from '../../model/desired.ts';
import { objectsOf } from '../../model/desired.ts';
import { nodeFact } from '../../model/facts.ts';
import type { NodeFact } from '../../model/facts.ts';
import type { Finding } from '../../model/finding.ts';
import type { JsonObject } from '../../model/json.ts';
import type { KindContext, ResourceKind } from '../../model/kind.ts';
import type { FieldChange } from '../../model/change.ts';
import type { Hold, Step } from '../../model/step.ts';
import { indispensable } from '../../safety/dispensable.ts';
import { heldStep } from '../held-step.ts';
import { findingsOf, guessFix } from '../option-findings.ts';

export interface NodeSpec {
  readonly address?: string;
  readonly role?: 'master' | 'node';
  readonly maintenance?: boolean;
}

/** Shown in the schema with what they are for, so that writing them gets this answer and not “no such field”. */
const UNMANAGED: Readonly<Record<string, string>> = { timezone: 'the time zone', dns: 'the name servers', network: 'the network' };

const SCHEMA: JsonObject = {
  type: 'object', additionalProperties: false,
  description: 'A node of the cluster. It is never made by latido: a machine joins with `pvecm add`. Its name is the name of the node.',
  properties: {
    address: { type: 'string', pattern: '^[0-9A-Za-z.:-]+$', maxLength: 255, description: 'Its address in the cluster. A plan warns when the cluster has another.' },
    role: { enum: ['master', 'node'], default: 'node', description: 'The master is where latido runs; there is at most one.' },
    maintenance: { type: 'boolean', default: false, description: 'Keep it free of guests: nothing new is put on it, and guests that may run elsewhere are moved away, within the limits of the policy.' },
    ...Object.fromEntries(Object.entries(UNMANAGED).map(([field, what]) => [field, { description: `Not managed: ${what} of a node is set on the node itself, and writing it here is a mistake that is reported.` }])),
  },
};

export function nodeKind(): ResourceKind<NodeSpec, NodeFact> {
  return {
    kind: 'Node', schema: SCHEMA, idSpace: 'node', refersTo: [], neverPruned: true, mayBeLiveOnly: true,
    id: (object) => object.ref.name,
    findings: nodeFindings,
    liveFindings: nodeLiveFindings,
    requires: () => [],
    marked: () => [],
    reads: () => [],
    observe: (subject, facts): Observed<NodeFact> => {
      const node = nodeFact(facts, subject.id);
      return node ? { state: 'present', live: node, owned: true } : { state: 'unknown', why: `the cluster has no node ${subject.id}: it joins with pvecm add, run on that machine` };
    },
    diff: (subject, _observed, context) => drainFields(subject.desired, context),
    steps: ({ subject }, context) => ({ steps: drainSteps(subject.desired, context), notes: drainNotes(subject.desired, context) }),
    fields: () => [],
  };
}

function nodeFindings(object: DesiredObject<NodeSpec>, desired: Desired): readonly Finding[] {
  const found = findingsOf(object);
  const masters = objectsOf(desired, 'Node').filter(({ spec }) => (spec as NodeSpec).role === 'master').map(({ ref }) => ref.name);
  return [
    ...Object.keys(object.spec).filter((field) => UNMANAGED[field] !== undefined)
      .map((field) => found('MANIFEST_SCHEMA', `spec.${field}`, `latido does not manage ${UNMANAGED[field]} of a node`, 'remove the line, and set it on the node itself')),
    ...(object.spec.role === 'master' && masters[0] !== object.ref.name ? [found('DUPLICATE', 'spec.role', `${masters[0]} is the master already`, 'write role: node')] : []),
  ];
}

function nodeLiveFindings(object: DesiredObject<NodeSpec>, { facts }: KindContext): readonly Finding[] {
  const found = findingsOf(object);
  const node = nodeFact(facts, object.ref.name);
  if (!node) return [found('NODE_UNKNOWN', 'metadata.name', `the cluster has no node '${object.ref.name}'`, guessFix(object.ref.name, facts.nodes.map(({ name }) => name)) ?? 'join it with pvecm add, run on that machine', 'warning')];
  const { address } = object.spec;
  if (address === undefined || node.address === undefined || node.address.toLowerCase() === address.toLowerCase()) return [];
  return [found('NODE_UNKNOWN', 'spec.address', `the cluster has ${object.ref.name} at ${node.address}, not at ${address}`, `write address: ${node.address}`, 'warning')];
}

/** Why the node that is to be free of guests may not go; a node that is off is gone already. */
function undrainable(object: DesiredObject<NodeSpec> | undefined, { facts }: KindContext): Hold | undefined {
  if (object?.spec.maintenance !== true || nodeFact(facts, object.ref.name)?.online !== true) return undefined;
  return indispensable(object.ref.name, facts);
}

function drainFields(object: DesiredObject<NodeSpec> | undefined, context: KindContext): readonly FieldChange[] {
  const hold = undrainable(object, context);
  return hold ? [{ path: 'maintenance', from: 'in use', to: 'free to be taken down', effect: 'refused', note: hold.reason }] : [];
}

function drainSteps(object: DesiredObject<NodeSpec> | undefined, context: KindContext): readonly Step[] {
  const hold = undrainable(object, context);
  return hold ? [heldStep('let its guests go, and then itself', hold)] : [];
}

function drainNotes(object: DesiredObject<NodeSpec> | undefined, context: KindContext): readonly string[] {
  if (object?.spec.maintenance !== true) return [];
  const { facts } = context;
  const left = [...facts.guests.values()].filter((guest) => guest.node === object.ref.name).length;
  if (left > 0) return [`being drained: ${left} ${left === 1 ? 'guest is' : 'guests are'} still on it`];
  const mirrors = facts.storageNodes?.get(object.ref.name)?.replicas.size ?? 0;
  const isSafe = mirrors > 0 && nodeFact(facts, object.ref.name)?.online === true && undrainable(object, context) === undefined;
  return isSafe ? ['it may be taken down: no guest is on it, and what it mirrors is whole elsewhere'] : [];
}
