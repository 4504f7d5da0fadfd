// Where Proxmox takes a digest, what the plan saw goes with the write: a change by somebody else in between is refused.
import { describe, expect, test } from 'vitest';
import { outline, World } from '../harness/world.ts';
import { ask } from './scene.ts';
import type { Scene } from './scene.ts';

const memory = { fields: [] };
const cases: readonly [string, Scene][] = [
  ['PUT /storage/isos', { kind: 'Storage', name: 'isos', spec: { type: 'dir', config: { path: '/a', content: 'iso' } }, memory, facts: { storageDefs: new Map([['isos', { storage: 'isos', type: 'dir', path: '/a', content: 'vztmpl', digest: 'd' }]]) } }],
  ['PUT /cluster/ha/groups/both', { version: '8.4', kind: 'HAGroup', name: 'both', spec: { nodes: ['pve1'] }, memory, facts: { haGroups: new Map([['both', { group: 'both', nodes: 'pve2', comment: '[latido]', digest: 'd' }]]) } }],
  ['PUT /cluster/ha/rules/apart', {
    kind: 'HARule', name: 'apart', spec: { affinity: 'negative', guests: [110, 111] }, memory,
    others: [110, 111].map((vmid) => ({ kind: 'VirtualMachine', name: `g${vmid}`, spec: { vmid, ha: {} } })),
    facts: { haRules: new Map([['apart', { rule: 'apart', type: 'resource-affinity', affinity: 'positive', resources: 'vm:110,vm:111', comment: '[latido]', digest: 'd' }]]) },
  }],
  ['PUT /cluster/ha/rules/both', {
    kind: 'HAGroup', name: 'both', spec: { nodes: ['pve1'] }, memory, others: [{ kind: 'VirtualMachine', name: 'g110', spec: { vmid: 110, ha: { group: 'both' } } }],
    facts: { haRules: new Map([['both', { rule: 'both', type: 'node-affinity', nodes: 'pve2', resources: 'vm:110', comment: '[latido]', digest: 'd' }]]) },
  }],
];

test.each(cases)('%s', (call, scene) => {
  const actions = ask(scene).steps.map(({ action }) => action).filter((action) => action.via === 'pve');
  expect(actions.map(({ method, path, digest }) => [`${method} ${path}`, digest?.value])).toEqual([[call, 'd']]);
});

describe('an HA resource', () => {
  test('is not changed over what somebody did after the plan', async () => {
    const mail = 'apiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: mail }\nspec: { vmid: 110, ha: { state: stopped, maxRestart: 3 }, config: { memory: 512 } }\n';
    const world = new World({ guests: [{ vmid: 110, node: 'pve1', config: { name: 'mail', tags: 'latido', memory: '512' } }] });
    await world.run(world.env.pve.write('POST', '/cluster/ha/resources', { sid: 'vm:110', state: 'stopped' }));
    await world.run(world.env.clock.sleep(60_000));
    const round = await world.round(mail);
    expect(outline(round.plan)).toEqual(['update VirtualMachine/mail', '  change the HA resource (maxRestart)']);
    await world.run(world.env.pve.write('PUT', '/cluster/ha/resources/vm:110', { comment: 'leave it' }));
    const { applyRound } = await import('../../controller/reconcile.ts');
    expect((await world.run(applyRound(world.env, round))).failed[0]?.findings[0]?.fact).toContain('detected modified configuration');
    expect((await world.apply(mail)).failed).toEqual([]);
  });
});
