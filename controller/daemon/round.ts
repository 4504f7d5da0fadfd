// In: reasons to look. Out: one round: what a dead daemon left is waited for, the commit chosen, planned, applied, remembered
// and told. Must never plan from anything but fresh facts.
import type { Desired } from '../model/desired.ts';
import type { Env, PveApi } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { isInSync, runnableSteps } from '../model/plan.ts';
import type { ApplyResult, Progress } from '../model/progress.ts';
import { refText } from '../model/ref.ts';
import { applyRound, planRound, settleRound } from '../reconcile.ts';
import type { KindsFor, Round } from '../reconcile.ts';
import type { RoundRecord } from '../status/events.ts';
import { nextMemories, writeInventory } from '../status/inventory.ts';
import { afterStandings } from './standings.ts';
import { blame } from './blame.ts';
import type { Board } from './board.ts';
import type { Commits, KnownCommit } from './commits.ts';
import { holdOf } from './decide.ts';
import type { Memory } from './memory.ts';
import type { DaemonOptions } from './options.ts';
import { afterApply, afterPlan, newlyDrifted } from './outcome.ts';
import { stepReport } from './outlook.ts';
import type { RoundOutcome, StepReport } from './outlook.ts';
import { afterSplits } from './splits.ts';
import type { Tenure } from './tenure.ts';
import type { Cause } from './triggers.ts';

export interface RoundWorld {
  readonly env: Env;
  /** What a plan reads through: `env.pve`, or the same with the files of this node before it. Steps never do. */
  readonly reads: PveApi;
  readonly kindsFor: KindsFor;
  readonly options: DaemonOptions;
  readonly memory: Memory;
  readonly commits: Commits;
  readonly board: Board;
  readonly tenure: Tenure;
  /** Aborted: running steps end, no further one starts. */
  readonly signal: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
}

export interface RoundEnd { readonly acted: boolean; readonly outcome: RoundOutcome; readonly desired?: Desired }

export async function daemonRound(world: RoundWorld, causes: readonly Cause[]): Promise<RoundEnd> {
  const { env, memory, commits } = world;
  const startedAt = env.clock.now();
  await memory.endSuspensions();
  await settleFirst(world);
  if (world.signal.aborted) return { acted: false, outcome: 'interrupted' };
  await commits.look();
  if (isIdle(world, causes)) return { acted: false, outcome: 'idle' };
  const chosen = await planBest(world);
  if (chosen === undefined) return { acted: false, outcome: 'no-commit' };
  const { round, commit } = chosen;
  await learnFromPlan(world, round, commit);
  const result = await act(world, round, commit);
  await addToHistory(world, round, result, causes, startedAt);
  return { acted: result !== undefined && result.done.length + result.failed.length + result.unsettled.length > 0, outcome: outcomeOf(round.plan.counts.held, result), desired: round.desired };
}

/** `latido status` tells what is waited for; it may take long. */
async function settleFirst({ env, kindsFor, memory, board, signal }: RoundWorld): Promise<void> {
  const onWait = (title: string) => void board.running.set(SETTLING, `waits for what an earlier run left: ${title}`);
  try {
    for (const { title, how } of await settleRound(env, kindsFor, { signal, onWait })) await memory.tell({ type: 'settled', message: `${title}: ${how}` });
  } finally {
    board.running.delete(SETTLING);
  }
}

const SETTLING = 'settling';

/** The source was asked again, and it has what is in force and in sync already. */
function isIdle({ commits, board }: RoundWorld, causes: readonly Cause[]): boolean {
  return causes.every((cause) => cause === 'commit') && causes.length > 0 && commits.newest === undefined && commits.good !== undefined && board.plan !== undefined && board.trouble === undefined;
}

/** What says nothing about the commit: the cluster, the credentials, the disk. */
const NOT_THE_COMMIT: ReadonlySet<string> = new Set(['ENDPOINT_UNREACHABLE', 'CLUSTER_SILENT', 'CLUSTER_DIVIDED', 'AUTH_FAILED', 'PERMISSION_DENIED', 'TLS_UNTRUSTED', 'STATE_UNUSABLE', 'STATE_LOCKED']);

async function planBest(world: RoundWorld): Promise<{ readonly round: Round; readonly commit: KnownCommit } | undefined> {
  const { commits } = world;
  for (const commit of commits.choices()) {
    try {
      const round = await plan(world, commit);
      const unfit = commits.unfit(commit, round.desired);
      if (unfit.length === 0) {
        await commits.accept(commit);
        return { round, commit };
      }
      await commits.refuse(commit, unfit);
    } catch (error) {
      if (!(error instanceof Failure) || error.findings.some((finding) => finding.severity === 'error' && NOT_THE_COMMIT.has(finding.code))) throw error;
      await commits.refuse(commit, error.findings);
    }
  }
  return undefined;
}

function plan({ env, reads, kindsFor, memory, options, commits }: RoundWorld, commit: KnownCommit): Promise<Round> {
  const { record, suspensions } = memory;
  const known = { records: record.objects, suspensions, now: env.clock.now(), commit: commit.id, blind: record.blind === true && commit.id === commits.loadedId, backOffMaxMs: options.backOff.maxMs };
  return planRound({ ...env, pve: reads }, commit, kindsFor, record.approved, (change, desired) => holdOf(change, desired, known));
}

async function learnFromPlan({ env, memory, board, commits }: RoundWorld, { plan: planned, desired, facts }: Round, commit: KnownCommit): Promise<void> {
  const { record } = memory;
  const culprits = await blame(env, newlyDrifted(planned, desired, record.objects));
  const learnt = afterPlan(planned, desired, record.objects, culprits, env.clock.now());
  const apart = afterSplits([...desired.objects, ...planned.changes].map(({ ref }) => ref), facts, learnt.records, env.clock.now());
  const { records, events: standings } = afterStandings(planned, apart.records, env.clock.now());
  const isApproved = record.approved === planned.fingerprint;
  for (const event of [...apart.events, ...standings, ...learnt.events]) await memory.tell({ ...event, revision: commit.revision });
  if (record.approved !== undefined && !isApproved) await memory.tell({ type: 'approved', message: `the approval of ${record.approved} is void: the plan is now ${planned.fingerprint}` });
  // An approval holds for one plan, once.
  const { approved: _once, blind, ...rest } = record;
  const isKnown = blind !== true || isInSync(planned) || commit.id !== commits.loadedId;
  await memory.saveRecord({ ...rest, objects: records, ...(isKnown ? {} : { blind: true }) });
  board.show(planned, desired, records, env.clock.now());
  board.conclude(commits, env.clock.now());
}

async function act(world: RoundWorld, round: Round, commit: KnownCommit): Promise<ApplyResult | undefined> {
  const { env, memory, board, tenure, options, signal } = world;
  if (runnableSteps(round.plan).length === 0) {
    await remember(env, round);
    return undefined;
  }
  let told: Promise<void> = Promise.resolve();
  const onProgress = (progress: Progress) => {
    const report = world.onStep && stepReport(progress);
    if (report) world.onStep?.(report);
    const name = `${refText(progress.ref)}: ${progress.step.title}`;
    if (progress.event === 'progress') board.running.set(progress.step.id, `${name}${progress.percent === undefined ? '' : ` ${Math.floor(progress.percent)} %`}`);
    else if (progress.event === 'started') board.running.set(progress.step.id, name);
    else board.running.delete(progress.step.id);
    if (progress.event === 'finished') told = told.then(() => memory.tell({ type: 'step', ref: progress.ref, revision: commit.revision, message: `${name} (${(progress.durationMs / 1000).toFixed(1)} s)${progress.warning === undefined ? '' : `: ${progress.warning}`}` }));
  };
  try {
    const result = await applyRound(env, round, { signal, onProgress, mayAct: () => tenure.mayAct() });
    await told;
    const learnt = afterApply(memory.record.objects, { plan: round.plan, desired: round.desired, result, commit: commit.id, now: env.clock.now(), options, random: env.random });
    for (const event of learnt.events) await memory.tell(event);
    await memory.saveRecord({ ...memory.record, objects: learnt.records });
    board.show(round.plan, round.desired, learnt.records, env.clock.now(), result);
    return result;
  } finally {
    board.running.clear();
  }
}

/** Nothing is to be done, and still something may have to be remembered; an idle round writes nothing. */
async function remember(env: Env, { plan: planned, inventory }: Round): Promise<void> {
  const next = nextMemories(inventory.memories, planned, undefined);
  const text = (memories: typeof next) => JSON.stringify(memories.map((memory) => `${refText(memory.ref)} ${JSON.stringify([memory.id, memory.identity, memory.fields, memory.secrets])}`).sort());
  if (inventory.damage !== undefined || text(next) !== text(inventory.memories)) await writeInventory(env.store, next, inventory.cluster);
}

async function addToHistory({ env, memory }: RoundWorld, { plan: planned, calls }: Round, result: ApplyResult | undefined, causes: readonly Cause[], startedAt: number): Promise<void> {
  const outcome = outcomeOf(planned.counts.held, result);
  const last = memory.history.at(-1);
  // Rounds that found what the last one found are not history.
  if (result === undefined && last?.outcome === outcome && last.revision === planned.revision && last.fingerprint === planned.fingerprint) return;
  const round: RoundRecord = {
    v: 1, at: startedAt, durationMs: env.clock.now() - startedAt, causes, revision: planned.revision, outcome, fingerprint: planned.fingerprint,
    done: result?.done.length ?? 0, failed: (result?.failed.length ?? 0) + (result?.unsettled.length ?? 0), held: planned.counts.held, calls,
  };
  await memory.addRound(round);
  if (outcome === 'in-sync' && last?.outcome !== 'in-sync') await memory.tell({ type: 'in-sync', revision: planned.revision, message: 'the cluster is as the commit asks' });
}

function outcomeOf(held: number, result: ApplyResult | undefined): RoundRecord['outcome'] {
  if (result?.interrupted) return 'interrupted';
  if (result && result.failed.length + result.unsettled.length > 0) return 'failed';
  if (result) return 'applied';
  return held > 0 ? 'held' : 'in-sync';
}
