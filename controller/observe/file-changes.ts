// Two looks at the counters of /etc/pve in, what changed between them out. Pure.
import type { ListedGuest, Version } from '../pmxcfs/dot-files.ts';

/** One look: counters of one pmxcfs process, its list of guests, and mtimes of what it does not count. */
export interface Seen {
  readonly version: Version;
  readonly guests: ReadonlyMap<number, ListedGuest>;
  readonly mtimes?: ReadonlyMap<string, number | undefined>;
}

export interface FileChanges {
  /** The files cannot be used now, and why: look through the API as if there were none. */
  readonly away?: string;
  /** Nothing is known of what changed: the first look, or pmxcfs began to count anew. */
  readonly all: boolean;
  /** Guests whose configuration was written, that came, went or moved. */
  readonly guests: readonly number[];
  /** Cluster-wide files that were written; `clinfo` when members came or went. */
  readonly files: readonly string[];
  /** Nodes on which a task began or ended: what changes a guest's state without its configuration. */
  readonly tasks: readonly string[];
}

export const ALL_CHANGED: FileChanges = { all: true, guests: [], files: [], tasks: [] };

/** The HA manager writes these all the time; they are no configuration. */
const BUSY_FILES: ReadonlySet<string> = new Set(['ha/manager_status', 'ha/crm_commands']);

export function changesBetween(before: Seen, now: Seen): FileChanges {
  if (before.version.starttime !== now.version.starttime) return ALL_CHANGED;
  return {
    all: false,
    guests: changedKeys(before.guests, now.guests, (guest) => `${guest.node} ${guest.type} ${guest.version}`).sort((a, b) => a - b),
    files: [
      ...changedKeys(before.version.files, now.version.files, String).filter((path) => !BUSY_FILES.has(path)),
      ...changedKeys(before.mtimes ?? new Map<string, number>(), now.mtimes ?? new Map<string, number>(), String),
    ].sort(),
    tasks: changedKeys(before.version.tasklists, now.version.tasklists, String).sort(),
  };
}

/** Whether there is no reason to look at the cluster. */
export function isQuiet(changes: FileChanges): boolean {
  return changes.away === undefined && !changes.all && changes.guests.length + changes.files.length + changes.tasks.length === 0;
}

function changedKeys<K, V>(before: ReadonlyMap<K, V>, now: ReadonlyMap<K, V>, stamp: (value: V) => string): K[] {
  const text = (map: ReadonlyMap<K, V>, key: K) => {
    const value = map.get(key);
    return value === undefined ? '' : stamp(value);
  };
  return [...new Set([...before.keys(), ...now.keys()])].filter((key) => text(before, key) !== text(now, key));
}
