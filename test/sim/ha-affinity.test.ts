import { expect, test } from 'vitest';
import { compileAffinity, enabledRules, selectNode, type Preference } from '../../controller/sim/ha/affinity.ts';
import { infeasibleRules } from '../../controller/sim/ha/rule-checks.ts';
import { emptyHa, type HaSection, type HaState, type ServiceStatus } from '../../controller/sim/ha/state.ts';

const NODES = ['pve1', 'pve2', 'pve3'];

interface Case {
  readonly rule: string;
  readonly rules?: Readonly<Record<string, HaSection>>;
  readonly groups?: Readonly<Record<string, HaSection>>;
  readonly group?: string;
  readonly services: Readonly<Record<string, Partial<ServiceStatus> & { readonly node: string }>>;
  readonly online?: readonly string[];
  readonly preference?: Preference;
  readonly failback?: boolean;
  readonly others?: Readonly<Record<string, number>>;
  readonly expected: string | undefined;
}

function haOf(one: Pick<Case, 'rules' | 'groups' | 'group'>): HaState {
  const ha = emptyHa();
  Object.assign(ha.rules, one.rules);
  Object.assign(ha.groups, one.groups);
  ha.resources['vm:1'] = { type: 'vm', ...(one.group === undefined ? {} : { group: one.group }) };
  return ha;
}

const prefer2 = { type: 'node-affinity', resources: 'vm:1', nodes: 'pve2:2,pve3:1' };
const cases: readonly Case[] = [
  { rule: 'without a rule it stays where it is', services: { 'vm:1': { node: 'pve3' } }, expected: 'pve3' },
  { rule: 'without a rule it goes where there is least to do', services: { 'vm:1': { node: 'gone' }, 'vm:2': { node: 'pve1' }, 'vm:3': { node: 'pve2' } }, preference: 'best-score', expected: 'pve3' },
  { rule: 'guests that are not HA count as load', services: { 'vm:1': { node: 'gone' } }, others: { pve1: 1, pve2: 0, pve3: 2 }, preference: 'best-score', expected: 'pve2' },
  { rule: 'equally loaded nodes are taken by name', services: { 'vm:1': { node: 'gone' } }, preference: 'best-score', expected: 'pve1' },
  { rule: 'the highest priority that is online wins', rules: { prefer2 }, services: { 'vm:1': { node: 'pve1' } }, expected: 'pve2' },
  { rule: 'a lower priority when the highest is off', rules: { prefer2 }, services: { 'vm:1': { node: 'pve1' } }, online: ['pve1', 'pve3'], expected: 'pve3' },
  { rule: 'a rule that is not strict allows the other nodes at last', rules: { prefer2 }, services: { 'vm:1': { node: 'pve1' } }, online: ['pve1'], expected: 'pve1' },
  { rule: 'a strict rule allows no other node', rules: { prefer2: { ...prefer2, strict: 1 } }, services: { 'vm:1': { node: 'pve1' } }, online: ['pve1'], expected: undefined },
  { rule: 'without failback it stays on a lower priority', rules: { prefer2 }, services: { 'vm:1': { node: 'pve3' } }, failback: false, expected: 'pve3' },
  { rule: 'without failback it still leaves a node the strict rule forbids', rules: { prefer2: { ...prefer2, strict: 1 } }, services: { 'vm:1': { node: 'pve1' } }, failback: false, expected: 'pve2' },
  { rule: 'a disabled rule says nothing', rules: { prefer2: { ...prefer2, disable: 1 } }, services: { 'vm:1': { node: 'pve1' } }, expected: 'pve1' },
  { rule: 'after a failed start the next node is tried', services: { 'vm:1': { node: 'pve1', failed_nodes: ['pve1'] } }, preference: 'try-next', expected: 'pve2' },
  { rule: 'it goes home from maintenance when it may', services: { 'vm:1': { node: 'pve3', maintenance_node: 'pve2' } }, expected: 'pve2' },
  { rule: 'kept apart it avoids the other one\'s node', rules: { apart: { type: 'resource-affinity', resources: 'vm:1,vm:2', affinity: 'negative' } }, services: { 'vm:1': { node: 'gone' }, 'vm:2': { node: 'pve1' } }, preference: 'best-score', expected: 'pve2' },
  { rule: 'kept apart it leaves the node they share', rules: { apart: { type: 'resource-affinity', resources: 'vm:1,vm:2', affinity: 'negative' } }, services: { 'vm:1': { node: 'pve1' }, 'vm:2': { node: 'pve1' } }, expected: 'pve2' },
  { rule: 'kept together it follows', rules: { both: { type: 'resource-affinity', resources: 'vm:1,vm:2', affinity: 'positive' } }, services: { 'vm:1': { node: 'pve1' }, 'vm:2': { node: 'pve3' } }, expected: 'pve3' },
  { rule: 'kept together with one that is kept apart it is kept apart too', rules: { both: { type: 'resource-affinity', resources: 'vm:1,vm:4', affinity: 'positive' }, apart: { type: 'resource-affinity', resources: 'vm:4,vm:2', affinity: 'negative' } }, services: { 'vm:1': { node: 'pve1' }, 'vm:2': { node: 'pve1' } }, expected: 'pve2' },
  { rule: 'a companion of one with a node affinity has it too', rules: { prefer2: { ...prefer2, resources: 'vm:4', nodes: 'pve2' }, both: { type: 'resource-affinity', resources: 'vm:1,vm:4', affinity: 'positive' } }, services: { 'vm:1': { node: 'pve1' } }, expected: 'pve2' },
  { rule: 'a group is a node affinity', groups: { g: { nodes: 'pve3' } }, group: 'g', services: { 'vm:1': { node: 'pve1' } }, expected: 'pve3' },
  { rule: 'a restricted group allows no other node', groups: { g: { nodes: 'pve3', restricted: 1 } }, group: 'g', services: { 'vm:1': { node: 'pve1' } }, online: ['pve1', 'pve2'], expected: undefined },
  { rule: 'an unknown group says nothing', group: 'nope', services: { 'vm:1': { node: 'pve1' } }, expected: 'pve1' },
];

test.each(cases)('$rule', (one) => {
  const services = Object.fromEntries(Object.entries(one.services).map(([sid, service]) => [sid, { state: 'started' as const, ...service }]));
  const placement = { affinity: compileAffinity(haOf(one), NODES), services, online: new Set(one.online ?? NODES), failback: one.failback ?? true, others: one.others ?? {} };
  expect(selectNode('vm:1', one.preference ?? 'none', placement)).toBe(one.expected);
});

const contradictions: readonly { readonly what: string; readonly rules: Readonly<Record<string, HaSection>>; readonly blamed: Readonly<Record<string, string>> }[] = [
  {
    what: 'a resource in two node affinity rules', rules: { a: { ...prefer2, nodes: 'pve1' }, b: { ...prefer2, nodes: 'pve2' } },
    blamed: { a: "resource 'vm:1' is already used in another node affinity rule", b: "resource 'vm:1' is already used in another node affinity rule" },
  },
  { what: 'one resource kept apart from nobody', rules: { a: { type: 'resource-affinity', resources: 'vm:1', affinity: 'negative' } }, blamed: { a: 'rule is ineffective as there are less than two resources' } },
  { what: 'more resources kept apart than nodes', rules: { a: { type: 'resource-affinity', resources: 'vm:1,vm:2,vm:3,vm:4', affinity: 'negative' } }, blamed: { a: 'rule defines more resources than available nodes' } },
  {
    what: 'two resources together and apart', rules: { a: { type: 'resource-affinity', resources: 'vm:1,vm:2', affinity: 'positive' }, b: { type: 'resource-affinity', resources: 'vm:1,vm:2', affinity: 'negative' } },
    blamed: { a: 'rule shares two or more resources with a negative resource affinity rule', b: 'rule shares two or more resources with a positive resource affinity rule' },
  },
  {
    what: 'resources kept apart on one node', rules: { a: { ...prefer2, resources: 'vm:1,vm:2', nodes: 'pve1' }, b: { type: 'resource-affinity', resources: 'vm:1,vm:2', affinity: 'negative' } },
    blamed: {
      a: 'at least one resource is in a negative resource affinity rule and this rule would restrict these to less nodes than available to the resources',
      b: 'two or more resources are restricted to less nodes than available to the resources',
    },
  },
  {
    what: 'several priorities with a resource affinity', rules: { a: { ...prefer2, resources: 'vm:1,vm:2' }, b: { type: 'resource-affinity', resources: 'vm:1,vm:2', affinity: 'positive' } },
    blamed: {
      a: 'resources are in a resource affinity rule and cannot be in a node affinity rule with multiple priorities',
      b: 'resources are in node affinity rules with multiple priorities',
    },
  },
];

test.each(contradictions)('refused: $what', ({ rules, blamed }) => {
  const found = infeasibleRules(enabledRules(haOf({ rules })), NODES);
  expect(Object.fromEntries([...found].map(([id, reasons]) => [id, reasons.join(', ')]))).toEqual(blamed);
});
