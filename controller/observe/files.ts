// In: /etc/pve of the node that we run on, and the API's door. Out: the same door, which answers configuration from the files
// as long as they can be trusted; and what changed, in two small reads.
// Must never answer from files without quorum, from counters of another start of pmxcfs, or what it does not fully understand:
// then the API is asked. A file may be some milliseconds behind a write through another node, so steps use the plain door.
import type { ClusterFiles, PveApi } from '../model/doors.ts';
import { isObject } from '../model/json.ts';
import type { Json } from '../model/json.ts';
import { FILE_ANSWERS } from '../pmxcfs/cluster-file.ts';
import type { FileAnswer } from '../pmxcfs/cluster-file.ts';
import { parseMembers, parseVersion, parseVmlist } from '../pmxcfs/dot-files.ts';
import type { ListedGuest, Version } from '../pmxcfs/dot-files.ts';
import { futureConfig, parseGuestFile, pendingRows } from '../pmxcfs/guest-file.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import { ALL_CHANGED, changesBetween } from './file-changes.ts';
import type { FileChanges, Seen } from './file-changes.ts';

export interface FileReaderOptions {
  readonly files: ClusterFiles;
  readonly pve: PveApi;
  /** For a release as /version tells it (`9.2.11`); nothing: that release is left to the API. */
  readonly tablesFor: (release: string) => ApiTables | undefined;
  /** Files that pmxcfs does not count (`nodes/pve1/host.fw`): their mtimes are looked at each tick. */
  readonly uncounted?: readonly string[];
}

export interface FileReader {
  /** Observe through this one; the calls that it makes count in its `stats`. */
  readonly pve: PveApi;
  /** What changed since the last tick. Two small reads when nothing did. */
  tick(): Promise<FileChanges>;
}

/** A guest's answers as they were at one counter; nothing in them: the API has to be asked. */
interface CachedGuest { readonly listed: ListedGuest; readonly pending?: Json; readonly config?: Json }
interface CachedText { readonly counter: number | undefined; readonly text: string | undefined }
/** What the files say now, or why they cannot be used. */
type Look = { readonly seen: Seen } | { readonly away: string };

const GUEST_PATH = /^\/nodes\/([^/]+)\/(qemu|lxc)\/(\d+)\/(pending|config)$/;
/** .vmlist and .version are two files: while pmxcfs restarts between the two, they are read again. */
const LOOKS_MAX = 3;

export function createFileReader(options: FileReaderOptions): FileReader {
  const { files, pve } = options;
  const guests = new Map<number, CachedGuest>();
  const texts = new Map<string, CachedText>();
  let release: string | undefined;
  let last: Seen | undefined;
  let told: Seen | undefined;

  const forget = () => {
    guests.clear();
    texts.clear();
  };
  const fresh = oneAtATime(async (): Promise<Look> => {
    const look = await lookAtCounters(files, last);
    if ('away' in look) return look;
    if (last && last.version.starttime !== look.seen.version.starttime) forget();
    last = look.seen;
    for (const vmid of guests.keys()) if (!last.guests.has(vmid)) guests.delete(vmid);
    return look;
  });

  // What was read while pmxcfs began anew is kept under no counter.
  const isCurrent = (seen: Seen) => last?.version.starttime === seen.version.starttime;

  const guestAnswer = async (tables: ApiTables, path: RegExpExecArray, seen: Seen): Promise<Json | undefined> => {
    const [, node, type, vmid, what] = path;
    const listed = seen.guests.get(Number(vmid));
    if (!listed || listed.node !== node || listed.type !== type) return undefined;
    const cached = guests.get(Number(vmid));
    const guest = cached && isSame(cached.listed, listed) ? cached : await readGuest(files, tables, Number(vmid), listed);
    if (guest && isCurrent(seen)) guests.set(Number(vmid), guest);
    return what === 'pending' ? guest?.pending : guest?.config;
  };

  const clusterAnswer = async (tables: ApiTables, { files: paths, answer }: FileAnswer, seen: Seen): Promise<Json | undefined> => {
    const read = new Map<string, string | undefined>();
    for (const path of paths) {
      const counter = seen.version.files.get(path);
      const cached = texts.get(path);
      const isValid = counter !== undefined && cached?.counter === counter;
      const result = isValid ? undefined : await files.read(path);
      if (result && !result.ok && result.errno !== 'ENOENT') return undefined;
      const text = result ? (result.ok ? result.value : undefined) : cached?.text;
      if (result && isCurrent(seen)) texts.set(path, { counter, text });
      read.set(path, text);
    }
    return answer(tables, (path) => read.get(path));
  };

  const fromFiles = async (path: string): Promise<Json | undefined> => {
    const guest = GUEST_PATH.exec(path);
    const collection = Object.hasOwn(FILE_ANSWERS, path) ? FILE_ANSWERS[path] : undefined;
    const tables = release === undefined || (!guest && !collection) ? undefined : options.tablesFor(release);
    if (!tables) return undefined;
    const look = await fresh();
    if ('away' in look) return undefined;
    if (guest) return guestAnswer(tables, guest, look.seen);
    return collection && clusterAnswer(tables, collection, look.seen);
  };

  return {
    pve: {
      get: async (path, how) => {
        const known = how?.query === undefined && how?.at === undefined ? await fromFiles(path) : undefined;
        if (known !== undefined) return known;
        const answer = await pve.get(path, how);
        if (path === '/version' && isObject(answer) && typeof answer.version === 'string' && answer.version !== release) {
          release = answer.version;
          forget();
        }
        return answer;
      },
      write: (method, path, params, how) => pve.write(method, path, params, how),
      learnNodes: (addresses) => pve.learnNodes(addresses),
      ...(pve.sight ? { sight: pve.sight } : {}),
      get asRoot() { return pve.asRoot ?? false; },
      get stats() { return pve.stats; },
    },
    tick: async () => {
      const look = await fresh();
      if ('away' in look) {
        told = undefined;
        return { ...ALL_CHANGED, away: look.away };
      }
      const seen = { ...look.seen, mtimes: await mtimesOf(files, options.uncounted ?? []) };
      const changes = told ? changesBetween(told, seen) : ALL_CHANGED;
      told = seen;
      return changes;
    },
  };
}

function isSame(a: ListedGuest, b: ListedGuest): boolean {
  return a.version === b.version && a.node === b.node && a.type === b.type;
}

async function lookAtCounters(files: ClusterFiles, last: Seen | undefined): Promise<Look> {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const [version, members] = await Promise.all([readAs(files, '.version', parseVersion), readAs(files, '.members', parseMembers)]);
    if ('away' in version) return version;
    if ('away' in members) return members;
    if (!members.value.quorate) return { away: `${members.value.nodename} has no quorum, so its files may be old` };
    if (last && isUnchanged(last.version, version.value)) return { seen: { version: version.value, guests: last.guests } };
    const guests = await readAs(files, '.vmlist', parseVmlist);
    if ('away' in guests) return guests;
    const again = await readAs(files, '.version', parseVersion);
    if ('value' in again && again.value.starttime === version.value.starttime) return { seen: { version: version.value, guests: guests.value } };
  }
  return { away: 'pmxcfs restarts' };
}

/** Whether the list of guests is the one that we have. */
function isUnchanged(before: Version, now: Version): boolean {
  return before.starttime === now.starttime && before.vmlist === now.vmlist;
}

async function readAs<T>(files: ClusterFiles, path: string, parse: (text: string) => T | undefined): Promise<{ readonly value: T } | { readonly away: string }> {
  const result = await files.read(path);
  if (!result.ok) return { away: `${path}: ${result.errno}` };
  const value = parse(result.value);
  return value === undefined ? { away: `${path} is not what pmxcfs writes` } : { value };
}

async function readGuest(files: ClusterFiles, tables: ApiTables, vmid: number, listed: ListedGuest): Promise<CachedGuest | undefined> {
  const result = await files.read(`nodes/${listed.node}/${listed.type === 'lxc' ? 'lxc' : 'qemu-server'}/${vmid}.conf`);
  // It moved since; the API knows where.
  if (!result.ok) return undefined;
  const file = parseGuestFile(tables, listed.type, result.value);
  return file ? { listed, pending: pendingRows(file), config: futureConfig(file) } : { listed };
}

async function mtimesOf(files: ClusterFiles, paths: readonly string[]): Promise<ReadonlyMap<string, number | undefined>> {
  const entries = paths.map(async (path) => {
    const mtime = await files.mtime(path);
    return [path, mtime.ok ? mtime.value : undefined] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Callers share a run that begins after they asked; a run that is under way may have read too early for them. */
function oneAtATime<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const start = (): Promise<T> => {
    const mine = work().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };
  return () => {
    if (!running) return start();
    const before = running;
    next ??= before.then(() => undefined, () => undefined).then(() => {
      next = undefined;
      return start();
    });
    return next;
  };
}
