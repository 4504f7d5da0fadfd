// Comparing copies on simulated nodes, as it was recorded on real ones (drbd84/16, drbd9/16), and what DRBD's source says of marked
// blocks when two meet again.
import { describe, expect, test } from 'vitest';
import { Output } from '../../controller/sim/nodes/output.ts';
import { runProgram } from '../../controller/sim/nodes/programs.ts';
import { perform } from '../../controller/sim/script-deeds.ts';
import { World } from '../harness/world.ts';

const SECOND = 1_000;

function pair(version: string, role: 'Primary' | 'Secondary' = 'Secondary'): World {
  const world = new World({ nodes: ['n1', 'n2'].map((name) => ({ name, drbd: version, volumeGroups: { vg0: 2 ** 31 } })), drbd: [{ name: 'r0', minor: 0, backing: 'vg0', sizeBytes: 2 ** 30, nodes: { n1: '10.0.0.1:7788', n2: '10.0.0.2:7788' } }] });
  for (const node of ['n1', 'n2']) {
    const files = world.sim.state.below.hosts[node]?.files ?? {};
    files['/etc/drbd.d/r0.res'] = (files['/etc/drbd.d/r0.res'] ?? '').replace('protocol C;', 'protocol C; verify-alg crc32c;');
    run(world, node, 'drbdadm adjust r0');
    run(world, node, 'drbdadm secondary r0');
  }
  if (role === 'Primary') run(world, 'n1', 'drbdadm primary r0');
  return world;
}

function run({ sim }: World, node: string, line: string): { readonly code: number; readonly text: string } {
  const output = new Output();
  const code = runProgram(sim, line.split(' '), { node, output, stdin: '' });
  return { code, text: output.both };
}

const marked = ({ sim }: World) => ['n1', 'n2'].map((node) => Number(/ oos:(\d+)/.exec(run({ sim } as World, node, 'cat /proc/drbd').text)?.[1] ?? Number.NaN));
const said = ({ sim }: World) => (sim.state.below.hosts['n1']?.kernelLog ?? []).map((line) => line.replace(/^\[[^\]]*\] /, '').replace(/total \d+ sec; paused 0 sec; \d+/, 'total …'));

describe('8.4', () => {
  test('says on both sides that it runs, and how far it is', async () => {
    const world = pair('8.4.11');
    expect(run(world, 'n1', 'drbdadm verify r0')).toEqual({ code: 0, text: '' });
    await world.sim.clock.advance(SECOND);
    expect([run(world, 'n1', 'drbdadm cstate r0').text, run(world, 'n2', 'drbdadm cstate r0').text, /verified: +([\d.]+)%/.exec(run(world, 'n1', 'cat /proc/drbd').text)?.[1]]).toEqual(['VerifyS\n', 'VerifyT\n', '3.9']);
    expect(run(world, 'n1', 'drbdadm verify r0').code).toBe(0);
  });
  test('marks what differs on both sides, tells it to the kernel log, and leaves the disks as good as they were', async () => {
    const world = pair('8.4.11');
    perform(world.sim, { do: 'disk-rot', node: 'n2', resource: 'r0', bytes: 12 * 1024 });
    expect(marked(world)).toEqual([0, 0]);
    run(world, 'n1', 'drbdadm -- --start=0 verify r0');
    await world.sim.clock.advance(60 * SECOND);
    expect([marked(world), run(world, 'n1', 'drbdadm dstate r0').text, run(world, 'n1', 'drbdadm cstate r0').text]).toEqual([[12, 12], 'UpToDate/UpToDate\n', 'Connected\n']);
    expect(said(world)).toEqual(['block drbd0: Starting Online Verify from sector 0', 'block drbd0: Online verify done (total … K/sec)', 'block drbd0: Online verify found 3 4k block out of sync!']);
  });
  test.each([['Primary', [0, 0]], ['Secondary', [12, 12]]] as const)('a reconnect copies it where one side is Primary: %s', async (role, left) => {
    const world = pair('8.4.11', role);
    perform(world.sim, { do: 'disk-rot', node: 'n2', resource: 'r0', bytes: 12 * 1024 });
    run(world, 'n1', 'drbdadm verify r0');
    await world.sim.clock.advance(60 * SECOND);
    run(world, 'n1', 'drbdadm disconnect r0');
    run(world, 'n1', 'drbdadm connect r0');
    await world.sim.clock.advance(60 * SECOND);
    expect(marked(world)).toEqual(left);
    run(world, 'n1', 'drbdadm verify r0');
    await world.sim.clock.advance(60 * SECOND);
    expect(marked(world)).toEqual(left);
  });
});

test('9 names the peer in its log, and copies what is marked without letting go', async () => {
  const world = pair('9.2.18', 'Primary');
  perform(world.sim, { do: 'disk-rot', node: 'n2', resource: 'r0', bytes: 4096 });
  run(world, 'n1', 'drbdadm verify r0:n2/0');
  await world.sim.clock.advance(60 * SECOND);
  expect(said(world).at(-1)).toBe('drbd r0/0 drbd0 n2: Online verify found 1 4k blocks out of sync!');
  expect(run(world, 'n2', 'drbdadm invalidate --reset-bitmap=no r0:n1/0')).toEqual({ code: 0, text: '' });
  await world.sim.clock.advance(60 * SECOND);
  expect(run(world, 'n1', 'drbdsetup status --json').text).toContain('"out-of-sync": 0');
});
test('without a checksum, or without a connection, it is refused as it was recorded', async () => {
  const world = pair('8.4.11');
  const files = world.sim.state.below.hosts['n1']?.files ?? {};
  files['/etc/drbd.d/r0.res'] = (files['/etc/drbd.d/r0.res'] ?? '').replace('verify-alg crc32c;', '');
  run(world, 'n1', 'drbdadm adjust r0');
  expect(run(world, 'n1', 'drbdadm verify r0')).toEqual({ code: 11, text: "0: State change failed: (-14) Need a verify algorithm to start online verify\nCommand 'drbdsetup-84 verify 0' terminated with exit code 11\n" });
  perform(world.sim, { do: 'drbd-link-cut', a: 'n1', b: 'n2' });
  await world.sim.clock.advance(30 * SECOND);
  expect(run(world, 'n1', 'drbdadm verify r0')).toEqual({ code: 11, text: expect.stringContaining('(-15)') });
});
test('power takes the kernel log with it', async () => {
  const world = pair('8.4.11');
  run(world, 'n1', 'drbdadm verify r0');
  perform(world.sim, { do: 'node-reset', node: 'n1' });
  expect(said(world)).toEqual([]);
});
