// The dot files of /etc/pve: what pmxcfs on this node has counted since it started, and who is there.
// In: their texts. Out: the counters. Nothing: not what pmxcfs writes.
// Must never compare counters of two nodes or two starts: they count from 1 in each process.
import { isObject } from '../model/json.ts';

/** `.version` */
export interface Version {
  /** Seconds since the epoch; another value is another process, whose counters say nothing about ours. */
  readonly starttime: number;
  readonly vmlist: number;
  /** By path below /etc/pve, for the files that are counted; `clinfo` is the members'. */
  readonly files: ReadonlyMap<string, number>;
  /** By node: grows whenever the node tells that a task began or ended. */
  readonly tasklists: ReadonlyMap<string, number>;
}

/** An entry of `.vmlist`; `version` grows with each write of the guest's configuration. */
export interface ListedGuest { readonly node: string; readonly type: 'qemu' | 'lxc'; readonly version: number }

/** `.members` */
export interface Members { readonly nodename: string; readonly quorate: boolean }

export function parseVersion(text: string): Version | undefined {
  const { starttime, vmlist, kvstore, ...counters } = objectIn(text);
  if (typeof starttime !== 'number' || typeof vmlist !== 'number') return undefined;
  const tasklists = Object.entries(isObject(kvstore) ? kvstore : {}).flatMap(([node, kinds]) => (isObject(kinds) && typeof kinds.tasklist === 'number' ? [[node, kinds.tasklist] as const] : []));
  return { starttime, vmlist, files: new Map(Object.entries(counters).filter((entry): entry is [string, number] => typeof entry[1] === 'number')), tasklists: new Map(tasklists) };
}

export function parseVmlist(text: string): ReadonlyMap<number, ListedGuest> | undefined {
  const { version, ids } = objectIn(text);
  if (typeof version !== 'number' || !isObject(ids)) return undefined;
  return new Map(Object.entries(ids).flatMap(([vmid, row]) => {
    const isGuest = isObject(row) && typeof row.node === 'string' && (row.type === 'qemu' || row.type === 'lxc') && typeof row.version === 'number';
    return isGuest ? [[Number(vmid), { node: row.node as string, type: row.type as 'qemu' | 'lxc', version: row.version as number }] as const] : [];
  }));
}

export function parseMembers(text: string): Members | undefined {
  const { nodename, cluster } = objectIn(text);
  if (typeof nodename !== 'string') return undefined;
  // A node that is in no cluster has no `cluster` and always a quorum.
  return { nodename, quorate: isObject(cluster) ? Number(cluster.quorate ?? 0) === 1 : true };
}

function objectIn(text: string): { readonly [key: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
