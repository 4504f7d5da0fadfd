// In: an approved plan. Out: what was done, failed, not tried, unsettled; progress on the way. Runs independent steps
// side by side, as far as Proxmox's lock domains and a bound per node allow; a failed step ends only its own branch.
import type { Env } from '../model/doors.ts';
import type { Place } from '../model/finding.ts';
import type { Plan, PlannedStep } from '../model/plan.ts';
import { runnableSteps } from '../model/plan.ts';
import type { ApplyResult, Progress } from '../model/progress.ts';
import type { Ref } from '../model/ref.ts';
import type { Journal } from './journal.ts';
import { createLooker } from './look.ts';
import { runStep } from './run-step.ts';
import type { StepEnd } from './run-step.ts';

/** Tasks one node works on at a time: more would only wait for its disks. */
const STEPS_PER_NODE = 4;
const STEPS_IN_ALL = 16;

export interface ApplyOptions {
  readonly env: Env;
  readonly journal: Journal;
  readonly version: string;
  readonly onProgress?: (progress: Progress) => void;
  /** Aborted: running steps end, no further one starts. */
  readonly signal?: AbortSignal;
  /** Asked just before each effect: why nothing may be done any more (a lost lease), or nothing. The first reason ends the apply. */
  readonly mayAct?: () => Promise<string | undefined>;
  /** Where the manifest says what Proxmox refuses: `net0` of this object. */
  readonly placeOf?: (ref: Ref, param: string) => Place | undefined;
}

interface Item { readonly ref: Ref; readonly step: PlannedStep }

export async function applyPlan(plan: Plan, options: ApplyOptions): Promise<ApplyResult> {
  return new Executor(plan, options).run();
}

class Executor {
  private readonly waiting: Item[];
  private readonly doneIds = new Set<string>();
  private readonly runnableIds: ReadonlySet<string>;
  private readonly heldLocks = new Set<string>();
  private readonly perNode = new Map<string, number>();
  private readonly running = new Set<Promise<void>>();
  private readonly digests = new Map<string, string>();
  private readonly written = new Set<string>();
  private readonly looker;
  private readonly result = { done: [] as ApplyResult['done'][number][], failed: [] as ApplyResult['failed'][number][], notTried: [] as ApplyResult['notTried'][number][], unsettled: [] as ApplyResult['unsettled'][number][] };
  private bug: unknown;
  /** Why no further step starts. */
  private halted: string | undefined;

  constructor(private readonly plan: Plan, private readonly options: ApplyOptions) {
    this.looker = createLooker(options.env, options.version);
    this.runnableIds = new Set(runnableSteps(plan).map((step) => step.id));
    this.waiting = plan.changes.flatMap((change) => change.steps.filter((step) => step.hold === undefined).map((step) => ({ ref: change.ref, step })));
  }

  async run(): Promise<ApplyResult> {
    for (;;) {
      if (!this.options.signal?.aborted && this.halted === undefined && this.bug === undefined) this.startAll();
      if (this.running.size === 0) break;
      await Promise.race(this.running);
    }
    // Only now: what is under way is written down to its end.
    if (this.bug !== undefined) throw this.bug;
    const interrupted = this.halted !== undefined || (this.options.signal?.aborted === true && this.waiting.length > 0);
    for (const item of this.waiting) this.skip(item, this.halted ?? (interrupted ? 'interrupted before it' : 'an earlier step did not end well'));
    return { ...this.result, interrupted };
  }

  private startAll(): void {
    for (let index = 0; index < this.waiting.length && this.running.size < STEPS_IN_ALL;) {
      const item = this.waiting[index];
      if (item && this.canStart(item.step)) {
        this.waiting.splice(index, 1);
        this.start(item);
      } else index += 1;
    }
  }

  /** What comes before is done (held steps are not waited for: they hold their followers themselves), and its locks are free. */
  private canStart(step: PlannedStep): boolean {
    if (!step.after.every((id) => this.doneIds.has(id) || !this.runnableIds.has(id))) return false;
    if (step.locks.some((lock) => this.heldLocks.has(lock))) return false;
    return step.node === undefined || (this.perNode.get(step.node) ?? 0) < STEPS_PER_NODE;
  }

  private start(item: Item): void {
    const { ref, step } = item;
    const { clock } = this.options.env;
    const startedAt = clock.now();
    for (const lock of step.locks) this.heldLocks.add(lock);
    if (step.node !== undefined) this.perNode.set(step.node, (this.perNode.get(step.node) ?? 0) + 1);
    this.tell({ event: 'started', at: startedAt, ref, step });
    const work = this.perform(item)
      .then((end) => this.finish(item, end, clock.now() - startedAt), (error: unknown) => { this.bug = error; })
      .finally(() => {
        for (const lock of step.locks) this.heldLocks.delete(lock);
        if (step.node !== undefined) this.perNode.set(step.node, (this.perNode.get(step.node) ?? 1) - 1);
        this.running.delete(work);
      });
    this.running.add(work);
  }

  private perform({ ref, step }: Item): Promise<StepEnd> {
    const { env, journal, signal, placeOf, mayAct } = this.options;
    const onProgress = (percent: number | undefined, text: string | undefined) => this.tell({ event: 'progress', at: env.clock.now(), ref, step, ...(percent === undefined ? {} : { percent }), ...(text === undefined ? {} : { text }) });
    return runStep({ env, journal, looker: this.looker, digests: this.digests, written: this.written, plan: this.plan.fingerprint, onProgress, ...(signal ? { signal } : {}), ...(placeOf ? { placeOf } : {}), ...(mayAct ? { mayAct } : {}) }, ref, step);
  }

  private finish({ ref, step }: Item, end: StepEnd, durationMs: number): void {
    const at = this.options.env.clock.now();
    if (end.end === 'done') {
      this.doneIds.add(step.id);
      this.result.done.push({ ref, step, durationMs });
      this.tell({ event: 'finished', at, ref, step, durationMs, ...(end.warning === undefined ? {} : { warning: end.warning }) });
    } else if (end.end === 'stopped') {
      this.halted ??= end.why;
      this.skip({ ref, step }, end.why);
    } else if (end.end === 'failed') {
      this.result.failed.push({ ref, step, findings: end.findings });
      this.tell({ event: 'failed', at, ref, step, durationMs, findings: end.findings });
    } else {
      this.result.unsettled.push({ ref, step, why: end.why });
      this.tell({ event: 'failed', at, ref, step, durationMs, findings: [{ code: 'STEP_UNSETTLED', severity: 'error', ref, fact: `${step.title}: ${end.why}`, fix: 'run it again: it looks first' }] });
    }
  }

  private skip({ ref, step }: Item, why: string): void {
    this.result.notTried.push({ ref, step, why });
    this.tell({ event: 'skipped', at: this.options.env.clock.now(), ref, step, why });
  }

  private tell(progress: Progress): void {
    this.options.onProgress?.(progress);
  }
}
