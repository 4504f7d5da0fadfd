// Copies that `drbdadm adjust` alone never brings together again, on simulated nodes, each until nothing is left to do.
import { describe, expect, test } from 'vitest';
import type { Plan } from '../../controller/model/plan.ts';
import { lostWrites } from '../../controller/sim/nodes/data.ts';
import { Output } from '../../controller/sim/nodes/output.ts';
import { runProgram } from '../../controller/sim/nodes/programs.ts';
import { cutLine, failDisk, healLine, replaceDisk, write } from '../../controller/sim/nodes/world.ts';
import { World } from '../harness/world.ts';

const MINUTE = 60_000;
const MIB = 2 ** 20;
const manifest = (dualPrimary: boolean) => `apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec: { endpoints: [https://pve1:8006], credentials: { tokenEnv: X } }
---
apiVersion: latido/v1
kind: DrbdResource
metadata: { name: r0 }
spec:
  size: 128M
  dualPrimary: ${dualPrimary}
  nodes:
    pve1: { address: "10.0.0.1:7788", volumeGroup: pve }
    pve2: { address: "10.0.0.2:7788", volumeGroup: pve }
`;

async function made(drbd: string, dualPrimary = true): Promise<World> {
  const world = new World({ nodes: ['pve1', 'pve2'].map((name) => ({ name, drbd, volumeGroups: { pve: 2 ** 30 } })) });
  await round(world, dualPrimary);
  return world;
}

async function round(world: World, dualPrimary = true): Promise<void> {
  const { failed, unsettled } = await world.apply(manifest(dualPrimary));
  expect([failed, unsettled]).toEqual([[], []]);
  await world.sim.clock.advance(MINUTE);
}

function drbdadm({ sim }: World, node: string, ...words: readonly string[]): void {
  expect(runProgram(sim, ['drbdadm', ...words], { node, output: new Output(), stdin: '' })).toBe(0);
}

const steps = ({ changes }: Plan) => changes.flatMap((change) => change.steps.map(({ title, hold }) => `${title}${hold ? ` (${hold.code})` : ''}`));

async function isWhole(world: World): Promise<void> {
  expect(steps(await world.plan(manifest(true)))).toEqual([]);
  expect(['pve1', 'pve2'].map((node) => world.sim.state.below.hosts[node]?.replicas['r0'])).toMatchObject([{ role: 'Primary', disk: 'UpToDate' }, { role: 'Primary', disk: 'UpToDate' }]);
  expect(lostWrites(world.sim).filter(({ lostBy }) => !lostBy?.startsWith('the disk of '))).toEqual([]);
}

test('DRBD 9: of two Primaries only one wrote while the line was cut: the other follows, and nothing is dropped', async () => {
  const world = await made('9.2.18');
  cutLine(world.sim, 'pve1', 'pve2');
  await world.sim.clock.advance(MINUTE);
  expect(write(world.sim, 'r0', 'pve1', MIB)).toBe(true);
  healLine(world.sim, 'pve1', 'pve2');
  await world.sim.clock.advance(MINUTE);
  expect(steps(await world.plan(manifest(true)))).toContain('make it Secondary, for its copy to follow that of pve1, on pve2');
  await round(world);
  await round(world);
  await isWhole(world);
});

describe.each(['8.4.11', '9.2.18'])('DRBD %s: a Primary lost its disk and then its peer', (drbd) => {
  async function stranded(): Promise<World> {
    const world = await made(drbd);
    write(world.sim, 'r0', 'pve1', MIB);
    failDisk(world.sim, 'pve2', 'r0');
    await world.sim.clock.advance(MINUTE);
    return world;
  }

  test('while it hears nobody, a new disk waits and users see I/O errors', async () => {
    const world = await stranded();
    cutLine(world.sim, 'pve1', 'pve2');
    await world.sim.clock.advance(MINUTE);
    replaceDisk(world.sim, 'pve2', 'r0');
    expect(write(world.sim, 'r0', 'pve2', MIB)).toBe(false);
    expect(steps(await world.plan(manifest(true)))).toContain('bring it up as its file says on pve2 (WAITS_FOR)');
    healLine(world.sim, 'pve1', 'pve2');
    await world.sim.clock.advance(MINUTE);
    await round(world);
    await isWhole(world);
  });

  test('disconnected by hand on either side, it is connected before it takes the new disk', async () => {
    for (const node of ['pve1', 'pve2']) {
      const world = await stranded();
      drbdadm(world, node, 'disconnect', 'r0');
      await world.sim.clock.advance(MINUTE);
      replaceDisk(world.sim, 'pve2', 'r0');
      await round(world);
      await isWhole(world);
    }
  });
});

test('two Primaries where one is allowed: a person says which of them lets go', async () => {
  const world = await made('9.2.18', false);
  drbdadm(world, 'pve1', 'disconnect', 'r0');
  for (const node of ['pve1', 'pve2']) drbdadm(world, node, 'primary', 'r0');
  drbdadm(world, 'pve1', 'connect', 'r0');
  await world.sim.clock.advance(MINUTE);
  expect(steps(await world.plan(manifest(false)))).toContain('bring it up as its file says on pve1 (WAITS_FOR)');
  drbdadm(world, 'pve2', 'secondary', 'r0');
  await round(world, false);
  expect(steps(await world.plan(manifest(false)))).toEqual([]);
});

describe.each(['8.4.11', '9.2.18'])('DRBD %s: both are Primary, connected, and the files allow one', (drbd) => {
  /** As after somebody took `allow-two-primaries` out of the files by hand, so that the kernel allows what they do not. */
  const apart = async () => {
    const world = await made(drbd, true);
    const allowed = await world.plan(manifest(false));
    for (const node of ['pve1', 'pve2']) {
      const res = world.sim.state.below.hosts[node]?.files ?? {};
      for (const [path, text] of Object.entries(res)) if (path.endsWith('/r0.res')) res[path] = text.replace(/^.*allow-two-primaries.*\n/m, '');
    }
    return { world, allowed };
  };
  test('while the files allow two they are left, and the reason is told', async () => {
    const { allowed } = await apart();
    expect(steps(allowed)).toEqual(['change options.net.allow-two-primaries (REFUSED)']);
  });
  test('which of them lets go is told to be a person\'s choice, and nothing is tried that DRBD refuses', async () => {
    const { world } = await apart();
    const plan = await world.plan(manifest(false));
    expect(new Set(plan.changes.flatMap((change) => change.steps.map(({ hold }) => hold?.reason)))).toContain('pve1 and pve2 are both Primary, and r0 allows one, so that DRBD takes no other options: run drbdadm secondary r0 on the one that nothing uses');
    expect(steps(plan).filter((step) => !/\(\w+\)$/.test(step))).toEqual([]);
    drbdadm(world, 'pve2', 'secondary', 'r0');
    await round(world, false);
    expect(steps(await world.plan(manifest(false)))).toEqual([]);
  });
});
