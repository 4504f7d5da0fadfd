// In: a scenario. Out: its log, told in virtual seconds by everybody who takes part, and the plan at its end.
// Must never mock the product: a command of the operator is what the program does, on the simulated cluster.
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { createPveClient } from '../../controller/env/pve-client.ts';
import type { Parsed } from '../../controller/manifests/parse.ts';
import type { Clock, Transport } from '../../controller/model/doors.ts';
import type { Plan } from '../../controller/model/plan.ts';
import { runnableSteps } from '../../controller/model/plan.ts';
import { applyRound, planApproved, planRound, settleRound } from '../../controller/reconcile.ts';
import type { Round } from '../../controller/reconcile.ts';
import { LAB_TOKEN } from '../../controller/sim/cluster-spec.ts';
import { PlayedStory } from '../../controller/sim/script.ts';
import type { FaultPlan, StoryStep } from '../../controller/sim/script.ts';
import { kindsFor, World } from '../harness/world.ts';
import type { Deed, Kill, Token } from './deeds.ts';
import { planLines, progressLine, refusalLines } from './outline.ts';
import { startProcess } from './process.ts';
import type { Process } from './process.ts';
import type { Scenario } from './scenario.ts';
import { StoryLog } from './story-log.ts';

export interface Played { readonly log: string; readonly last: Plan }

/** What the cluster tells of its guests is up to ten seconds old; tasks of the last command are long over. */
const AT_REST_MS = 30_000;
/** So that the cluster has told of all of its guests before somebody asks. */
const FIRST_MS = 10_000;

export async function playScenario(scenario: Scenario): Promise<Played> {
  const stage = new Stage(scenario);
  await stage.pass(FIRST_MS);
  for (const deed of scenario.deeds) await stage.perform(deed);
  const last = await stage.end();
  return { log: stage.log.text(), last };
}

class Stage {
  readonly log: StoryLog;
  private readonly world: World;
  private readonly stories: PlayedStory[] = [];
  private store = createMemoryStore();
  private token = `${LAB_TOKEN.id}=${LAB_TOKEN.secret}`;
  private commit: { readonly parsed: Parsed; readonly revision: string } | undefined;
  private shown: Plan | undefined;
  private kill: Kill | undefined;

  constructor(private readonly scenario: Scenario) {
    // Requests take no time, so that one more read of the product's is no other story.
    this.world = new World(scenario.cluster, { version: scenario.version, speed: { latencyMs: 0 } });
    this.world.sim.faults = together(this.stories);
    this.log = new StoryLog(this.world.sim);
  }

  pass(ms: number): Promise<void> {
    return this.world.sim.clock.advance(ms);
  }

  async perform(deed: Deed): Promise<void> {
    if (deed.do !== 'world') this.log.chapter();
    switch (deed.do) {
      case 'commit': return this.checkOut(deed.name);
      case 'plan': return this.command('plan', async (process) => void await this.plan(process));
      case 'apply': return this.command('apply', (process) => this.apply(process, false));
      case 'approve': return this.command(`apply --approve ${this.shown?.fingerprint ?? ''}`, (process) => this.apply(process, true));
      case 'lose-state': return this.loseState();
      case 'wait': return this.wait(deed.ms);
      case 'world': return this.happen(deed.step);
      case 'kill': return void (this.kill = deed.kill);
      case 'token': return this.useToken(deed.token);
      default: return deed satisfies never;
    }
  }

  /** @throws when nobody can plan any more */
  async end(): Promise<Plan> {
    this.shown = undefined;
    this.log.chapter();
    await this.pass(AT_REST_MS);
    await this.command('plan', async (process) => void await this.plan(process));
    if (!this.shown) throw new Error(`there is no last plan:\n${this.log.text()}`);
    return this.shown;
  }

  private checkOut(name: string): void {
    const parsed = this.scenario.commits.get(name);
    if (!parsed) throw new Error(`the story has no commit ${name}`);
    this.commit = { parsed, revision: name };
    this.log.write('operator', `git checkout ${name}`);
  }

  private async command(words: string, work: (process: Process) => Promise<void>): Promise<void> {
    const process = startProcess(this.world, this.store, (transport, clock) => this.connect(transport, clock), this.kill);
    this.kill = undefined;
    this.log.write('operator', `latido ${words}`);
    const told = work(process).catch((error: unknown) => {
      for (const line of refusalLines(error)) this.log.write('latido', line);
    });
    if (await this.world.run(Promise.race([told, process.died])) === 'died') this.log.write('latido', 'KILLED');
  }

  private connect(transport: Transport, clock: Clock) {
    const endpoints = Object.keys(this.world.sim.state.nodes).map((node) => `https://${node}:8006`);
    return createPveClient({ endpoints, credentials: { token: this.token }, transport, clock, random: () => this.world.sim.random() });
  }

  private async plan({ env }: Process, approved?: string): Promise<Round> {
    if (!this.commit) throw new Error('nothing is checked out');
    const round = approved === undefined ? await planRound(env, this.commit, kindsFor) : await planApproved(env, this.commit, kindsFor, approved);
    this.shown = round.plan;
    this.log.write('latido', ...planLines(round.plan));
    return round;
  }

  private async apply(process: Process, isApproved: boolean): Promise<void> {
    const { env } = process;
    for (const { title, how } of await settleRound(env, kindsFor)) this.log.write('latido', `from an earlier apply: ${title}: ${how}`);
    const round = await this.plan(process, isApproved ? this.shown?.fingerprint ?? 'none' : undefined);
    this.log.latidoWorks = true;
    const result = await applyRound(env, round, { onProgress: (progress) => this.log.write('latido', ...[progressLine(progress) ?? []].flat()) });
    this.log.latidoWorks = false;
    if (runnableSteps(round.plan).length === 0) return;
    const counts = (['done', 'failed', 'notTried', 'unsettled'] as const).filter((end) => result[end].length > 0).map((end) => `${result[end].length} ${end === 'notTried' ? 'not tried' : end}`);
    this.log.write('latido', `applied: ${counts.join(', ')}`);
  }

  private loseState(): void {
    this.store = createMemoryStore();
    this.log.write('operator', 'the state folder is lost');
  }

  private async wait(ms: number): Promise<void> {
    await this.pass(ms);
    this.log.catchUp();
  }

  /** What is due now is done before anybody goes on. */
  private async happen(step: StoryStep): Promise<void> {
    this.stories.push(new PlayedStory(this.world.sim, [step]));
    await this.pass(0);
    this.log.catchUp();
  }

  private useToken({ id, role, path }: Token): void {
    const { access } = this.world.sim.state;
    const secret = LAB_TOKEN.secret;
    access.users[id.slice(0, id.indexOf('!'))] ??= { enable: 1, expire: 0 };
    access.tokens[id] = { secret, privsep: 0, expire: 0 };
    access.acl = [...access.acl, { path, type: 'user', ugid: id.slice(0, id.indexOf('!')), roleid: role, propagate: 1 }];
    this.token = `${id}=${secret}`;
    this.log.write('operator', `uses the token ${id} from now on: ${role} on ${path}`);
  }
}

/** Every step is a story of its own, so that what waits for a request goes on waiting when the next one begins. */
function together(stories: readonly FaultPlan[]): FaultPlan {
  return {
    onRequest: (node, request) => first(stories, (story) => story.onRequest(node, request)),
    onTask: (task) => first(stories, (story) => story.onTask?.(task)),
  };
}

function first<T>(stories: readonly FaultPlan[], ask: (story: FaultPlan) => T | undefined): T | undefined {
  for (const story of stories) {
    const verdict = ask(story);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}
