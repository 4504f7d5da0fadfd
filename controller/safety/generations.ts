// In: the generation identifiers of one DRBD resource on two nodes. Out: whose data is newer, or that both have written apart
// from each other. Pure. The rules are those of DRBD's own handshake, so a split brain is known before the link heals.
import type { Facts } from '../model/facts.ts';
import type { Generation, NodeStorageFact } from '../model/node-facts.ts';

const NONE = '0000000000000000';
/** What new metadata starts with. */
const JUST_CREATED = '0000000000000004';

export type Lineage =
  /** The same data. */
  | 'same'
  /** Neither has ever held data. */
  | 'new'
  | 'first-newer'
  | 'second-newer'
  /** Both went on from the same ancestor, apart: a split brain. */
  | 'split'
  /** They share no ancestor that either remembers. */
  | 'unrelated';

/** The lowest bit of an identifier only says Primary, so it is expected to be cleared (`Generation`). */
export function lineage(first: Generation, second: Generation): Lineage {
  const [isFirstNew, isSecondNew] = [isNewGeneration(first), isNewGeneration(second)];
  if (isFirstNew || isSecondNew) return isFirstNew && isSecondNew ? 'new' : isFirstNew ? 'second-newer' : 'first-newer';
  if (first.current === second.current) return 'same';
  if (first.bitmap !== NONE && first.bitmap === second.current) return 'first-newer';
  if (second.bitmap !== NONE && second.bitmap === first.current) return 'second-newer';
  if (first.bitmap !== NONE && first.bitmap === second.bitmap) return 'split';
  const remembers = (one: Generation, current: string) => one.history.includes(current);
  if (remembers(first, second.current)) return 'first-newer';
  if (remembers(second, first.current)) return 'second-newer';
  const ancestors = (one: Generation) => [one.bitmap, ...one.history].filter((id) => id !== NONE);
  return ancestors(first).some((id) => ancestors(second).includes(id)) ? 'split' : 'unrelated';
}

/** Metadata that no data was ever written under. */
export function isNewGeneration({ current }: Generation): boolean {
  return current === JUST_CREATED || current === NONE;
}

export interface Split {
  readonly resource: string;
  /** Sorted. */
  readonly nodes: readonly [string, string];
  readonly generations: readonly [Generation, Generation];
  /** Names this very event, `1a2b3c4d-5e6f7a8b`: a person who decides about it decides about no other. */
  readonly id: string;
}

/** Every pair of nodes whose data of the resource went apart, as far as they tell. */
export function splitsOf(resource: string, nodes: readonly string[], known: Facts['storageNodes']): readonly Split[] {
  const sorted = [...nodes].sort();
  return sorted.flatMap((a, at) => sorted.slice(at + 1).flatMap((b) => {
    const first = generationTowards(known?.get(a), resource, b);
    const second = generationTowards(known?.get(b), resource, a);
    if (!first || !second || lineage(first, second) !== 'split') return [];
    return [{ resource, nodes: [a, b] as const, generations: [first, second] as const, id: eventId(first, second) }];
  }));
}

/** What the node remembers of its peer; 8.4 has one peer and does not name it. */
export function generationTowards(node: NodeStorageFact | undefined, resource: string, peer: string): Generation | undefined {
  const generations = node?.replicas.get(resource)?.generations ?? [];
  return generations.find((one) => one.peer === peer) ?? generations.find((one) => one.peer === undefined);
}

/** `current:bitmap` of each peer: changes as soon as anything is written to a side that is apart. */
export function generationsText(node: NodeStorageFact | undefined, resource: string): string {
  const generations = node?.replicas.get(resource)?.generations ?? [];
  return [...generations].sort((a, b) => ((a.peer ?? '') < (b.peer ?? '') ? -1 : 1)).map(({ current, bitmap }) => `${current}:${bitmap}`).join(',');
}

/** The two new generations make the event; each later split brain has others. */
function eventId(first: Generation, second: Generation): string {
  return `${first.current.slice(0, 8)}-${second.current.slice(0, 8)}`.toLowerCase();
}
