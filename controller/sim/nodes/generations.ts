// DRBD's generation identifiers: how they come to be, and what two nodes conclude from them when they meet. Pure.
// The numbers of the verdicts are those that DRBD writes to the kernel's log as `uuid_compare()`.
import type { Metadata, Slot } from './state.ts';

export const NONE = '0000000000000000';
export const JUST_CREATED = '0000000000000004';
/** A resync's own identifier is the bitmap's with this added. */
const SYNC_OFFSET = 0x0001_0000_0000_0000n;

export function bare(id: string): string {
  return withBit(id, false);
}

export function withBit(id: string, isPrimary: boolean): string {
  const last = Number.parseInt(id.slice(-1), 16);
  return `${id.slice(0, -1)}${(isPrimary ? last | 1 : last & ~1).toString(16)}`.toUpperCase();
}

export function isNew(id: string): boolean {
  return bare(id) === JUST_CREATED || bare(id) === NONE;
}

export function slotOf(metadata: Metadata, peer: string): Slot {
  return (metadata.peers[peer] ??= { bitmap: NONE, outOfSyncBytes: 0 });
}

export function pushHistory(metadata: Metadata, id: string): void {
  metadata.history = [id, metadata.history[0]];
}

/** The identifier of the resync that begins now at its source. */
export function syncId(bitmap: string, fresh: string): string {
  if (isNew(bitmap)) return fresh;
  return ((BigInt(`0x${bitmap}`) + SYNC_OFFSET) & 0xFFFF_FFFF_FFFF_FFFFn).toString(16).toUpperCase().padStart(16, '0');
}

/** 0: the same; 1, 2: we are newer, 2 needs everything copied; 100: split brain; -1000: unrelated. */
export type Verdict = 0 | 1 | -1 | 2 | -2 | 100 | -100 | -1000;

interface Side { readonly name: string; readonly metadata: Metadata }

export function compare(self: Side, peer: Side): Verdict {
  const [mine, theirs] = [self.metadata, peer.metadata];
  const [a, b] = [bare(mine.current), bare(theirs.current)];
  if (isNew(a) && isNew(b)) return 0;
  if (isNew(a)) return -2;
  if (isNew(b)) return 2;
  if (a === b) return mine.crashedPrimary === theirs.crashedPrimary ? 0 : mine.crashedPrimary ? 1 : -1;
  const [bitmapA, bitmapB] = [bare(slotOf(mine, peer.name).bitmap), bare(slotOf(theirs, self.name).bitmap)];
  const remembers = (side: Metadata, id: string) => side.history.some((one) => bare(one) === id);
  if (a === bitmapB) return -1;
  if (remembers(theirs, a)) return -2;
  if (bitmapA === b) return 1;
  if (remembers(mine, b)) return 2;
  if (bitmapA !== NONE && bitmapA === bitmapB) return 100;
  const ancestors = (side: Metadata, bitmap: string) => [bitmap, ...side.history.map(bare)].filter((id) => !isNew(id));
  return ancestors(mine, bitmapA).some((id) => ancestors(theirs, bitmapB).includes(id)) ? -100 : -1000;
}

export interface Contender { readonly role: 'Primary' | 'Secondary'; readonly bitmap: string; readonly changedBytes: number; readonly isFirst: boolean }

/** Whose data stays after a split brain, by the policies: 1 ours, -1 the peer's, undefined: nobody's, they part. */
export function bySplitBrainPolicy(net: Readonly<Record<string, string>>, self: Contender, peer: Contender): 1 | -1 | undefined {
  const primaries = [self, peer].filter(({ role }) => role === 'Primary').length;
  const none = () => byNoPrimaries(net['after-sb-0pri'] ?? 'disconnect', self, peer);
  if (primaries === 0) return none();
  if (primaries === 2) return net['after-sb-2pri'] === 'violently-as0p' ? none() : undefined;
  const winner = self.role === 'Primary' ? 1 : -1;
  switch (net['after-sb-1pri'] ?? 'disconnect') {
    case 'discard-secondary': return winner;
    case 'violently-as0p': return none();
    case 'consensus':
    case 'call-pri-lost-after-sb': return none() === winner ? winner : undefined;
    default: return undefined;
  }
}

function byNoPrimaries(policy: string, self: Contender, peer: Contender): 1 | -1 | undefined {
  const wasPrimary = (side: Contender) => Number.parseInt(side.bitmap.slice(-1), 16) & 1;
  const fewest = () => (self.changedBytes === peer.changedBytes ? (self.isFirst ? 1 : -1) : self.changedBytes < peer.changedBytes ? -1 : 1);
  switch (policy) {
    case 'discard-least-changes': return fewest();
    case 'discard-zero-changes': return self.changedBytes > 0 && peer.changedBytes > 0 ? undefined : fewest();
    case 'discard-younger-primary': return wasPrimary(self) === wasPrimary(peer) ? fewest() : wasPrimary(self) > wasPrimary(peer) ? 1 : -1;
    case 'discard-older-primary': return wasPrimary(self) === wasPrimary(peer) ? fewest() : wasPrimary(self) > wasPrimary(peer) ? -1 : 1;
    default: return undefined;
  }
}
