// What one line of a manifest would do to a guest without anybody meaning it: held, or at least told.
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { ClusterSpec, GuestSpec } from '../../controller/sim/cluster-spec.ts';
import { writeInventory } from '../../controller/status/inventory.ts';
import { CLUSTER, outline, World } from '../harness/world.ts';

const GIB = 2 ** 30;
const UUID = '11111111-1111-4111-8111-111111111111';
const STORAGES: NonNullable<ClusterSpec['storages']> = [{ id: 'shared', shared: true, options: { path: '/mnt/shared' }, volumes: [0, 1].map((n) => ({ name: `110/vm-110-disk-${n}.raw`, sizeBytes: GIB, vmid: 110 })) }];
const DISKS = { scsi0: 'shared:110/vm-110-disk-0.raw,size=1G', scsi1: 'shared:110/vm-110-disk-1.raw,size=1G' };

async function worldWith(guest: Partial<GuestSpec>, fields: readonly string[] = []): Promise<World> {
  const store = createMemoryStore();
  await writeInventory(store, [{ ref: { kind: 'VirtualMachine', name: 'mail' }, id: '110', identity: UUID, fields }]);
  const config = { name: 'mail', tags: 'latido', smbios1: `uuid=${UUID}`, memory: '512', ...guest.config };
  return new World({ storages: STORAGES, guests: [{ vmid: 110, node: 'pve1', ...guest, config }] }, { store });
}

const vm = (name: string, vmid: number, spec: string) => `apiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: ${name} }\nspec: { vmid: ${vmid}${spec === '' ? '' : `, ${spec}`} }\n`;

describe('a disk that leaves the manifest', () => {
  const without = (more: string) => vm('mail', 110, `${more} config: { memory: 512, description: new, scsi0: { storage: shared, size: 1G } }`);
  const owned = ['config.scsi0', 'config.scsi1', 'config.memory'];

  test.each([['', 'take out scsi1'], ['reclaim: delete,', 'destroy scsi1: volume shared:110/vm-110-disk-1.raw (1G)']])('of a running guest is held for an approval, and the rest is done (%s)', async (more, title) => {
    const world = await worldWith({ running: true, config: DISKS }, owned);
    const { plan } = await world.round(without(more));
    expect(plan.changes[0]?.steps.find((step) => step.title === title)?.hold).toMatchObject({ code: 'PRUNE_POLICY', approvable: true });
    await world.apply(without(more));
    expect(world.guest(110).config.scsi1).toBe(DISKS.scsi1);
    expect(world.guest(110).config.description).toBe('new');
    const asked = await world.round(without(more));
    const approved = await world.round(without(more), world.env, asked.plan.fingerprint);
    expect(approved.plan.counts.held).toBe(0);
  });

  test('of a stopped guest is taken out at once', async () => {
    const world = await worldWith({ config: DISKS }, owned);
    await world.apply(without(''));
    expect(world.guest(110).config.scsi1).toBeUndefined();
  });

  test('and is a drive without a medium, is taken out at once', async () => {
    const world = await worldWith({ running: true, config: { scsi0: DISKS.scsi0, ide2: 'none,media=cdrom' } }, [...owned, 'config.ide2']);
    expect(outline((await world.round(without(''))).plan).join('\n')).not.toContain('held PRUNE');
  });
});

describe('a restart for a change of ours', () => {
  const yaml = vm('mail', 110, 'config: { cores: 2 }');

  test('tells what else it brings about', async () => {
    const world = await worldWith({ running: true });
    await world.run(world.env.pve.write('POST', '/nodes/pve1/qemu/110/config', { memory: '2048' }));
    const { plan } = await world.round(yaml);
    expect(plan.changes[0]?.notes).toEqual([expect.stringContaining('what somebody else changed: memory')]);
    expect(plan.counts.held).toBe(0);
  });

  test('is held when somebody else took a disk away, which only the restart would make true', async () => {
    // SATA disks are not unplugged while the guest runs.
    const world = await worldWith({ running: true, config: { sata1: DISKS.scsi1 } });
    await world.run(world.env.pve.write('POST', '/nodes/pve1/qemu/110/config', { delete: 'sata1' }));
    const { plan } = await world.round(yaml);
    expect(plan.changes[0]?.steps.find(({ risk }) => risk === 'restart')?.hold).toMatchObject({ code: 'RESTART_POLICY', approvable: true, reason: expect.stringContaining('sata1') as unknown });
  });
});

test('destroying tells which backup jobs lose the guest', async () => {
  const world = await worldWith({ config: {} }, ['reclaim=delete']);
  await world.run(world.env.pve.write('POST', '/cluster/backup', { id: 'nightly', schedule: '02:00', vmid: '110', storage: 'local', mode: 'snapshot' }));
  const { plan } = await world.round(vm('other', 120, 'config: { memory: 256 }'));
  expect(plan.changes.find(({ verb }) => verb === 'delete')?.notes).toEqual(['Proxmox also takes it out of the backup job nightly']);
});

describe('a clone', () => {
  const template = (vmid: number): GuestSpec => ({ vmid, name: 'golden', node: 'pve1', template: true, config: { memory: '512', scsi0: `thick:vm-${vmid}-disk-0,size=6G` } });
  const cluster = (...vmids: readonly number[]): ClusterSpec => ({
    storages: [{ id: 'thick', type: 'lvm', shared: true, capacityBytes: 20 * GIB, content: 'images', options: { vgname: 'thick' }, volumes: vmids.map((vmid) => ({ name: `vm-${vmid}-disk-0`, sizeBytes: 6 * GIB, vmid })) }],
    guests: vmids.map(template),
  });
  const clones = (count: number) => Array.from({ length: count }, (_, i) => vm(`copy${i}`, 200 + i, 'source: { template: golden }')).join('---\n');

  test('onto a storage without room is held, after those that fit', async () => {
    const world = new World(cluster(900));
    const { plan } = await world.round(clones(3));
    expect(plan.changes.map((change) => change.steps[0]?.hold?.code)).toEqual([undefined, undefined, 'STORAGE_FULL']);
  });

  test('of a template whose name two have is held, and names both', async () => {
    const world = new World(cluster(900, 901));
    const { plan } = await world.round(clones(1));
    expect(plan.changes[0]?.steps[0]?.hold).toMatchObject({ code: 'REFUSED', reason: expect.stringContaining('900, 901') as unknown });
    const chosen = await world.round(clones(1).replace('golden', '901'));
    expect(chosen.plan.changes[0]?.steps[0]?.hold).toBeUndefined();
  });
});

describe('a guest that is taken over', () => {
  test('is not touched when another one has its number by then', async () => {
    const world = new World({ guests: [{ vmid: 110, name: 'mail', node: 'pve1', config: { name: 'mail', smbios1: `uuid=${UUID}`, memory: '512' } }] });
    const { plan } = await world.round(`${CLUSTER}---\n${vm('mail', 110, 'power: running, config: { memory: 512 }')}`);
    const effects = plan.changes[0]?.steps.filter(({ action }) => action.via === 'pve') ?? [];
    expect(effects.length).toBeGreaterThan(1);
    for (const { guards } of effects) expect(guards).toContainEqual({ is: 'guest-identity', vmid: 110, identity: UUID });
  });
});

describe('an HA migration', () => {
  test.each([['fence', 'BUSY'], ['recovery', 'BUSY'], ['migrate', 'BUSY'], ['started', undefined]])('of a guest that the HA manager has in state %s', async (state, held) => {
    const world = await worldWith({ running: true, config: {} });
    await world.run(world.env.pve.write('POST', '/cluster/ha/resources', { sid: 'vm:110', state: 'started' }));
    await world.run(world.env.clock.sleep(60_000));
    const service = world.sim.state.ha.manager.service_status['vm:110'];
    if (service) Object.assign(service, { state });
    const { plan } = await world.round(vm('mail', 110, 'placement: { node: pve2 }, ha: {}, config: { memory: 512 }'));
    const move = plan.changes[0]?.steps.find(({ title }) => title.startsWith('ask the HA manager'));
    expect(move?.hold?.code).toBe(held);
    expect(move?.guards).toContainEqual({ is: 'ha-state', sid: 'vm:110', states: ['started', 'stopped', 'disabled'] });
  });
});
