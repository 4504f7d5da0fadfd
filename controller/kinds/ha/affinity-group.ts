// HAGroup from Proxmox VE 9 on: a node affinity rule whose resources are the guests of the commit that name the group.
// A rule without guests cannot be, so a group without guests is in sync without one. Must never leave a guest in two
// such rules: Proxmox refuses the second.
import type { Observed } from '../../model/change.ts';
import type { Desired, DesiredObject } from '../../model/desired.ts';
import type { Facts } from '../../model/facts.ts';
import type { Finding } from '../../model/finding.ts';
import type { JsonObject } from '../../model/json.ts';
import type { KindContext, ResourceKind } from '../../model/kind.ts';
import type { Hold, Step } from '../../model/step.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { splitList } from '../../pve/text-check.ts';
import { collectionKind, writeStep } from '../collection.ts';
import type { Edit, Live, Scene } from '../collection.ts';
import { deletesOf, paramsOf, titleOf } from '../collection-ops.ts';
import type { Wanted } from '../collection-ops.ts';
import { desiredGuests, GUEST_KINDS, sidsOf } from '../guests-named.ts';
import type { DesiredGuest } from '../guests-named.ts';
import { hasMark, withMark } from '../mark.ts';
import { findingsOf, valueFindings } from '../option-findings.ts';
import { groupLiveFindings, groupsOf, HA_FILES, nameFindings } from './group.ts';
import { HA_GROUP_SCHEMA } from './group-schema.ts';
import type { HaGroupSpec } from './group-schema.ts';
import { canonicalNodes, printNodes } from './nodes.ts';
import { requestOf } from '../values.ts';
import { RULES_BULK, rulePath, rulesOf, wrongType } from './rules.ts';

const TYPE = 'node-affinity';

export function affinityGroupKind(tables: ApiTables): ResourceKind<HaGroupSpec, Live> {
  const method = tables.method('POST', '/cluster/ha/rules');
  return collectionKind<HaGroupSpec>({
    kind: 'HAGroup', schema: HA_GROUP_SCHEMA, idSpace: 'HA rule', refersTo: [...GUEST_KINDS], bulk: RULES_BULK, marksComment: true, unset: 'default',
    listed: (facts) => rulesOf(facts, TYPE),
    param: (option) => method?.params.get(option),
    optionAt: (path) => (path === 'restricted' ? 'strict' : undefined),
    canonical: { nodes: canonicalNodes },
    // A rule whose guests all left the group goes.
    exclusive: [{ option: 'resources', path: 'guests', value: '' }],
    wanted: (object, { desired }) => wantedOf(object, desired),
    findings: (object) => (method ? [...nameFindings(tables, object), ...failbackFindings(tables, object), ...valueFindings(findingsOf(object), { method, what: 'a node affinity rule', elsewhere: {} }, ruleOf(object))] : []),
    liveFindings: groupLiveFindings,
    // Groups that change guests do so one after the other, in the order of their names: see `freeSteps`.
    requires: ({ ref }, desired) => [...membersOf(ref.name, desired).map(({ object }) => object.ref), ...groupsOf(desired).map((other) => other.ref).filter(({ name }) => name < ref.name)],
    refine,
    create: (edit) => [...freeSteps(edit), createStep(edit)],
    update: updateSteps,
    remove: ({ id }) => ({ steps: [deleteStep(id, 'delete its rule')] }),
  });
}

function failbackFindings(tables: ApiTables, object: DesiredObject<HaGroupSpec>): readonly Finding[] {
  if (object.spec.nofailback === undefined) return [];
  return [findingsOf(object)('VERSION_UNSUPPORTED', 'spec.nofailback', `Proxmox VE ${tables.version} has failback in each guest, not in the group`, 'remove it, and write `ha: { failback: false }` in the guests of the group', 'warning')];
}

function membersOf(group: string, desired: Desired): readonly DesiredGuest[] {
  return desiredGuests(desired).filter(({ object }) => object.spec.ha?.group === group);
}

function memberSids(group: string, desired: Desired): readonly string[] {
  return sidsOf(membersOf(group, desired).map(({ object, type }) => ({ type, vmid: object.spec.vmid })));
}

function ruleOf({ spec }: DesiredObject<HaGroupSpec>): readonly Wanted[] {
  return [
    { option: 'nodes', path: 'nodes', value: printNodes(spec.nodes) },
    ...(spec.restricted === undefined ? [] : [{ option: 'strict', path: 'restricted', value: spec.restricted }]),
  ];
}

function wantedOf(object: DesiredObject<HaGroupSpec>, desired: Desired): readonly Wanted[] {
  const sids = memberSids(object.ref.name, desired);
  // Without guests nothing is wanted but that there be no rule.
  return sids.length === 0 ? [] : [...ruleOf(object), { option: 'resources', path: 'guests', value: sids }];
}

/** A group that needs no rule and has none is there, as far as anybody can tell. */
function refine(observed: Observed<Live>, { subject, context }: Scene<HaGroupSpec>): Observed<Live> {
  const other = observed.state === 'absent' ? wrongType(context.facts, subject.id, TYPE) : undefined;
  if (other !== undefined) return { state: 'unknown', why: other };
  if (observed.state !== 'absent' || !subject.desired || memberSids(subject.id, context.desired).length > 0) return observed;
  return { state: 'present', live: { options: { comment: withMark(subject.desired.spec.comment ?? '', context.mark) } }, owned: true };
}

function createStep({ id, ops }: Edit<HaGroupSpec>): Step {
  return writeStep('create its rule', { method: 'POST', path: RULES_BULK, params: { rule: id, type: TYPE, ...paramsOf(ops) }, file: HA_FILES });
}

function deleteStep(id: string, title: string, hold?: Hold): Step {
  return writeStep(title, { method: 'DELETE', path: rulePath(id), params: {}, file: HA_FILES, ...(hold ? { hold } : {}) });
}

function updateSteps(edit: Edit<HaGroupSpec>): readonly Step[] {
  const { id, ops, live, context } = edit;
  const wanted = memberSids(id, context.desired);
  const have = splitList(String(live.options.resources ?? ''));
  if (wanted.length === 0) return have.length === 0 ? [] : [deleteStep(id, 'delete its rule, because no guest is in it', foreign(live, context.mark))];
  const write = writeStep(titleOf(ops), { method: 'PUT', path: rulePath(id), params: { type: TYPE, ...paramsOf(ops), ...deletesOf(ops) }, file: HA_FILES, seen: { bulk: RULES_BULK, options: live.options } });
  if (have.some((sid) => wanted.includes(sid))) return [...freeSteps(edit), write];
  // When all its guests are others, a group that takes the old ones may have deleted the rule already.
  return [...freeSteps(edit), deleteStep(id, 'delete its rule, because all its guests are others', foreign(live, context.mark)), createAnew(edit)];
}

function foreign(live: Live, mark: string): Hold | undefined {
  if (hasMark(String(live.options.comment ?? ''), mark)) return undefined;
  return { code: 'NOT_OWNED', reason: `the rule holds ${String(live.options.resources)}, and latido did not make it: choose another name, or take them out of it`, approvable: false };
}

function createAnew({ id, object, ops, live, context }: Edit<HaGroupSpec>): Step {
  const wanted = object ? wantedOf(object, context.desired) : [];
  const params = Object.fromEntries(wanted.map(({ option, value }) => [option, requestOf({}, value)]));
  const comment = paramsOf(ops).comment ?? live.options.comment ?? '';
  return writeStep('create its rule anew', { method: 'POST', path: RULES_BULK, params: { rule: id, type: TYPE, comment, ...params }, file: HA_FILES });
}

/** Takes its new guests out of the rules in which they are, before they come into this one. Groups before it have let go of them already. */
function freeSteps({ id, context }: Edit<HaGroupSpec>): readonly Step[] {
  const { facts, desired } = context;
  const wanted = memberSids(id, desired);
  const isBefore = (name: string): boolean => name < id && groupsOf(desired).some(({ ref }) => ref.name === name);
  return [...rulesOf(facts, TYPE)].filter(([name, rule]) => name !== id && !isBefore(name) && splitList(String(rule.resources ?? '')).some((sid) => wanted.includes(sid)))
    .sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, rule]) => freeStep(name, rule, facts, context));
}

function freeStep(name: string, rule: JsonObject, facts: Facts, { desired, mark }: KindContext): Step {
  const group = groupsOf(desired).find(({ ref }) => ref.name === name);
  const inGroups = new Set(groupsOf(desired).flatMap(({ ref }) => memberSids(ref.name, desired)));
  const keeps = new Set(group ? memberSids(name, desired) : []);
  const left = splitList(String(rule.resources ?? '')).filter((sid) => (group ? keeps.has(sid) : !inGroups.has(sid))).sort();
  const isOurs = group !== undefined || hasMark(String(rule.comment ?? ''), mark);
  const hold: Hold | undefined = isOurs ? undefined : { code: 'REFUSED', reason: `guests of this group are in the rule ${name}, which latido did not make: take them out of it`, approvable: false };
  const more = hold ? { hold } : {};
  if (left.length === 0) return writeStep(`delete the rule ${name}, whose guests are all in other groups now`, { method: 'DELETE', path: rulePath(name), params: {}, file: HA_FILES, ...more });
  return writeStep(`leave ${left.join(', ')} in the rule ${name}`, { method: 'PUT', path: rulePath(name), params: { type: TYPE, resources: left.join(',') }, file: HA_FILES, seen: { bulk: RULES_BULK, options: rule }, ...more });
}
