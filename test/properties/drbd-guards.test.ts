// What a plan was made on is not so any more when its steps come: each guard of DRBD, alone, against the moment for which it is there.
// The lives by seed (drbd/) meet some of these moments seldom or never: the controller looks again seconds before each step.
// Must fail as soon as one of the conditions of controller/safety/conditions.ts lets everything pass.
import { describe, expect, test } from 'vitest';
import { applyRound } from '../../controller/reconcile.ts';
import type { Round } from '../../controller/reconcile.ts';
import type { Env } from '../../controller/model/doors.ts';
import { splitsOf } from '../../controller/safety/generations.ts';
import { divergedNodes, lostWrites } from '../../controller/sim/nodes/data.ts';
import { Output } from '../../controller/sim/nodes/output.ts';
import { runProgram } from '../../controller/sim/nodes/programs.ts';
import { cutLine, failDisk, healLine, replaceDisk, write } from '../../controller/sim/nodes/world.ts';
import { World } from '../harness/world.ts';
import { yamlOf } from './drbd/commits.ts';
import type { Decision, Wanted } from './drbd/commits.ts';

const MINUTE = 60_000;
const MIB = 2 ** 20;
const R0: Wanted = { name: 'r0', nodes: ['pve1', 'pve2'], mebibytes: 128, isShared: true, source: 'skip', quorum: false, policies: false, reclaim: 'keep', guests: [] };
/** DRBD itself decides as soon as both sides meet again. */
const WITH_POLICIES: Wanted = { ...R0, isShared: false, policies: true };
const yaml = (decision?: Decision, wanted = R0) => yamlOf([{ ...wanted, ...(decision ? { decision } : {}) }]);

function emptyWorld(drbd: string): World {
  return new World({ nodes: ['pve1', 'pve2', 'pve3'].map((name) => ({ name, drbd, volumeGroups: { pve: 2 ** 30 } })) });
}

async function made(drbd: string, text = yaml()): Promise<World> {
  const world = emptyWorld(drbd);
  expect((await world.apply(text)).failed).toEqual([]);
  await pause(world);
  return world;
}

const pause = ({ sim }: World) => sim.clock.advance(MINUTE);

function drbdadm({ sim }: World, node: string, ...words: readonly string[]): number {
  return runProgram(sim, ['drbdadm', ...words], { node, output: new Output(), stdin: '' });
}

/** The plan as it was, done now: which commands were run, and what was said of those that were not. */
async function done(world: World, round: Round, after: (command: string) => void = () => {}) {
  const { ssh } = world.env;
  if (!ssh) throw new Error('the simulated nodes have no ssh');
  const ran: string[] = [];
  const env: Env = { ...world.env, ssh: { ...ssh, stats: ssh.stats, learnNodes: (addresses) => ssh.learnNodes(addresses), runAll: (...all) => ssh.runAll(...all), run: async (node, argv, options) => {
    const result = await ssh.run(node, argv, options);
    const command = `${argv.slice(argv.indexOf('drbdadm')).join(' ')} on ${node}`;
    if (argv.includes('flock') && argv.includes('drbdadm')) {
      ran.push(command);
      after(command);
    }
    return result;
  } } };
  const { failed } = await world.run(applyRound(env, round));
  return { ran, said: failed.flatMap(({ findings }) => findings.map(({ fact }) => fact)).join('; ') };
}

const holdsOf = ({ plan }: Round) => plan.changes.flatMap(({ hold, steps }) => [hold, ...steps.map((step) => step.hold)]).map((hold) => hold?.code);

/** Both sides write while they do not hear each other. */
async function writtenApart(world: World): Promise<void> {
  cutLine(world.sim, 'pve1', 'pve2');
  await pause(world);
  for (const node of ['pve1', 'pve2']) expect(write(world.sim, 'r0', node, MIB)).toBe(true);
}

async function eventNow(world: World): Promise<string> {
  const { facts } = await world.round(yaml());
  return splitsOf('r0', ['pve1', 'pve2'], facts.storageNodes)[0]?.id ?? 'none';
}

describe.each(['8.4.11', '9.2.18'])('DRBD %s', (drbd) => {
  test('drbd-new: copies that meanwhile hold data are not declared equal', async () => {
    const world = emptyWorld(drbd);
    const { ran, said } = await done(world, await world.round(yaml()), (command) => {
      if (command !== 'drbdadm adjust r0 on pve2') return;
      expect(drbdadm(world, 'pve2', 'primary', '--force', 'r0')).toBe(0);
      expect(write(world.sim, 'r0', 'pve2', MIB)).toBe(true);
      expect(drbdadm(world, 'pve2', 'secondary', 'r0')).toBe(0);
    });
    expect(ran.filter((command) => command.includes('new-current-uuid'))).toEqual([]);
    expect(said).toContain('holds data already');
  });

  test('drbd-not-split: sides that meanwhile wrote apart are not connected, where a policy would choose', async () => {
    const world = await made(drbd, yaml(undefined, WITH_POLICIES));
    expect(drbdadm(world, 'pve2', 'disconnect', 'r0')).toBe(0);
    await pause(world);
    const round = await world.round(yaml(undefined, WITH_POLICIES));
    for (const node of ['pve1', 'pve2']) {
      expect(drbdadm(world, node, 'primary', 'r0')).toBe(0);
      expect(write(world.sim, 'r0', node, MIB)).toBe(true);
      expect(drbdadm(world, node, 'secondary', 'r0')).toBe(0);
    }
    const { ran, said } = await done(world, round);
    expect(ran.filter((command) => /adjust|connect/.test(command))).toEqual([]);
    expect(said).toContain('is split');
    await pause(world);
    expect([lostWrites(world.sim), divergedNodes(world.sim, 'r0')]).toEqual([[], [['pve1', 'pve2']]]);
  });

  test('drbd-generations: a decision is not carried out once a side was resolved by hand and went apart anew', async () => {
    const world = await made(drbd);
    await writtenApart(world);
    const round = await world.round(yaml({ discard: 'pve2', event: await eventNow(world) }));
    expect(drbdadm(world, 'pve1', 'secondary', 'r0')).toBe(0);
    for (const node of ['pve1', 'pve2']) drbdadm(world, node, 'disconnect', 'r0');
    expect(drbdadm(world, 'pve1', 'connect', '--discard-my-data', 'r0')).toBe(0);
    expect(drbdadm(world, 'pve2', 'connect', 'r0')).toBe(0);
    healLine(world.sim, 'pve1', 'pve2');
    await pause(world);
    expect(drbdadm(world, 'pve1', 'primary', 'r0')).toBe(0);
    const before = lostWrites(world.sim).length;
    await writtenApart(world);
    const { ran, said } = await done(world, round);
    expect(ran).toEqual([]);
    expect(said).toContain('has changed since it was planned on');
    healLine(world.sim, 'pve1', 'pve2');
    await pause(world);
    expect(lostWrites(world.sim)).toHaveLength(before);
  });

  test('resolveSplitBrain of an earlier event decides nothing', async () => {
    const world = await made(drbd);
    await writtenApart(world);
    const decided = yaml({ discard: 'pve2', event: await eventNow(world) });
    healLine(world.sim, 'pve1', 'pve2');
    await pause(world);
    for (let rounds = 0; rounds < 2; rounds += 1) {
      expect((await world.apply(decided)).failed).toEqual([]);
      await pause(world);
    }
    const before = lostWrites(world.sim).length;
    await writtenApart(world);
    healLine(world.sim, 'pve1', 'pve2');
    await pause(world);
    const { ran } = await done(world, await world.round(decided));
    expect(ran).toEqual([]);
    expect(lostWrites(world.sim)).toHaveLength(before);
  });

  test('the last good copy: a side is not given up when the other has meanwhile lost its disk', async () => {
    const world = await made(drbd);
    await writtenApart(world);
    const decided = yaml({ discard: 'pve2', event: await eventNow(world) });
    const round = await world.round(decided);
    failDisk(world.sim, 'pve1', 'r0');
    healLine(world.sim, 'pve1', 'pve2');
    await pause(world);
    for (const one of [round, await world.round(decided)]) expect((await done(world, one)).ran.filter((command) => command.endsWith(' on pve2'))).toEqual([]);
    expect(world.sim.state.below.hosts['pve2']?.replicas['r0']).toMatchObject({ role: 'Primary', disk: 'UpToDate' });
  });

  test('drbd-uptodate: a new disk is not brought up when the copy that should fill it is gone meanwhile', async () => {
    const world = await made(drbd);
    failDisk(world.sim, 'pve2', 'r0');
    await pause(world);
    replaceDisk(world.sim, 'pve2', 'r0');
    const round = await world.round(yaml());
    failDisk(world.sim, 'pve1', 'r0');
    const { ran, said } = await done(world, round);
    expect(ran).toEqual([]);
    expect(said).toContain('r0 on pve1 is Diskless');
  });

  test('drbd-in-sync: nobody becomes Primary when the copies meanwhile do not hear each other', async () => {
    const world = await made(drbd);
    expect(drbdadm(world, 'pve2', 'secondary', 'r0')).toBe(0);
    const round = await world.round(yaml());
    cutLine(world.sim, 'pve1', 'pve2');
    await pause(world);
    const { ran, said } = await done(world, round);
    expect(ran).toEqual([]);
    expect(said).toContain('is Connecting to');
    expect(await eventNow(world)).toBe('none');
  });

  test('the last good copy: what a copy that is not whole was being filled from, is not made anew in its place', async () => {
    const world = await made(drbd);
    failDisk(world.sim, 'pve2', 'r0');
    await pause(world);
    replaceDisk(world.sim, 'pve2', 'r0');
    expect(drbdadm(world, 'pve2', 'secondary', 'r0')).toBe(0);
    expect([drbdadm(world, 'pve2', 'create-md', 'r0'), drbdadm(world, 'pve2', 'adjust', 'r0')]).toEqual([0, 0]);
    failDisk(world.sim, 'pve1', 'r0');
    await pause(world);
    replaceDisk(world.sim, 'pve1', 'r0');
    const round = await world.round(yaml());
    expect(holdsOf(round)).toContain('LAST_COPY');
    expect((await done(world, round)).ran).toEqual([]);
  });

  test('what is split is not destroyed when it leaves Git', async () => {
    const doomed = yaml(undefined, { ...R0, isShared: false, reclaim: 'delete' });
    const world = await made(drbd, doomed);
    cutLine(world.sim, 'pve1', 'pve2');
    await pause(world);
    for (const node of ['pve1', 'pve2']) {
      expect(drbdadm(world, node, 'primary', 'r0')).toBe(0);
      expect(write(world.sim, 'r0', node, MIB)).toBe(true);
    }
    const round = await world.round(yamlOf([]), world.env);
    expect(holdsOf(round)).toContain('SPLIT_BRAIN');
    expect((await done(world, round)).ran).toEqual([]);
  });
});

test('DRBD 9, the last good copy: nobody leaves while the others have nothing whole', async () => {
  const three: Wanted = { ...R0, isShared: false, nodes: ['pve1', 'pve2', 'pve3'] };
  const world = await made('9.2.18', yaml(undefined, three));
  for (const node of ['pve2', 'pve3']) {
    failDisk(world.sim, node, 'r0');
    replaceDisk(world.sim, node, 'r0');
  }
  await pause(world);
  const round = await world.round(yaml(undefined, { ...three, nodes: ['pve2', 'pve3'] }));
  expect(holdsOf(round)).toContain('LAST_COPY');
  expect((await done(world, round)).ran.filter((command) => command.endsWith(' on pve1'))).toEqual([]);
  expect(world.sim.state.below.hosts['pve1']?.replicas['r0']).toMatchObject({ disk: 'UpToDate' });
});
