// In: a plan. Out: the text a person reads before saying yes.
// Must never leave out a hold, a destruction or a warning, nor print a secret or a raw control character.
import type { Finding } from '../model/finding.ts';
import { commandText } from '../model/command.ts';
import { isInSync, type Plan, type PlannedChange, type PlannedStep } from '../model/plan.ts';
import { refText } from '../model/ref.ts';
import type { Hold, Risk } from '../model/step.ts';
import { colorOf, costText, fieldLines, SYMBOLS, type Symbol } from './render-fields.ts';
import { findingLines } from './render-findings.ts';
import { hanging, paint, safe, valueText, withoutSecrets, type Paint, type Style } from './terminal-text.ts';

/**
 * Text of several lines that ends in a line end; `style.width` columns are kept unless a word is longer.
 * @param next the command that does the plan; null: it is being done, nothing has to be typed
 */
export function renderPlan(plan: Plan, style: Style, next: string | null = 'latido apply'): string {
  const cluster = safe(plan.cluster);
    const quiet = isInSync(plan) && plan.changes.every((change) => change.hold === undefined && change.steps.length === 0);
  const lines = quiet
    ? [`${paint(style, 'bold', 'No changes.')} ${cluster} is as ${plan.revision === NO_GIT ? 'the files ask' : `${revisionText(plan.revision)} asks`}.`, ...plan.changes.flatMap((change) => change.notes.flatMap((note) => hanging(`  ${refName(change)}: `, safe(note), style.width)))]
    : [`${paint(style, 'bold', `Plan for ${cluster}`)} ${atText(plan.revision)}`, ...legend(plan, style), ...allChanges(plan, style)];
  lines.push(...warnings(plan.warnings, style));
  if (!quiet) lines.push('', ...summary(plan, style, next));
  return `${lines.map((line) => forTerminal(line, style)).join('\n')}\n`;
}

/** `main@sha1:0123456789ab…` reads as well as forty digits; the JSON carries all of them. */
function revisionText(revision: string): string {
  return safe(revision).replace(/\b([0-9a-f]{12})[0-9a-f]{20,}\b/, '$1');
}

/** As model/desired.ts names a folder that is not in Git. */
const NO_GIT = 'dir';

export function atText(revision: string): string {
  return revision === NO_GIT ? 'from files outside Git' : `at ${revisionText(revision)}`;
}

function forTerminal(line: string, style: Style): string {
  return (style.ascii === true ? line.replaceAll('→', '->').replaceAll('…', '...') : line).trimEnd();
}

function symbolOf(change: PlannedChange): Symbol {
  if (change.hold !== undefined) return '!';
  switch (change.verb) {
    case 'create': return '+';
    case 'delete': return '-';
    case 'adopt': return '<';
    case 'none': return change.steps.length > 0 ? '~' : ' ';
    case 'update': return change.fields.length > 0 && change.fields.every((field) => field.effect === 'migrate') ? '>' : '~';
    default: return change.verb satisfies never;
  }
}

/** Only the symbols that this plan uses. */
function legend(plan: Plan, style: Style): readonly string[] {
  const used = new Set<Symbol>(plan.changes.flatMap((change) => [
    symbolOf(change), ...(change.steps.some((step) => step.hold) ? ['!' as const] : []), ...(change.fields.some((field) => field.effect === 'migrate') ? ['>' as const] : []),
  ]));
  const entries = SYMBOLS.filter((entry) => used.has(entry.symbol)).map((entry) => `${paint(style, entry.color, entry.symbol)} ${entry.word}`);
  return entries.length === 0 ? [] : ['', `  ${entries.join('   ')}`];
}

function allChanges(plan: Plan, style: Style): readonly string[] {
  let number = 0;
  const total = String(plan.changes.reduce((sum, change) => sum + (change.hold ? 0 : change.steps.filter((step) => !step.hold).length), 0)).length;
  const groups = unseenTogether(plan.changes);
  return plan.changes.flatMap((change) => {
    const group = groups.get(change);
    if (group && group.length > 1) return group[0] === change ? ['', ...oneGroup(group, style)] : [];
    const numbered = new Map<string, string>();
    for (const step of change.steps) if (change.hold === undefined && step.hold === undefined) numbered.set(step.id, `${number += 1}.`.padStart(total + 1));
    return ['', ...oneChange(change, numbered, style)];
  });
}

/** Objects of which nothing is known but why they are held: said once for all that share the reason, as when a node is off. */
function unseenTogether(changes: readonly PlannedChange[]): ReadonlyMap<PlannedChange, readonly PlannedChange[]> {
  const byReason = new Map<string, PlannedChange[]>();
  for (const change of changes) {
    if (!change.hold || change.verb !== 'none' || change.fields.length + change.steps.length + change.notes.length > 0) continue;
    const key = `${change.hold.code}\0${change.hold.reason}`;
    const group = byReason.get(key);
    if (group) group.push(change);
    else byReason.set(key, [change]);
  }
  return new Map([...byReason.values()].flatMap((group) => group.map((change) => [change, group] as const)));
}

function oneGroup(group: readonly PlannedChange[], style: Style): readonly string[] {
  const names = group.map((change) => `${refName(change)}${whereText(change) === '' ? '' : ` (${whereText(change)})`}`).join(', ');
  const hold = group[0]?.hold;
  return [`${paint(style, colorOf('!'), '!')} ${paint(style, 'bold', `${group.length} objects`)}`, ...(hold ? holdLines('    ', hold, style) : []), ...hanging('    ', names, style.width)];
}

function oneChange(change: PlannedChange, numbered: ReadonlyMap<string, string>, style: Style): readonly string[] {
  const symbol = symbolOf(change);
  const lines = [header(change, symbol, style), ...(change.hold ? holdLines('    ', change.hold, style) : []), ...fieldLines(change, style)];
  if (change.requires.length > 0 && change.verb !== 'none') lines.push(...hanging('    after ', change.requires.map((ref) => safe(refText(ref))).join(', '), style.width).map((line) => paint(style, 'dim', line)));
  lines.push(...stepLines(change, numbered, style));
  for (const note of change.notes) lines.push(...hanging('    note: ', safe(note), style.width));
  return lines;
}

function header(change: PlannedChange, symbol: Symbol, style: Style): string {
  const where = whereText(change);
  // A held object still says what would be done to it.
  const what = symbol === '!' && change.verb !== 'none' ? `  held: ${verbText(change.verb)}` : symbol === '-' ? (change.steps.some((step) => step.risk === 'data-loss') ? '  will be destroyed' : '  removed') : symbol === '<' ? '  taken over' : '';
  return `${paint(style, colorOf(symbol), symbol)} ${paint(style, 'bold', refName(change))}${where === '' ? '' : `  (${where})`}${paint(style, colorOf(symbol), what)}`;
}

function verbText(verb: PlannedChange['verb']): string {
  return verb === 'update' ? 'change' : verb;
}

function refName(change: PlannedChange): string {
  return safe(refText(change.ref));
}

/** `110 on pve1`: the live id where it is not the name, and the node where the object is or will be. */
function whereText(change: PlannedChange): string {
  const guest = /^\d+$/.test(change.id);
  const node = guest ? nodeOf(change) : undefined;
  const id = change.id === '' || change.id === change.ref.name ? '' : safe(change.id);
  return node === undefined ? id : `${id === '' ? '' : `${id} `}on ${safe(node)}`;
}

function nodeOf(change: PlannedChange): string | undefined {
  // A clone is made where its template is, and moved.
  const chosen = change.verb === 'create' ? change.fields.find((field) => field.path === 'placement')?.to : undefined;
  if (typeof chosen === 'string') return chosen;
  for (const step of change.steps) for (const guard of step.guards) if (guard.is === 'guest-is') return guard.node;
  return change.steps.find((step) => step.node !== undefined)?.node;
}

const RISKS: Readonly<Record<Risk, { readonly word: string; readonly color: Paint }>> = {
  none: { word: '', color: 'dim' }, hotplug: { word: '', color: 'dim' }, restart: { word: 'restarts', color: 'yellow' },
  downtime: { word: 'interrupts', color: 'yellow' }, migration: { word: 'migrates', color: 'blue' }, 'data-loss': { word: 'destroys data', color: 'red' },
};

/** Steps in the order of doing, numbered over the plan; held ones carry a mark instead, their reason once per run of steps that share it. */
function stepLines(change: PlannedChange, numbered: ReadonlyMap<string, string>, style: Style): readonly string[] {
  const gutter = Math.max(2, ...[...numbered.values()].map((text) => text.length));
  return change.steps.flatMap((step, at) => {
    const number = numbered.get(step.id);
    const { word, color } = RISKS[step.risk];
    const lead = change.hold ? `    ${at === 0 ? 'would' : '     '} ` : `    ${number ?? '!'.padStart(gutter)} `;
    const extra = [word, costText(step)].filter((part) => part !== '').join(step.risk === 'data-loss' || step.risk === 'restart' ? ': ' : ' ');
    const [first = '', ...more] = hanging(lead, safe(step.title) + (extra === '' ? '' : `  [${extra}]`), style.width);
    const lines = [first, ...more].map((line) => extra === '' ? line : line.replace(`[${extra}]`, `[${paint(style, color, extra)}]`));
    if (style.verbose === true) lines.push(...callLines(step, ' '.repeat(lead.length), style));
    const next = change.steps[at + 1];
    if (step.hold && !sameHold(step.hold, next?.hold) && !(change.hold && sameHold(change.hold, step.hold))) lines.push(...holdLines(' '.repeat(lead.length), step.hold, style));
    return lines;
  });
}

function sameHold(a: Hold, b: Hold | undefined): boolean {
  return b !== undefined && a.code === b.code && a.reason === b.reason;
}

function callLines(step: PlannedStep, indent: string, style: Style): readonly string[] {
  const call = callText(step.action);
  return [call, ...step.guards.map((guard) => `only while ${valueText('', guard)}`)].flatMap((text) => hanging(indent, text, style.width)).map((line) => paint(style, 'dim', line));
}

function callText(action: PlannedStep['action']): string {
  switch (action.via) {
    case 'pve': return `${action.method} ${safe(action.path)} ${valueText('', withoutSecrets('', action.params))}`;
    case 'ssh': return `on ${safe(action.node)}: ${safe(commandText(action.argv))}`;
    default: return `wait until ${valueText('', action.until)}`;
  }
}

function holdLines(lead: string, hold: Hold, style: Style): readonly string[] {
  const lifts = hold.approvable ? '; --approve lifts it' : '';
  return hanging(lead, `held ${hold.code}: ${safe(hold.reason)}${lifts}`, style.width).map((line) => paint(style, 'magenta', line));
}

function warnings(findings: readonly Finding[], style: Style): readonly string[] {
  return findings.length === 0 ? [] : ['', ...findings.flatMap((finding) => findingLines(finding, style))];
}

function summary(plan: Plan, style: Style, next: string | null): readonly string[] {
  const { counts } = plan;
  const steps = plan.changes.reduce((sum, change) => sum + (change.hold ? 0 : change.steps.filter((step) => !step.hold).length), 0);
  const parts = [
    `${counts.create} to create`, `${counts.update} to change`, ...(counts.adopt > 0 ? [`${counts.adopt} to adopt`] : []), `${counts.delete} to delete`,
    ...(counts.held > 0 ? [`${counts.held} held`] : []),
  ];
  const approvable = plan.changes.some((change) => change.hold?.approvable === true || change.steps.some((step) => step.hold?.approvable === true));
  const [first = '', ...more] = hanging('', `Plan: ${parts.join(', ')}.${counts.unchanged > 0 ? ` ${counts.unchanged} as asked.` : ''}`, style.width);
  const lines = [first.replace('Plan:', paint(style, 'bold', 'Plan:')), ...more, `Fingerprint: ${safe(plan.fingerprint)}`];
  if (steps > 0 && next !== null) lines.push(`To do ${steps === 1 ? 'this step' : `these ${steps} steps`}:  ${safe(next)}`);
  if (approvable && next !== null) lines.push(`With what waits for approval:  ${safe(next)} --approve ${safe(plan.fingerprint)}`);
  if (steps === 0 && !approvable) lines.push('Nothing can be done now; what is held is looked at again in the next plan.');
  return lines;
}
