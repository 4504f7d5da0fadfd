// What a person asks of a running daemon: suspend, resume, reconcile, approve. Each is one request; the daemon notes it and looks.
import { Failure, failure, FINDING_CODES } from '../model/finding.ts';
import type { Finding, FindingCode } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import type { Context, ExitCode } from './context.ts';
import { given, usualConfig } from './daemon-config.ts';
import type { AskOptions, SuspendOptions } from './program.ts';
import { jsonText, safe } from './terminal-text.ts';

export async function suspendCommand(ref: string, options: SuspendOptions, context: Context): Promise<ExitCode> {
  const until = options.until === undefined ? undefined : momentOf(options.until, context.world.clock.now());
  const answer = await ask(options, { do: 'suspend', what: ref, reason: options.reason, ...(until === undefined ? {} : { until }) }, context);
  const note = typeof answer['note'] === 'string' ? ` (${answer['note']})` : '';
  return done(options, answer, `${ref} is suspended${until === undefined ? '' : ` until ${new Date(until).toISOString()}`}${note}.`, context);
}

export async function resumeCommand(ref: string, options: AskOptions, context: Context): Promise<ExitCode> {
  return done(options, await ask(options, { do: 'resume', what: ref }, context), `${ref} is resumed.`, context);
}

export async function reconcileCommand(options: AskOptions, context: Context): Promise<ExitCode> {
  return done(options, await ask(options, { do: 'reconcile' }, context), 'The daemon looks now; latido events --follow shows what it does.', context);
}

export async function approveCommand(fingerprint: string, options: AskOptions, context: Context): Promise<ExitCode> {
  return done(options, await ask(options, { do: 'approve', fingerprint }, context), `${fingerprint} is approved; latido events --follow shows what is done.`, context);
}

export function importCommand(): never {
  throw failure('USAGE', 'latido import is not part of this version', { fix: 'write the manifest by hand and run `latido plan`: with `adopt: matching` it takes over guests that exist' });
}

function done(options: AskOptions, answer: JsonObject, text: string, { terminal }: Context): ExitCode {
  const { ok: _ok, ...rest } = answer;
  terminal.out(options.json ? `${jsonText({ format: 'latido.done/v1', ...rest })}\n` : `${safe(text)}\n`);
  return 0;
}

/** @throws Failure with what the daemon says, or DAEMON_ABSENT */
export async function ask(options: AskOptions, request: JsonObject, { world }: Context): Promise<JsonObject> {
  const answer = await world.daemon.ask(await daemonOf(options, world), request);
  if (answer['ok'] === true) return answer;
  const findings = Array.isArray(answer['findings']) ? answer['findings'] : [];
  throw new Failure(...findings.flatMap((finding: unknown) => findingOf(finding) ?? []));
}

/** The one that is named, else the one of this machine's configuration, which also knows where it remembers things. */
async function daemonOf({ cluster, state }: AskOptions, world: Context['world']): Promise<{ readonly cluster?: string; readonly stateDir?: string }> {
  if (state !== undefined) return { ...given({ cluster }), stateDir: state };
  const config = await usualConfig(world);
  if (config === undefined || (cluster !== undefined && cluster !== config.cluster)) return given({ cluster });
  return { cluster: config.cluster, ...given({ stateDir: config.state }) };
}

function findingOf(value: unknown): Finding | undefined {
  if (!isObject(value) || typeof value['fact'] !== 'string') return undefined;
  return { code: isCode(value['code']) ? value['code'] : 'USAGE', severity: 'error', fact: value['fact'], ...(typeof value['fix'] === 'string' ? { fix: value['fix'] } : {}) };
}

function isCode(value: unknown): value is FindingCode {
  return typeof value === 'string' && value in FINDING_CODES;
}

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** Without a date in front, the language takes almost anything for a moment. */
function isoMoment(text: string): number {
  return /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
}

/** `2h`, `3d`, or a moment as ISO 8601 writes it. */
export function momentOf(text: string, now: number): number {
  const [, count, unit] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const moment = count === undefined || unit === undefined ? isoMoment(text) : now + Number(count) * (UNITS_MS[unit] ?? 0);
  if (Number.isFinite(moment)) return moment;
  throw failure('USAGE', `"${text}" is not a moment`, { fix: 'write 2h, 3d, or 2026-12-01T08:00Z' });
}
