// In: the field changes of one planned object. Out: one line each, in columns: symbol, path, old → new, what it costs.
// Must never hide that a field is refused, nor print a secret.
import type { FieldChange } from '../model/change.ts';
import { isObject, type Json } from '../model/json.ts';
import type { PlannedChange, PlannedStep } from '../model/plan.ts';
import { aboutText, bytesText, hanging, pad, paint, safe, shortenMiddle, textWidth, valueText, type Paint, type Style } from './terminal-text.ts';

export type Symbol = '+' | '~' | '-' | '<' | '>' | '!' | ' ';
export const SYMBOLS: readonly { readonly symbol: Symbol; readonly word: string; readonly color: Paint }[] = [
  { symbol: '+', word: 'create', color: 'green' },
  { symbol: '~', word: 'change', color: 'yellow' },
  { symbol: '-', word: 'delete', color: 'red' },
  { symbol: '<', word: 'adopt', color: 'cyan' },
  { symbol: '>', word: 'migrate', color: 'blue' },
  { symbol: '!', word: 'held', color: 'magenta' },
];

export function colorOf(symbol: Symbol): Paint {
  return SYMBOLS.find((entry) => entry.symbol === symbol)?.color ?? 'dim';
}

const EFFECTS: Readonly<Record<FieldChange['effect'], string>> = {
  live: '', hotplug: 'hotplug', restart: 'restart', 'stop-start': 'stop and start', 'disk-move': 'disk move', migrate: 'migrates', refused: 'refused',
};
const PATH_WIDTH_MAX = 34;
const INDENT = 6;

interface FieldRow { readonly mark: Symbol; readonly path: string; readonly effect: string; readonly field: FieldChange }

/** `~ config.memory  2048 → 4096   restart`, in columns over the object. */
export function fieldLines(change: PlannedChange, style: Style): readonly string[] {
  const rows = change.fields.flatMap(byKey).map((field): FieldRow => ({ mark: markOf(field), path: safe(field.path), effect: effectText(field, change), field }));
  const pathWidth = Math.min(PATH_WIDTH_MAX, Math.max(0, ...rows.map((row) => textWidth(row.path))));
  const effectWidth = Math.max(0, ...rows.map((row) => textWidth(row.effect)));
  const room = Math.max(24, style.width - INDENT - pathWidth - 2 - (effectWidth > 30 || effectWidth === 0 ? 0 : effectWidth + 2));
  const values = rows.map((row) => changeText(row.field, change.verb, room, style));
  const valueWidth = Math.min(room, Math.max(0, ...values.map(textWidth)));
  return rows.flatMap((row, at) => {
    const lead = `    ${paint(style, colorOf(row.mark), row.mark)} ${pad(row.path, pathWidth)}  `;
    const value = values[at] ?? '';
    const plain = INDENT + Math.max(pathWidth, textWidth(row.path)) + 2;
    const fits = row.effect === '' || plain + Math.max(valueWidth, textWidth(value)) + 2 + textWidth(row.effect) <= style.width;
    const lines = [lead + (row.effect !== '' && fits ? `${pad(value, valueWidth)}  ${paintEffect(row, style)}` : value)];
    if (!fits) lines.push(...hanging(' '.repeat(INDENT + pathWidth + 2), row.effect, style.width));
    if (row.field.note !== undefined) lines.push(...hanging(' '.repeat(Math.min(INDENT + pathWidth + 2, 24)), safe(row.field.note), style.width).map((line) => paint(style, 'dim', line)));
    return lines;
  });
}

/** A value with keys, or a property string, is shown key by key, only what differs: `net0.tag  20 → 30`. Its note stands under the last. */
function byKey(field: FieldChange): readonly FieldChange[] {
  const [from, to] = [keyed(field.from), keyed(field.to)];
  if (!from || !to || typeof field.from !== typeof field.to) return [field];
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].filter((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key]));
  if (keys.length === 0) return [field];
  return keys.flatMap((key, at) => byKey({
    path: key === '' ? field.path : `${field.path}.${key}`, from: from[key], to: to[key], effect: field.effect, ...(at === keys.length - 1 && field.note !== undefined ? { note: field.note } : {}),
  }));
}

/** `virtio=BC:…,bridge=vmbr0` by key; what stands first without a key, such as a volume, under the empty one. */
function keyed(value: Json | undefined): Readonly<Record<string, Json>> | undefined {
  if (isObject(value)) return value as Readonly<Record<string, Json>>;
  if (typeof value !== 'string' || !value.includes(',')) return undefined;
  const parts = value.split(',').map((part, at) => /^([\w-]+)=(.*)$/.exec(part) ?? (at === 0 && !part.includes('=') ? [part, '', part] : undefined));
  if (parts.some((part) => part === undefined) || !value.includes('=')) return undefined;
  return Object.fromEntries(parts.flatMap((part) => part ? [[part[1] ?? '', part[2] ?? ''] as const] : []));
}

function markOf(field: FieldChange): Symbol {
  if (field.effect === 'refused') return '!';
  if (field.effect === 'migrate') return '>';
  return field.from === undefined ? '+' : field.to === undefined ? '-' : '~';
}

/** On an object that comes or goes there is one side only; both sides otherwise, shortened in the middle together. */
function changeText(field: FieldChange, verb: PlannedChange['verb'], room: number, style: Style): string {
  // Of two texts nobody asks whether 2048 is a text; of a text and a number one does.
  const sameType = typeof field.from === typeof field.to || field.from === undefined || field.to === undefined;
  const from = sameType ? bareNumber(valueText(field.path, field.from)) : valueText(field.path, field.from);
  const to = sameType ? bareNumber(valueText(field.path, field.to)) : valueText(field.path, field.to);
  const limit = style.verbose === true ? Number.MAX_SAFE_INTEGER : room;
  if (verb === 'create' && field.from === undefined) return shortenMiddle(to, limit);
  if (verb === 'delete' && field.to === undefined) return shortenMiddle(from, limit);
  const both = limit - textWidth(' → ');
  if (textWidth(from) + textWidth(to) <= both) return `${from} → ${to}`;
  const [before, after] = [listed(field.from), listed(field.to)];
  if (before && after) return shortenMiddle(listDifference(before, after), limit);
  const [was, is] = aroundDifference(from, to);
  const half = Math.floor(both / 2);
  const fromRoom = textWidth(is) < half ? both - textWidth(is) : Math.min(textWidth(was), half);
  return `${shortenMiddle(was, fromRoom)} → ${shortenMiddle(is, both - Math.min(textWidth(was), fromRoom))}`;
}

/** A list, or the text that Proxmox makes of one; a sentence has spaces after its commas. */
function listed(value: Json | undefined): readonly string[] | undefined {
  if (Array.isArray(value)) return value.map((item: Json) => valueText('', item));
  return typeof value === 'string' && /^[^\s,;=]+([,;][^\s,;=]+)+$/.test(value) ? value.split(/[,;]/).map((item) => valueText('', item)) : undefined;
}

/** Of lists too long to be shown, what comes and what goes. */
function listDifference(before: readonly string[], after: readonly string[]): string {
  const comes = after.filter((item) => !before.includes(item)).map((item) => `+${item}`);
  const goes = before.filter((item) => !after.includes(item)).map((item) => `-${item}`);
  return [...goes, ...comes].join(' ') || 'another order';
}

function bareNumber(text: string): string {
  return /^"-?\d+(\.\d+)?"$/.test(text) ? text.slice(1, -1) : text;
}

const CONTEXT = 8;

/** Of two long texts, what differs and a little around it. */
function aroundDifference(a: string, b: string): readonly [string, string] {
  const [from, to] = [[...a], [...b]];
  const most = Math.min(from.length, to.length);
  let head = 0;
  while (head < most && from[head] === to[head]) head += 1;
  let tail = 0;
  while (tail < most - head && from.at(-1 - tail) === to.at(-1 - tail)) tail += 1;
  const cutHead = head > CONTEXT + 2 ? head - CONTEXT : 0;
  const cutTail = tail > CONTEXT + 2 ? tail - CONTEXT : 0;
  const cut = (chars: readonly string[]) => `${cutHead > 0 ? '…' : ''}${chars.slice(cutHead, chars.length - cutTail).join('')}${cutTail > 0 ? '…' : ''}`;
  return [cut(from), cut(to)];
}

function paintEffect(row: FieldRow, style: Style): string {
  const strong: readonly FieldChange['effect'][] = ['refused', 'stop-start', 'restart'];
  return paint(style, row.field.effect === 'refused' ? 'magenta' : strong.includes(row.field.effect) ? 'yellow' : 'cyan', row.effect);
}

/** What the change does to the guest; where bytes are copied, how many and for how long. On a new object nothing runs yet. */
function effectText(field: FieldChange, change: PlannedChange): string {
  if (change.verb === 'create' && field.effect !== 'refused') return '';
  const step = field.effect === 'migrate'
    ? change.steps.find((each) => each.risk === 'migration')
    : field.effect === 'disk-move' ? change.steps.find((each) => each.cost?.bytes !== undefined && each.title.includes(slotOf(field.path))) : undefined;
  const cost = step ? costText(step) : '';
  return [EFFECTS[field.effect], ...(cost === '' ? [] : [cost])].join(field.effect === 'migrate' ? ' ' : ', ');
}

function slotOf(path: string): string {
  return path.split('.')[1] ?? path;
}

/** `live, 4 GiB, about 2 min`. */
export function costText(step: PlannedStep): string {
  const cost = step.cost;
  if (!cost) return '';
  return [
    ...(cost.note === undefined ? [] : [safe(cost.note)]),
    ...(cost.bytes === undefined ? [] : [bytesText(cost.bytes)]),
    ...(cost.seconds === undefined ? [] : [aboutText(cost.seconds)]),
  ].join(', ');
}
