// HAGroup up to Proxmox VE 8: one row of the collection /cluster/ha/groups.
import type { DesiredObject } from '../../model/desired.ts';
import { objectsOf } from '../../model/desired.ts';
import { nodeFact } from '../../model/facts.ts';
import type { Finding } from '../../model/finding.ts';
import type { KindContext, ResourceKind, Steps } from '../../model/kind.ts';
import type { Hold } from '../../model/step.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { checkValue } from '../../pve/check.ts';
import { collectionKind, writeStep } from '../collection.ts';
import type { Edit, Live } from '../collection.ts';
import { deletesOf, paramsOf, titleOf } from '../collection-ops.ts';
import type { Wanted } from '../collection-ops.ts';
import { desiredGuests } from '../guests-named.ts';
import { isNodeAwaited } from '../node/awaited.ts';
import { findingsOf, guessFix, oneLine, valueFindings } from '../option-findings.ts';
import { HA_GROUP_SCHEMA } from './group-schema.ts';
import type { HaGroupSpec } from './group-schema.ts';
import { canonicalNodes, printNodes, prioritiesOf } from './nodes.ts';

export const HA_FILES = 'ha';

export function haGroupKind(tables: ApiTables): ResourceKind<HaGroupSpec, Live> {
  const method = tables.method('POST', '/cluster/ha/groups');
  return collectionKind<HaGroupSpec>({
    kind: 'HAGroup', schema: HA_GROUP_SCHEMA, idSpace: 'HA group', refersTo: [], bulk: '/cluster/ha/groups', marksComment: true, unset: 'default',
    listed: (facts) => facts.haGroups,
    param: (option) => method?.params.get(option),
    optionAt: (path) => (['nodes', 'restricted', 'nofailback'].includes(path) ? path : undefined),
    canonical: { nodes: canonicalNodes },
    wanted: wantedOf,
    findings: (object) => (method ? [...nameFindings(tables, object), ...valueFindings(findingsOf(object), { method, what: 'an HA group', elsewhere: {} }, wantedOf(object))] : []),
    liveFindings: groupLiveFindings,
    requires: () => [],
    create: ({ id, ops }) => [writeStep('create it', { method: 'POST', path: '/cluster/ha/groups', params: { group: id, ...paramsOf(ops) }, file: HA_FILES })],
    update: ({ id, ops, live }) => [writeStep(titleOf(ops), { method: 'PUT', path: `/cluster/ha/groups/${id}`, params: { ...paramsOf(ops), ...deletesOf(ops) }, file: HA_FILES, seen: { bulk: '/cluster/ha/groups', options: live.options } })],
    remove: removeGroup,
  });
}

function wantedOf({ spec }: DesiredObject<HaGroupSpec>): readonly Wanted[] {
  return [
    { option: 'nodes', path: 'nodes', value: printNodes(spec.nodes) },
    ...(['restricted', 'nofailback'] as const).flatMap((option) => (spec[option] === undefined ? [] : [{ option, path: option, value: spec[option] }])),
  ];
}

export function nameFindings(tables: ApiTables, { ref, place }: DesiredObject): readonly Finding[] {
  const param = tables.method('POST', '/cluster/ha/groups')?.params.get('group');
  const complaint = param && checkValue(param, ref.name, 'name', tables.version);
  return complaint === undefined ? [] : [{ code: 'NAME_INVALID', severity: 'error', ref, place: place('metadata.name'), fact: oneLine(complaint), fix: 'use letters, digits, - and _, a letter first' }];
}

export function groupLiveFindings(object: DesiredObject<HaGroupSpec>, { facts, desired }: KindContext): readonly Finding[] {
  const found = findingsOf(object);
  return [...prioritiesOf(object.spec.nodes).keys()].filter((name) => !nodeFact(facts, name)).map((name) => found(
    'NODE_UNKNOWN', `spec.nodes.${name}`, `the cluster has no node '${name}'`, guessFix(name, facts.nodes.map((node) => node.name)), isNodeAwaited(desired, name) ? 'warning' : 'error',
  ));
}

/** Proxmox refuses to delete a group while an HA resource is in it; guests of this plan leave it first. */
function removeGroup({ id, context }: Edit<HaGroupSpec>): Omit<Steps, 'uses'> {
  const { facts, desired, mark } = context;
  const wanted = new Map(desiredGuests(desired).map(({ object }) => [object.spec.vmid, object.spec.ha?.group]));
  const inIt = [...facts.haResources.values()].filter((resource) => resource.group === id).map(({ sid }) => sid);
  const staying = inIt.filter((sid) => {
    const vmid = Number(sid.split(':')[1]);
    const isLeaving = wanted.has(vmid) ? wanted.get(vmid) !== id : facts.guests.get(vmid)?.tags.includes(mark) === true;
    return !isLeaving;
  }).sort();
  const hold: Hold | undefined = staying.length === 0 ? undefined : { code: 'REFERENCED', reason: `${staying.join(', ')} ${staying.length === 1 ? 'is' : 'are'} still in it`, approvable: false };
  return { steps: [writeStep('delete it', { method: 'DELETE', path: `/cluster/ha/groups/${id}`, params: {}, file: HA_FILES, ...(hold ? { hold } : {}) })] };
}

/** Names of the groups of a commit. */
export function groupsOf(desired: KindContext['desired']): readonly DesiredObject<HaGroupSpec>[] {
  return objectsOf(desired, 'HAGroup') as readonly DesiredObject<HaGroupSpec>[];
}
