// `latido events` and `latido history`: what happened, oldest first; with --follow also what happens.
import type { JsonObject } from '../model/json.ts';
import type { Context, ExitCode, Terminal } from './context.ts';
import { ask } from './daemon-commands.ts';
import { rowsOf, text } from './daemon-status.ts';
import type { AskOptions, EventsOptions } from './program.ts';
import { durationText, hanging, jsonText } from './terminal-text.ts';

/** The daemon answers at the latest after this, so that one that is gone is noticed. */
const WAIT_MS = 20_000;

export async function eventsCommand(options: EventsOptions, context: Context): Promise<ExitCode> {
  const first = await ask(options, { do: 'events', after: 0 }, context);
  const past = options.limit === 0 ? [] : rowsOf(first['events']).slice(-options.limit);
  if (options.json && !options.follow) {
    context.terminal.out(`${jsonText({ format: 'latido.events/v1', events: past })}\n`);
    return 0;
  }
  for (const event of past) write(event, options, context.terminal);
  let last = Number(first['last'] ?? 0);
  if (options.follow) {
    await context.interruptible(async (signal) => {
      while (!signal.aborted) {
        const answer = await unlessEnded(signal, ask(options, { do: 'events', after: last, waitMs: WAIT_MS }, context));
        if (answer === undefined) return;
        for (const event of rowsOf(answer['events'])) write(event, options, context.terminal);
        last = Number(answer['last'] ?? last);
      }
    }, () => '');
  }
  return 0;
}

/** Leaves nothing behind on the signal: it may be asked for months. */
async function unlessEnded<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  let leave = (): void => undefined;
  const ended = new Promise<undefined>((resolve) => {
    leave = () => resolve(undefined);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** With --json one event a line, so that a program can follow. */
function write(event: JsonObject, options: EventsOptions, terminal: Terminal): void {
  if (options.json) return terminal.out(`${JSON.stringify(event)}\n`);
  const by = event['by'] === undefined ? '' : ` [by ${text(event['by'])}]`;
  terminal.out(`${hanging(`${moment(event['at'])}  ${text(event['type']).padEnd(9)}  `, `${text(event['message'])}${by}`, terminal.style().width).join('\n')}\n`);
}

export async function historyCommand(options: AskOptions, context: Context): Promise<ExitCode> {
  const { history } = await ask(options, { do: 'history' }, context);
  const rounds = rowsOf(history);
  if (options.json) context.terminal.out(`${jsonText({ format: 'latido.history/v1', rounds })}\n`);
  else context.terminal.out(rounds.length === 0 ? 'No rounds yet.\n' : rounds.map(roundText).join(''));
  return 0;
}

function roundText(round: JsonObject): string {
  const causes = Array.isArray(round['causes']) ? round['causes'].map(text).join(', ') : '';
  const counts = [['done', round['done']], ['failed', round['failed']], ['held', round['held']]].filter(([, count]) => Number(count) > 0).map(([name, count]) => `${String(count)} ${String(name)}`);
  return `${moment(round['at'])}  ${text(round['outcome']).padEnd(11)}  ${text(round['revision'])}  ${[...counts, durationText(Number(round['durationMs'] ?? 0))].join(', ')}  (${causes})\n`;
}

function moment(at: unknown): string {
  return typeof at === 'number' ? new Date(at).toISOString().replace(/\.\d+Z$/, 'Z') : '';
}
