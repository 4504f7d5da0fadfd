// In: objects that drifted. Out: who changed each of them, as far as Proxmox's tasks and its log tell. Reads only, two calls for all.
// Must never name our own work: a repair of ours is newer than what somebody did before it.
import { postedTasks } from '../apply/journal.ts';
import { ConnectionError, PveError } from '../model/doors.ts';
import type { Env } from '../model/doors.ts';
import { isObject } from '../model/json.ts';
import type { Json } from '../model/json.ts';
import type { PlannedChange } from '../model/plan.ts';
import { refText } from '../model/ref.ts';
import type { Blame } from './outcome.ts';

interface Trace { readonly upid?: string; readonly time: number; readonly by: string; readonly how: string; readonly ids: readonly string[] }

/** What somebody did longer ago than this before it was seen is not what we see now. */
const TRACE_MS = 60 * 60_000;
const LOG_ENTRIES = 200;

export async function blame(env: Env, changes: readonly PlannedChange[]): Promise<Blame> {
  if (changes.length === 0) return new Map();
  const [tasks, log, posted] = await Promise.all([rows(env, '/cluster/tasks'), rows(env, '/cluster/log', { max: LOG_ENTRIES }), postedTasks(env.store)]);
  const now = env.clock.now();
  const tokens = ownTokens(posted);
  // A task tells itself whether we began it; a line of the log tells only by whose right.
  const isOurs = ({ upid, by }: Trace) => (upid === undefined ? tokens.has(by) : posted.has(upid));
  const traces = [...tasks.flatMap(taskTrace), ...log.flatMap(logTrace)].filter((trace) => !isOurs(trace) && now - trace.time * 1000 < TRACE_MS).sort((a, b) => b.time - a.time);
  return new Map(changes.flatMap((change) => {
    const trace = traces.find(({ ids }) => ids.includes(change.id));
    return trace ? [[refText(change.ref), { by: trace.by, how: `${trace.how} by ${trace.by}` }] as const] : [];
  }));
}

/** A token is ours alone; a user with a password may also be a person. */
function ownTokens(posted: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...posted].flatMap((upid) => upid.split(':').slice(7, 8)).filter((user) => user.includes('!')));
}

function taskTrace(row: { readonly [key: string]: unknown }): readonly Trace[] {
  const { upid, starttime, type, id, user } = row;
  if (typeof starttime !== 'number' || typeof type !== 'string' || typeof user !== 'string' || typeof id !== 'string') return [];
  return [{ ...(typeof upid === 'string' ? { upid } : {}), time: starttime, by: typeof row.tokenid === 'string' ? `${user}!${row.tokenid}` : user, how: type, ids: [id] }];
}

/** `update VM 110: -memory 2048` and the like, as Proxmox logs changes that are no tasks. */
function logTrace(row: { readonly [key: string]: unknown }): readonly Trace[] {
  const { time, user, msg } = row;
  if (typeof time !== 'number' || typeof user !== 'string' || typeof msg !== 'string' || !/^(?:update|delete|create)/.test(msg)) return [];
  return [{ time, by: user, how: msg.trim(), ids: msg.split(/[\s:']+/) }];
}

async function rows(env: Env, path: string, query?: Readonly<Record<string, Json>>): Promise<readonly { readonly [key: string]: unknown }[]> {
  try {
    const data = await env.pve.get(path, query ? { query } : {});
    return Array.isArray(data) ? data.filter((row) => isObject(row)) : [];
  } catch (error) {
    if (error instanceof PveError || error instanceof ConnectionError) return [];
    throw error;
  }
}
