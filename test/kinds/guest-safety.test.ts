// What may never happen to a guest on the way to what its manifest says.
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { writeInventory } from '../../controller/status/inventory.ts';
import type { GuestSpec } from '../../controller/sim/cluster-spec.ts';
import { CLUSTER, outline, World } from '../harness/world.ts';

const UUID = '11111111-1111-4111-8111-111111111111';
const POOL = 'apiVersion: latido/v1\nkind: Pool\nmetadata: { name: lab }\nspec: {}\n';
const DISKS = { scsi0: 'shared:110/vm-110-disk-0.raw,size=1G', scsi1: 'shared:110/vm-110-disk-1.raw,size=1G', scsi2: 'shared:110/vm-110-disk-2.raw,size=1G' };
const storages = [{ id: 'shared', shared: true, options: { path: '/mnt/shared' }, volumes: [0, 1, 2].map((n) => ({ name: `110/vm-110-disk-${n}.raw`, sizeBytes: 2 ** 30, vmid: 110 })) }];

async function worldWith(guest: Partial<GuestSpec>, fields: readonly string[] = []): Promise<World> {
  const store = createMemoryStore();
  await writeInventory(store, [{ ref: { kind: 'VirtualMachine', name: 'mail' }, id: '110', identity: UUID, fields }]);
  const config = { name: 'mail', tags: 'latido', smbios1: `uuid=${UUID}`, memory: '512', ...guest.config };
  return new World({ storages, guests: [{ vmid: 110, node: 'pve1', ...guest, config }] }, { store });
}

function mail(spec: string): string {
  return `apiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: mail }\nspec: { vmid: 110, ${spec} }\n`;
}

async function managed(world: World, state: string): Promise<void> {
  await world.run(world.env.pve.write('POST', '/cluster/ha/resources', { sid: 'vm:110', state }));
  await world.run(world.env.clock.sleep(60_000));
}

describe('an HA guest', () => {
  test('that is stopped for a restart is started again, whatever the limits', async () => {
    const world = await worldWith({ running: true });
    await managed(world, 'started');
    const plan = await world.plan(`${CLUSTER.replace('restarts: 100', 'restarts: 1')}---\n${mail('ha: {}, config: { memory: 1024 }')}`);
    expect(plan.changes[0]?.steps.map(({ hold }) => hold?.code)).toEqual(Array.from({ length: 7 }, () => undefined));
  });
  test('that its manifest stops is not started by the restart that another change needs', async () => {
    const world = await worldWith({ running: true });
    await managed(world, 'started');
    await world.apply(mail('ha: { state: stopped }, config: { memory: 1024 }'));
    expect(world.guest(110).process).toBeUndefined();
  });
  test('that leaves HA is stopped only when the HA manager has let go of it', async () => {
    const world = await worldWith({ running: true });
    await managed(world, 'started');
    await world.apply(POOL);
    await world.run(world.env.clock.sleep(60_000));
    expect(world.guest(110).process).toBeUndefined();
    expect(world.guest(110).config.tags).toBeUndefined();
  });
});

describe('a node that is to be free of guests', () => {
  const drained = (nodes: string) => `apiVersion: latido/v1\nkind: Node\nmetadata: { name: pve1 }\nspec: { maintenance: true }\n---\napiVersion: latido/v1\nkind: HAGroup\nmetadata: { name: both }\nspec: { nodes: ${nodes}, restricted: true }\n---\n${mail('ha: { group: both }, config: { memory: 512 }')}`;
  async function grouped(nodes: string): Promise<World> {
    const world = await worldWith({ running: true });
    await managed(world, 'started');
    await world.run(world.env.pve.write('POST', '/cluster/ha/rules', { rule: 'both', type: 'node-affinity', nodes, strict: 1, resources: 'vm:110', comment: '[latido]' }));
    return world;
  }

  test('does not send an HA guest away only to have it brought back, again and again', async () => {
    const world = await grouped('pve1:2,pve2:1');
    const plan = await world.plan(drained('{ pve1: 2, pve2: 1 }'));
    expect(plan.changes.find(({ id }) => id === '110')?.steps.map(({ hold }) => hold?.reason)).toEqual([expect.stringContaining('node-maintenance enable pve1') as string]);
  });
  test('sends it only where its group lets it stay', async () => {
    const world = await grouped('pve1,pve3');
    await world.apply(drained('[pve1, pve3]'));
    await world.run(world.env.clock.sleep(120_000));
    expect(world.guest(110).node).toBe('pve3');
    expect((await world.plan(drained('[pve1, pve3]'))).changes.filter(({ steps }) => steps.length > 0)).toEqual([]);
  });
});

describe('a guest that leaves Git', () => {
  test('is not even stopped when it is protected and would be destroyed', async () => {
    const world = await worldWith({ running: true, config: { protection: 1 } }, ['reclaim=delete']);
    expect(outline(await world.plan(POOL)).filter((line) => line.includes('shut') && !line.includes('[held'))).toEqual([]);
    await world.apply(POOL);
    expect(world.guest(110).process).toBeDefined();
  });
  test('is not destroyed when somebody has changed it since the plan', async () => {
    const world = await worldWith({ config: DISKS }, ['reclaim=delete']);
    const round = await world.round(POOL);
    await world.run(world.env.pve.write('PUT', '/nodes/pve1/qemu/110/config', { description: 'keep this one' }));
    const { applyRound } = await import('../../controller/reconcile.ts');
    const result = await world.run(applyRound(world.env, round));
    expect(result.failed.map(({ findings }) => findings[0]?.code)).toEqual(['GUARD_UNMET']);
    expect(Object.keys(world.sim.state.guests)).toEqual(['110']);
  });
});

describe('a volume that leaves Git', () => {
  const fields = ['config.scsi0', 'config.scsi1'];
  const without = mail('reclaim: delete, config: { memory: 512, scsi0: { storage: shared, size: 1G } }');

  test('is destroyed only while its slot holds it', async () => {
    const world = await worldWith({ config: DISKS }, fields);
    const round = await world.round(without);
    expect(outline(round.plan)).toContainEqual(expect.stringContaining('destroy scsi1') as string);
    await world.run(world.env.pve.write('PUT', '/nodes/pve1/qemu/110/config', { delete: 'scsi1,scsi2' }));
    await world.run(world.env.pve.write('PUT', '/nodes/pve1/qemu/110/config', { scsi1: 'shared:110/vm-110-disk-2.raw' }));
    const { applyRound } = await import('../../controller/reconcile.ts');
    const result = await world.run(applyRound(world.env, round));
    expect(result.failed).toHaveLength(1);
    expect(Object.values(world.guest(110).config).filter((text) => String(text).includes('disk-'))).toHaveLength(3);
  });
  test('is destroyed, when nothing has changed', async () => {
    const world = await worldWith({ config: DISKS }, fields);
    await world.apply(without);
    expect(Object.values(world.guest(110).config).filter((text) => String(text).includes('disk-1'))).toEqual([]);
    expect(outline(await world.plan(without))).toEqual([]);
  });
});

describe('a volume of another guest', () => {
  const taken = mail('config: { memory: 512, scsi3: { file: "shared:200/vm-200-disk-0.raw" } }');
  const owner: GuestSpec = { vmid: 200, node: 'pve1', config: { name: 'db', scsi0: 'shared:200/vm-200-disk-0.raw,size=1G' } };

  test('is not attached', async () => {
    const world = new World({ storages, guests: [owner, { vmid: 110, node: 'pve1', config: { name: 'mail', tags: 'latido', memory: '512' } }] });
    expect((await world.plan(taken)).changes[0]?.steps.map(({ hold }) => hold?.reason)).toEqual([expect.stringContaining('of guest 200') as string]);
  });
  test('is not what a guest is made with', async () => {
    await expect(new World({ storages, guests: [owner] }).plan(taken)).rejects.toThrow('names a volume of guest 200');
  });
});
