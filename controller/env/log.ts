// The log: lines for a person on a terminal, JSON otherwise. No secret passes.
import { pino } from 'pino';
import type { Clock, Logger } from '../model/doors.ts';
import { isObject, type Json } from '../model/json.ts';
import { redactJson, redactText } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly clock: Clock;
  readonly level?: LogLevel;
  /** Without it: `pretty` when standard error is a terminal. */
  readonly format?: 'pretty' | 'json';
  /** Without it: on a terminal, unless NO_COLOR is set. */
  readonly colours?: boolean;
  /** Takes known secrets out of what is logged. */
  readonly hide?: (text: string) => string;
  /** Takes whole lines; standard error without it. */
  readonly write?: (text: string) => void;
}

export function createLogger(options: LoggerOptions): Logger {
  const terminal = process.stderr.isTTY === true;
  const write = options.write ?? ((text: string) => void process.stderr.write(text));
  const colours = options.colours ?? (terminal && !process.env['NO_COLOR']);
  const pretty = (options.format ?? (terminal ? 'pretty' : 'json')) === 'pretty';
  const log = pino({
    level: options.level ?? 'info', base: null,
    timestamp: () => `,"time":"${new Date(options.clock.now()).toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
  }, { write: (line: string) => { const text = options.hide?.(line) ?? line; write(pretty ? prettyLine(text, colours) : text); } });
  const at = (level: Exclude<LogLevel, 'silent'>): Logger['info'] => (fields, message) => log[level](redactJson(fields), redactText(message));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const COLOURS: Readonly<Record<string, string>> = { debug: '90', info: '36', warn: '33', error: '31' };

/** `12:00:00 info  message  key=value` */
export function prettyLine(json: string, colours: boolean): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Readonly<Record<string, Json>>;
  const name = String(level);
  const shown = Object.entries(fields).map(([key, value]) => `${key}=${fieldText(value)}`);
  const label = colours ? `\u001b[${COLOURS[name] ?? '0'}m${name.padEnd(5)}\u001b[0m` : name.padEnd(5);
  return `${[String(time).slice(11, 19), label, plain(String(msg)), ...(shown.length > 0 ? [` ${shown.join(' ')}`] : [])].join(' ')}\n`;
}

function fieldText(value: Json): string {
  if (typeof value === 'string') return /^[\w./:@%+,-]+$/.test(value) ? value : JSON.stringify(value);
  return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : String(value);
}

/** What Proxmox or a manifest says must not steer the terminal. */
function plain(text: string): string {
  return text.trimEnd().replaceAll(/\p{Cc}/gu, (char) => (char === '\n' ? ' ↵ ' : '\uFFFD'));
}
