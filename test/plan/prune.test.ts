// What may be removed: only what latido remembers as its own or a person approves, and always the very object that was looked at.
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { Plan } from '../../controller/model/plan.ts';
import { memoriesBefore, writeInventory } from '../../controller/status/inventory.ts';
import type { GuestSpec } from '../../controller/sim/cluster-spec.ts';
import type { Memory } from '../../controller/model/change.ts';
import { CLUSTER, outline, World } from '../harness/world.ts';

const UUID = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';

function vm(vmid: number, name: string, more: Partial<GuestSpec> = {}): GuestSpec {
  return { vmid, node: 'pve1', name, config: { name, tags: 'latido', smbios1: `uuid=${UUID}`, memory: '512', ...more.config }, ...more };
}

function manifest(vmid: number, name: string, more = ''): string {
  return `apiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: ${name} }\nspec: { vmid: ${vmid}, config: { memory: 512 }${more} }\n`;
}

const POOL = 'apiVersion: latido/v1\nkind: Pool\nmetadata: { name: lab }\nspec: {}\n';

async function worldWith(guests: readonly GuestSpec[], memories: readonly Memory[]): Promise<World> {
  const store = createMemoryStore();
  await writeInventory(store, memories);
  return new World({ guests }, { store });
}

const made = (vmid: number, name: string, fields: readonly string[] = ['config.memory']): Memory => ({ ref: { kind: 'VirtualMachine', name }, id: String(vmid), identity: UUID, fields });

describe('two guests of one name', () => {
  test('a copy of a guest is not taken for the guest', async () => {
    const world = await worldWith([vm(110, 'web'), vm(500, 'web', { running: true, config: { name: 'web', tags: 'latido', smbios1: `uuid=${OTHER}`, memory: '64' } })], [made(110, 'web')]);
    const { plan } = await world.round(`${manifest(110, 'web')}---\n${POOL}`);
    expect(plan.changes.filter(({ id }) => id === '110')).toEqual([]);
    expect(plan.changes.find(({ id }) => id === '500')).toMatchObject({ verb: 'delete', hold: { approvable: true } });
    expect(plan.memories).toContainEqual(made(110, 'web', ['config.memory']));
  });
  test('what is destroyed is what was remembered, whatever its copy is called', async () => {
    const world = await worldWith([vm(110, 'web'), vm(500, 'web', { running: true, config: { name: 'web', tags: 'latido', smbios1: `uuid=${OTHER}` } })], [made(110, 'web', ['config.memory', 'reclaim=delete'])]);
    const { plan } = await world.round(POOL);
    expect(plan.changes.filter(({ verb }) => verb === 'delete').map(({ id, steps, hold }) => [id, hold !== undefined, steps.map(({ action }) => ('path' in action ? action.path : ''))])).toEqual([
      ['500', true, ['/nodes/pve1/qemu/500/status/shutdown', '/nodes/pve1/qemu/500/config']],
      ['110', false, ['/nodes/pve1/qemu/110']],
    ]);
  });
  test('another VMID in the manifest is another guest, and the old one is kept apart', async () => {
    const world = await worldWith([vm(110, 'web')], [made(110, 'web')]);
    const { plan } = await world.round(manifest(120, 'web'));
    expect(plan.changes.map(({ id, verb }) => [id, verb])).toEqual([['120', 'create'], ['110', 'delete']]);
    await world.apply(manifest(120, 'web'));
    expect(Object.keys(world.sim.state.guests)).toEqual(['110', '120']);
    expect((await world.round(manifest(120, 'web'))).inventory.memories.filter(({ ref }) => ref.kind === 'VirtualMachine').map(({ id }) => id)).toEqual(['120']);
  });
});

describe('the mark alone', () => {
  test('does not make a guest ours to stop: a copy carries it too, so a person is asked even with prune: auto', async () => {
    const world = await worldWith([vm(500, 'copy', { running: true })], []);
    const plan = await world.plan(POOL);
    expect(plan.changes.find(({ id }) => id === '500')).toMatchObject({ hold: { code: 'PRUNE_POLICY', approvable: true } });
  });
  test('a commit that names nothing but the cluster prunes nothing unasked', async () => {
    const world = await worldWith([vm(110, 'web')], [made(110, 'web')]);
    expect(outline(await world.plan('# all manifests are gone\n'))).toEqual([expect.stringContaining('names nothing') as string, expect.stringContaining('held') as string]);
  });
});

describe('memory', () => {
  test('stays while the object cannot be looked at', async () => {
    const world = await worldWith([vm(110, 'web', { config: { name: 'web', tags: 'latido', lock: 'backup', smbios1: `uuid=${UUID}` } })], [made(110, 'web', ['reclaim=delete'])]);
    await world.apply(POOL);
    expect((await world.round(POOL)).inventory.memories).toContainEqual(made(110, 'web', ['reclaim=delete']));
  });
  test('forgets the uuid of a guest that somebody destroyed and that was made anew', async () => {
    const world = await worldWith([], [made(110, 'web')]);
    await world.apply(manifest(110, 'web'));
    expect(outline(await world.plan(manifest(110, 'web')))).toEqual([]);
  });
  test('of `reclaim: delete` goes with the line, also while another change of the object is held', async () => {
    const world = await worldWith([vm(110, 'web')], [made(110, 'web', ['config.memory', 'reclaim=delete'])]);
    const held = manifest(110, 'web').replace('memory: 512', 'memory: 512, args: "-nodefaults", cores: 2');
    await world.apply(held);
    expect((await world.round(held)).inventory.memories.find(({ id }) => id === '110')?.fields).not.toContain('reclaim=delete');
  });
  test('of what was not taken over does not take it over the next time', async () => {
    const world = new World({});
    const confirm = CLUSTER.replace('policy: {', 'policy: { adopt: confirm,');
    const local = (content: string) => `${confirm}---\napiVersion: latido/v1\nkind: Storage\nmetadata: { name: local }\nspec: { type: dir, config: { path: /var/lib/vz, content: ${content} } }\n---\n${POOL}`;
    await world.apply(local('iso'));
    expect((await world.plan(local('iso'))).changes.find(({ id }) => id === 'local')).toMatchObject({ verb: 'adopt', hold: { code: 'ADOPT_POLICY' } });
    expect(world.sim.state.storages.local?.definition.content).not.toBe('iso');
  });
  test('of what could not be made does not make ours what somebody makes later', async () => {
    const world = new World({});
    const nas = `apiVersion: latido/v1\nkind: Storage\nmetadata: { name: thin }\nspec: { type: lvmthin, config: { vgname: pve, thinpool: nope, content: images } }\n---\n${POOL}`;
    expect((await world.apply(nas)).failed).toHaveLength(1);
    expect((await world.round(nas)).inventory.memories.map(({ id }) => id)).not.toContain('thin');
  });
  test('of an old uuid does not outlive a kill while the guest is made anew', () => {
    const plan = { changes: [{ ref: { kind: 'VirtualMachine', name: 'web' }, id: '110', verb: 'create', fields: [], steps: [], requires: [], notes: [] }], memories: [{ ref: { kind: 'VirtualMachine', name: 'web' }, id: '110', fields: [] }] } as unknown as Plan;
    expect(memoriesBefore([made(110, 'web')], plan)).toEqual([{ ref: { kind: 'VirtualMachine', name: 'web' }, id: '110', fields: ['config.memory'] }]);
  });
  test('a uuid that is gone is not the remembered one', async () => {
    const world = await worldWith([vm(110, 'web', { config: { name: 'web', tags: 'latido' } })], [made(110, 'web', ['reclaim=delete'])]);
    expect((await world.plan(POOL)).changes.find(({ id }) => id === '110')).toMatchObject({ hold: { code: 'NOT_OWNED', approvable: false } });
  });
});

describe('more than half of all objects in one commit', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => ({ vmid: 110 + i, name: `vm${i}` }));
  const remembered = many(8).map(({ vmid, name }) => made(vmid, name, ['config.memory', 'reclaim=delete']));

  // CLUSTER says prune: auto, and allows a hundred deletions.
  test.each([[4, 0], [3, 5], [1, 7]])('%i of 8 stay: %i deletions are held', async (staying, held) => {
    const world = await worldWith(many(8).map(({ vmid, name }) => vm(vmid, name)), remembered);
    const yaml = many(staying).map(({ vmid, name }) => manifest(vmid, name, ', reclaim: delete')).join('---\n');
    const { plan } = await world.round(`${CLUSTER}---\n${yaml}`);
    expect(plan.changes.filter(({ verb, hold }) => verb === 'delete' && hold?.code === 'LIMIT' && hold.approvable)).toHaveLength(held);
    await world.apply(`${CLUSTER}---\n${yaml}`);
    expect(Object.keys(world.sim.state.guests)).toHaveLength(held === 0 ? staying : 8);
  });
});
