// `latido status` and `latido get`: what the daemon knows, as text or JSON.
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import type { Context, ExitCode, Terminal } from './context.ts';
import { ask } from './daemon-commands.ts';
import type { AskOptions } from './program.ts';
import { durationText, hanging, jsonText, pad, paint, safe, textWidth } from './terminal-text.ts';
import type { Paint } from './terminal-text.ts';

type Row = { readonly [key: string]: unknown };

export async function statusCommand(options: AskOptions, context: Context): Promise<ExitCode> {
  const { status, live } = await ask(options, { do: 'status' }, context);
  if (options.json) context.terminal.out(`${jsonText({ ...(isObject(status) ? status : {}), live })}\n`);
  else context.terminal.out(statusText(isObject(status) ? status : {}, isObject(live) ? live : {}, context.terminal, context.world.clock.now()));
  return 0;
}

export async function getCommand(kind: string | undefined, options: AskOptions, context: Context): Promise<ExitCode> {
  const { status } = await ask(options, { do: 'status' }, context);
  const objects = rowsOf(isObject(status) ? status['objects'] : []).filter((row) => kind === undefined || row['kind'] === kind || nameOf(row) === kind);
  if (options.json) context.terminal.out(`${jsonText({ format: 'latido.objects/v1', objects })}\n`);
  else context.terminal.out(objects.length === 0 ? `No objects${kind === undefined ? '' : ` of ${safe(kind)}`}.\n` : objectsText(objects, context.terminal, context.world.clock.now()));
  return 0;
}

function statusText(status: Row, live: Row, terminal: Terminal, now: number): string {
  const style = terminal.style();
  const ready = conditionOf(status, 'Ready');
  const commit = isObject(status['commit']) ? text(status['commit']['revision']) : 'none yet';
  const plan = isObject(status['plan']) ? text(status['plan']['fingerprint']) : '';
  const running = Array.isArray(live['running']) ? live['running'].map(text) : [];
  const waiting = rowsOf(status['objects']).filter((row) => conditionOf(row, 'Ready')['status'] !== 'True');
  return [
    ...hanging(`${paint(style, colorOf(status), `${symbolOf(status)} ${text(ready['reason'])}`)}  `, [text(status['cluster']), text(ready['message'])].filter((part) => part !== '').join(': '), style.width),
    `  commit   ${commit}`,
    ...(plan === '' ? [] : [`  plan     ${plan}`]),
    `  daemon   ${text(status['phase'])}${typeof live['checkedAt'] === 'number' ? `, looked ${durationText(Math.max(0, now - live['checkedAt']))} ago` : ''}`,
    ...rowsOf(status['objects']).filter((row) => row['kind'] === 'VirtualIP' && conditionOf(row, 'Ready')['status'] === 'True').flatMap((row) => hanging('  address  ', text(conditionOf(row, 'Ready')['message']), style.width)),
    ...running.map((line) => `  now      ${safe(line)}`),
    ...rowsOf(status['suspensions']).map((row) => `  suspended ${text(row['what'])}${typeof row['until'] === 'number' ? ` until ${new Date(row['until']).toISOString()}` : ''}: ${text(row['reason'])}`),
    ...(isObject(status['sourceUnreachable']) ? hanging('  source   ', text(status['sourceUnreachable']['message']), style.width) : []),
    ...(waiting.length === 0 ? [] : ['', objectsText(waiting, terminal, now).trimEnd()]), '',
  ].join('\n');
}

function objectsText(rows: readonly Row[], terminal: Terminal, now: number): string {
  const style = terminal.style();
  const widest = Math.min(48, rows.reduce((most, row) => Math.max(most, textWidth(nameOf(row))), 0));
  return rows.map((row) => {
    const ready = conditionOf(row, 'Ready');
    const since = typeof ready['since'] === 'number' ? ` (${durationText(Math.max(0, now - ready['since']))})` : '';
    const head = `${paint(style, colorOf(row), symbolOf(row))} ${pad(nameOf(row), widest)}  ${text(ready['reason'])}${since}`;
    return [head, ...(ready['status'] === 'True' ? [] : hanging('    ', text(ready['message']), style.width))].join('\n');
  }).join('\n').concat('\n');
}

function symbolOf(row: Row): string {
  if (conditionOf(row, 'Ready')['status'] === 'True') return '✓';
  if (conditionOf(row, 'Stalled')['status'] === 'True') return '✗';
  return conditionOf(row, 'Reconciling')['status'] === 'True' ? '~' : '!';
}

const COLORS: Readonly<Record<string, Paint>> = { '✓': 'green', '✗': 'red', '~': 'yellow', '!': 'yellow' };

function colorOf(row: Row): Paint | undefined {
  return COLORS[symbolOf(row)];
}

function conditionOf(row: Row, type: string): Row {
  return rowsOf(row['conditions']).find((each) => each['type'] === type) ?? {};
}

function nameOf(row: Row): string {
  return `${text(row['kind'])}/${text(row['name'])}`;
}

export function rowsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((row): row is JsonObject => isObject(row)) : [];
}

export function text(value: unknown): string {
  return typeof value === 'string' ? safe(value) : '';
}
