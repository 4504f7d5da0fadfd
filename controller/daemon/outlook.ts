// The daemon as it is seen from outside: by a listener, by who counts. Types, and what follows from them; pure.
// In: how things stand, what was just done. Out: nothing that could change the daemon but the requests of a person.
import type { JsonObject } from '../model/json.ts';
import type { Plan } from '../model/plan.ts';
import type { Progress } from '../model/progress.ts';
import type { ObjectStatus, StatusCondition } from '../status/conditions.ts';
import type { RoundRecord } from '../status/events.ts';
import type { Records } from '../status/record.ts';
import type { Phase } from './board.ts';

/** How a round ended. `idle`: nothing was new. `no-commit`: there is none that may be used. `broken`: it failed as a whole. */
export type RoundOutcome = RoundRecord['outcome'] | 'idle' | 'no-commit' | 'broken';

export interface RoundReport { readonly outcome: RoundOutcome; readonly durationMs: number; readonly at: number }
export interface StepReport { readonly kind: string; readonly result: 'done' | 'failed' | 'unsettled' | 'skipped'; readonly durationMs: number }
export interface CallReport { readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'; readonly result: 'ok' | 'refused' | 'lost'; readonly durationMs: number }

/** Hears what the daemon does, as it does it. None of these may throw or take its time. */
export interface Observer {
  round(report: RoundReport): void;
  step(report: StepReport): void;
  call(report: CallReport): void;
}

/** How things stand at this moment. */
export interface View {
  readonly phase: Phase;
  readonly cluster: string;
  readonly isLeader: boolean;
  /** Stands by, and the lease itself could not be asked. */
  readonly isLeaseUnknown: boolean;
  /** For how long nothing moved although something should. */
  readonly quietMs: number;
  /** After so long it is stuck. */
  readonly stuckMs: number;
  /** The end of the last round that had a plan. */
  readonly checkedAt: number | undefined;
  readonly conditions: readonly StatusCondition[];
  readonly objects: readonly ObjectStatus[];
  readonly plan: Plan | undefined;
  readonly records: Records;
  /** Rounds that failed one after the other. */
  readonly failures: number;
  readonly isCommitRefused: boolean;
  readonly isSourceAway: boolean;
  readonly suspensions: number;
  readonly stepsRunning: number;
  readonly causesWaiting: number;
  /** HTTP exchanges with the cluster and their bytes, since the start. */
  readonly traffic: { readonly calls: number; readonly bytes: number };
}

export interface Outlook {
  view(): View;
  /** As the control socket answers. @param by who asks, for the events: the name of a token, `ana@pve` */
  answer(request: JsonObject, by?: string): Promise<JsonObject>;
  /** Somebody pushed to what we follow: the source is asked at once. */
  pushed(): void;
}

/** Runs beside the rounds; answers how to stop. Throws Failure when it cannot begin. */
export type Beside = (outlook: Outlook) => Promise<() => Promise<void>>;

export function stepReport(progress: Progress): StepReport | undefined {
  const { kind } = progress.ref;
  switch (progress.event) {
    case 'finished': return { kind, result: 'done', durationMs: progress.durationMs };
    case 'failed': return { kind, result: progress.findings.some(({ code }) => code === 'STEP_UNSETTLED') ? 'unsettled' : 'failed', durationMs: progress.durationMs };
    case 'skipped': return { kind, result: 'skipped', durationMs: 0 };
    default: return undefined;
  }
}

/** The loop moves, or rests until its next round. */
export function isAlive({ quietMs, stuckMs }: View): boolean {
  return quietMs < stuckMs;
}

/** As what it may be relied on, or that it may not yet. A commit that is refused does not count: the last good one is in force. */
export function readiness(view: View): { readonly ready: boolean; readonly as: 'leader' | 'stand-by' | 'starting' | 'stopping' } {
  if (view.phase === 'stopping') return { ready: false, as: 'stopping' };
  if (view.phase === 'stand-by') return { ready: !view.isLeaseUnknown && isAlive(view), as: 'stand-by' };
  if (view.checkedAt === undefined && view.failures === 0) return { ready: false, as: 'starting' };
  return { ready: view.checkedAt !== undefined && view.failures === 0 && isAlive(view), as: 'leader' };
}
