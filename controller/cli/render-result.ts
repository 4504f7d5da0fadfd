// In: what an apply did. Out: the last lines a person reads: done, failed, not tried, unsettled, and what a rerun would do.
// Must never call something done that is not known to be done.
import type { ApplyResult } from '../model/progress.ts';
import type { JsonObject } from '../model/json.ts';
import { refText, type Ref } from '../model/ref.ts';
import type { PlannedStep } from '../model/plan.ts';
import { findingJson } from './plan-json.ts';
import { findingLines } from './render-findings.ts';
import { durationText, hanging, paint, safe, type Style } from './terminal-text.ts';

// The list is there to act on; a hundred steps behind one failed one are told as a number.
const LISTED_MAX = 20;

/** @param held objects of the plan that are held, whole or in part: not done, and not a failure */
export function renderResult(result: ApplyResult, style: Style, tookMs: number, held = 0): string {
  const lines: string[] = [];
  for (const { ref, step, findings } of result.failed) lines.push(`${paint(style, 'red', 'failed')}: ${name(ref, step)}`, ...findings.flatMap((finding) => findingLines(finding, style, '  ')));
  lines.push(...listed('unsettled', result.unsettled, style), ...listed('not tried', result.notTried, style));
  if (lines.length > 0) lines.push('');
  lines.push(`${paint(style, 'bold', result.interrupted ? 'Interrupted:' : isComplete(result) ? 'Applied:' : 'Not all was done:')} ${countsText(result)} in ${durationText(tookMs)}.${held > 0 ? ` ${held} held, see the plan.` : ''}`, ...rerun(result, style));
  return lines.map((line) => `${line}\n`).join('');
}

export function isComplete(result: ApplyResult): boolean {
  return !result.interrupted && result.failed.length + result.notTried.length + result.unsettled.length === 0;
}

export function resultJson(result: ApplyResult): JsonObject {
  const one = ({ ref, step }: { readonly ref: Ref; readonly step: PlannedStep }) => ({ object: { kind: ref.kind, name: ref.name }, id: step.id, title: step.title });
  return {
    format: 'latido.result/v1', complete: isComplete(result), interrupted: result.interrupted,
    done: result.done.map((each) => ({ ...one(each), seconds: each.durationMs / 1000 })),
    failed: result.failed.map((each) => ({ ...one(each), findings: each.findings.map(findingJson) })),
    unsettled: result.unsettled.map((each) => ({ ...one(each), why: each.why })),
    notTried: result.notTried.map((each) => ({ ...one(each), why: each.why })),
  };
}

function name(ref: Ref, step: PlannedStep): string {
  return `${safe(refText(ref))}  ${safe(step.title)}`;
}

function listed(word: string, entries: ApplyResult['notTried'], style: Style): readonly string[] {
  const lines = entries.slice(0, LISTED_MAX).flatMap(({ ref, step, why }) => hanging(`${word}: `, `${name(ref, step)}: ${safe(why)}`, style.width));
  return entries.length > LISTED_MAX ? [...lines, `${word}: and ${entries.length - LISTED_MAX} more`] : lines;
}

function countsText(result: ApplyResult): string {
  const parts: readonly (readonly [number, string])[] = [[result.failed.length, 'failed'], [result.notTried.length, 'not tried'], [result.unsettled.length, 'unsettled']];
  return [`${result.done.length} ${result.done.length === 1 ? 'step' : 'steps'} done`, ...parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`)].join(', ');
}

/** A plan is never replayed, so a rerun starts from what the cluster shows then. */
function rerun(result: ApplyResult, style: Style): readonly string[] {
  if (isComplete(result)) return [];
  const again = result.unsettled.length > 0
    ? 'What is unsettled was sent and may still end: the next plan looks at the cluster and at the running tasks first, and plans only what is still missing.'
    : 'Nothing that is done is done again: the next plan looks at the cluster and plans only what is still missing.';
  return hanging('Next: ', `latido plan, then latido apply. ${again}`, style.width);
}
