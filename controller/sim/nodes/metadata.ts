// DRBD's metadata on a disk: how much room it takes, and a new one.
import { JUST_CREATED, NONE } from './generations.ts';
import type { Metadata } from './state.ts';

const BLOCK = 4096;
/** Superblock and activity log. */
const FIXED_BYTES = 36 * 1024;

/** One bit for 4 KiB and peer (recorded: 1 GiB, one peer → 1048508 KiB; 200 MiB, seven → 204720 KiB). */
export function bitmapBytes(sizeBytes: number, maxPeers: number): number {
  const perPeer = Math.ceil(sizeBytes / BLOCK / 64) * 8;
  return Math.ceil((perPeer * maxPeers) / BLOCK) * BLOCK;
}

export function usableBytes(sizeBytes: number, maxPeers: number): number {
  return Math.max(0, sizeBytes - FIXED_BYTES - bitmapBytes(sizeBytes, maxPeers));
}

export function newMetadata(drbd: string, maxPeers: number): Metadata {
  return {
    version: drbd.startsWith('8.') ? 'v08' : 'v09', maxPeers, clean: true, current: JUST_CREATED, history: [NONE, NONE], peers: {},
    isConsistent: false, isOutdated: false, crashedPrimary: false, effectiveBytes: 0,
  };
}
