// In: how things stand, what was reported before. Out: what the host of the repository is to show of each commit. Pure.
import { refText } from '../model/ref.ts';
import { conditionOf } from '../status/conditions.ts';
import type { ObjectStatus } from '../status/conditions.ts';
import type { DaemonView } from '../status/listener.ts';
import { isCommitId } from './forge-api.ts';
import type { Report } from './forge-api.ts';
import { escapeMarkdown } from './formats.ts';
import { shortRevision } from './message.ts';
import { oneLine } from './notice.ts';

export interface CommitReport extends Report {
  readonly revision: string;
  /** Lines of Markdown for the comment: what does not fare well. */
  readonly details: readonly string[];
  /** It was planned: the plan is of this commit. */
  readonly isPlanned: boolean;
}

const DETAILS_MAX = 20;

/** @param succeeded commits that were in sync once: what drifts later is not their fault */
export function reportsOf(view: DaemonView, succeeded: ReadonlySet<string>): readonly CommitReport[] {
  const { good, refused } = view;
  const ofGood = good && isCommitId(good.id) ? goodReport(view, good) : undefined;
  const isOld = ofGood !== undefined && ofGood.state === 'pending' && succeeded.has(ofGood.sha);
  return [
    ...(ofGood && !isOld ? [ofGood] : []),
    ...(refused && isCommitId(refused.id) ? [{ sha: refused.id, revision: refused.revision, state: 'failure' as const, description: oneLine(`refused: ${refused.message}`, 200), details: [escapeMarkdown(oneLine(refused.message, 2_000))], isPlanned: false }] : []),
  ];
}

function goodReport({ plan, objects, trouble }: DaemonView, { id, revision }: NonNullable<DaemonView['good']>): CommitReport {
  const common = { sha: id, revision, details: [], isPlanned: plan?.revision === revision };
  if (trouble !== undefined) return { ...common, state: 'pending', description: oneLine(`waiting: ${trouble}`, 200) };
  if (!common.isPlanned) return { ...common, state: 'pending', description: 'in force, being planned' };
  const stalled = objects.filter((object) => is(object, 'Stalled'));
  const open = objects.filter((object) => !is(object, 'Ready'));
  const details = [...stalled, ...open.filter((object) => !stalled.includes(object))].map(detail);
  const shown = [...details.slice(0, DETAILS_MAX), ...(details.length > DETAILS_MAX ? [`and ${details.length - DETAILS_MAX} more`] : [])];
  if (stalled.length > 0) return { ...common, state: 'failure', description: `${stalled.length} of ${objects.length} objects need a person`, details: shown };
  if (open.length > 0) return { ...common, state: 'pending', description: `${objects.length - open.length} of ${objects.length} objects are as asked`, details: shown };
  return { ...common, state: 'success', description: `${objects.length === 1 ? 'the one object is' : `all ${objects.length} objects are`} as asked` };
}

function is(object: ObjectStatus, type: 'Ready' | 'Stalled'): boolean {
  return conditionOf(object.conditions, type)?.status === 'True';
}

function detail({ ref, conditions }: ObjectStatus): string {
  const ready = conditionOf(conditions, 'Ready');
  return `${escapeMarkdown(refText(ref))}: ${escapeMarkdown(oneLine(`${ready?.reason ?? ''} ${ready?.message ?? ''}`, 300))}`;
}

/** Written by us into our comment, so that it is found again. */
export function markerOf(cluster: string): string {
  return `<!-- latido plan ${cluster.replaceAll(/[^\w.]/g, (letter) => (letter === '-' ? '-' : '_')).replaceAll('--', '-_')} -->`;
}

// The least of the hosts' limits is GitHub's: 65,536 characters.
const COMMENT_MAX = 60_000;

/** @param result of the commit, when it is in force already; @param planText as a person reads it */
export function commentText(cluster: string, planText: string | undefined, result?: Pick<CommitReport, 'revision' | 'state' | 'description' | 'details'>): string {
  const head = [
    markerOf(cluster),
    result === undefined ? `**latido ${escapeMarkdown(cluster)}** would do this:` : `**latido ${escapeMarkdown(cluster)}** at \`${shortRevision(result.revision).replaceAll('`', '\'')}\`: **${result.state}**, ${escapeMarkdown(result.description)}`,
    ...(result?.details ?? []).map((line) => `- ${line}`),
  ].join('\n');
  return planText === undefined ? `${head}\n` : `${head}\n\n${fenced(planText.trimEnd(), COMMENT_MAX - head.length - 200)}\n`;
}

/** In a fence that nothing in the text can close. */
export function fenced(text: string, max: number): string {
  const longest = [...text.matchAll(/`+/g)].reduce((most, [run]) => Math.max(most, run.length), 2);
  // A text of nothing but backticks gets a fence as long as itself.
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${shortenedLines(text, Math.max(0, max - 2 * fence.length))}\n${fence}`;
}

/** Whole lines from the start, and how many are left out. */
function shortenedLines(text: string, max: number): string {
  if (text.length <= max) return text;
  const lines = text.split('\n');
  let length = 0;
  const fit = lines.findIndex((line) => (length += line.length + 1) > max);
  return [...lines.slice(0, fit), `… ${lines.length - fit} more lines are left out; latido plan shows all`].join('\n');
}
