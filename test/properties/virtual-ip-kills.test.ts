// The controller dies just before and just after each command about the cluster's address; another one goes on from its files. It
// ends as if nobody had died, what runs is what the files say, and never had two nodes the address, nor nobody for longer than told.
import { expect, test } from 'vitest';
import { named, untilInSync } from '../harness/kills.ts';
import { killPoints, Mortal } from '../harness/mortal.ts';
import type { KillPoint } from '../harness/mortal.ts';
import { commitOf } from '../harness/world.ts';
import type { World } from '../harness/world.ts';
import { addressPlace, costOf, holders, settled, VIP, vip, watch } from '../sim/nodes/virtual-ip-bench.ts';

const PATIENCE_MS = 600_000;
const AT_REST_MS = 60_000;
/** The next controller looks first. */
const NEXT_MS = 25_000;
const POOL = 'apiVersion: latido/v1\nkind: Pool\nmetadata: { name: kept }\nspec: {}\n';

interface Story {
  readonly from?: string;
  readonly to: string;
  /** The address has to be stopped before it can be started: nobody has it while nobody is there to start it. */
  readonly isStopped?: true;
  /** There is none in the end. */
  readonly isRemoved?: true;
}

const two = 'nodes: { pve1: 150, pve2: 100 }';
const three = 'nodes: { pve1: 150, pve2: 100, pve3: 80 }';
const byHeartbeat = `provider: heartbeat, ${two}`;
const STORIES: Readonly<Record<string, Story>> = {
  'made from nothing': { to: vip(three) },
  'other priorities': { from: vip(three), to: vip('nodes: { pve1: 20, pve2: 120, pve3: 220 }, preempt: false') },
  'another router id': { from: vip(three), to: vip(`${three}, virtualRouterId: 77`) },
  'a node more': { from: vip(two), to: vip(three) },
  'the one that has it leaves': { from: vip(three), to: vip('nodes: { pve2: 100, pve3: 80 }') },
  'it leaves Git': { from: vip(two), to: POOL, isRemoved: true },
  'heartbeat from nothing': { to: vip(byHeartbeat) },
  'heartbeat told another interval': { from: vip(byHeartbeat), to: vip(`${byHeartbeat}, advertSeconds: 0.5`) },
  'from heartbeat to keepalived': { from: vip(byHeartbeat), to: vip(two), isStopped: true },
};

async function stage({ from }: Story): Promise<World> {
  const place = addressPlace(['keepalived', 'heartbeat'], 3);
  if (from !== undefined) expect(await settled(place, from)).toEqual([]);
  await place.sim.clock.advance(AT_REST_MS);
  return place;
}

/** Files, services, and what the programs go by; who has the address may differ. */
function ending({ sim }: World) {
  return Object.entries(sim.state.below.hosts).sort().map(([node, { files, programs: { keepalived, heartbeat } }]) => ({
    node, files: Object.entries(files).filter(([path]) => /^\/etc\/(?:keepalived|ha\.d)/.test(path)).sort(),
    keepalived: { ...keepalived, instances: keepalived?.instances.map(({ name, routerId, priority, peers, addresses, advertMs }) => ({ name, routerId, priority, peers, addresses, advertMs })) },
    heartbeat: { isEnabled: heartbeat?.isEnabled, goesBy: heartbeat?.run?.settings },
  }));
}

async function ended(story: Story, point?: KillPoint) {
  const place = await stage(story);
  const commit = commitOf(story.to);
  const claimed = costOf(await place.plan(story.to));
  const seen = watch(place);
  const { store } = place.env;
  const first = new Mortal(place, store, point);
  const how = await place.run(Promise.race([untilInSync(first.env, commit), first.died]));
  if ((how === 'died') !== (point !== undefined)) throw new Error(`it was never killed: there is no effect ${point?.effect}`);
  if (point) await place.run(untilInSync(new Mortal(place, store).env, commit));
  await place.sim.clock.advance(AT_REST_MS);
  if (story.isRemoved) expect(holders(place)).toEqual([]);
  else expect(holders(place)).toHaveLength(1);
  return { ending: ending(place), effects: first.effects, twice: seen.twice(), awayMs: story.isRemoved ? 0 : seen.awayMs(), claimed };
}

test.each(Object.entries(STORIES))('%s: killed around each command it ends the same', async (_, story) => {
  const whole = await ended(story);
  expect([whole.twice, whole.awayMs <= whole.claimed + 1_000]).toEqual([0, true]);
  const points = killPoints(whole.effects).filter(({ effect }) => whole.effects[effect]?.via === 'ssh');
  expect(points.length).toBeGreaterThan(3);
  for (const point of points) {
    const told = `${named(point, whole.effects)}, ${VIP}`;
    const one = await ended(story, point);
    expect(one.ending, told).toEqual(whole.ending);
    expect(one.twice, `two nodes: ${told}`).toBe(0);
    expect(one.awayMs, `away: ${told}`).toBeLessThanOrEqual(whole.claimed + 1_000 + (story.isStopped ? NEXT_MS : 0));
  }
}, PATIENCE_MS);
