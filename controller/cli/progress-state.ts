// In: what the executor tells, event by event. Out: what is known of each step, as a value.
// Must never know a terminal, a clock or an order other than that of the events.
import type { Finding } from '../model/finding.ts';
import type { PlannedStep } from '../model/plan.ts';
import type { Progress } from '../model/progress.ts';
import type { Ref } from '../model/ref.ts';

export interface TaskLine {
  readonly ref: Ref;
  readonly step: PlannedStep;
  readonly state: 'running' | 'done' | 'failed' | 'skipped';
  readonly startedAt: number;
  readonly durationMs?: number;
  readonly percent?: number;
  readonly text?: string;
  readonly warning?: string;
  readonly why?: string;
  readonly findings?: readonly Finding[];
}

export interface ProgressState {
  /** By step id, in the order of their start. What has ended is only counted: a plan may have ten thousand steps. */
  readonly running: ReadonlyMap<string, TaskLine>;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
  /** Steps of the plan; 0 when not known. */
  readonly total: number;
  readonly startedAt: number | undefined;
}

export function noProgress(total: number): ProgressState {
  return { running: new Map(), done: 0, failed: 0, skipped: 0, total, startedAt: undefined };
}

export function withProgress(state: ProgressState, progress: Progress): ProgressState {
  const task = taskLine(state, progress);
  const running = new Map(state.running);
  if (task.state === 'running') running.set(progress.step.id, task);
  else running.delete(progress.step.id);
  const counted = task.state === 'running' ? {} : { [task.state]: state[task.state] + 1 };
  return { ...state, ...counted, running, startedAt: state.startedAt ?? progress.at };
}

/** How the step of this event stands after it. */
export function taskLine(state: ProgressState, progress: Progress): TaskLine {
  const before = state.running.get(progress.step.id);
  const base = { ref: progress.ref, step: progress.step, startedAt: before?.startedAt ?? progress.at };
  switch (progress.event) {
    case 'started': return { ...base, state: 'running', startedAt: progress.at };
    case 'progress': return { ...base, state: 'running', percent: progress.percent ?? before?.percent, text: progress.text ?? before?.text };
    case 'finished': return { ...base, state: 'done', durationMs: progress.durationMs, ...(progress.warning === undefined ? {} : { warning: progress.warning }) };
    case 'failed': return { ...base, state: 'failed', durationMs: progress.durationMs, findings: progress.findings };
    case 'skipped': return { ...base, state: 'skipped', why: progress.why };
    default: return progress satisfies never;
  }
}
