// In: a seed. Out: what went wrong in the life of a cluster with DRBD that it stands for: commits, faults, people, kills; and whether
// latido got there once all was quiet again and a person had resolved what waits for a person.
import { createMemoryStore } from '../../../controller/env/memory-store.ts';
import { renderPlan } from '../../../controller/cli/render-plan.ts';
import { ConnectionError, PveError } from '../../../controller/model/doors.ts';
import { Failure } from '../../../controller/model/finding.ts';
import { isInSync } from '../../../controller/model/plan.ts';
import type { Plan } from '../../../controller/model/plan.ts';
import { applyRound, planRound, settleRound } from '../../../controller/reconcile.ts';
import { perform } from '../../../controller/sim/script-deeds.ts';
import { Mortal } from '../../harness/mortal.ts';
import type { KillPoint } from '../../harness/mortal.ts';
import { commitOf, kindsFor, World } from '../../harness/world.ts';
import { Dice } from '../seeds/dice.ts';
import { changed, drawCluster, yamlOf } from './commits.ts';
import type { Decision, Drawn, Wanted } from './commits.ts';
import { Watch } from './watch.ts';
import { demoteByHand, happen, replaceFailed } from './world-events.ts';

const COMMITS_MAX = 4;
const ROUNDS_WITH_FAULTS = 3;
/** Each split brain takes one round to be told, one to be resolved; guests that stand on it one more. */
const ROUNDS_IN_PEACE = 14;
const PAUSE_MS = 20_000;
const QUIET_MS = 240_000;
const STYLE = { color: false, width: 120 } as const;
/** Told in the reason of a hold. */
const ASKED = /event ([0-9a-f]{8}-[0-9a-f]{8}): (\S+) is .*?; (\S+) is /;

export interface LifeResult { readonly problems: readonly string[]; readonly told: readonly string[]; readonly log: readonly string[]; readonly commands: number; readonly resolved: number; readonly promoted: number }

export async function runLife(seed: number): Promise<LifeResult> {
  return new Life(seed).run();
}

class Life {
  readonly #dice: Dice;
  readonly #drawn: Drawn;
  readonly #watch = new Watch();
  readonly #world: World;
  readonly #store = createMemoryStore();
  readonly #problems: string[] = [];
  readonly #told: string[] = [];
  #wanted: readonly Wanted[];
  readonly #everWanted = new Map<string, Wanted>();

  constructor(seed: number) {
    this.#dice = new Dice(seed);
    this.#drawn = drawCluster(this.#dice);
    this.#wanted = this.#drawn.wanted;
    this.#world = new World(this.#drawn.spec, { seed });
    this.#watch.sim = this.#world.sim;
  }

  async run(): Promise<LifeResult> {
    for (let commits = this.#dice.between(1, COMMITS_MAX); commits > 0; commits -= 1) {
      await this.#bring();
      if (commits > 1) this.#wanted = changed(this.#dice, this.#wanted);
    }
    await this.#inPeace();
    return { problems: [...new Set([...this.#problems, ...this.#watch.violations])], told: this.#told, log: this.#world.sim.log.lines(), ...this.#watch.counted };
  }

  async #bring(): Promise<void> {
    const { sim } = this.#world;
    this.#watch.commits(this.#wanted);
    for (const one of this.#wanted) this.#everWanted.set(one.name, one);
    const events = happen({ sim, dice: this.#dice, watch: this.#watch, nodes: this.#drawn.nodes }, (line) => this.#told.push(line));
    for (let round = 0; round < ROUNDS_WITH_FAULTS; round += 1) {
      const point: KillPoint | undefined = this.#dice.chance(0.25) ? { effect: this.#dice.between(0, 40), when: this.#dice.pick(['before', 'after', 'torn']) } : undefined;
      const { plan } = await this.#round(point);
      if (plan && this.#dice.chance(0.4)) this.#answer(plan, this.#dice.chance(0.6));
      await sim.clock.advance(this.#dice.between(1, 4) * PAUSE_MS);
      this.#watch.afterwards('a pause');
    }
    events.stop();
  }

  async #round(point?: KillPoint): Promise<{ readonly plan?: Plan }> {
    const world = this.#world;
    this.#watch.forget();
    const mortal = new Mortal({ envOf: (transport, store) => {
      const env = world.envOf(transport, store);
      return { ...env, ssh: this.#watch.ssh(world.sim.ssh) };
    }, transport: () => world.transport() }, this.#watch.store(this.#store), point);
    const { env } = mortal;
    const work = async (): Promise<{ readonly plan?: Plan }> => {
      await settleRound(env, kindsFor);
      const commit = commitOf(yamlOf(this.#wanted));
      const asked = await planRound(env, commit, kindsFor);
      const round = mayBeApproved(asked.plan) ? await planRound(env, commit, kindsFor, asked.plan.fingerprint) : asked;
      this.#told.push(`${Math.round(world.sim.clock.now() / 1000)} plan`, renderPlan(round.plan, STYLE));
      const result = await applyRound(env, round);
      this.#told.push(JSON.stringify(result.failed.map(({ findings }) => findings)));
      return { plan: round.plan };
    };
    const guarded = work().catch((error: unknown) => {
      if (!(error instanceof Failure || error instanceof ConnectionError || error instanceof PveError)) this.#problems.push(`a bug of ours: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
      else this.#told.push(error.message);
      return {};
    });
    const ended = await world.run(Promise.race([guarded, mortal.died]));
    this.#watch.afterwards('a round');
    return ended === 'died' ? {} : ended;
  }

  /** A person reads what is asked, and answers, sometimes with the id of another event. A side that may be the last good one is not given up. */
  #answer(plan: Plan, isRight: boolean): void {
    for (const change of plan.changes) {
      const reasons = [change.hold, ...change.steps.map(({ hold }) => hold)].flatMap((hold) => (hold ? [hold.reason] : []));
      for (const reason of reasons) {
        const [, event = '', a = '', b = ''] = ASKED.exec(reason) ?? [];
        if (event !== '') this.#decide(change.ref.name, { discard: this.#dice.pick([a, b]), event: isRight ? event : `${event.slice(9)}-${event.slice(0, 8)}` });
        else if (/may be the last good copy/.test(reason)) this.#turnRound(change.ref.name);
      }
    }
  }

  #turnRound(name: string): void {
    const one = this.#wanted.find((wanted) => wanted.name === name);
    if (!one?.decision) return;
    const { discard, event } = one.decision;
    const other = one.nodes.filter((node) => node !== one.diskless).find((node) => node !== discard) ?? discard;
    this.#decide(name, { discard: other, event });
  }

  /** What is split is not destroyed, nor what stands on it: it comes back to Git, where somebody decides. */
  #bringBack(plan: Plan): void {
    for (const name of splitThatLeft(plan)) {
      const before = this.#everWanted.get(name);
      if (before && !this.#wanted.some((one) => one.name === name)) this.#wanted = [...this.#wanted, { ...before, guests: [] }];
    }
    this.#watch.commits(this.#wanted);
  }

  #decide(name: string, decision: Decision): void {
    this.#told.push(`a person: ${name} ${decision.discard} ${decision.event}`);
    this.#wanted = this.#wanted.map((one) => (one.name === name ? { ...one, decision } : one));
    this.#watch.commits(this.#wanted);
  }

  /** Everything is switched on, healed and replaced. */
  async #inPeace(): Promise<void> {
    const { sim } = this.#world;
    const { nodes } = this.#drawn;
    this.#watch.away.clear();
    for (const node of nodes) {
      perform(sim, { do: 'node-on', node });
      perform(sim, { do: 'link-heal', node });
      for (const other of nodes) if (other !== node) perform(sim, { do: 'drbd-link-heal', a: node, b: other });
      for (const daemon of ['pveproxy', 'pvedaemon'] as const) perform(sim, { do: 'daemon-start', node, daemon });
      replaceFailed(sim, node);
    }
    demoteByHand(sim, this.#wanted.filter(({ isShared }) => !isShared).map(({ name }) => name));
    await sim.clock.advance(QUIET_MS);
    for (const { vmid, config } of Object.values(sim.state.guests)) if (config.lock !== undefined) perform(sim, { do: 'guest-unlock', vmid });
    this.#watch.commits(this.#wanted);
    let plan: Plan | undefined;
    for (let round = 0; round < ROUNDS_IN_PEACE; round += 1) {
      ({ plan } = await this.#round());
      if (plan && isInSync(plan)) return;
      if (plan) await this.#help(plan);
      await sim.clock.advance(PAUSE_MS * 3);
      this.#watch.afterwards('a quiet pause');
    }
    this.#problems.push(`not in sync after ${ROUNDS_IN_PEACE} quiet rounds:\n${plan ? renderPlan(plan, STYLE) : this.#told.at(-1) ?? ''}`);
  }

  /** What a person does about a hold that says what to do. */
  async #help(plan: Plan): Promise<void> {
    this.#answer(plan, true);
    this.#bringBack(plan);
    const { sim } = this.#world;
    for (const change of plan.changes) {
      for (const { hold } of change.steps) {
        if (!/: shut (?:it|them) down first/.test(hold?.reason ?? '')) continue;
        for (const name of hold?.reason.match(/guest\d+/g) ?? []) perform(sim, { do: 'guest-stop', vmid: Number(name.slice(5)) });
      }
    }
    await sim.clock.advance(PAUSE_MS);
  }
}

function mayBeApproved(plan: Plan): boolean {
  const holds = plan.changes.flatMap((change) => [change.hold, ...change.steps.map((step) => step.hold)]).filter((hold) => hold?.approvable === true);
  return holds.length > 0;
}

/** Resources whose own removal, or that of a guest on them, waits because they are split. */
function splitThatLeft({ changes }: Plan): readonly string[] {
  return changes.filter(({ verb }) => verb === 'delete').flatMap(({ ref, steps }) => steps.flatMap(({ hold }) => {
    if (hold?.code !== 'SPLIT_BRAIN') return [];
    return hold.reason.includes('on which it stands') ? hold.reason.split(',').slice(0, 1) : [ref.name];
  }));
}
