// In: a cluster and a commit. Out: for each point at which a controller can be killed while it brings the commit about,
// what differs from the cluster of a controller that nobody killed, after another one has gone on from its files.
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { MemoryStore } from '../../controller/env/memory-store.ts';
import type { Env } from '../../controller/model/doors.ts';
import { isInSync } from '../../controller/model/plan.ts';
import { refText } from '../../controller/model/ref.ts';
import { readInventory } from '../../controller/status/inventory.ts';
import { applyRound, planRound, settleRound } from '../../controller/reconcile.ts';
import type { Commit } from '../../controller/reconcile.ts';
import { canonicalCluster } from './canonical-cluster.ts';
import type { CanonicalCluster } from './canonical-cluster.ts';
import { killPoints, Mortal } from './mortal.ts';
import type { Effect, KillPoint } from './mortal.ts';
import { kindsFor } from './world.ts';
import type { World } from './world.ts';

export interface KillStory {
  readonly world: () => World;
  readonly commit: Commit;
  /** The files that the controller finds. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The cluster, and what the controller remembers of it: fields that it set, ids; not the uuids, which Proxmox makes up. */
export interface Ending { readonly cluster: CanonicalCluster; readonly remembered: readonly string[] }

export interface Unharmed extends Ending { readonly effects: readonly Effect[]; readonly points: readonly KillPoint[] }

/** Bounds how long a new controller may take: rounds of plan and apply. */
const ROUNDS_MAX = 8;
/** A daemon's next round; figures of the cluster are up to ten seconds old. */
const PAUSE_MS = 20_000;
const AT_REST_MS = 120_000;

/** Nobody is killed: the cluster as it should be in the end, and every effect on the way. */
export async function unharmed(story: KillStory): Promise<Unharmed> {
  const world = story.world();
  const store = createMemoryStore(story.files);
  const controller = new Mortal(world, store);
  await world.run(untilInSync(controller.env, story.commit));
  return { ...(await inTheEnd(world, store)), effects: controller.effects, points: killPoints(controller.effects) };
}

/** Killed at `point`; another controller starts on the same files. Answers how it ended. */
export async function killedAt(story: KillStory, point: KillPoint): Promise<Ending> {
  const world = story.world();
  const store = createMemoryStore(story.files);
  const first = new Mortal(world, store, point);
  const ended = await world.run(Promise.race([untilInSync(first.env, story.commit), first.died]));
  if (ended !== 'died') throw new Error(`it was never killed: there is no effect ${point.effect}`);
  const second = new Mortal(world, store);
  await world.run(untilInSync(second.env, story.commit));
  return inTheEnd(world, store);
}

async function inTheEnd(world: World, store: MemoryStore): Promise<Ending> {
  await world.sim.clock.advance(AT_REST_MS);
  const { memories } = await readInventory(store);
  return { cluster: canonicalCluster(world.sim.state), remembered: memories.map(({ ref, id, fields }) => `${refText(ref)} ${id} ${[...fields].sort().join(' ')}`).sort() };
}

/** What the daemon does: settle what a dead one left, then rounds until nothing is left to do. */
export async function untilInSync(env: Env, commit: Commit): Promise<number> {
  await settleRound(env, kindsFor);
  for (let rounds = 1; rounds <= ROUNDS_MAX; rounds += 1) {
    const round = await planRound(env, commit, kindsFor);
    // With nothing to do it notes only what is remembered, as the daemon does.
    await applyRound(env, round);
    if (isInSync(round.plan)) return rounds;
    await env.clock.sleep(PAUSE_MS);
  }
  const { plan } = await planRound(env, commit, kindsFor);
  const left = plan.changes.filter((change) => change.verb !== 'none').map((change) => `${change.verb} ${change.ref.kind}/${change.ref.name} ${change.hold?.reason ?? ''} ${change.steps.map((step) => `${step.title}${step.hold ? ` held ${step.hold.reason}` : ''}`).join(', ')}`);
  throw new Error(`not in sync after ${ROUNDS_MAX} rounds: ${left.join('; ')}`);
}

/** A point as the message of a failing test. */
export function named({ effect, when }: KillPoint, effects: readonly Effect[]): string {
  return `killed ${when === 'torn' ? 'in the middle of' : when} effect ${effect}, ${effects[effect]?.what ?? 'none'}`;
}
