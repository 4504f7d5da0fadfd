// In: the API's door, where there is no /etc/pve. Out: what its recent tasks, the cluster log and the nodes hint at, in three calls a look.
// Hints only: what leaves no trace there (a container's options, a storage) is found by the next full look.
import { ConnectionError, PveError } from '../model/doors.ts';
import type { PveApi } from '../model/doors.ts';
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';

export interface HintedChanges {
  /** Nothing is known of what changed: the first look, or more happened than the lists hold. */
  readonly all: boolean;
  /** Guests that a task or a line of the log names. */
  readonly guests: readonly number[];
  /** Something else happened that may matter: by the type of the task (`imgdel`), or the line of the log. */
  readonly others: readonly string[];
}

export interface Hints {
  /** What is new since the last look. Nothing: the cluster did not answer, and the next look tells it too. */
  look(): Promise<HintedChanges | undefined>;
}

/** Lines of the cluster log a look; when none of them is known from the look before, some may have been missed. */
const LOG_ENTRIES_MAX = 50;
/** Tasks of the nodes themselves that change no configuration. */
const IDLE_TASKS: ReadonlySet<string> = new Set(['vncproxy', 'vncshell', 'spiceproxy', 'spiceshell', 'termproxy', 'aptupdate', 'logrotate', 'srvreload']);
const LOGINS = /^(?:successful auth|authentication failure|authentication verified)/;

interface Trace { readonly key: string; readonly guest?: number; readonly other?: string }

export function createHints(pve: PveApi): Hints {
  let known: ReadonlySet<string> | undefined;
  return {
    look: async () => {
      const answers = await Promise.all([ask(pve, '/cluster/tasks'), ask(pve, '/cluster/log', LOG_ENTRIES_MAX), ask(pve, '/cluster/status')]);
      const [tasks, log, status] = answers;
      if (tasks === undefined || log === undefined || status === undefined) return undefined;
      const lines = log.flatMap(traceOfLine);
      const traces = [...tasks.flatMap(traceOfTask), ...lines, ...status.flatMap(traceOfNode)];
      const before = known;
      known = new Set(traces.map((trace) => trace.key));
      if (before === undefined) return { all: true, guests: [], others: [] };
      const fresh = traces.filter((trace) => !before.has(trace.key));
      return {
        all: log.length >= LOG_ENTRIES_MAX && lines.length > 0 && lines.every((line) => !before.has(line.key)),
        guests: [...new Set(fresh.flatMap((trace) => trace.guest ?? []))].sort((a, b) => a - b),
        others: [...new Set(fresh.flatMap((trace) => trace.other ?? []))].sort(),
      };
    },
  };
}

export function isHintless(hints: HintedChanges): boolean {
  return !hints.all && hints.guests.length + hints.others.length === 0;
}

/** A token without Sys.Syslog sees its own lines only, or none: then the tasks alone have to do. */
async function ask(pve: PveApi, path: string, max?: number): Promise<readonly JsonObject[] | undefined> {
  try {
    const data = await pve.get(path, max === undefined ? {} : { query: { max } });
    return Array.isArray(data) ? (data as readonly Json[]).filter((row): row is JsonObject => isObject(row)) : [];
  } catch (error) {
    if (error instanceof PveError && error.status === 403) return [];
    if (error instanceof PveError || error instanceof ConnectionError) return undefined;
    throw error;
  }
}

/** A task counts when it is first seen, and again when it has ended. */
function traceOfTask(row: JsonObject): readonly Trace[] {
  const { upid, endtime, type, id } = row;
  if (typeof upid !== 'string' || (typeof type === 'string' && IDLE_TASKS.has(type))) return [];
  return [{ key: `${upid} ${endtime === undefined ? 'runs' : 'ended'}`, ...subjectOf(String(type), String(id ?? '')) }];
}

/** `qmconfig` of `101`, `hastart` of `101` or `vm:101`; others have a storage, a service or nothing there. */
function subjectOf(type: string, id: string): Pick<Trace, 'guest' | 'other'> {
  const vmid = /^(?:(?:vm|ct):)?(\d{3,9})$/.exec(id)?.[1];
  return vmid === undefined ? { other: type } : { guest: Number(vmid) };
}

/** A node that goes away leaves neither a task nor a line; one that comes back is seen again. */
function traceOfNode({ type, name, online }: JsonObject): readonly Trace[] {
  if (type !== 'node') return [];
  const other = `node ${String(name)} is ${Number(online) === 1 ? 'online' : 'offline'}`;
  return [{ key: other, other }];
}

/** `update VM 411: -description b` is the only trace of a change without a task. Lines of tasks repeat what the tasks said. */
function traceOfLine({ msg, node, time, tag }: JsonObject): readonly Trace[] {
  if (typeof msg !== 'string') return [];
  const key = `${String(node)} ${String(time)} ${msg}`;
  if (/^(?:starting|end) task UPID:/.test(msg) || LOGINS.test(msg)) return [{ key }];
  const vmid = /\b(?:VM|CT|vm:|ct:) ?(\d{3,9})\b/.exec(msg)?.[1];
  return [vmid === undefined ? { key, other: `${String(tag)}: ${msg}` } : { key, guest: Number(vmid) }];
}
