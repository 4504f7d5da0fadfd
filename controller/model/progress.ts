import type { Finding } from './finding.ts';
import type { PlannedStep } from './plan.ts';
import type { Ref } from './ref.ts';

/** What the executor tells while it works; `at` in milliseconds since the epoch. */
export type Progress =
  | { readonly event: 'started'; readonly at: number; readonly ref: Ref; readonly step: PlannedStep }
  /** From the task's log or the cluster: percent 0–100 where Proxmox tells one. */
  | { readonly event: 'progress'; readonly at: number; readonly ref: Ref; readonly step: PlannedStep; readonly percent?: number; readonly text?: string }
  | { readonly event: 'finished'; readonly at: number; readonly ref: Ref; readonly step: PlannedStep; readonly durationMs: number; readonly warning?: string }
  | { readonly event: 'failed'; readonly at: number; readonly ref: Ref; readonly step: PlannedStep; readonly durationMs: number; readonly findings: readonly Finding[] }
  | { readonly event: 'skipped'; readonly at: number; readonly ref: Ref; readonly step: PlannedStep; readonly why: string };

export interface ApplyResult {
  readonly done: readonly { readonly ref: Ref; readonly step: PlannedStep; readonly durationMs: number }[];
  readonly failed: readonly { readonly ref: Ref; readonly step: PlannedStep; readonly findings: readonly Finding[] }[];
  /** Behind a failed or held step, or after an interrupt. */
  readonly notTried: readonly { readonly ref: Ref; readonly step: PlannedStep; readonly why: string }[];
  /** Sent, and nobody knows yet whether it had its effect: the next round looks. */
  readonly unsettled: readonly { readonly ref: Ref; readonly step: PlannedStep; readonly why: string }[];
  readonly interrupted: boolean;
}
