// In: a cluster's doors, a source of commits, a lease. Out: a cluster that follows its commits, round after round, until told to stop.
// Start reading at `#run`. Must never work without the lease, nor two rounds at a time.
import type { ClusterSpec } from '../model/desired.ts';
import { ConnectionError, PveError } from '../model/doors.ts';
import type { CommitSource, ControlDoor, Env, Lease, Supervisor } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import type { JsonObject } from '../model/json.ts';
import type { Plan } from '../model/plan.ts';
import { createFileReader } from '../observe/files.ts';
import type { FileReader, FileReaderOptions } from '../observe/files.ts';
import { createHints } from '../observe/hints.ts';
import type { KindsFor } from '../reconcile.ts';
import type { DaemonListener } from '../status/listener.ts';
import { Board } from './board.ts';
import { Commits } from './commits.ts';
import { controlAnswers } from './control.ts';
import { isWaiting } from './decide.ts';
import { feedOf } from './feed.ts';
import { Follower } from './follower.ts';
import type { Follow } from './follower.ts';
import { watchFiles, watchHints } from './hints.ts';
import { Memory } from './memory.ts';
import { backOffMs, DAEMON_OPTIONS } from './options.ts';
import type { DaemonOptions } from './options.ts';
import type { Beside, Observer, Outlook, RoundOutcome, View } from './outlook.ts';
import { Pulse } from './pulse.ts';
import { daemonRound } from './round.ts';
import type { RoundEnd } from './round.ts';
import { Tenure } from './tenure.ts';
import { Triggers } from './triggers.ts';
import type { Cause } from './triggers.ts';
import { stuck, WatchedEnv } from './watchdog.ts';

export interface DaemonParts {
  readonly env: Env;
  readonly source: CommitSource;
  readonly lease: Lease;
  /** Works only where this address is; the lease must be one that all nodes see. */
  readonly follow?: Follow;
  readonly kindsFor: KindsFor;
  readonly options?: Partial<DaemonOptions>;
  /** SIGTERM: running steps end, then the daemon. */
  readonly signal: AbortSignal;
  /** SIGHUP: the same, and whoever started us starts us again with what is written now. */
  readonly reload?: AbortSignal;
  readonly supervisor?: Supervisor;
  readonly control?: ControlDoor;
  /** A plan as it is published: `plan`, without secrets, and `text` for people. */
  readonly publishPlan?: (plan: Plan) => JsonObject;
  /** On a node: configuration is read from its `/etc/pve`, and changes are noticed there, instead of asking the API. */
  readonly files?: Omit<FileReaderOptions, 'pve'>;
  /** Hears what is done: for metrics. */
  readonly observer?: Observer;
  /** What runs beside the rounds and is asked by others: the HTTPS listener. Begun before the first round, also by a stand-by. */
  readonly beside?: Beside;
  /** Hears of everything and is waited for only at the end: notifications, forges. */
  readonly listener?: DaemonListener;
  /** False when the commit names other endpoints or credentials than `env` was made for: the daemon ends to be started again. */
  readonly isSameCluster?: (spec: ClusterSpec) => boolean;
}

export type DaemonEnd = 'stopped' | 'reload';

/** Throws Failure ROUND_STUCK when a round hangs: only a new process helps then. */
export async function runDaemon(parts: DaemonParts): Promise<DaemonEnd> {
  const watched = new WatchedEnv(parts.env, (report) => parts.observer?.call(report));
  const memory = await Memory.open(watched.env);
  const commits = new Commits(watched.env, parts.source, memory);
  await commits.load();
  try {
    return await new Daemon(parts, watched, memory, commits).run();
  } finally {
    await parts.listener?.stop();
  }
}

class Daemon {
  readonly #env: Env;
  readonly #options: DaemonOptions;
  readonly #triggers: Triggers;
  readonly #board = new Board();
  readonly #tenure: Tenure;
  readonly #follower: Follower | undefined;
  readonly #files: FileReader | undefined;
  /** Ends everything that runs beside the rounds. */
  readonly #over = new AbortController();
  readonly #stop = new AbortController();
  /** Ends the round under way after its current steps. */
  #endRound: (() => void) | undefined;
  #failures = 0;
  #end: DaemonEnd = 'stopped';
  #stopListening: (() => Promise<void>) | undefined;
  readonly #pulse = new Pulse();
  #answers: ReturnType<typeof controlAnswers> | undefined;

  constructor(private readonly parts: DaemonParts, private readonly watched: WatchedEnv, private readonly memory: Memory, private readonly commits: Commits) {
    this.#env = watched.env;
    this.#options = { ...DAEMON_OPTIONS, ...parts.options };
    this.#triggers = new Triggers(this.#env.clock);
    this.#follower = parts.follow && new Follower(parts.follow, this.#options, this.#env.clock);
    this.#tenure = new Tenure(parts.lease, this.#env.clock, memory, this.#follower);
    this.#files = parts.files && createFileReader({ ...parts.files, pve: this.#env.pve });
  }

  async run(): Promise<DaemonEnd> {
    const { signal, reload, source } = this.parts;
    const stopped = once(signal, () => this.#stop.abort(new Error('told to stop')));
    const reloaded = once(reload, () => {
      this.#end = 'reload';
      this.#stop.abort(new Error('told to reload'));
    });
    const unwatch = source.watch(() => this.#triggers.tell('commit'));
    this.#watchCluster();
    const beside = [this.#tenure.keep(this.#options.renewMs, this.#over.signal), this.#follower?.watch(this.#options.followMs, this.#over.signal, () => this.#leave()), this.#pingSupervisor()];
    let closeBeside: (() => Promise<void>) | undefined;
    try {
      await this.parts.listener?.start(feedOf(this.memory, this.#board, this.commits));
      await this.memory.tell({ type: 'started', message: 'the daemon started' });
      closeBeside = await this.#openBeside();
      await this.#listen();
      await this.#tell('READY=1');
      this.#triggers.tell('start');
      await this.#run();
    } finally {
      for (const off of [stopped, reloaded, unwatch]) off();
      this.#over.abort(new Error('the daemon ends'));
      await Promise.all(beside);
      await Promise.all([this.#stopListening?.(), closeBeside?.()]);
    }
    await this.#tell('STOPPING=1');
    this.#board.phase = 'stopping';
    await this.#tenure.release();
    await this.memory.tell({ type: 'stopped', message: this.#end === 'reload' ? 'the daemon ends to read its configuration again' : 'the daemon was told to stop' });
    return this.#end;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const why = await this.#tenure.ensure();
      if (why !== undefined) {
        await this.#standBy(why);
        continue;
      }
      if (this.#board.standingBy !== undefined) {
        this.#board.standingBy = undefined;
        await this.#listen();
      }
      const causes = this.#triggers.take();
      this.#board.phase = 'working';
      const end = await this.#round(causes.length > 0 ? causes : [this.#failures > 0 ? 'retry' : 'interval']);
      if (end?.desired && this.parts.isSameCluster?.(end.desired.cluster.spec) === false) {
        this.#end = 'reload';
        return;
      }
      this.#board.phase = 'waiting';
      await this.#pause(end);
      await this.#tenure.rest();
    }
  }

  /** The address that we follow has left: what runs is ended, and the lease is given up at the next turn of the loop. */
  #leave(): void {
    if (!this.#tenure.isToLeave) return;
    this.#endRound?.();
    this.#triggers.tell('stand-by');
  }

  async #standBy(why: string): Promise<void> {
    const { followMs, standByMs } = this.#options;
    this.#board.phase = 'stand-by';
    this.#board.standingBy = why;
    this.#board.conclude(this.commits, this.#env.clock.now());
    await this.#tell(`STATUS=standing by: ${why}`);
    await this.#pulse.rest(this.#env.clock.sleep(this.#follower ? Math.min(followMs, standByMs) : standByMs, this.#stop.signal).catch(() => undefined));
    this.#triggers.tell('stand-by');
  }

  /** Undefined when the round failed as a whole; it is told, and tried again later. */
  async #round(causes: readonly Cause[]): Promise<RoundEnd | undefined> {
    const { memory, commits } = this;
    const { clock } = this.#env;
    const ending = new AbortController();
    const abort = () => ending.abort(new Error('the round ends early'));
    const offStop = once(this.#stop.signal, abort);
    this.#endRound = abort;
    // A newer commit does not wait for the rest of an older one's plan.
    const offCommit = this.#triggers.listen((cause) => { if (cause === 'commit') void this.#endForNewer(abort); });
    const startedAt = clock.now();
    const report = (outcome: RoundOutcome) => this.parts.observer?.round({ outcome, at: clock.now(), durationMs: Math.max(0, clock.now() - startedAt) });
    const { over, done } = stuck(this.watched, this.#options, this.#stop.signal, abort);
    try {
      const round = daemonRound({ env: this.#env, reads: this.#files?.pve ?? this.#env.pve, kindsFor: this.parts.kindsFor, options: this.#options, memory, commits, board: this.#board, tenure: this.#tenure, signal: ending.signal, onStep: (step) => this.parts.observer?.step(step) }, causes);
      const end = await Promise.race([round, over]);
      if (end === 'stuck') throw new StuckRound();
      if (end === 'left') return undefined;
      await this.#succeeded();
      report(end.outcome);
      return end;
    } catch (error) {
      if (error instanceof StuckRound) {
        await memory.tell({ type: 'watchdog', message: `a round made no progress for ${Math.round(this.#options.stuckMs / 60_000)} minutes: the daemon ends so that a new one begins` });
        throw failure('ROUND_STUCK', 'a round never ended', { fix: 'systemd starts the daemon again; if it repeats, report it with the log' });
      }
      await this.#failed(error);
      report('broken');
      return undefined;
    } finally {
      done();
      this.#endRound = undefined;
      offStop();
      offCommit();
      this.#board.conclude(commits, clock.now());
      await this.#saveStatus();
      this.parts.listener?.roundEnded();
    }
  }

  /** A source may tell too often: only another commit ends a round early. */
  async #endForNewer(abort: () => void): Promise<void> {
    const latest = await this.parts.source.latest().catch(() => undefined);
    const { good, newest, refused } = this.commits;
    if (latest !== undefined && ![good?.id, newest?.id, refused?.id].includes(latest.id)) abort();
  }

  async #succeeded(): Promise<void> {
    if (this.#failures > 0) await this.memory.tell({ type: 'cluster', message: `rounds succeed again, after ${this.#failures} that did not` });
    this.#failures = 0;
    this.#board.trouble = undefined;
  }

  async #failed(error: unknown): Promise<void> {
    this.#failures += 1;
    const message = error instanceof Error ? error.message : String(error);
    const isKnown = error instanceof Failure || error instanceof PveError || error instanceof ConnectionError;
    const isNews = this.#board.trouble?.message !== message;
    this.#board.trouble = { since: this.#board.trouble?.since ?? this.#env.clock.now(), times: this.#failures, message };
    if (!isKnown) this.#env.log.error({ stack: error instanceof Error ? error.stack ?? '' : '' }, 'a defect of latido ended the round');
    if (isNews) await this.memory.tell({ type: 'failed', message: `the round ended: ${message}` });
  }

  async #pause(end: RoundEnd | undefined): Promise<void> {
    const { gapMs, backOff } = this.#options;
    const ms = Math.min(this.#tenure.turnMs, this.#failures > 0 ? backOffMs(this.#failures, backOff, this.#env.random) : this.#nextLookMs(end));
    const now = this.#env.clock.now();
    this.#board.nextAt = now + ms;
    await this.#pulse.rest(this.#env.clock.sleep(Math.min(gapMs, ms), this.#stop.signal).catch(() => undefined));
    await this.#pulse.rest(this.#triggers.wait(ms - gapMs, this.#stop.signal));
    if (end?.acted && !this.#stop.signal.aborted) this.#triggers.tell('check');
  }

  /** The interval, or what comes before it: a check of what we did, another try, the end of a suspension. */
  #nextLookMs(end: RoundEnd | undefined): number {
    const now = this.#env.clock.now();
    const { backOff, intervalMs, checkMs } = this.#options;
    const retries = [...this.memory.record.objects.values()].flatMap(({ failed }) => (failed && !failed.isTerminal && isWaiting(failed.retryAt, now, backOff.maxMs) ? [failed.retryAt - now] : []));
    const ends = this.memory.suspensions.flatMap(({ until }) => (until === undefined ? [] : [Math.max(0, until - now)]));
    return retries.concat(ends, intervalMs, end?.acted ? checkMs : []).reduce((least, each) => Math.min(least, each));
  }

  /** Only who has the lease cares. The hints ask past the watchdog: they are no progress of a round. */
  #watchCluster(): void {
    const look = () => { if (this.#tenure.isHeld) this.#triggers.tell('drift'); };
    const { filesMs, hintsMs } = this.#options;
    const { clock } = this.#env;
    if (this.#files) void watchFiles(this.#files, clock, filesMs, this.#over.signal, look);
    else if (hintsMs > 0) void watchHints(createHints(this.parts.env.pve), clock, hintsMs, this.#over.signal, look);
  }

  async #listen(): Promise<void> {
    if (this.#stopListening || !this.parts.control) return;
    this.#stopListening = await this.parts.control.listen((request) => this.#answer(request));
  }

  #answer(request: JsonObject, by?: string): Promise<JsonObject> {
    const { memory, commits } = this;
    this.#answers ??= controlAnswers({ env: this.#env, memory, commits, board: this.#board, triggers: this.#triggers, publishPlan: this.parts.publishPlan ?? ((plan) => ({ plan: { fingerprint: plan.fingerprint } })) });
    return this.#answers(request, by);
  }

  async #openBeside(): Promise<(() => Promise<void>) | undefined> {
    if (!this.parts.beside) return undefined;
    void this.#pulse.watch(this.#env.clock, () => this.watched.moves, this.#over.signal);
    const outlook: Outlook = { view: () => this.#view(), answer: (request, by) => this.#answer(request, by), pushed: () => this.#triggers.tell('commit') };
    return this.parts.beside(outlook);
  }

  #view(): View {
    const { memory, commits } = this;
    const { phase, cluster, checkedAt, whole, objects, plan, running, trouble } = this.#board;
    return {
      phase, cluster, checkedAt, conditions: whole, objects, plan, records: memory.record.objects, failures: trouble?.times ?? 0,
      isLeader: this.#tenure.isHeld, isLeaseUnknown: this.#tenure.isUnknown, quietMs: this.#pulse.quietMs, stuckMs: this.#options.stuckMs,
      isCommitRefused: commits.refused !== undefined, isSourceAway: commits.unreachable !== undefined, suspensions: memory.suspensions.length,
      stepsRunning: running.size, causesWaiting: this.#triggers.waiting, traffic: { ...this.#env.pve.stats },
    };
  }

  async #saveStatus(): Promise<void> {
    const text = `${JSON.stringify(this.#board.toJson(this.commits, this.memory.suspensions))}\n`;
    await this.memory.save('status.json', text, (each) => this.#env.store.write('status.json', each));
    const ready = this.#board.whole.find(({ type }) => type === 'Ready');
    await this.#tell(`STATUS=${ready?.reason ?? ''}: ${ready?.message.split('\n')[0] ?? ''}`);
  }

  /** Twice as often as expected, as long as no round is stuck. */
  async #pingSupervisor(): Promise<void> {
    const everyMs = this.parts.supervisor?.watchdogMs;
    if (everyMs === undefined) return;
    while (!this.#over.signal.aborted) {
      await this.#tell('WATCHDOG=1');
      await this.#env.clock.sleep(everyMs / 2, this.#over.signal).catch(() => undefined);
    }
  }

  async #tell(state: string): Promise<void> {
    await this.parts.supervisor?.tell(state);
  }
}

class StuckRound extends Error {}

function once(signal: AbortSignal | undefined, call: () => void): () => void {
  if (signal?.aborted) call();
  signal?.addEventListener('abort', call, { once: true });
  return () => signal?.removeEventListener('abort', call);
}
