// Reading a node's own files instead of asking the API: the same facts, next to no cost, and no missed change.
import { beforeEach, describe, expect, test } from 'vitest';
import type { ClusterFiles, Env } from '../../controller/model/doors.ts';
import { createFileReader } from '../../controller/observe/files.ts';
import type { FileReader } from '../../controller/observe/files.ts';
import { isQuiet } from '../../controller/observe/file-changes.ts';
import { observeFacts } from '../../controller/observe/observe.ts';
import { planRound } from '../../controller/reconcile.ts';
import type { ClusterSpec } from '../../controller/sim/cluster-spec.ts';
import { touch } from '../../controller/sim/guest-config.ts';
import { SimulatedPmxcfs } from '../../controller/sim/pmxcfs.ts';
import { commitOf, kindsFor, World } from '../harness/world.ts';
import { tables } from '../sim/lab.ts';

const GUESTS = 1000;
const BIG: ClusterSpec = {
  guests: Array.from({ length: GUESTS }, (_, at) => ({ vmid: 1000 + at, node: `pve${(at % 3) + 1}`, type: at % 10 === 0 ? 'lxc' : 'qemu', name: `g${at}`, config: { memory: 512, cores: 1 } }) as const),
};
const SMALL: ClusterSpec = { guests: [{ vmid: 101, node: 'pve1', name: 'one' }, { vmid: 102, node: 'pve2', name: 'two', running: true }, { vmid: 103, node: 'pve3', type: 'lxc', name: 'three' }] };

class Node {
  readonly world: World;
  readonly pmxcfs: SimulatedPmxcfs;
  readonly reader: FileReader;
  reads: string[] = [];
  looks = 0;

  constructor(spec: ClusterSpec, uncounted: readonly string[] = [], version = '9.2') {
    this.world = new World(spec, { version });
    this.pmxcfs = new SimulatedPmxcfs(this.world.sim);
    this.reader = createFileReader({ files: this.#counted(this.pmxcfs.on('pve1')), pve: this.world.env.pve, tablesFor: () => tables(version), uncounted });
  }

  get env(): Env {
    return { ...this.world.env, pve: this.reader.pve };
  }

  get calls(): number {
    return this.world.env.pve.stats.calls;
  }

  tick() {
    return this.world.run(this.reader.tick());
  }

  pending(vmid: number, pve = this.reader.pve): Promise<unknown> {
    const { node, type } = this.world.guest(vmid);
    return pve.get(`/nodes/${node}/${type}/${vmid}/pending`, { node });
  }

  pendingOfAll(): Promise<unknown> {
    return this.world.run(Promise.all(Object.keys(this.world.sim.state.guests).map((vmid) => this.pending(Number(vmid)))));
  }

  async start(): Promise<void> {
    await this.world.run(this.reader.pve.get('/version'));
    await this.tick();
    await this.pendingOfAll();
    this.reads = [];
  }

  #counted(files: ClusterFiles): ClusterFiles {
    return {
      ...files,
      read: (path) => {
        this.reads.push(path);
        return files.read(path);
      },
      mtime: (path) => {
        this.looks += 1;
        return files.mtime(path);
      },
    };
  }
}

describe('of a thousand guests', () => {
  let node: Node;
  beforeEach(async () => {
    node = new Node(BIG);
    await node.start();
  });

  test('an idle tick is two small reads and no call', async () => {
    const calls = node.calls;
    const changes = await node.tick();
    expect([isQuiet(changes), node.reads, node.looks, node.calls - calls]).toEqual([true, ['.version', '.members'], 0, 0]);
  });

  test('reading all again reads no file but the counters', async () => {
    const calls = node.calls;
    await node.pendingOfAll();
    expect([node.reads.filter((path) => !path.startsWith('.')), node.calls - calls]).toEqual([[], 0]);
  });

  test('the one that somebody changed is told, and read again', async () => {
    node.world.guest(1500).config.cores = 4;
    touch(node.world.guest(1500));
    expect(await node.tick()).toEqual({ all: false, guests: [1500], files: [], tasks: [] });
    const calls = node.calls;
    await node.pendingOfAll();
    expect([node.reads.filter((path) => !path.startsWith('.')), node.calls - calls]).toEqual([[`nodes/${node.world.guest(1500).node}/lxc/1500.conf`], 0]);
    expect(await node.world.run(node.pending(1500))).toContainEqual({ key: 'cores', value: 4 });
  });

  test('a change is seen by whoever reads, before any tick', async () => {
    node.world.guest(1001).config.cores = 8;
    touch(node.world.guest(1001));
    expect(await node.world.run(node.pending(1001))).toContainEqual({ key: 'cores', value: 8 });
    expect((await node.tick()).guests).toEqual([1001]);
  });

  test('a restart of pmxcfs: away, then everything is read again, and a change meanwhile is not missed', async () => {
    node.pmxcfs.restart('pve1');
    expect((await node.tick()).away).toBe('.version: ENOENT');
    node.world.guest(1002).config.cores = 3;
    touch(node.world.guest(1002));
    await node.world.sim.clock.advance(3000);
    expect((await node.tick()).all).toBe(true);
    node.reads = [];
    await node.pendingOfAll();
    expect(node.reads.filter((path) => path.endsWith('.conf'))).toHaveLength(GUESTS);
    expect(await node.world.run(node.pending(1002))).toContainEqual({ key: 'cores', value: 3 });
  });

  test('a restart between two ticks is told although nobody saw it', async () => {
    node.pmxcfs.restart('pve1');
    await node.world.sim.clock.advance(3000);
    expect((await node.tick()).all).toBe(true);
  });
});

describe('a tick tells', () => {
  let node: Node;
  const api = (method: 'POST' | 'PUT' | 'DELETE', path: string, params: Record<string, string | number>) => node.world.run(node.world.env.pve.write(method, path, params));
  beforeEach(async () => {
    node = new Node(SMALL, ['nodes/pve1/lrm_status']);
    await node.start();
  });

  test.each([
    ['a storage', () => api('PUT', '/storage/local', { content: 'images' }), { files: ['storage.cfg'] }],
    ['a pool', () => api('POST', '/pools', { poolid: 'p' }), { files: ['user.cfg'] }],
    ['a datacenter option', () => api('PUT', '/cluster/options', { keyboard: 'es' }), { files: ['datacenter.cfg'] }],
    ['a backup job', () => api('POST', '/cluster/backup', { id: 'nightly', schedule: '02:30', all: 1, storage: 'local' }), { files: ['jobs.cfg'] }],
    ['an HA resource', () => api('POST', '/cluster/ha/resources', { sid: 'vm:101', state: 'stopped' }), { files: ['ha/resources.cfg'] }],
    ['a guest that was changed', () => api('PUT', '/nodes/pve1/qemu/101/config', { cores: 3 }), { guests: [101] }],
    ['a task, of which no file tells', () => api('POST', '/nodes/pve3/lxc/103/status/start', {}), { tasks: ['pve3'] }],
  ])('%s', async (_, change, told) => {
    await change();
    expect(await node.tick()).toMatchObject({ all: false, ...told });
    await node.world.sim.clock.advance(60_000);
    await node.tick();
    expect(isQuiet(await node.tick())).toBe(true);
  });

  test('a guest that moved, one that came and one that went', async () => {
    node.world.guest(101).node = 'pve2';
    const { 103: gone, ...rest } = node.world.sim.state.guests;
    node.world.sim.state.guests = { ...rest, 104: { ...structuredClone(gone), vmid: 104 } as NonNullable<typeof gone> };
    expect((await node.tick()).guests).toEqual([101, 103, 104]);
  });

  test('a file without a counter, by its time', async () => {
    await node.world.sim.clock.advance(5000);
    node.world.sim.state.ha.lrm.pve1 = { state: 'maintenance', mode: 'maintenance', results: {}, timestamp: 1 };
    expect((await node.tick()).files).toEqual(['nodes/pve1/lrm_status']);
  });

  test('that the files are of no use without quorum, and reads go to the API', async () => {
    node.world.sim.corosync.cut('pve1');
    await node.world.sim.clock.advance(20_000);
    expect((await node.tick()).away).toContain('no quorum');
    const calls = node.calls;
    await node.world.run(node.pending(101));
    expect(node.calls - calls).toBe(1);
  });
});

test('a guest that the list knows elsewhere, or not at all, is left to the API and its words', async () => {
  const node = new Node(SMALL);
  await node.start();
  await expect(node.world.run(node.reader.pve.get('/nodes/pve1/qemu/102/pending'))).rejects.toThrow("Configuration file 'nodes/pve1/qemu-server/102.conf' does not exist");
  await expect(node.world.run(node.reader.pve.get('/nodes/pve1/qemu/999/pending'))).rejects.toThrow('does not exist');
});

describe('facts and plans are the same from files as from the API', () => {
  test.each(['9.2', '8.4', '7.4'])('%s', async (version) => {
    const node = new Node({
      ...SMALL, pools: { prod: { comment: 'prod: pool %', vms: [101, 102] } }, options: { keyboard: 'es', description: 'notes ñ\n' },
      storages: [{ id: 'local', options: { path: '/var/lib/vz', 'prune-backups': 'keep-all=1' } }, { id: 'shared', shared: true, options: { path: '/mnt/shared' } }, { id: 'nas', type: 'nfs', options: { server: 'nas', export: '/x', content: 'images', nodes: 'pve1,pve2' } }],
    }, [], version);
    const { world } = node;
    const write = (path: string, params: Record<string, string | number>) => world.run(world.env.pve.write('POST', path, params));
    await write('/cluster/ha/resources', { sid: 'vm:101', state: 'stopped', comment: 'c', max_restart: 2 });
    if (version === '9.2') await write('/cluster/ha/rules', { rule: 'r1', type: 'node-affinity', resources: 'vm:101', nodes: 'pve2:1,pve1:2', comment: 'why: ñ' });
    else await write('/cluster/ha/groups', { group: 'g1', nodes: 'pve2:1,pve1:2', restricted: 1 });
    await write('/cluster/backup', { id: 'nightly', schedule: '02:30', vmid: '101,102', storage: 'local', 'prune-backups': 'keep-last=3' });
    await world.run(world.env.pve.write('PUT', '/nodes/pve2/qemu/102/config', { memory: 1024, cores: 4, description: 'two: ñ\nlines', cipassword: 'secret123' }));
    await node.start();

    const [fromFiles, fromApi] = [await world.run(observeFacts(node.env, version)), await world.run(observeFacts(world.env, version))];
    const still = ({ observedAt: _at, backupJobs, ...facts }: typeof fromApi) => ({
      ...facts, options: { ...facts.options, 'allowed-tags': [] }, unread: [...facts.unread],
      backupJobs: [...backupJobs].map(([id, { 'next-run': _due, ...job }]) => [id, job]),
    });
    expect(still(fromFiles)).toEqual(still(fromApi));
    for (const vmid of [101, 102, 103]) expect(byKey(await world.run(node.pending(vmid)))).toEqual(byKey(await world.run(node.pending(vmid, world.env.pve))));

    const commit = commitOf(`
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: two }
spec: { vmid: 102, config: { cores: 2, memory: 2048 } }
`);
    const plans = [await world.run(planRound(node.env, commit, kindsFor)), await world.run(planRound(world.env, commit, kindsFor))];
    expect(plans[0]?.plan.fingerprint).toBe(plans[1]?.plan.fingerprint);
    expect((plans[0]?.calls ?? 0)).toBeLessThan((plans[1]?.calls ?? 0) - 5);
  });
});

function byKey(rows: unknown): ReadonlyMap<unknown, unknown> {
  return new Map((rows as readonly { readonly key: string }[]).map((row) => [row.key, row]));
}
