// In: a plan, an event of the executor, an error. Out: the lines that a story tells of it.
// Must never leave out a hold, its code or its reason.
import { fieldLines } from '../../controller/cli/render-fields.ts';
import { durationText } from '../../controller/cli/terminal-text.ts';
import { ConnectionError, PveError } from '../../controller/model/doors.ts';
import { Failure } from '../../controller/model/finding.ts';
import type { Finding } from '../../controller/model/finding.ts';
import type { Plan, PlannedChange } from '../../controller/model/plan.ts';
import { isInSync } from '../../controller/model/plan.ts';
import type { Progress } from '../../controller/model/progress.ts';
import { refText } from '../../controller/model/ref.ts';
import type { Hold } from '../../controller/model/step.ts';

const STYLE = { color: false, width: 160 } as const;

export function planLines(plan: Plan): readonly string[] {
  const told = plan.changes.flatMap(changeLines);
  const warned = plan.warnings.flatMap((warning) => [`  warning ${findingText(warning)}`]);
  return [`plan: ${plan.changes.length === 0 && isInSync(plan) ? 'no changes' : countsText(plan)}`, ...told, ...warned];
}

function countsText({ counts }: Plan): string {
  const parts = (['create', 'update', 'adopt', 'delete', 'held'] as const).flatMap((what) => (counts[what] > 0 ? [`${counts[what]} ${what === 'held' ? 'held' : `to ${what === 'update' ? 'change' : what}`}`] : []));
  return parts.length === 0 ? 'no changes' : parts.join(', ');
}

function changeLines(change: PlannedChange): readonly string[] {
  const name = `${refText(change.ref)}${change.id === change.ref.name ? '' : ` (${change.id})`}`;
  return [
    `  ${change.verb === 'none' ? 'see' : change.verb === 'update' ? 'change' : change.verb} ${name}${change.hold ? `, ${holdText(change.hold)}` : ''}`,
    ...fieldLines(change, STYLE),
    ...change.steps.map((step) => `    ${step.hold ? '!' : '*'} ${step.title}${step.hold && !isSame(step.hold, change.hold) ? `, ${holdText(step.hold)}` : ''}`),
    ...change.notes.map((note) => `    note: ${note}`),
  ];
}

function isSame(a: Hold, b: Hold | undefined): boolean {
  return b !== undefined && a.code === b.code && a.reason === b.reason;
}

function holdText(hold: Hold): string {
  return `held ${hold.code}: ${hold.reason}${hold.approvable ? ' (may be approved)' : ''}`;
}

export function progressLine(progress: Progress): string | undefined {
  const head = `${refText(progress.ref)}: ${progress.step.title}`;
  switch (progress.event) {
    case 'started': return `${head} …`;
    case 'progress': return undefined;
    case 'finished': return `${head}: done in ${durationText(progress.durationMs)}${progress.warning === undefined ? '' : `, warning: ${progress.warning}`}`;
    case 'failed': return `${head}: FAILED after ${durationText(progress.durationMs)}: ${progress.findings.map(findingText).join('; ')}`;
    case 'skipped': return `${head}: not tried: ${progress.why}`;
    default: return progress satisfies never;
  }
}

/** What a person sees instead of a plan; a defect of ours is no refusal. */
export function refusalLines(error: unknown): readonly string[] {
  if (error instanceof Failure) return error.findings.map((finding) => `refused: ${findingText(finding)}`);
  if (error instanceof ConnectionError || error instanceof PveError) return [`refused: ${error.message}`];
  throw error;
}

/** The first line says it; what follows is the end of a task's log. */
function findingText({ code, fact, fix, place }: Finding): string {
  return `${code}${place ? ` ${place.file}:${place.line}:${place.column}` : ''} ${fact.split('\n', 1)[0] ?? ''}${fix === undefined ? '' : ` (fix: ${fix})`}`;
}
