// What the suites on real machines and in real namespaces ask of a round, and a plan as the message of a story that failed.
import assert from 'node:assert/strict';
import { isInSync } from '../../controller/model/plan.ts';
import type { Plan } from '../../controller/model/plan.ts';
import type { ApplyResult } from '../../controller/model/progress.ts';

/** Every step that could run was done. */
export function assertDone({ failed, notTried, unsettled }: ApplyResult, plan: Plan): void {
  const trouble = [
    ...failed.map(({ step, findings }) => `failed: ${step.title}: ${findings.map(({ fact }) => fact).join('; ')}`),
    ...[...notTried, ...unsettled].map(({ step, why }) => `not done: ${step.title}: ${why}`),
  ];
  assert.deepEqual(trouble, [], `${trouble.join('\n')}\n${outline(plan)}`);
}

export function assertInSync(plan: Plan): void {
  assert.ok(isInSync(plan), `the next plan is not empty:\n${outline(plan)}`);
}

export function outline(plan: Plan): string {
  return plan.changes.filter(({ verb }) => verb !== 'none').flatMap((change) => [
    `${change.verb} ${change.ref.kind}/${change.ref.name}${change.hold ? ` held ${change.hold.code}: ${change.hold.reason}` : ''}`,
    ...change.fields.map((field) => `    ${field.path}: ${JSON.stringify(field.from)} → ${JSON.stringify(field.to)} ${field.effect} ${field.note ?? ''}`),
    ...change.steps.map((step) => `  ${step.title}${step.hold ? ` [held ${step.hold.code}: ${step.hold.reason}]` : ''}`),
  ]).join('\n');
}
