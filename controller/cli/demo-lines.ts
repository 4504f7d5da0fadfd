// In: what git, the daemon and the lab say. Out: lines that a person can follow, 80 to 100 columns. Pure.
// Must never print a raw control character, nor one line for each of twenty objects that wait for the same thing.
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import { hanging, paint, safe, shortenEnd } from './terminal-text.ts';
import type { Paint, Style } from './terminal-text.ts';

/** A push shows so many lines of its plan before and after the fold. */
const HEAD_LINES = 20;
const TAIL_LINES = 14;
/** Less is not worth a fold. */
const FOLD_MIN = 6;

/** The words of the hook, a long plan folded; git's own words about refs only when the push was refused. */
export function pushLines(lines: readonly string[], style: Style): readonly string[] {
  const said = lines.filter((line) => line.startsWith('remote:') || line.includes(' ! [') || /^ {3}[0-9a-f]+\.\.[0-9a-f]+|^ \* \[new branch\]/.test(line)).map((line) => safe(line.trimEnd()));
  const folded = said.length - HEAD_LINES - TAIL_LINES;
  const shown = folded < FOLD_MIN ? said : [...said.slice(0, HEAD_LINES), `remote:     (${folded} more lines of the plan)`, ...said.slice(-TAIL_LINES)];
  return shown.map((line) => `  ${line.replace(/^remote:/, paint(style, 'dim', 'remote:'))}`);
}

const COLORS: Readonly<Record<string, Paint>> = {
  commit: 'bold', refused: 'red', drift: 'yellow', repaired: 'green', failed: 'red', stalled: 'red', frozen: 'red', held: 'magenta', released: 'green', 'in-sync': 'green', lease: 'cyan', started: 'cyan', settled: 'cyan', stopped: 'cyan',
};
/** The longest of them is `in-sync`, `refused`, `settled`, `started`, `stopped`. */
const TYPE_WIDTH = 8;
const HELD = / is held: /;
const NAMES_SHOWN = 2;

/** The daemon's events, oldest first; what is held, or no longer, for one reason is one line. */
export function eventLines(events: readonly JsonObject[], style: Style): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < events.length;) {
    const event = events[at] ?? {};
    const group = alike(events.slice(at));
    lines.push(...event['type'] === 'step' ? [stepLine(event, style)] : line(event['at'], text(event['type']), group.length > 1 ? groupText(group) : messageOf(event), style));
    at += group.length;
  }
  return lines;
}

/** A line of the lab's log, and its moment. */
export interface LabLine { readonly at: number; readonly text: string }

/** What daemons tell and what the cluster does, in the order in which it happened. */
export function storyLines(events: readonly JsonObject[], log: readonly LabLine[], style: Style): readonly string[] {
  const all = [...events.map((event) => ({ at: Number(event['at']), event })), ...log].sort((one, other) => one.at - other.at);
  const lines: string[] = [];
  for (let from = 0; from < all.length;) {
    const here = all[from];
    if (here !== undefined && 'text' in here) {
      lines.push(...labLine(here, style));
      from += 1;
      continue;
    }
    const end = all.findIndex((each, at) => at > from && 'text' in each);
    const run = all.slice(from, end === -1 ? all.length : end);
    lines.push(...eventLines(run.flatMap((each) => ('event' in each ? [each.event] : [])), style));
    from += run.length;
  }
  return lines;
}

/** Steps are many: one line each, without the kind and the duration. */
function stepLine(event: JsonObject, style: Style): string {
  const name = isObject(event['ref']) ? text(event['ref']['name']) : '';
  const title = text(event['message']).replace(/^[^ ]+: /, '').replace(/ \([\d.]+ s\)$/, '');
  const lead = leadOf(event['at'], 'step');
  return lead + shortenEnd(safe(`${name}: ${title}`), style.width - lead.length);
}

/** What the cluster itself does, among it what nobody asked for. The HA manager speaks for all nodes. */
export function labLine({ text, at }: LabLine, style: Style): readonly string[] {
  return line(at, 'cluster', text.trim().replace(/^[\d.]+ (?:\S+: crm: )?/, '').replaceAll("'", ''), style, 'dim');
}

/** Lines of the lab's log that belong to the story of a lost node. */
export function isStory(line: string): boolean {
  return /: (?:power |members: |keepalived [^:]+: MASTER|crm: (?:node|recover|fencing))/.test(line);
}

function line(at: unknown, type: string, message: string, style: Style, how: Paint | undefined = COLORS[type]): readonly string[] {
  return hanging(leadOf(at, type), safe(message), style.width).map((each, index) => index === 0 ? each.replace(type, paint(style, how, type)) : each);
}

function leadOf(at: unknown, type: string): string {
  return `  ${typeof at === 'number' ? new Date(at).toISOString().slice(11, 19) : ' '.repeat(8)}  ${type.padEnd(TYPE_WIDTH)}  `;
}

function messageOf(event: JsonObject): string {
  const message = text(event['message']).replace(/(@sha1:[0-9a-f]{12})[0-9a-f]+/g, '$1');
  return event['by'] === undefined || message.includes(text(event['by'])) ? message : `${message} [by ${text(event['by'])}]`;
}

/** The first event and those right behind it that tell the same of others. */
function alike(events: readonly JsonObject[]): readonly JsonObject[] {
  const why = reasonOf(events[0]);
  if (why === undefined) return events.slice(0, 1);
  const end = events.findIndex((event) => reasonOf(event) !== why);
  return events.slice(0, end === -1 ? events.length : end);
}

/** What events of different objects have in common. */
function reasonOf(event: JsonObject | undefined): string | undefined {
  const message = text(event?.['message']);
  if (event?.['type'] === 'held') return message.split(HELD)[1];
  return event?.['type'] === 'released' ? / is no longer held .*$/.exec(message)?.[0].trim() : undefined;
}

function groupText(events: readonly JsonObject[]): string {
  const names = events.map((event) => isObject(event['ref']) ? text(event['ref']['name']) : '');
  const more = names.length - NAMES_SHOWN;
  const who = `${names.slice(0, NAMES_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const why = reasonOf(events[0]) ?? '';
  return why.startsWith('is ') ? `${events.length} objects are${why.slice(2)} (${who})` : `${events.length} objects: ${why} (${who})`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
