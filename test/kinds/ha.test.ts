import { describe, expect, test } from 'vitest';
import { ask, found, said } from './scene.ts';
import type { Manifest, Scene } from './scene.ts';

const GROUP = { nodes: { pve1: 2, pve2: 1 }, restricted: true };
const vm = (name: string, vmid: number, ha: object | undefined = {}): Manifest => ({ kind: 'VirtualMachine', name, spec: { vmid, ...(ha ? { ha } : {}) } });

describe('HAGroup up to version 8 is an HA group', () => {
  const group = (spec: object | undefined, live?: object, more: Partial<Scene> = {}) => ask({ version: '8.4', kind: 'HAGroup', name: 'both', ...(spec ? { spec } : {}), ...more, facts: { ...(live ? { haGroups: new Map([['both', live as never]]) } : {}), ...more.facts } });
  const LIVE = { group: 'both', type: 'group', nodes: 'pve2:1,pve1:2', restricted: 1, comment: '[latido]', digest: 'x' };
  test('it is created', () => expect(said(group(GROUP).steps)).toEqual(['POST /cluster/ha/groups {"group":"both","nodes":"pve1:2,pve2:1","restricted":"1","comment":"[latido]"}']));
  test.each<[string, object, object]>([
    ['in any order', GROUP, LIVE],
    ['priority 0 is none', { nodes: { pve1: 0, pve2: 0 } }, { ...LIVE, nodes: 'pve1,pve2:0', restricted: undefined }],
    ['a list has no priorities', { nodes: ['pve2', 'pve1'] }, { ...LIVE, nodes: 'pve1,pve2' }],
    ['off is not set', { ...GROUP, nofailback: false }, LIVE],
  ])('in sync: %s', (_rule, spec, live) => expect(group(spec, live)).toMatchObject({ verb: 'none', fields: [] }));
  test('a priority is changed, a field of ours that left Git is removed', () => {
    const told = group({ nodes: { pve1: 1, pve2: 1 } }, LIVE, { memory: { fields: ['nodes', 'restricted'] } });
    expect(said(told.steps)).toEqual(['PUT /cluster/ha/groups/both {"nodes":"pve1:1,pve2:1","delete":"restricted"}']);
  });
  test('it is deleted, held while somebody else is in it', () => {
    const resource = { sid: 'vm:110', state: 'started', group: 'both', maxRestart: 1, maxRelocate: 1, failback: true };
    const guest = { vmid: 110, type: 'qemu', node: 'pve1', name: 'web', status: 'running', template: false, tags: [] as string[], memMax: 0 } as const;
    const facts = { haResources: new Map([['vm:110', resource]]), guests: new Map([[110, guest]]) };
    expect(said(group(undefined, LIVE).steps)).toEqual(['DELETE /cluster/ha/groups/both {}']);
    expect(group(undefined, LIVE, { facts }).steps[0]?.hold).toMatchObject({ code: 'REFERENCED', reason: 'vm:110 is still in it' });
    expect(group(undefined, LIVE, { facts, others: [vm('web', 110, { group: 'other' })] }).steps[0]?.hold).toBeUndefined();
    expect(group(undefined, LIVE, { facts: { ...facts, guests: new Map([[110, { ...guest, tags: ['latido'] }]]) } }).steps[0]?.hold).toBeUndefined();
  });
  test('a node that is no node', () => expect(found(group({ nodes: { pve1: 1, pve3: 1 } }).live)).toEqual(["NODE_UNKNOWN spec.nodes.pve3: the cluster has no node 'pve3'"]));
});

describe('HAGroup from version 9 on is a rule of its guests', () => {
  const group = (spec: object | undefined, rules: Readonly<Record<string, object>>, more: Partial<Scene> = {}) => ask({ kind: 'HAGroup', name: 'both', ...(spec ? { spec } : {}), ...more, facts: { haRules: new Map(Object.entries(rules)) as never, ...more.facts } });
  const LIVE = { rule: 'both', type: 'node-affinity', nodes: 'pve2:1,pve1:2', resources: 'vm:111,vm:110', strict: 1, comment: '[latido]', digest: 'x', order: 1 };
  const TWO = [vm('a', 110, { group: 'both' }), vm('b', 111, { group: 'both' })];
  test('it is created after its guests, with them', () => {
    const told = group(GROUP, {}, { others: TWO });
    expect(told.requires).toEqual(['VirtualMachine/a', 'VirtualMachine/b']);
    expect(said(told.steps)).toEqual(['POST /cluster/ha/rules {"rule":"both","type":"node-affinity","nodes":"pve1:2,pve2:1","strict":"1","resources":"vm:110,vm:111","comment":"[latido]"}']);
  });
  test('without guests it needs no rule', () => expect(group({ ...GROUP, comment: 'x' }, {})).toMatchObject({ verb: 'none', fields: [], steps: [] }));
  test('the same rule is in sync', () => expect(group(GROUP, { both: LIVE }, { others: TWO })).toMatchObject({ verb: 'none', fields: [] }));
  test('a guest that left the group leaves the rule', () => {
    const told = group(GROUP, { both: LIVE }, { others: TWO.slice(0, 1) });
    expect(said(told.steps)).toEqual(['PUT /cluster/ha/rules/both {"type":"node-affinity","resources":"vm:110"}']);
    expect(told.fields).toEqual([{ path: 'guests', from: 'vm:111,vm:110', to: ['vm:110'], effect: 'live' }]);
  });
  test('when the last guest left, the rule goes', () => {
    const told = group(GROUP, { both: LIVE });
    expect([told.verb, said(told.steps)]).toEqual(['update', ['DELETE /cluster/ha/rules/both {}']]);
  });
  test("somebody else's rule of that name is not deleted", () => expect(said(group(GROUP, { both: { ...LIVE, comment: 'mine' } }).steps)).toEqual(['held NOT_OWNED DELETE /cluster/ha/rules/both {}']));
  test('a guest that comes from another group is taken out of it first', () => {
    const others = [...TWO, vm('c', 112, { group: 'first' }), { kind: 'HAGroup', name: 'first', spec: { nodes: ['pve1'] } }];
    const first = { ...LIVE, rule: 'first', resources: 'vm:111,vm:112' };
    expect(said(group(GROUP, { first, both: { ...LIVE, resources: 'vm:110' } }, { others }).steps)).toEqual([
      'PUT /cluster/ha/rules/first {"type":"node-affinity","resources":"vm:112"}', 'PUT /cluster/ha/rules/both {"type":"node-affinity","resources":"vm:110,vm:111"}',
    ]);
  });
  test('two groups that swap their guests delete before they create', () => {
    const others = [vm('a', 110, { group: 'both' }), vm('b', 111, { group: 'later' }), { kind: 'HAGroup', name: 'later', spec: { nodes: ['pve1'] } }];
    const rules = { later: { ...LIVE, rule: 'later', resources: 'vm:110' }, both: { ...LIVE, resources: 'vm:111' } };
    expect(said(group(GROUP, rules, { others }).steps)).toEqual([
      'DELETE /cluster/ha/rules/later {}', 'DELETE /cluster/ha/rules/both {}',
      'POST /cluster/ha/rules {"rule":"both","type":"node-affinity","comment":"[latido]","nodes":"pve1:2,pve2:1","strict":"1","resources":"vm:110"}',
    ]);
  });
  test('what a group before it lets go of is not its business, and it comes after that', () => {
    const others = [...TWO, { kind: 'HAGroup', name: 'a', spec: { nodes: ['pve1'] } }];
    const told = group(GROUP, { a: { ...LIVE, rule: 'a', resources: 'vm:111' }, both: { ...LIVE, resources: 'vm:110' } }, { others });
    expect(told.requires).toEqual(['VirtualMachine/a', 'VirtualMachine/b', 'HAGroup/a']);
    expect(said(told.steps)).toEqual(['PUT /cluster/ha/rules/both {"type":"node-affinity","resources":"vm:110,vm:111"}']);
  });
  test('a guest in a rule that latido did not make holds it', () => {
    const told = group(GROUP, { hand: { ...LIVE, rule: 'hand', comment: 'mine' } }, { others: TWO });
    expect(said(told.steps)[0]).toBe('held REFUSED DELETE /cluster/ha/rules/hand {}');
  });
  test('a rule of the other type is in the way', () => expect(group(GROUP, { both: { type: 'resource-affinity' } }, { others: TWO }).observed).toMatchObject({ state: 'unknown' }));
  test('failback is said in the guest', () => expect(found(group({ ...GROUP, nofailback: true }, {}).findings)).toEqual(['warning VERSION_UNSUPPORTED spec.nofailback: Proxmox VE 9.2 has failback in each guest, not in the group']));
});

describe('HARule', () => {
  const SPEC = { affinity: 'negative', guests: ['a', 111] };
  const LIVE = { rule: 'apart', type: 'resource-affinity', affinity: 'negative', resources: 'vm:111,vm:110', comment: '[latido]' };
  const TWO = [vm('a', 110), vm('b', 111)];
  const rule = (spec: object | undefined, live?: object, more: Partial<Scene> = {}) => ask({ kind: 'HARule', name: 'apart', others: TWO, ...(spec ? { spec } : {}), ...more, facts: { ...(live ? { haRules: new Map([['apart', live as never]]) } : {}), ...more.facts } });
  test('it is created after its guests', () => {
    expect(rule(SPEC).requires).toEqual(['VirtualMachine/a', 'VirtualMachine/b']);
    expect(said(rule(SPEC).steps)).toEqual(['POST /cluster/ha/rules {"rule":"apart","type":"resource-affinity","affinity":"negative","resources":"vm:110,vm:111","comment":"[latido]"}']);
  });
  test('the same is in sync', () => expect(rule({ ...SPEC, disabled: false }, LIVE)).toMatchObject({ verb: 'none', fields: [], findings: [] }));
  test('a change says the type again', () => expect(said(rule({ ...SPEC, affinity: 'positive', disabled: true }, LIVE).steps)).toEqual(['PUT /cluster/ha/rules/apart {"type":"resource-affinity","affinity":"positive","disable":"1"}']));
  test('it is enabled by taking `disable` away', () => {
    expect(said(rule({ ...SPEC, disabled: false }, { ...LIVE, disable: 1 }).steps)).toEqual(['PUT /cluster/ha/rules/apart {"type":"resource-affinity","delete":"disable"}']);
    expect(said(rule(SPEC, { ...LIVE, disable: 1 }, { memory: { fields: ['disabled'] } }).steps)).toEqual(['PUT /cluster/ha/rules/apart {"type":"resource-affinity","delete":"disable"}']);
  });
  test('it is deleted', () => expect(said(rule(undefined, LIVE).steps)).toEqual(['DELETE /cluster/ha/rules/apart {}']));
  test('guests that no manifest defines, or that are no HA resources', () => {
    expect(found(rule({ ...SPEC, guests: ['a', 'bb'] }).findings)).toEqual(["REFERENCE_MISSING spec.guests.1: no manifest defines a guest 'bb'"]);
    expect(found(rule(SPEC, undefined, { others: [vm('a', 110), { kind: 'VirtualMachine', name: 'b', spec: { vmid: 111 } }] }).findings)).toEqual(['REFERENCE_MISSING spec.guests.1: VirtualMachine/b is not an HA resource, and a rule holds only those']);
    expect(found(rule({ ...SPEC, guests: ['a', 200] }).live)).toEqual(['REFERENCE_MISSING spec.guests.1: there is no guest 200, and no manifest defines it']);
  });
  test('before version 9 there is none', () => expect(found(rule(SPEC, undefined, { version: '8.4' }).findings)).toEqual(['VERSION_UNSUPPORTED kind: Proxmox VE 8.4 has no rules that keep guests together or apart']));
});
