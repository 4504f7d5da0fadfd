// In: where a guest may be, the facts, and what other new guests of this plan already took. Out: a node, or a storage. Pure.
// Must be the same answer for the same input: ties are broken by name.
import type { Facts, NodeFact, StorageFact } from '../../model/facts.ts';
import { compareText } from '../../model/ref.ts';
import { gib } from '../../safety/conditions.ts';
import type { GuestSpec } from './spec.ts';

/** Nodes on which the guest may be by its placement; undefined: anywhere. */
export function allowedNodes(spec: GuestSpec): readonly string[] | undefined {
  if (spec.placement?.node !== undefined) return [spec.placement.node];
  return spec.placement?.nodes;
}

/** Most free memory, then fewest guests, then the name. */
export function chooseNode(allowed: readonly string[] | undefined, facts: Facts, fits: (node: string) => boolean): string | undefined {
  const free = (node: NodeFact) => node.memTotal - node.memUsed;
  return facts.nodes
    .filter((node) => node.online && !node.maintenance && (allowed?.includes(node.name) ?? true) && fits(node.name))
    .sort((a, b) => free(b) - free(a) || a.guests - b.guests || compareText(a.name, b.name))[0]?.name;
}

/** Volumes on these take their whole size at once; on all others they grow as they are written. */
const THICK = new Set(['lvm', 'iscsi', 'iscsidirect', 'zfspool', 'zfs']);

export interface StorageChoice {
  readonly storage: string;
  /** What to tell the reader when it is not the first choice, or when it does not fit at all. */
  readonly note?: string;
  readonly full: boolean;
}

/** The first storage of the list that is there and has room; else the first, marked full. */
export function chooseStorage(storages: readonly string[], bytes: number, node: string, facts: Facts): StorageChoice {
  const skipped: string[] = [];
  for (const storage of storages) {
    const row = facts.storages.find((candidate) => candidate.storage === storage && candidate.node === node);
    const reason = lackOf(row, storage, bytes, facts);
    if (reason === undefined) return { storage, full: false, ...(skipped.length > 0 ? { note: `${storage}, because ${skipped.join(' and ')}` } : {}) };
    skipped.push(reason);
  }
  const first = storages[0] ?? '';
  // A storage that is made in this very plan has no figures yet: its own step comes first.
  const planned = !facts.storageDefs.has(first);
  return { storage: first, full: !planned, ...(planned ? {} : { note: skipped.join(', and ') }) };
}

function lackOf(row: StorageFact | undefined, storage: string, bytes: number, facts: Facts): string | undefined {
  if (!row && !facts.storageDefs.has(storage)) return `${storage} is made by this plan and nobody knows its size yet`;
  if (!row) return `${storage} is not on this node`;
  if (!row.active) return `${storage} is not active`;
  const free = row.total - row.used;
  if (THICK.has(row.type) && free < bytes) return `${storage} has ${gib(free)} free and ${gib(bytes)} are needed`;
  return undefined;
}

export function isThick(type: string): boolean {
  return THICK.has(type);
}
