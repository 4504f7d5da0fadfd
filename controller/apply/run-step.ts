// In: one planned step. Out: how it ended. Asks safety again on fresh facts, journals before the effect, acts, journals
// the UPID, awaits, journals the end. Must never send a write twice: what may have had an effect is left unsettled.
import { commandText } from '../model/command.ts';
import { ConnectionError, PveError } from '../model/doors.ts';
import type { Env } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import type { Finding, Place } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { PlannedStep } from '../model/plan.ts';
import type { Ref } from '../model/ref.ts';
import type { Action } from '../model/step.ts';
import { unmet } from '../safety/conditions.ts';
import type { Journal } from './journal.ts';
import type { Looker } from './look.ts';
import { runCommand } from './run-command.ts';
import type { CommandAction } from './run-command.ts';
import { followTask, upidOf } from './task.ts';

export type StepEnd =
  | { readonly end: 'done'; readonly warning?: string }
  | { readonly end: 'failed'; readonly findings: readonly Finding[] }
  | { readonly end: 'unsettled'; readonly why: string }
  /** Nothing was done: we may not act any more. */
  | { readonly end: 'stopped'; readonly why: string };

/** How an effect ended that was begun. */
type Acted = Exclude<StepEnd, { end: 'stopped' }>;

export interface StepWorld {
  readonly env: Env;
  readonly journal: Journal;
  readonly looker: Looker;
  /** Digests by configuration path: the plan's at first, then what our own writes left. */
  readonly digests: Map<string, string>;
  /** Files of the cluster (`file/storage.cfg`) that we wrote: what the plan knew of them is old. */
  readonly written: Set<string>;
  readonly plan: string;
  readonly onProgress: (percent: number | undefined, text: string | undefined) => void;
  readonly signal?: AbortSignal;
  /** Why nothing may be done any more, or nothing. */
  readonly mayAct?: () => Promise<string | undefined>;
  /** Where the manifest says what Proxmox refuses. */
  readonly placeOf?: (ref: Ref, param: string) => Place | undefined;
}

export async function runStep(world: StepWorld, ref: Ref, step: PlannedStep): Promise<StepEnd> {
  const refused = await guard(world, ref, step);
  if (refused) return refused;
  switch (step.action.via) {
    case 'wait': return wait(world, ref, step, step.action);
    case 'ssh': return command(world, ref, step, step.action);
    default: return act(world, ref, step, step.action);
  }
}

async function guard(world: StepWorld, ref: Ref, step: PlannedStep): Promise<StepEnd | undefined> {
  if (step.guards.length === 0) return undefined;
  const now = await world.looker.look(step.guards);
  const why = step.guards.map((condition) => unmet(condition, now)).find((reason) => reason !== undefined);
  return why === undefined ? undefined : failed(ref, step, 'GUARD_UNMET', `${step.title}: ${why}`, 'nothing was done; the next plan looks again');
}

async function command(world: StepWorld, ref: Ref, step: PlannedStep, action: CommandAction): Promise<StepEnd> {
  const { env, journal } = world;
  if (env.ssh === undefined) return failed(ref, step, 'NODE_UNREACHABLE', `${step.title}: there is no way to ${action.node} over ssh`, 'give the Cluster spec.ssh');
  const stopped = await world.mayAct?.();
  if (stopped !== undefined) return { end: 'stopped', why: stopped };
  await journal.write({ event: 'started', at: env.clock.now(), plan: world.plan, step: step.id, title: step.title, method: 'SSH', path: commandText(action.argv), node: action.node });
  const end = await runCommand(env.ssh, ref, step, action);
  world.looker.forget();
  await journal.write({ event: 'finished', at: env.clock.now(), step: step.id, result: end.end, ...(end.end === 'unsettled' ? { why: end.why } : {}) });
  return end;
}

async function act(world: StepWorld, ref: Ref, step: PlannedStep, action: Extract<Action, { via: 'pve' }>): Promise<StepEnd> {
  const { env, journal } = world;
  const params = await withDigest(world, step, action);
  if ('finding' in params) return failed(ref, step, 'GUARD_UNMET', params.finding, 'nothing was done; plan again');
  const stopped = await world.mayAct?.();
  if (stopped !== undefined) return { end: 'stopped', why: stopped };
  await journal.write({ event: 'started', at: env.clock.now(), plan: world.plan, step: step.id, title: step.title, method: action.method, path: action.path, ...(action.node ? { node: action.node } : {}), ...vmidOf(step) });
  const end = await send(world, ref, step, action, params.params);
  world.looker.forget();
  for (const file of filesOf(step)) world.written.add(file);
  await journal.write({ event: 'finished', at: env.clock.now(), step: step.id, result: end.end, ...(end.end === 'unsettled' ? { why: end.why } : {}) });
  if (action.digest) await rememberDigest(world, action.digest.path, action.node);
  return end;
}

function vmidOf(step: PlannedStep): { readonly vmid?: number } {
  const lock = step.locks.find((name) => name.startsWith('guest/'));
  return lock === undefined ? {} : { vmid: Number(lock.slice('guest/'.length)) };
}

async function send(world: StepWorld, ref: Ref, step: PlannedStep, action: Extract<Action, { via: 'pve' }>, params: JsonObject): Promise<Acted> {
  const { env, journal } = world;
  try {
    const data = await env.pve.write(action.method, action.path, params, action.node ? { node: action.node } : {});
    const upid = upidOf(data);
    if (upid === undefined) return { end: 'done' };
    await journal.write({ event: 'posted', at: env.clock.now(), step: step.id, upid });
    return await awaitTask(world, ref, step, upid);
  } catch (error) {
    // A secret went between plan and wire: nothing was sent.
    if (error instanceof Failure) return { end: 'failed', findings: error.findings.map((finding) => ({ ...finding, ref })) };
    if (error instanceof PveError) return { end: 'failed', findings: pveFindings(world, ref, step, action, error) };
    if (!(error instanceof ConnectionError)) throw error;
    if (!error.sent) return failed(ref, step, 'ENDPOINT_UNREACHABLE', `${step.title}: ${error.message}`, 'nothing was sent; run it again when the cluster answers');
    return { end: 'unsettled', why: `the connection was lost before the answer came: ${error.message}` };
  }
}

async function awaitTask(world: StepWorld, ref: Ref, step: PlannedStep, upid: string): Promise<Acted> {
  const end = await followTask(world.env, upid, { deadline: world.env.clock.now() + step.timeoutMs, onProgress: world.onProgress });
  switch (end.end) {
    case 'ok': return end.warning === undefined ? { end: 'done' } : { end: 'done', warning: end.warning };
    case 'failed': return failed(ref, step, 'TASK_FAILED', `${step.title}: ${end.why}`, undefined, [`task ${upid}`, ...end.log]);
    case 'lost': return { end: 'unsettled', why: `task ${upid} cannot be followed: ${end.why}` };
    default: return { end: 'unsettled', why: `task ${upid} is still running after ${Math.round(step.timeoutMs / 1000)} s` };
  }
}

async function wait(world: StepWorld, ref: Ref, step: PlannedStep, action: Extract<Action, { via: 'wait' }>): Promise<StepEnd> {
  const { clock } = world.env;
  const deadline = clock.now() + step.timeoutMs;
  for (;;) {
    const why = unmet(action.until, await world.looker.look([action.until]));
    if (why === undefined) {
      world.looker.forget();
      return { end: 'done' };
    }
    if (world.signal?.aborted) return { end: 'unsettled', why: `interrupted while waiting: ${why}` };
    if (clock.now() >= deadline) return failed(ref, step, 'STEP_TIMEOUT', `${step.title}: after ${Math.round(step.timeoutMs / 1000)} s ${why}`, 'the next plan looks again');
    world.onProgress(undefined, why);
    await clock.sleep(WAIT_POLL_MS);
  }
}

const WAIT_POLL_MS = 2_000;

/** The digest that the plan saw goes with the write; after a write of our own the new one is read. */
async function withDigest(world: StepWorld, step: PlannedStep, action: Extract<Action, { via: 'pve' }>): Promise<{ readonly params: JsonObject } | { readonly finding: string }> {
  if (!action.digest) return { params: action.params };
  // One file holds many objects: each of our writes to it gives all of them another digest.
  const planned = filesOf(step).some((file) => world.written.has(file)) ? undefined : world.digests.get(action.digest.path) ?? action.digest.value;
  const known = planned ?? (await readDigest(world.env, action.digest.path, action.node));
  return known === undefined ? { finding: `${action.digest.path} could not be read just before the write` } : { params: { ...action.params, digest: known } };
}

function filesOf(step: PlannedStep): readonly string[] {
  return step.locks.filter((lock) => lock.startsWith('file/'));
}

async function rememberDigest(world: StepWorld, path: string, node: string | undefined): Promise<void> {
  const digest = await readDigest(world.env, path, node);
  if (digest === undefined) world.digests.delete(path);
  else world.digests.set(path, digest);
}

async function readDigest(env: Env, path: string, node: string | undefined): Promise<string | undefined> {
  try {
    const data = await env.pve.get(path, node ? { node } : {});
    // A list tells the digest of its file in each row.
    const row = Array.isArray(data) ? (data as readonly Json[]).find((one) => isObject(one) && typeof one.digest === 'string') : data;
    return isObject(row) && typeof row.digest === 'string' ? row.digest : undefined;
  } catch (error) {
    if (error instanceof PveError || error instanceof ConnectionError) return undefined;
    throw error;
  }
}

/** Proxmox names the parameter: the finding gets the place where the manifest wrote it. */
function pveFindings(world: StepWorld, ref: Ref, step: PlannedStep, action: Extract<Action, { via: 'pve' }>, error: PveError): readonly Finding[] {
  const named = Object.entries(error.errors);
  const base = { severity: 'error' as const, ref, ...(action.node ? { node: action.node } : {}) };
  if (named.length === 0) return [{ ...base, code: error.status === 403 ? 'PERMISSION_DENIED' : 'PVE_REFUSED', fact: `${step.title}: ${error.message.trim()} (${error.status} ${action.method} ${action.path})` }];
  return named.map(([param, why]) => ({ ...base, ...placed(world, ref, param), code: 'PVE_REFUSED', fact: `${step.title}: ${param}: ${String(why).trim()} (${error.status} ${action.method} ${action.path})`, param }));
}

function placed(world: StepWorld, ref: Ref, param: string): { readonly place?: Place } {
  const place = world.placeOf?.(ref, param);
  return place ? { place } : {};
}

function failed(ref: Ref, step: PlannedStep, code: Finding['code'], fact: string, fix?: string, log: readonly string[] = []): Extract<StepEnd, { end: 'failed' }> {
  const text = log.length > 0 ? `${fact}\n${log.map((line) => `    ${line}`).join('\n')}` : fact;
  return { end: 'failed', findings: [{ code, severity: 'error', fact: text, ref, ...(fix ? { fix } : {}), ...(step.node ? { node: step.node } : {}) }] };
}

