// In: a seed. Out: what went wrong in the life that it stands for: a random cluster, commits, faults, people, kills; and
// whether latido got there once all was quiet again.
import { parseFiles } from '../../../controller/manifests/parse.ts';
import { createMemoryStore } from '../../../controller/env/memory-store.ts';
import type { MemoryStore } from '../../../controller/env/memory-store.ts';
import { planToJson } from '../../../controller/cli/plan-json.ts';
import { renderPlan } from '../../../controller/cli/render-plan.ts';
import { ConnectionError, PveError } from '../../../controller/model/doors.ts';
import { Failure } from '../../../controller/model/finding.ts';
import { isInSync } from '../../../controller/model/plan.ts';
import type { Plan, PlannedChange } from '../../../controller/model/plan.ts';
import { applyRound, planApproved, planRound, settleRound } from '../../../controller/reconcile.ts';
import type { Commit } from '../../../controller/reconcile.ts';
import { play } from '../../../controller/sim/script.ts';
import { perform } from '../../../controller/sim/script-deeds.ts';
import { canonicalCluster } from '../../harness/canonical-cluster.ts';
import { Mortal } from '../../harness/mortal.ts';
import type { KillPoint } from '../../harness/mortal.ts';
import { kindsFor, World } from '../../harness/world.ts';
import { Dice } from './dice.ts';
import { Observer } from './observer.ts';
import { randomCluster, STRANGERS } from './random-commits.ts';
import type { RandomCluster, RandomCommit, Wanted } from './random-commits.ts';
import { randomFaults, SOMEBODY_ELSES } from './random-faults.ts';

const ROUNDS_WITH_FAULTS = 3;
/** When all is quiet: rounds until nothing is left to do. Deletions and restarts may be limited to one a round. */
const ROUNDS_IN_PEACE = 10;
const PAUSE_MS = 20_000;
/** Fenced nodes boot, services recover, locks run out. */
const QUIET_MS = 240_000;
const STYLE = { color: false, width: 100 } as const;

export interface SeedResult { readonly problems: readonly string[]; readonly told: readonly string[] }

export async function runSeed(seed: number): Promise<SeedResult> {
  return new Life(seed).run();
}

class Life {
  readonly #dice: Dice;
  readonly #cluster: RandomCluster;
  readonly #observer: Observer;
  readonly #world: World;
  readonly #store: MemoryStore = createMemoryStore();
  readonly #problems: string[] = [];
  readonly #told: string[] = [];
  readonly #version: string;
  /** The clock of the machine on which latido runs, against the cluster's. */
  #jumpedMs = 0;
  #last: Extract<RandomCommit, { valid: true }> | undefined;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
    this.#cluster = randomCluster(this.#dice);
    this.#version = this.#dice.pick(['9.2', '9.2', '8.4']);
    this.#observer = new Observer(STRANGERS, this.#cluster.limits);
    this.#world = new World(this.#cluster.spec, { version: this.#version, seed, wrap: this.#observer.wrap });
    this.#observer.sim = this.#world.sim;
  }

  async run(): Promise<SeedResult> {
    const before = new Map(STRANGERS.map((vmid) => [vmid, JSON.stringify(this.#world.guest(vmid).config)]));
    for (const commit of this.#cluster.commits) await this.#bring(commit);
    await this.#inPeace();
    this.#problems.push(...this.#observer.violations);
    for (const [vmid, config] of before) if (JSON.stringify(this.#world.sim.state.guests[vmid]?.config) !== config) this.#problems.push(`the guest ${vmid} of somebody else is not what it was`);
    this.#noSecrets();
    return { problems: [...new Set(this.#problems)], told: this.#told };
  }

  async #bring(commit: RandomCommit): Promise<void> {
    if (commit.valid) {
      this.#last = commit;
      this.#observer.commits(commit.guests);
    }
    const played = play(this.#world.sim, this.#faults(commit.valid ? commit.guests : []));
    const before = this.#jumpedMs;
    const jumpedMs = () => before + played.clockJumpMs;
    for (let round = 0; round < ROUNDS_WITH_FAULTS; round += 1) {
      const point: KillPoint | undefined = this.#dice.chance(0.25) ? { effect: this.#dice.between(0, 25), when: this.#dice.pick(['before', 'after', 'torn']) } : undefined;
      const ended = await this.#round(asCommit(commit.yaml), new Mortal(this.#world, this.#store, point, jumpedMs), commit.valid);
      if (ended === 'in sync' && round > 0) break;
    }
    this.#jumpedMs = jumpedMs();
    played.stop();
  }

  #faults(guests: readonly Wanted[]) {
    const state = this.#world.sim.state;
    const ours = guests.map(({ vmid }) => vmid).filter((vmid) => state.guests[vmid]);
    const reusable = guests.filter(({ vmid, ha, adopted, node }) => state.guests[vmid] && !ha && !adopted && node === undefined && !state.ha.resources[`vm:${vmid}`]).map(({ vmid }) => vmid);
    return randomFaults(this.#dice, { nodes: this.#cluster.nodes, ours, reusable });
  }

  async #round(commit: Commit, controller: Mortal, valid: boolean, isPeace = false): Promise<'in sync' | 'not yet' | 'died'> {
    const { env } = controller;
    const work = async (): Promise<'in sync' | 'not yet'> => {
      await settleRound(env, kindsFor);
      const asked = await planRound(env, commit, kindsFor);
      const isReleased = isPeace && mayRelease(asked.plan);
      const round = isReleased ? await planApproved(env, commit, kindsFor, asked.plan.fingerprint) : asked;
      if (!valid) this.#problems.push('what is no commit was planned');
      this.#observer.does(round.plan, isReleased);
      this.#tell(round.plan);
      const result = await applyRound(env, round);
      this.#told.push(JSON.stringify(result.failed.map(({ findings }) => findings)));
      return isInSync(round.plan) ? 'in sync' : 'not yet';
    };
    const guarded = work().catch((error: unknown) => {
      if (!(error instanceof Failure || error instanceof ConnectionError || error instanceof PveError)) this.#problems.push(`a bug of ours: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
      else this.#told.push(error.message);
      return 'not yet' as const;
    });
    const ended = await this.#world.run(Promise.race([guarded, controller.died]));
    await this.#world.sim.clock.advance(PAUSE_MS);
    return ended;
  }

  #tell(plan: Plan): void {
    this.#told.push(renderPlan(plan, STYLE), JSON.stringify(planToJson(plan)));
  }

  /** Everything is switched on, healed and unlocked; then nothing may be left to do but what is not ours any more. */
  async #inPeace(): Promise<void> {
    const { sim } = this.#world;
    for (const node of this.#cluster.nodes) {
      perform(sim, { do: 'node-on', node });
      perform(sim, { do: 'link-heal', node });
      for (const daemon of ['pveproxy', 'pvedaemon'] as const) perform(sim, { do: 'daemon-start', node, daemon });
    }
    perform(sim, { do: 'disk-freed', storage: 'fast' });
    perform(sim, { do: 'qnetd-on' });
    await sim.clock.advance(QUIET_MS);
    await this.#clearLocks();
    await this.#clearHaErrors();
    if (!this.#last) return;
    const commit = asCommit(this.#last.yaml);
    for (let round = 0; round < ROUNDS_IN_PEACE; round += 1) {
      if (await this.#round(commit, new Mortal(this.#world, this.#store, undefined, () => this.#jumpedMs), true, true) === 'in sync') break;
    }
    const { plan } = await this.#world.run(planRound(new Mortal(this.#world, this.#store).env, commit, kindsFor));
    this.#tell(plan);
    const isTheirs = (change: PlannedChange) => sim.state.guests[Number(change.id)]?.config.name === SOMEBODY_ELSES;
    // Nobody says yes to a plan that would take over a guest of somebody else, not even to the rest of it.
    const isWithTheirs = plan.changes.some(isTheirs);
    const left = plan.changes.filter((change) => change.verb !== 'none' && !isTheirs(change) && !(isWithTheirs && change.verb === 'delete' && change.hold?.approvable === true));
    if (left.length > 0) this.#problems.push(`not in sync after ${ROUNDS_IN_PEACE} quiet rounds:\n${renderPlan(plan, STYLE)}`);
    // A copy that a node left half made when it died is Proxmox's: a person removes it.
    const halfDone = new Set(Object.values(sim.state.tasks).filter((task) => task.exitstatus === 'unexpected status').map((task) => task.id));
    for (const volume of canonicalCluster(sim.state).orphans) if (!halfDone.has(/vm-(\d+)/.exec(volume)?.[1] ?? '')) this.#problems.push(`the volume ${volume} is nobody's`);
  }

  /** What a node left half made when it died is locked for ever: a person removes it. Other locks are taken off. */
  async #clearLocks(): Promise<void> {
    const { sim } = this.#world;
    for (const { vmid, config } of Object.values(sim.state.guests)) {
      if (config.lock === undefined) continue;
      const isHalfMade = config.lock === 'create' || config.lock === 'clone';
      perform(sim, { do: 'guest-unlock', vmid });
      if (isHalfMade) perform(sim, { do: 'guest-delete', vmid });
    }
    await sim.clock.advance(PAUSE_MS);
  }

  /** A person finds out why a service does not start, and sets it to disabled and back. */
  async #clearHaErrors(): Promise<void> {
    const { state, clock } = this.#world.sim;
    const inError = Object.entries(state.ha.manager.service_status).filter(([sid, service]) => service.state === 'error' && state.ha.resources[sid]).map(([sid]) => sid);
    for (const sid of inError) Object.assign(state.ha.resources[sid] ?? {}, { state: 'disabled' });
    if (inError.length > 0) await clock.advance(PAUSE_MS * 3);
  }

  #noSecrets(): void {
    const files = Object.values(this.#store.snapshot());
    for (const secret of [...this.#cluster.secrets, '00000000-0000-4000-8000-000000000001']) {
      if ([...files, ...this.#told].some((text) => text.includes(secret))) this.#problems.push(`a secret is told: ${secret}`);
    }
  }
}

function asCommit(yaml: string): Commit {
  return { parsed: parseFiles(yaml === '' ? [] : [{ path: 'cluster.yaml', text: yaml }]), revision: 'main@sha1:0000000' };
}

/** Many deletions at once, and a commit without guests, wait for somebody to say yes; nobody says yes to a guest of somebody else. */
function mayRelease(plan: Plan): boolean {
  const holds = plan.changes.flatMap((change) => [change.hold, ...change.steps.map((step) => step.hold)]).filter((hold) => hold?.approvable === true);
  return holds.length > 0 && holds.every((hold) => hold?.code === 'LIMIT' || hold?.code === 'PRUNE_POLICY' || hold?.code === 'WAITS_FOR');
}
