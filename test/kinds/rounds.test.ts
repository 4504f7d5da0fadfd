// Whole rounds on the simulated cluster: what is applied is in sync afterwards, what changes is changed, what leaves Git goes.
import { describe, expect, test } from 'vitest';
import { isInSync } from '../../controller/model/plan.ts';
import { outline, World } from '../harness/world.ts';
import type { Manifest } from './scene.ts';

const yaml = (...manifests: readonly Manifest[]): string => manifests.map(({ kind, name, spec }) => JSON.stringify({ apiVersion: 'latido/v1', kind, metadata: { name }, spec })).join('\n---\n');
const cluster = (options: object): Manifest => ({ kind: 'Cluster', name: 'lab', spec: { endpoints: ['https://pve1:8006'], policy: { prune: 'auto', restart: 'now', limits: { deletions: 100 } }, options } });

async function applied(world: World, text: string): Promise<readonly string[]> {
  const before = outline(await world.plan(text));
  const result = await world.apply(text);
  expect(result.failed.map(({ findings }) => findings.map(({ fact }) => fact))).toEqual([]);
  expect(result.notTried).toEqual([]);
  const after = await world.plan(text);
  expect(outline(after)).toEqual([]);
  expect(isInSync(after)).toBe(true);
  return before;
}

describe.each(['7.4', '8.4', '9.2'] as const)('version %s', (version) => {
  test('storage, pool, backup job and options, from nothing to nothing', async () => {
    const world = new World({}, { version });
    const storage = (config: object): Manifest => ({ kind: 'Storage', name: 'isos', spec: { type: 'dir', config: { path: '/srv/isos', content: ['iso', 'vztmpl'], ...config } } });
    const pool = (spec: object): Manifest => ({ kind: 'Pool', name: 'team', spec });
    const job = (spec: object): Manifest => ({ kind: 'BackupJob', name: 'nightly', spec: { schedule: 'mon..fri 02:30', storage: 'isos', ...spec } });
    const first = yaml(cluster({ keyboard: 'de', description: 'notes', migration: { type: 'insecure' } }), storage({ nodes: ['pve1'], 'prune-backups': { 'keep-last': 2 } }), pool({ comment: 'The team', storages: ['isos'] }), job({ all: true, config: { mode: 'stop', compress: 'zstd', 'prune-backups': 'keep-last=3' } }));
    expect(await applied(world, first)).toEqual([
      'update Cluster/lab', '  set description, keyboard, migration', 'create Storage/isos', '  define it',
      'create Pool/team', '  create it', '  put in storage isos', 'create BackupJob/nightly', '  create it',
    ]);
    const second = yaml(cluster({ migration: 'secure' }), storage({ content: 'iso', disable: true }), pool({ storages: [] }), job({ pool: 'team', enabled: false, config: { mode: 'snapshot' } }));
    expect(await applied(world, second)).toEqual([
      'update Cluster/lab', '  set migration; remove description, keyboard', 'update Storage/isos', '  set content, disable; remove nodes, prune-backups',
      'update Pool/team', '  set comment', '  take out storage isos', 'update BackupJob/nightly', '  set enabled, mode, pool; remove all, compress, prune-backups',
    ]);
    // A commit that names nothing but the cluster removes nothing unasked.
    const rest: Manifest = { kind: 'Pool', name: 'rest', spec: {} };
    expect(await applied(world, yaml(cluster({}), rest))).toEqual(['update Cluster/lab', '  remove migration', 'create Pool/rest', '  create it', 'delete BackupJob/nightly', '  delete it', 'delete Pool/team', '  delete it', 'delete Storage/isos', '  delete its definition']);
    expect(Object.keys(world.sim.state.storages)).not.toContain('isos');
  });

  test('a group of guests', async () => {
    const world = new World({}, { version });
    const guest = (name: string, vmid: number, ha: object | undefined): Manifest => ({ kind: 'VirtualMachine', name, spec: { vmid, placement: { node: 'pve1' }, ...(ha ? { ha } : {}), config: { memory: 32 } } });
    const group = (name: string, spec: object): Manifest => ({ kind: 'HAGroup', name, spec });
    await applied(world, yaml(cluster({}), guest('a', 110, { group: 'one', state: 'stopped' }), guest('b', 111, { group: 'two', state: 'stopped' }), group('one', { nodes: { pve1: 2, pve2: 1 } }), group('two', { nodes: ['pve1'], restricted: true })));
    await applied(world, yaml(cluster({}), guest('a', 110, { group: 'two', state: 'stopped' }), guest('b', 111, { group: 'one', state: 'stopped' }), group('one', { nodes: ['pve1'] }), group('two', { nodes: ['pve1', 'pve2'], comment: 'c' })));
    await applied(world, yaml(cluster({}), guest('a', 110, { group: 'one', state: 'stopped' }), guest('b', 111, { group: 'one', state: 'stopped' }), group('one', { nodes: ['pve1'] }), group('two', { nodes: ['pve1', 'pve2'], comment: 'c' })));
    const left = yaml(cluster({}), guest('a', 110, { group: 'one', state: 'stopped' }), guest('b', 111, { group: 'one', state: 'stopped' }), group('one', { nodes: ['pve1'] }));
    await applied(world, left);
    expect(Object.keys(version === '9.2' ? world.sim.state.ha.rules : world.sim.state.ha.groups)).toEqual(['one']);
  });
});

test('guests apart, together, and no rule at all', async () => {
  const world = new World({}, { version: '9.2' });
  const guests = [['a', 110], ['b', 111]].map(([name, vmid]): Manifest => ({ kind: 'VirtualMachine', name: String(name), spec: { vmid, ha: { state: 'stopped' }, placement: { node: 'pve1' }, config: { memory: 32 } } }));
  const rule = (spec: object): Manifest => ({ kind: 'HARule', name: 'bond', spec: { guests: ['a', 111], ...spec } });
  await applied(world, yaml(...guests, rule({ affinity: 'negative' })));
  expect(await applied(world, yaml(...guests, rule({ affinity: 'positive', disabled: true })))).toEqual(['update HARule/bond', '  set affinity, disabled']);
  expect(await applied(world, yaml(...guests, rule({ affinity: 'positive' })))).toEqual(['update HARule/bond', '  remove disabled']);
  expect(await applied(world, yaml(...guests))).toEqual(['delete HARule/bond', '  delete it']);
});

test('a storage that was there before is changed, and stays when it leaves Git', async () => {
  const world = new World({}, {});
  const local = (config: object): Manifest => ({ kind: 'Storage', name: 'local', spec: { type: 'dir', config: { path: '/var/lib/vz', ...config } } });
  expect(await applied(world, yaml(local({})))).toEqual([]);
  expect(await applied(world, yaml(local({ 'prune-backups': 'keep-last=2' })))).toEqual(['update Storage/local', '  set prune-backups']);
  const gone = await world.plan(yaml());
  expect(gone.changes.map(({ verb, notes }) => [verb, ...notes])).toEqual([['none', 'it leaves Git and stays: it was there before latido']]);
  await world.apply(yaml());
  expect((await world.plan(yaml())).changes).toEqual([]);
  expect(world.sim.state.storages.local?.definition['prune-backups']).toBe('keep-last=2');
});

test('a storage with a volume of a guest on it is not deleted', async () => {
  const world = new World({}, {});
  const data: Manifest = { kind: 'Storage', name: 'data', spec: { type: 'dir', config: { path: '/srv/data', content: 'images' } } };
  const guest = (disk: object): Manifest => ({ kind: 'VirtualMachine', name: 'a', spec: { vmid: 110, placement: { node: 'pve1' }, config: { memory: 32, ...disk } } });
  await applied(world, yaml(cluster({}), data, guest({ scsi0: { storage: 'data', size: '1G' } })));
  const plan = await world.plan(yaml(cluster({}), guest({ scsi0: { storage: 'data', size: '1G' } })));
  expect(outline(plan)).toEqual(['delete Storage/data', '  delete its definition [held REFERENCED]']);
  const kept = await world.plan(yaml(cluster({}), guest({})));
  expect(kept.changes.flatMap(({ steps }) => steps.flatMap(({ hold }) => hold?.reason ?? []))).toEqual(['data:110/vm-110-disk-0.raw is still on it']);
});

test('a pool is emptied of its guests, which stay', async () => {
  const world = new World({}, {});
  const guest = (pool?: string): Manifest => ({ kind: 'VirtualMachine', name: 'a', spec: { vmid: 110, placement: { node: 'pve1' }, ...(pool ? { pool } : {}), config: { memory: 32 } } });
  await applied(world, yaml(guest('team'), { kind: 'Pool', name: 'team', spec: {} }));
  expect(await applied(world, yaml(guest()))).toEqual(['delete Pool/team', '  take out 1 guest', '  delete it']);
  expect(world.guest(110).vmid).toBe(110);
});
