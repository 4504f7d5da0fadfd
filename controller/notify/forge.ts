// In: how commits fare. Out: the same on the host of their repository: a status, and the plan as a comment in the pull request.
// Only the newest counts: what a commit was in between is never caught up on. Beside the rounds, as notifier.ts.
import type { ForgeConfig, SecretPlace } from '../config/schema.ts';
import type { Env, Transport } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import type { Plan } from '../model/plan.ts';
import type { DaemonFeed, DaemonListener } from '../status/listener.ts';
import { Bell } from './bell.ts';
import { Undelivered } from './deliver.ts';
import { ForgeClient } from './forge-client.ts';
import { commentText, markerOf, reportsOf } from './forge-report.ts';
import type { CommitReport } from './forge-report.ts';
import { pauseMs } from './queue.ts';

export interface ForgeParts {
  readonly env: Pick<Env, 'clock' | 'store' | 'log' | 'random'>;
  readonly config: ForgeConfig;
  readonly transport: Transport;
  readonly secret: (place: SecretPlace, what: string) => Promise<string>;
  /** As a person reads it; without secrets. */
  readonly planText: (plan: Plan) => string;
}

/** What the host shows of a commit. */
interface Shown {
  readonly status?: string;
  readonly hasSucceeded?: boolean;
  readonly plan?: string;
  /** null: there is none. */
  readonly pull?: number | null;
  readonly comment?: number;
  readonly commented?: string;
}

const FILE = 'forge.json';
// Commits that are older than this many are not reported on any more.
const COMMITS_MAX = 20;
const PLAN_MAX = 60_000;
const STOP_MS = 5_000;

export class ForgeReporter implements DaemonListener {
  #feed: DaemonFeed | undefined;
  #shown = new Map<string, Shown>();
  #wanted = new Map<string, CommitReport>();
  #failures = 0;
  readonly #bell = new Bell();
  readonly #ending = new AbortController();
  readonly #givingUp = new AbortController();
  #work: Promise<void> = Promise.resolve();
  #offEvent: () => void = () => undefined;
  #seq = 0;

  constructor(private readonly parts: ForgeParts) {}

  async start(feed: DaemonFeed): Promise<void> {
    this.#feed = feed;
    this.#seq = feed.lastSeq;
    this.#shown = await this.#load();
    this.#offEvent = feed.onEvent(() => this.#hear());
    this.#work = this.#serve();
  }

  roundEnded(): void {
    this.#look();
  }

  async stop(): Promise<void> {
    if (!this.#feed) return;
    const { clock, log } = this.parts.env;
    this.#offEvent();
    this.#ending.abort(new Error('the daemon ends'));
    const over = new AbortController();
    await Promise.race([this.#work, clock.sleep(STOP_MS, over.signal).catch(() => undefined)]);
    over.abort(new Error('all is told'));
    this.#givingUp.abort(new Error('the daemon ends'));
    await this.#work;
    const left = [...this.#wanted.values()].filter((report) => this.#isDue(report)).length;
    if (left > 0) log.warn({ commits: left }, 'the host of the repository could not be told how a commit fares; it is told after the next start');
  }

  /** A commit that is taken is shown as pending while its first round still works. */
  #hear(): void {
    const events = this.#feed?.eventsAfter(this.#seq) ?? [];
    this.#seq = events.at(-1)?.seq ?? this.#seq;
    if (events.some(({ type }) => type === 'commit')) this.#look();
  }

  #look(): void {
    const view = this.#feed?.view();
    if (!view) return;
    const succeeded = new Set([...this.#shown].filter(([, { hasSucceeded }]) => hasSucceeded).map(([sha]) => sha));
    for (const report of reportsOf(view, succeeded)) {
      const { sha } = report;
      this.#wanted.delete(sha);
      this.#wanted.set(sha, report);
      const known = this.#shown.get(sha) ?? {};
      // The first plan of a commit is the one that its people want to see; later ones are of what is left.
      this.#shown.delete(sha);
      const plan = report.isPlanned && known.plan === undefined && view.plan ? { plan: this.parts.planText(view.plan).slice(0, PLAN_MAX) } : {};
      this.#shown.set(sha, { ...known, ...plan });
    }
    for (const map of [this.#wanted, this.#shown]) for (const sha of [...map.keys()].slice(0, Math.max(0, map.size - COMMITS_MAX))) map.delete(sha);
    if ([...this.#wanted.values()].some((report) => this.#isDue(report))) this.#bell.ring();
  }

  async #serve(): Promise<void> {
    const { clock, random, log } = this.parts.env;
    const { signal } = this.#ending;
    for (;;) {
      const isLast = signal.aborted;
      const report = [...this.#wanted.values()].findLast((each) => this.#isDue(each));
      if (report === undefined) {
        if (isLast) return;
        await this.#bell.wait(signal);
        continue;
      }
      try {
        await this.#show(report);
        if (this.#failures > 0) log.info({}, `the host of the repository is reached again, after ${this.#failures} failed tries`);
        this.#failures = 0;
      } catch (error) {
        this.#failures += 1;
        const why = error instanceof Undelivered ? error.message : `a defect of latido: ${error instanceof Error ? error.name : ''}`;
        if (this.#failures === 1) log.warn({ commit: report.sha }, `the host of the repository cannot be told how a commit fares: ${why}`);
        if (isLast) return;
        const ms = error instanceof Undelivered && error.retryAfterMs !== undefined ? error.retryAfterMs : pauseMs(this.#failures, random);
        await clock.sleep(ms, signal).catch(() => undefined);
      }
    }
  }

  async #show(report: CommitReport): Promise<void> {
    const { config, transport, secret } = this.parts;
    const { sha } = report;
    const cluster = this.#feed?.view().cluster ?? '';
    const client = new ForgeClient(config, { transport, token: () => secret(config.token, 'the token of the forge') }, this.#givingUp.signal);
    if (this.#of(sha).status !== this.#statusOf(report)) {
      await this.#once(() => client.report(report, `latido/${cluster}`));
      await this.#note(sha, { status: this.#statusOf(report), ...(report.state === 'success' ? { hasSucceeded: true } : {}) });
    }
    if (!this.#isToComment(report)) return;
    await this.#once(async () => {
      const pull = this.#of(sha).pull ?? await client.pullOf(sha) ?? null;
      await this.#note(sha, { pull });
      if (pull === null) return;
      const comment = await client.comment(pull, markerOf(cluster), commentText(cluster, this.#of(sha).plan, report), this.#of(sha).comment);
      if (comment !== undefined) await this.#note(sha, { comment });
    });
    await this.#note(sha, { commented: resultOf(report) });
  }

  /** What the host will never take is told, and counts as done. */
  async #once(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Undelivered) || !error.isFinal) throw error;
      this.parts.env.log.warn({}, `the host of the repository refuses what it is told of a commit: ${error.message}`);
    }
  }

  #isDue(report: CommitReport): boolean {
    return this.#of(report.sha).status !== this.#statusOf(report) || this.#isToComment(report);
  }

  #isToComment(report: CommitReport): boolean {
    if (this.parts.config.comment === false || this.#of(report.sha).pull === null) return false;
    return (report.isPlanned || report.state === 'failure') && this.#of(report.sha).commented !== resultOf(report);
  }

  /** GitLab refuses a second status of the same state. */
  #statusOf(report: CommitReport): string {
    return this.parts.config.type === 'gitlab' ? report.state : `${report.state} ${report.description}`;
  }

  #of(sha: string): Shown {
    return this.#shown.get(sha) ?? {};
  }

  async #note(sha: string, more: Shown): Promise<void> {
    const { store, log } = this.parts.env;
    this.#shown.set(sha, { ...this.#of(sha), ...more });
    try {
      await store.write(FILE, `${JSON.stringify({ version: 1, commits: [...this.#shown].map(([id, shown]): JsonObject => ({ id, ...shown })) })}\n`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      log.error({ file: FILE }, error.message);
    }
  }

  /** Without it everything is shown once more, which does no harm. */
  async #load(): Promise<Map<string, Shown>> {
    try {
      const value: unknown = JSON.parse(await this.parts.env.store.read(FILE) ?? '{}');
      const commits: unknown = isObject(value) ? value['commits'] : undefined;
      return new Map((Array.isArray(commits) ? commits : []).flatMap((each: unknown) => (isObject(each) && typeof each['id'] === 'string' ? [[each['id'], shownOf(each)] as const] : [])));
    } catch (error) {
      if (!(error instanceof Failure) && !(error instanceof SyntaxError)) throw error;
      this.parts.env.log.warn({ file: FILE }, `${FILE} is begun anew`);
      return new Map();
    }
  }
}

function resultOf(report: CommitReport): string {
  return `${report.state} ${report.description} ${report.details.join('; ')}`.slice(0, 4_000);
}

function shownOf({ status, hasSucceeded, plan, pull, comment, commented }: { readonly [key: string]: unknown }): Shown {
  return {
    ...(typeof status === 'string' ? { status } : {}), ...(hasSucceeded === true ? { hasSucceeded } : {}), ...(typeof plan === 'string' ? { plan } : {}),
    ...(typeof pull === 'number' || pull === null ? { pull } : {}), ...(typeof comment === 'number' ? { comment } : {}), ...(typeof commented === 'string' ? { commented } : {}),
  };
}
