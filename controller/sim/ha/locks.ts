// The HA manager's leases, as the cluster file system keeps them.
// In: a lock as last written, who asks, when. Out: the lock afterwards, or nothing when the asker has not got it.
// Must never take a lock away before its 120 s are over: that is the whole safety of fencing.
import type { HaLock } from './state.ts';

/** Nothing expires by itself; whoever asks after this long gets a lock that nobody renewed (lock-protocol, recorded 118.5–121.7 s). */
export const LOCK_LIFETIME_MS = 120_000;

export interface LockAttempt {
  readonly holder: string;
  readonly nowMs: number;
  /** When this process last had the lock; a process that never had it cannot renew, even its own node's lock. */
  readonly lockedMs?: number;
  readonly quorate: boolean;
}

/** The renewed or newly made lock, or nothing: held by somebody else, or no quorum to write with. */
export function acquireLock(lock: HaLock | undefined, attempt: LockAttempt): HaLock | undefined {
  if (!attempt.quorate) return undefined;
  const taken = { holder: attempt.holder, renewedMs: attempt.nowMs };
  if (!lock) return taken;
  const recently = attempt.lockedMs !== undefined && attempt.nowMs - attempt.lockedMs < LOCK_LIFETIME_MS;
  if (recently) return lock.holder === attempt.holder ? taken : undefined;
  return isStale(lock, attempt.nowMs) ? taken : undefined;
}

export function isStale(lock: HaLock | undefined, nowMs: number): boolean {
  return !lock || nowMs - lock.renewedMs >= LOCK_LIFETIME_MS;
}
