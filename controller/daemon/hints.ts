// In: the cluster's recent tasks and its log, each tick. Out: “look again” when something new is in them. Two calls a tick;
// what leaves no trace there is found by the next full look.
import { ConnectionError, PveError } from '../model/doors.ts';
import type { Env } from '../model/doors.ts';
import { isObject } from '../model/json.ts';
import type { Json } from '../model/json.ts';

const LOG_ENTRIES = 50;

/** Calls `onChange` when something happened in the cluster; ends when the signal aborts. */
export async function watchHints(env: Env, everyMs: number, signal: AbortSignal, onChange: () => void): Promise<void> {
  let seen: string | undefined;
  while (!signal.aborted) {
    try {
      await env.clock.sleep(everyMs, signal);
    } catch {
      return;
    }
    const traces = await lookAt(env);
    if (traces !== undefined && seen !== undefined && traces !== seen) onChange();
    seen = traces ?? seen;
  }
}

async function lookAt(env: Env): Promise<string | undefined> {
  try {
    const [tasks, log] = await Promise.all([env.pve.get('/cluster/tasks'), env.pve.get('/cluster/log', { query: { max: LOG_ENTRIES } }).catch(withoutRight)]);
    return JSON.stringify([texts(tasks, (row) => `${String(row.upid)} ${String(row.endtime ?? '')}`), texts(log, (row) => (/^(?:successful auth|authentication failure)/.test(String(row.msg)) ? '' : `${String(row.node)} ${String(row.time)} ${String(row.msg)}`))]);
  } catch (error) {
    if (error instanceof PveError || error instanceof ConnectionError) return undefined;
    throw error;
  }
}

function withoutRight(error: unknown): Json {
  if (error instanceof PveError) return [];
  throw error;
}

function texts(data: Json, text: (row: { readonly [key: string]: unknown }) => string): readonly string[] {
  return Array.isArray(data) ? data.flatMap((row) => (isObject(row) ? [text(row)] : [])).filter((each) => each !== '').sort() : [];
}
