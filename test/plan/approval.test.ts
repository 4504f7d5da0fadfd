// What an approval lifts, and that what it lifts is done in the same order as if it had never been held.
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { Change } from '../../controller/model/change.ts';
import { DEFAULT_POLICY } from '../../controller/model/desired.ts';
import type { Step } from '../../controller/model/step.ts';
import { holdSteps } from '../../controller/plan/hold-steps.ts';
import { notOurs } from '../../controller/safety/holds.ts';
import { writeInventory } from '../../controller/status/inventory.ts';
import { facts } from '../harness/facts.ts';
import { CLUSTER, World } from '../harness/world.ts';

const CONFIRM = CLUSTER.replace('prune: auto', 'prune: confirm');
const POOL = 'apiVersion: latido/v1\nkind: Pool\nmetadata: { name: lab }\nspec: {}\n';
const UUID = '11111111-1111-4111-8111-111111111111';

describe('an approved plan', () => {
  test('keeps the order of the steps that it lifts', async () => {
    const store = createMemoryStore();
    await writeInventory(store, [{ ref: { kind: 'VirtualMachine', name: 'web' }, id: '110', identity: UUID, fields: ['reclaim=delete'] }]);
    const world = new World({ guests: [{ vmid: 110, node: 'pve1', running: true, config: { name: 'web', tags: 'latido', smbios1: `uuid=${UUID}` } }] }, { store });
    const held = (await world.round(`${CONFIRM}---\n${POOL}`)).plan;
    expect(held.changes.find(({ id }) => id === '110')).toMatchObject({ hold: { code: 'PRUNE_POLICY' } });
    const { plan } = await world.round(`${CONFIRM}---\n${POOL}`, world.env, held.fingerprint);
    expect(plan.changes.find(({ id }) => id === '110')?.steps.map(({ id, after, hold }) => [id.replace(/.*#/, ''), after.map((one) => one.replace(/.*#/, '')), hold])).toEqual([['1', [], undefined], ['2', ['1'], undefined]]);
  });
});

const change: Change = { ref: { kind: 'VirtualMachine', name: 'web' }, verb: 'update', subject: { ref: { kind: 'VirtualMachine', name: 'web' }, id: '110' }, observed: { state: 'absent' }, fields: [] };
const step = (title: string, more: Partial<Step> = {}): Step => ({ title, action: { via: 'wait', until: { is: 'quorate' } }, guards: [], risk: 'none', locks: [], timeoutMs: 1, ...more });
const spent = () => ({ deletions: 0, restarts: 0, migrations: 0 });

describe('a hold that no approval lifts', () => {
  test('keeps what comes after it, also when something before it can be approved', () => {
    const refused = step('b', { hold: { code: 'REFUSED', reason: 'no', approvable: false } });
    const limits = { ...DEFAULT_POLICY.limits, migrations: 0 };
    const held = holdSteps([step('a', { risk: 'migration' }), refused, step('c')], change, facts(), { ...DEFAULT_POLICY, limits }, spent(), undefined);
    expect(held.map(({ hold }) => hold?.approvable)).toEqual([true, false, false]);
  });
  test('is policy.adopt: never, whatever the guest is called', () => {
    const named = { ...change, verb: 'adopt' as const, fields: [{ path: 'config.name', from: 'mail', to: 'web', effect: 'live' as const }] };
    expect(notOurs(named, { ...DEFAULT_POLICY, adopt: 'never' })).toMatchObject({ code: 'ADOPT_POLICY', approvable: false });
  });
});

describe('the limits of the policy', () => {
  test('a container that moves with a restart is a migration too', () => {
    const move = step('move', { risk: 'restart', action: { via: 'pve', method: 'POST', path: '/nodes/a/lxc/200/migrate', params: {} } });
    const policy = { ...DEFAULT_POLICY, restart: 'now' as const, limits: { deletions: 9, restarts: 9, migrations: 0 } };
    expect(holdSteps([move], change, facts(), policy, spent(), undefined)[0]?.hold).toMatchObject({ code: 'LIMIT', reason: expect.stringContaining('migrations') as string });
  });
  test('a volume that is destroyed counts as a deletion, and follows policy.prune', () => {
    const destroy = step('destroy scsi1', { risk: 'data-loss' });
    const auto = { ...DEFAULT_POLICY, prune: 'auto' as const, limits: { deletions: 1, restarts: 9, migrations: 9 } };
    expect(holdSteps([destroy, destroy], change, facts(), auto, spent(), undefined).map(({ hold }) => hold?.code)).toEqual([undefined, 'LIMIT']);
    expect(holdSteps([destroy], change, facts(), DEFAULT_POLICY, spent(), undefined)[0]?.hold).toMatchObject({ code: 'PRUNE_POLICY', approvable: true });
    expect(holdSteps([destroy], change, facts(), { ...auto, prune: 'never' }, spent(), undefined)[0]?.hold).toMatchObject({ code: 'PRUNE_POLICY', approvable: false });
  });
});
