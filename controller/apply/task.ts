// In: a UPID. Out: how the task ended, with its log when it failed. Follows with growing pauses; a lost answer is
// asked again, because reading a task changes nothing.
import type { Env } from '../model/doors.ts';
import { ConnectionError, PveError } from '../model/doors.ts';
import { isObject } from '../model/json.ts';
import type { Json } from '../model/json.ts';

export type TaskEnd =
  | { readonly end: 'ok'; readonly warning?: string }
  | { readonly end: 'failed'; readonly why: string; readonly log: readonly string[] }
  /** The node is gone, or the task is not known any more: nobody can say. */
  | { readonly end: 'lost'; readonly why: string }
  | { readonly end: 'running' };

export function upidOf(data: Json): string | undefined {
  return typeof data === 'string' && data.startsWith('UPID:') ? data : undefined;
}

/** `UPID:node:pid:pstart:starttime:type:id:user:` */
export function nodeOfUpid(upid: string): string {
  return upid.split(':')[1] ?? '';
}

const FIRST_PAUSE_MS = 250;
const PAUSE_MAX_MS = 2_000;
/** Reads that fail one after the other before the task counts as lost: about half a minute, longer than a pveproxy restart. */
const LOST_AFTER = 12;
const LOG_LINES = 20;

export interface TaskWatch {
  readonly deadline: number;
  /** Without it the task's log is not read at all. */
  readonly onProgress?: (percent: number | undefined, text: string | undefined) => void;
  /** Aborted: it is followed no longer, and still running. */
  readonly signal?: AbortSignal;
}

export async function followTask(env: Env, upid: string, { deadline, onProgress, signal }: TaskWatch): Promise<TaskEnd> {
  const path = taskPath(upid);
  let pause = FIRST_PAUSE_MS;
  let failures = 0;
  let polls = 0;
  for (;;) {
    const answer = await readStatus(env, path, upid);
    if (typeof answer === 'string') {
      failures += 1;
      if (failures >= LOST_AFTER) return { end: 'lost', why: answer };
    } else {
      failures = 0;
      if (answer.status === 'stopped') return endOf(env, path, upid, String(answer.exitstatus ?? ''), onProgress === undefined ? 'unread' : 'read');
      polls += 1;
      if (onProgress && polls % 2 === 0) await tellProgress(env, path, upid, onProgress);
    }
    if (signal?.aborted || env.clock.now() >= deadline) return { end: 'running' };
    await env.clock.sleep(pause, signal).catch(() => undefined);
    pause = Math.min(PAUSE_MAX_MS, pause * 1.5);
  }
}

function taskPath(upid: string): string {
  return `/nodes/${nodeOfUpid(upid)}/tasks/${encodeURIComponent(upid)}`;
}

async function readStatus(env: Env, path: string, upid: string): Promise<{ readonly status: string; readonly exitstatus?: Json } | string> {
  try {
    const data = await env.pve.get(`${path}/status`, { node: nodeOfUpid(upid) });
    return isObject(data) && typeof data.status === 'string' ? { status: data.status, exitstatus: data.exitstatus as Json } : 'the answer has no status';
  } catch (error) {
    if (error instanceof PveError || error instanceof ConnectionError) return error.message.trim();
    throw error;
  }
}

async function endOf(env: Env, path: string, upid: string, exit: string, log: 'read' | 'unread'): Promise<TaskEnd> {
  if (exit === 'OK') return { end: 'ok' };
  if (exit.startsWith('WARNINGS: ')) return { end: 'ok', warning: exit };
  if (log === 'unread') return { end: 'failed', why: exit, log: [] };
  // The last line of a log repeats how the task ended.
  const lines = (await readLog(env, path, upid)).filter((line) => line.trim() !== `TASK ERROR: ${exit.trim()}` && line.trim() !== exit.trim());
  return { end: 'failed', why: exit, log: lines.slice(-LOG_LINES) };
}

async function readLog(env: Env, path: string, upid: string): Promise<readonly string[]> {
  try {
    const rows = await env.pve.get(`${path}/log`, { node: nodeOfUpid(upid), query: { limit: 1_000 } });
    return Array.isArray(rows) ? (rows as readonly Json[]).flatMap((row) => (isObject(row) && typeof row.t === 'string' ? [row.t] : [])) : [];
  } catch (error) {
    if (error instanceof PveError || error instanceof ConnectionError) return [`(the log could not be read: ${error.message.trim()})`];
    throw error;
  }
}

/** qemu-img, drive mirrors and migrations print `… (12.34%)` or `12.3 %`. */
async function tellProgress(env: Env, path: string, upid: string, onProgress: (percent: number | undefined, text: string | undefined) => void): Promise<void> {
  const last = (await readLog(env, path, upid)).filter((line) => line !== 'no content').at(-1);
  if (last === undefined) return;
  const percent = /(\d+(?:\.\d+)?)\s?%/.exec(last)?.[1];
  onProgress(percent === undefined ? undefined : Math.min(100, Number(percent)), last);
}
