// In: text that may come from outside, and a wish for colour and width. Out: text that is safe and fits a terminal.
// Must never let a control character of somebody else's reach the terminal, nor print a secret.
import { isObject, type Json } from '../model/json.ts';
import { isSecretRef } from '../model/secret.ts';

export interface Style {
  readonly color: boolean;
  /** Columns. */
  readonly width: number;
  /** Nothing shortened; the calls and guards of every step. */
  readonly verbose?: boolean;
  /** For terminals that do not speak UTF-8. */
  readonly ascii?: boolean;
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;
export type Paint = keyof typeof CODES;

export function paint(style: { readonly color: boolean }, how: Paint | undefined, text: string): string {
  return style.color && how !== undefined && text !== '' ? `\u001B[${CODES[how]}m${text}\u001B[0m` : text;
}

// C0, DEL and C1 steer a terminal; bidirectional and zero-width characters make a line read as something else.
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]/g;
// oxlint-disable-next-line no-control-regex
const CONTROLS_BUT_LINE_END = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u00AD\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]/g;
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

/** One line, without any character that a terminal would obey. */
export function safe(text: string): string {
  return text.replace(CONTROLS, (found) => {
    const code = found.codePointAt(0) ?? 0;
    return NAMED[found] ?? (code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`);
  });
}

/** As `safe`, keeping line ends: for texts of several lines such as task logs. */
export function safeLines(text: string): readonly string[] {
  return text.replace(/\s+$/, '').split(/\r?\n/).map(safe);
}

/** Valid JSON that is also safe to print: what JSON leaves raw is written as \uXXXX. */
export function jsonText(value: unknown, indent = 2): string {
  return JSON.stringify(value, undefined, indent).replace(CONTROLS_BUT_LINE_END, (found) => `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}

// East Asian wide and emoji blocks; enough for guest names and descriptions.
const WIDE = /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u;
const COMBINING = /\p{Mark}/u;

/** Columns that safe text takes; colours must not be in it. */
export function textWidth(text: string): number {
  // oxlint-disable-next-line no-control-regex
  if (/^[\u0000-\u00FF]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += COMBINING.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return width;
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

/** Both ends tell more than the beginning alone: `local:101/vm…0.qcow2`. */
export function shortenMiddle(text: string, width: number, ellipsis = '…'): string {
  if (textWidth(text) <= width) return text;
  const chars = [...text];
  const room = Math.max(1, width - ellipsis.length);
  const head = fitting(chars, Math.ceil(room * 0.6));
  const tail = fitting([...chars].reverse(), room - textWidth(head));
  return head + ellipsis + [...tail].reverse().join('');
}

export function shortenEnd(text: string, width: number, ellipsis = '…'): string {
  return textWidth(text) <= width ? text : fitting([...text], Math.max(0, width - ellipsis.length)) + ellipsis;
}

function fitting(chars: readonly string[], width: number): string {
  let used = 0;
  let text = '';
  for (const char of chars) {
    used += textWidth(char);
    if (used > width) break;
    text += char;
  }
  return text;
}

/** Lines of at most `width` columns, broken between words; a longer word is broken itself. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    let rest = word;
    if (line !== '' && textWidth(line) + 1 + textWidth(rest) > width) {
      lines.push(line);
      line = '';
    }
    while (textWidth(rest) > width) {
      const part = fitting([...rest], Math.max(1, width));
      lines.push(part);
      rest = rest.slice(part.length);
    }
    line = line === '' ? rest : `${line} ${rest}`;
  }
  return [...lines, line];
}

/** `text` wrapped behind `lead`, its further lines indented to the same column. */
export function hanging(lead: string, text: string, width: number): readonly string[] {
  const indent = ' '.repeat(textWidth(lead));
  return wrap(text, Math.max(20, width - textWidth(lead))).map((line, at) => (at === 0 ? lead : indent) + line);
}

// A reference to where a secret stands (tokenFile, tokenEnv) is no secret.
const SECRET_KEY = /(password|passwd|secret|token)(?!.*(file|env)$)/i;
const SECRET_IN_STRING = /\b([\w-]*(?:password|passwd|secret|token)[\w-]*)=([^,;\s]+)/gi;
export const MASK = '(secret)';

/** The value with every secret in it masked; `path` names where it stands. */
export function withoutSecrets(path: string, value: Json | undefined): Json | undefined {
  // Where a secret is found is no secret.
  if (value === undefined || value === null || isSecretRef(value)) return value;
  if (path.split('.').some((key) => SECRET_KEY.test(key))) return MASK;
  if (typeof value === 'string') return value.replace(SECRET_IN_STRING, `$1=${MASK}`);
  if (Array.isArray(value)) return value.map((item: Json) => withoutSecrets('', item) ?? null);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(key, item as Json) ?? null]));
}

const BARE = /^[\p{L}\p{N}_./@(][^\s"'`{}[\]]*$/u;
const LOOKS_OTHER = /^(true|false|null|~|[-+]?[\d.]+(e[-+]?\d+)?)$/i;

/** As a person would write it: bare when nothing is lost, quoted when spaces, emptiness or the type would be. */
export function valueText(path: string, raw: Json | undefined): string {
  const value = withoutSecrets(path, raw);
  if (value === undefined) return '(not set)';
  if (value === MASK) return MASK;
  if (isSecretRef(value)) return `(secret ${safe(value.secret)})`;
  if (typeof value === 'string') return stringText(value);
  if (typeof value === 'number' && /(^|\.)size$/.test(path)) return sizeText(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => valueText('', item)).join(', ')}]`;
  if (isObject(value)) {
    const entries = Object.entries(value).map(([key, item]) => `${safe(key)}: ${valueText(key, item as Json)}`);
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  return String(value);
}

function stringText(value: string): string {
  const text = safe(value);
  return text === value && BARE.test(text) && !LOOKS_OTHER.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`;
}

/** Proxmox's notation where it is exact: 21474836480 → 20G. */
export function sizeText(bytes: number): string {
  for (const [unit, factor] of [['T', 2 ** 40], ['G', 2 ** 30], ['M', 2 ** 20], ['K', 2 ** 10]] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}

/** For a reader: `20 GiB`, `1.5 TiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const at = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const figure = bytes / 2 ** (10 * at);
  return `${figure >= 10 || Number.isInteger(figure) ? Math.round(figure) : figure.toFixed(1)} ${units[at]}`;
}

/** `8 s`, `3 min`, `1 h 20 min`: an estimate is not told to the second. */
export function aboutText(seconds: number): string {
  if (seconds < 60) return `about ${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min`;
  return minutes % 60 === 0 ? `about ${minutes / 60} h` : `about ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What a clock showed: `0.4 s`, `12 s`, `3 min 04 s`, `2 h 05 min`. */
export function durationText(ms: number): string {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const two = (figure: number) => String(figure).padStart(2, '0');
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s` : `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`;
}
