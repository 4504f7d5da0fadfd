// In: requests of the command line, one JSON object each. Out: one JSON object each: `{ ok: true, … }` or `{ ok: false, findings }`.
// Must never do more than note what a person wants and wake the loop.
import type { Env } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { Plan } from '../model/plan.ts';
import { refText } from '../model/ref.ts';
import { suspend } from '../status/suspensions.ts';
import type { Board } from './board.ts';
import type { Commits } from './commits.ts';
import type { Memory } from './memory.ts';
import type { Triggers } from './triggers.ts';

export interface ControlWorld {
  readonly env: Env;
  readonly memory: Memory;
  readonly board: Board;
  readonly commits: Commits;
  readonly triggers: Triggers;
  /** As in DaemonParts. */
  readonly publishPlan: (plan: Plan) => JsonObject;
}

/** A reader that follows is answered at the latest after this; then it asks again. */
const FOLLOW_MAX_MS = 30_000;
const EVENTS_MAX = 500;

/** Its second argument: who asks, where that is known; it goes into the events. */
export function controlAnswers(world: ControlWorld): (request: JsonObject, by?: string) => Promise<JsonObject> {
  return async (request, by): Promise<JsonObject> => {
    try {
      return { ok: true, ...(await answer({ ...world, who: by === undefined ? {} : { by } }, request)) };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const findings = error.findings.map(({ code, severity, fact, fix }): JsonObject => ({ code, severity, fact, ...(fix === undefined ? {} : { fix }) }));
      return { ok: false, findings };
    }
  };
}

/** `who` is spread into an event. */
type AskedWorld = ControlWorld & { readonly who: { readonly by?: string } };

async function answer(world: AskedWorld, request: JsonObject): Promise<JsonObject> {
  const { board, commits, memory, triggers } = world;
  switch (request['do']) {
    case 'status': return { status: board.toJson(commits, memory.suspensions), live: board.live() };
    case 'plan': return board.plan ? world.publishPlan(board.plan) : {};
    case 'events': return events(world, request);
    case 'history': return { history: memory.history.map((round) => ({ ...round })) };
    case 'suspend': return suspendOne(world, request);
    case 'resume': return resume(world, what(request));
    case 'approve': return approve(world, text(request, 'fingerprint'));
    case 'reconcile': {
      await memory.tell({ type: 'asked', message: 'a person asked for a look', ...world.who });
      await forgetFailures(world, () => true);
      triggers.tell('asked');
      return {};
    }
    default: throw failure('USAGE', `the daemon knows no request ${JSON.stringify(request['do'] ?? null)}`, { fix: 'use the latido of the version that runs' });
  }
}

async function events({ memory, env }: ControlWorld, request: JsonObject): Promise<JsonObject> {
  const after = number(request, 'after') ?? 0;
  const waitMs = Math.min(number(request, 'waitMs') ?? 0, FOLLOW_MAX_MS);
  // After the state was lost the numbers begin anew: a reader that is ahead of us starts over.
  const from = after > memory.lastSeq ? 0 : after;
  if (waitMs > 0 && memory.eventsAfter(from).length === 0) await nextEvent(memory, env, waitMs);
  const found = memory.eventsAfter(from);
  const shown = after === 0 ? found.slice(-EVENTS_MAX) : found.slice(0, EVENTS_MAX);
  return { events: shown.map(({ ref, ...event }): JsonObject => ({ ...event, ...(ref ? { ref: { ...ref } } : {}) })), last: shown.at(-1)?.seq ?? from };
}

async function nextEvent(memory: Memory, env: Env, waitMs: number): Promise<void> {
  const came = new AbortController();
  const stop = memory.onEvent(() => came.abort(new Error('an event came')));
  await env.clock.sleep(waitMs, came.signal).catch(() => undefined);
  stop();
}

async function suspendOne(world: AskedWorld, request: JsonObject): Promise<JsonObject> {
  const { memory, env, board, triggers } = world;
  const name = what(request);
  const reason = text(request, 'reason');
  const until = number(request, 'until');
  const now = env.clock.now();
  if (until !== undefined && until <= now) throw failure('USAGE', `the end of the suspension, ${new Date(until).toISOString()}, is past`, { fix: 'name a moment to come' });
  await memory.setSuspensions(suspend(memory.suspensions, { what: name, reason, since: now, ...(until === undefined ? {} : { until }) }));
  await memory.tell({ type: 'suspended', message: `${name} is suspended${until === undefined ? '' : ` until ${new Date(until).toISOString()}`}: ${reason}`, ...world.who });
  triggers.tell('asked');
  const isKnown = name === 'all' || board.objects.some(({ ref }) => ref.kind === name || refText(ref) === name);
  return isKnown ? {} : { note: `no object of the commit in force is ${name}` };
}

async function resume(world: AskedWorld, name: string): Promise<JsonObject> {
  const { memory, triggers } = world;
  const isOne = (ref: string) => name === 'all' || ref === name || ref.startsWith(`${name}/`);
  const frozen = [...memory.record.objects].filter(([ref, record]) => isOne(ref) && (record.frozen || record.failed)).map(([ref]) => ref);
  const kept = name === 'all' ? [] : memory.suspensions.filter((each) => each.what !== name);
  if (kept.length === memory.suspensions.length && frozen.length === 0) {
    const wider = memory.suspensions.find((each) => each.what === 'all' || name.startsWith(`${each.what}/`));
    throw failure('USAGE', `${name} is not suspended`, { fix: wider ? `${wider.what} is: latido resume ${wider.what}` : 'latido status lists what is suspended' });
  }
  if (kept.length < memory.suspensions.length) await memory.setSuspensions(kept);
  await forgetFailures(world, isOne);
  await memory.tell({ type: 'resumed', message: `${name} is resumed`, ...world.who });
  triggers.tell('asked');
  return {};
}

/** What is frozen, stalled or waits for another try begins anew. */
async function forgetFailures({ memory }: ControlWorld, isOne: (ref: string) => boolean): Promise<void> {
  const objects = new Map([...memory.record.objects].map(([ref, record]) => {
    if (!isOne(ref)) return [ref, record] as const;
    const { frozen: _frozen, failed: _failed, repairs: _repairs, ...rest } = record;
    return [ref, rest] as const;
  }));
  await memory.saveRecord({ ...memory.record, objects });
}

async function approve({ memory, board, triggers, who }: AskedWorld, fingerprint: string): Promise<JsonObject> {
  const { plan } = board;
  if (plan?.fingerprint !== fingerprint) {
    throw failure('PLAN_CHANGED', plan ? `the plan is ${plan.fingerprint}, not ${fingerprint}` : 'there is no plan yet', { fix: 'read it with: latido plan --from-daemon, and approve that one' });
  }
  const isApprovable = plan.changes.some((change) => change.hold?.approvable || change.steps.some((step) => step.hold?.approvable));
  if (!isApprovable) throw failure('USAGE', `nothing in ${fingerprint} waits for an approval`, { fix: 'latido status tells why something is held' });
  await memory.saveRecord({ ...memory.record, approved: fingerprint });
  await memory.tell({ type: 'approved', message: `${fingerprint} is approved`, ...who });
  triggers.tell('asked');
  return {};
}

const WHAT = /^(?:all|[A-Z][A-Za-z]{0,60}(?:\/[^\s/]{1,200})?)$/;

function what(request: JsonObject): string {
  const name = text(request, 'what');
  if (!WHAT.test(name)) throw failure('USAGE', `${JSON.stringify(name)} is neither all, a kind, nor KIND/NAME`, { fix: 'for example: VirtualMachine/web' });
  return name;
}

function text(request: JsonObject, key: string): string {
  const value: Json | undefined = request[key];
  if (typeof value !== 'string' || value.trim() === '' || value.length > 1_000) throw failure('USAGE', `${key} is missing`);
  return value;
}

function number(request: JsonObject, key: string): number | undefined {
  const value = request[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
