// Nodes below Proxmox: what the product does to them, command by command, and what becomes of the data.
import { describe, expect, test } from 'vitest';
import { readNodes } from '../../controller/observe/node-reads.ts';
import { underNodeLock } from '../../controller/observe/node-lock.ts';
import { script, WRITE_RES } from '../../controller/drbd/scripts.ts';
import { splitsOf } from '../../controller/safety/generations.ts';
import { notInSync, split } from '../../controller/safety/drbd.ts';
import { divergedNodes, lostWrites } from '../../controller/sim/nodes/data.ts';
import { seededRandom } from '../../controller/sim/random.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import { perform } from '../../controller/sim/script-deeds.ts';
import type { WorldDeed } from '../../controller/sim/script.ts';
import { START_MS, tables } from './lab.ts';

const GIB = 2 ** 30;
const NODES = ['n1', 'n2'] as const;

class Pair {
  readonly sim: Simulation;
  constructor(drbd = '8.4.11', nodes: readonly string[] = NODES) {
    this.sim = new Simulation({ seed: 1, tables: tables(), startMs: START_MS, cluster: { nodes: nodes.map((name) => ({ name, drbd, volumeGroups: { vg0: 2 * GIB } })) } });
  }

  run(node: string, argv: readonly string[], stdin?: string) {
    return this.sim.clock.run(this.sim.ssh.run(node, argv, { timeoutMs: 60_000, ...(stdin === undefined ? {} : { stdin: [stdin] }) }));
  }

  async must(node: string, ...argv: readonly string[]) {
    const result = await this.run(node, underNodeLock(argv));
    if (result.code !== 0) throw new Error(`${argv.join(' ')} on ${node}: ${result.code} ${result.stderr}`);
    return result.stdout;
  }

  async deed(deed: WorldDeed, afterMs = 0) {
    perform(this.sim, deed);
    await this.sim.clock.advance(afterMs);
  }

  facts() {
    return this.sim.clock.run(readNodes(this.sim.ssh, Object.keys(this.sim.state.nodes)));
  }

  async replica(node: string) {
    return (await this.facts()).get(node)?.replicas.get('r0');
  }

  /** From nothing to a volume group on top. */
  async create(net = 'allow-two-primaries yes;') {
    const nodes = Object.keys(this.sim.state.nodes);
    const text = `resource r0 { net { protocol C; ${net} } ${nodes.map((node, at) => `on ${node} { node-id ${at}; device /dev/drbd0 minor 0; disk /dev/vg0/r0; address ipv4 10.77.1.${at + 1}:7788; meta-disk internal; }`).join(' ')} }\n# end\n`;
    for (const node of nodes) {
      await this.must(node, 'lvcreate', '-y', '-Wy', '-Zy', '-n', 'r0', '-L', `${GIB}b`, 'vg0');
      expect((await this.run(node, script(WRITE_RES, 'r0', '0644'), text)).code).toBe(0);
      await this.must(node, 'drbdadm', 'create-md', 'r0');
      await this.must(node, 'drbdadm', 'adjust', 'r0');
    }
    await this.sim.clock.advance(1000);
    await this.must('n1', 'drbdadm', '--', '--clear-bitmap', 'new-current-uuid', 'r0');
    await this.must('n1', 'drbdadm', 'primary', 'r0');
  }
}

describe.each(['8.4.11', '9.2.18'])('DRBD %s', (version) => {
  test('from nothing to a volume group that both nodes see', async () => {
    const pair = new Pair(version);
    await pair.create();
    expect(notInSync({ resource: 'r0', nodes: NODES }, { storageNodes: await pair.facts() })).toBeUndefined();
    await pair.must('n1', 'pvcreate', '-y', '/dev/drbd0');
    await pair.must('n1', 'vgcreate', 'drbdvg0', '/dev/drbd0');
    expect((await pair.facts()).get('n2')?.groups.map(({ name }) => name)).toEqual(['vg0']);
    await pair.must('n2', 'drbdadm', 'primary', 'r0');
    expect((await pair.facts()).get('n2')?.groups.map(({ name }) => name)).toEqual(['drbdvg0', 'vg0']);
    expect((await pair.replica('n1'))?.adjust).toEqual([]);
  });

  test('a cut with one Primary is copied when it heals, and nothing is lost', async () => {
    const pair = new Pair(version);
    await pair.create();
    await pair.deed({ do: 'drbd-link-cut', a: 'n1', b: 'n2' }, 10_000);
    await pair.deed({ do: 'drbd-write', resource: 'r0', node: 'n1', bytes: 64 * 2 ** 20 });
    expect((await pair.replica('n1'))?.peers[0]).toMatchObject({ connection: 'Connecting', outOfSyncBytes: 64 * 2 ** 20 });
    expect(split({ resource: 'r0', nodes: NODES }, { storageNodes: await pair.facts() })).toBeUndefined();
    await pair.deed({ do: 'drbd-link-heal', a: 'n1', b: 'n2' }, 5_300);
    expect(await pair.replica('n2')).toMatchObject({ disk: 'Inconsistent', peers: [{ replication: 'SyncTarget' }] });
    await pair.sim.clock.advance(5_000);
    expect(notInSync({ resource: 'r0', nodes: NODES }, { storageNodes: await pair.facts() })).toBeUndefined();
    expect([lostWrites(pair.sim), divergedNodes(pair.sim, 'r0')]).toEqual([[], []]);
  });

  test('two Primaries apart are a split brain before the link heals, and a victim loses what it wrote', async () => {
    const pair = new Pair(version);
    await pair.create();
    await pair.must('n2', 'drbdadm', 'primary', 'r0');
    await pair.deed({ do: 'drbd-link-cut', a: 'n1', b: 'n2' }, 10_000);
    for (const node of NODES) await pair.deed({ do: 'drbd-write', resource: 'r0', node, bytes: 2 ** 20 });
    expect(splitsOf('r0', NODES, await pair.facts())).toHaveLength(1);
    await pair.deed({ do: 'drbd-link-heal', a: 'n1', b: 'n2' }, 10_000);
    expect((await pair.replica('n1'))?.peers[0]?.connection).toBe('StandAlone');
    expect(divergedNodes(pair.sim, 'r0')).toEqual([['n1', 'n2']]);
    await pair.must('n2', 'drbdadm', 'secondary', 'r0');
    await pair.must('n2', 'drbdadm', 'connect', '--discard-my-data', 'r0');
    await pair.must('n1', 'drbdadm', 'connect', 'r0');
    await pair.sim.clock.advance(5_000);
    expect(notInSync({ resource: 'r0', nodes: NODES }, { storageNodes: await pair.facts() })).toBeUndefined();
    expect(lostWrites(pair.sim).map(({ node }) => node)).toEqual(['n2']);
  });

  test('a node that lost its power comes back, and gets what it missed', async () => {
    const pair = new Pair(version);
    await pair.create();
    await pair.deed({ do: 'drbd-write', resource: 'r0', node: 'n1', bytes: 2 ** 20 });
    await pair.deed({ do: 'node-off', node: 'n1' }, 10_000);
    await expect(pair.run('n1', ['true'])).rejects.toMatchObject({ code: 'unreachable', sent: false });
    await pair.must('n2', 'drbdadm', 'primary', 'r0');
    await pair.deed({ do: 'drbd-write', resource: 'r0', node: 'n2', bytes: 2 ** 20 });
    await pair.deed({ do: 'node-on', node: 'n1' }, 1_000);
    expect(await pair.replica('n1')).toMatchObject({ isUp: false, metadata: 'present' });
    await pair.sim.clock.advance(30_000);
    expect(notInSync({ resource: 'r0', nodes: NODES }, { storageNodes: await pair.facts() })).toBeUndefined();
    expect(lostWrites(pair.sim)).toEqual([]);
  });

  test('a Primary without its disk that hears nobody cannot write, and takes no other data (Failure 150) until it does', async () => {
    const pair = new Pair(version);
    await pair.create();
    await pair.deed({ do: 'drbd-write', resource: 'r0', node: 'n1', bytes: 2 ** 20 });
    await pair.deed({ do: 'disk-fail', node: 'n1', resource: 'r0' });
    await pair.deed({ do: 'drbd-link-cut', a: 'n1', b: 'n2' }, 10_000);
    await pair.deed({ do: 'disk-replaced', node: 'n1', resource: 'r0' });
    await pair.must('n1', 'drbdadm', 'create-md', 'r0');
    expect(await pair.run('n1', ['drbdadm', 'adjust', 'r0'])).toMatchObject({ code: 1, stderr: expect.stringContaining('Failure: (150) Can only attach to the data we lost last (see kernel log).') });
    await pair.deed({ do: 'drbd-write', resource: 'r0', node: 'n1', bytes: 2 ** 20 });
    expect(pair.sim.log.lines().at(-1)).toContain('nothing could be written');
    await pair.deed({ do: 'drbd-link-heal', a: 'n1', b: 'n2' }, 10_000);
    await pair.must('n1', 'drbdadm', 'adjust', 'r0');
    await pair.sim.clock.advance(20_000);
    expect(notInSync({ resource: 'r0', nodes: NODES }, { storageNodes: await pair.facts() })).toBeUndefined();
  });
});

test('DRBD 9: a new disk is filled by one of two good copies, and then agrees with the other', async () => {
  const three = ['n1', 'n2', 'n3'];
  const pair = new Pair('9.2.18', three);
  await pair.create();
  await pair.deed({ do: 'disk-fail', node: 'n3', resource: 'r0' });
  await pair.deed({ do: 'disk-replaced', node: 'n3', resource: 'r0' });
  await pair.must('n3', 'drbdadm', 'create-md', 'r0');
  await pair.must('n3', 'drbdadm', 'adjust', 'r0');
  expect((await pair.replica('n3'))?.peers.map(({ replication }) => replication)).toEqual(['SyncTarget', 'Established']);
  await pair.sim.clock.advance(20_000);
  expect(notInSync({ resource: 'r0', nodes: three }, { storageNodes: await pair.facts() })).toBeUndefined();
});

describe('whatever happens to two nodes of which one is Primary', () => {
  const seeds = Array.from({ length: 60 }, (_, at) => at + 1);
  test.each(seeds)('no write is lost by DRBD itself, seed %i', async (seed) => {
    const pair = new Pair(seed % 2 === 0 ? '8.4.11' : '9.2.18');
    await pair.create();
    const random = seededRandom(seed);
    for (let at = 0; at < 12; at += 1) {
      const [node = 'n1', other = 'n2'] = random() < 0.5 ? ['n1', 'n2'] : ['n2', 'n1'];
      const deeds: readonly WorldDeed[] = [
        { do: 'drbd-link-cut', a: node, b: other }, { do: 'drbd-link-heal', a: node, b: other }, { do: 'drbd-write', resource: 'r0', node, bytes: 2 ** 20 },
        { do: 'drbd-write', resource: 'r0', node: other, bytes: 2 ** 20 }, { do: 'node-off', node: other }, { do: 'node-on', node: other },
      ];
      const deed = deeds[Math.floor(random() * deeds.length)];
      if (deed) await pair.deed(deed, Math.floor(random() * 20_000));
    }
    for (const node of NODES) await pair.deed({ do: 'node-on', node });
    await pair.deed({ do: 'drbd-link-heal', a: 'n1', b: 'n2' }, 120_000);
    expect(lostWrites(pair.sim)).toEqual([]);
    expect(divergedNodes(pair.sim, 'r0')).toEqual([]);
    expect(notInSync({ resource: 'r0', nodes: NODES }, { storageNodes: await pair.facts() })).toBeUndefined();
  });
});
