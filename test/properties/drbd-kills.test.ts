// The controller dies just before and just after each command and each line of its journal, while it makes a mirrored disk and while
// it resolves a split brain as Git decided; another one goes on from its files: the nodes end as if nobody had died. Every one.
import { expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { splitsOf } from '../../controller/safety/generations.ts';
import { lostWrites, writesHeldBy } from '../../controller/sim/nodes/data.ts';
import { cutLine, healLine, write } from '../../controller/sim/nodes/world.ts';
import { planRound } from '../../controller/reconcile.ts';
import { named, untilInSync } from '../harness/kills.ts';
import { killPoints, Mortal, played } from '../harness/mortal.ts';
import type { KillPoint } from '../harness/mortal.ts';
import { commitOf, kindsFor, World } from '../harness/world.ts';
import { yamlOf } from './drbd/commits.ts';
import type { Decision, Wanted } from './drbd/commits.ts';

const PATIENCE_MS = 600_000;
const MINUTE = 60_000;
const AT_REST_MS = 120_000;
const R0: Wanted = { name: 'r0', nodes: ['pve1', 'pve2'], mebibytes: 256, isShared: true, source: 'skip', quorum: false, policies: false, reclaim: 'keep', guests: [] };

interface Story { readonly world: World; readonly yaml: string }

function emptyWorld(version: string): World {
  return new World({ nodes: ['pve1', 'pve2', 'pve3'].map((name) => ({ name, drbd: version, volumeGroups: { pve: 2 ** 31 } })) });
}

async function creation(version: string): Promise<Story> {
  return { world: emptyWorld(version), yaml: yamlOf([{ ...R0, guests: [{ vmid: 110, node: 'pve1', running: true, memory: 512 }] }]) };
}

async function splitBrain(version: string): Promise<Story> {
  const world = emptyWorld(version);
  await world.run(untilInSync(world.env, commitOf(yamlOf([R0]))));
  cutLine(world.sim, 'pve1', 'pve2');
  await world.sim.clock.advance(MINUTE);
  for (const node of ['pve1', 'pve2']) expect(write(world.sim, 'r0', node, 2 ** 20)).toBe(true);
  healLine(world.sim, 'pve1', 'pve2');
  await world.sim.clock.advance(MINUTE);
  const { facts } = await world.run(planRound(world.env, commitOf(yamlOf([R0])), kindsFor));
  const [event] = splitsOf('r0', ['pve1', 'pve2'], facts.storageNodes);
  const decision: Decision = { discard: 'pve2', event: event?.id ?? 'none' };
  return { world, yaml: yamlOf([{ ...R0, decision }]) };
}

/** What is on the nodes in the end, without numbers that nobody chose. */
function ending({ sim }: World) {
  const nodes = Object.entries(sim.state.below.hosts).sort().map(([node, { replicas, files, active }]) => ({
    node, active: [...active].sort(), files: Object.keys(files).filter((path) => path.startsWith('/etc/drbd.d')).map((path) => files[path]),
    replicas: Object.values(replicas).map(({ resource, role, disk, peers, sizeBytes }) => ({ resource, role, disk, sizeBytes, peers: Object.values(peers).map(({ connection, replication }) => `${connection} ${replication}`) })),
    lacks: sim.state.below.writes.filter(({ id, lostBy }) => lostBy === undefined && writesHeldBy(sim, 'r0', node)?.has(id) === false),
  }));
  return { nodes, lost: lostWrites(sim).map(({ node, by }) => `${node} ${by}`), guests: Object.values(sim.state.guests).map(({ vmid, node, process }) => `${vmid} ${node} ${process ? 'running' : 'stopped'}`) };
}

async function ended(story: Story, point?: KillPoint) {
  const { world, yaml } = story;
  const store = createMemoryStore();
  const first = new Mortal(world, store, point);
  const how = await world.run(Promise.race([untilInSync(first.env, commitOf(yaml)), first.died]));
  if ((how === 'died') !== (point !== undefined)) throw new Error(`it was never killed: there is no effect ${point?.effect}`);
  if (point) await world.run(untilInSync(new Mortal(world, store).env, commitOf(yaml)));
  await world.sim.clock.advance(AT_REST_MS);
  return { ending: ending(world), effects: first.effects };
}

const STORIES = { 'made from nothing, with a guest': creation, 'a split brain resolved': splitBrain } as const;

test.each(Object.entries(STORIES).flatMap(([name, story]) => ['8.4.11', '9.2.18'].map((version) => ({ name, version, story }))))('$name, DRBD $version: killed around each command, it ends on the same nodes', async ({ name, version, story }) => {
  const whole = await ended(await story(version));
  const points = killPoints(whole.effects).filter(({ effect, when }) => whole.effects[effect]?.via === 'ssh' || (whole.effects[effect]?.via === 'append' && when === 'torn'));
  expect(whole.effects.filter(({ via }) => via === 'ssh').length).toBeGreaterThan(name.startsWith('made') ? 9 : 4);
  expect(whole.ending.nodes.slice(0, 2).every(({ replicas }) => replicas.every(({ role, disk }) => role === 'Primary' && disk === 'UpToDate'))).toBe(true);
  expect(whole.ending.lost.filter((one) => !one.startsWith('pve2 '))).toEqual([]);
  for (const point of played(points)) expect((await ended(await story(version), point)).ending, named(point, whole.effects)).toEqual(whole.ending);
}, PATIENCE_MS);
