import type { FieldChange, Memory, Observed, Verb } from './change.ts';
import type { Finding } from './finding.ts';
import type { Standing } from './kind.ts';
import type { Ref } from './ref.ts';
import type { Hold, Step } from './step.ts';

export interface PlannedStep extends Step {
  /** `VirtualMachine/web#2`, stable between two plans over the same world. */
  readonly id: string;
  /** Ids of steps that must have succeeded before. */
  readonly after: readonly string[];
  readonly hold?: Hold;
}

export interface PlannedChange {
  readonly ref: Ref;
  readonly id: string;
  readonly verb: Verb;
  readonly fields: readonly FieldChange[];
  readonly steps: readonly PlannedStep[];
  /** Objects whose steps come first. */
  readonly requires: readonly Ref[];
  /** Why nothing at all is done on this object now. */
  readonly hold?: Hold;
  /** What the reader should know: pending values, a guest that moved inside its allowed nodes, volumes that are kept. */
  readonly notes: readonly string[];
}

export interface PlanCounts { readonly create: number; readonly update: number; readonly adopt: number; readonly delete: number; readonly unchanged: number; readonly held: number; readonly steps: number }

export interface Plan {
  readonly cluster: string;
  readonly revision: string;
  /** Only objects with a change, a hold or a note, in the order in which they are done. */
  readonly changes: readonly PlannedChange[];
  readonly counts: PlanCounts;
  readonly warnings: readonly Finding[];
  /** Names exactly this plan: steps, order and holds over this revision. */
  readonly fingerprint: string;
  /** How objects stand beside what the manifest asks; no part of the fingerprint. */
  readonly standings?: readonly (Standing & { readonly ref: Ref })[];
  /** What should be remembered once the object is as desired. */
  readonly memories: readonly Memory[];
}

export type { Observed };

/** Steps that would be done now. */
export function runnableSteps(plan: Plan): readonly PlannedStep[] {
  return plan.changes.flatMap((change) => change.steps.filter((step) => step.hold === undefined));
}

export function isInSync(plan: Plan): boolean {
  return plan.counts.create + plan.counts.update + plan.counts.adopt + plan.counts.delete === 0;
}
