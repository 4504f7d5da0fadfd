// One lock file on each node, held by the command itself: a command that outlives the latido that began it is waited for.

const FILE = '/run/lock/latido.lock';
const WAIT_SECONDS = 20;
/** The exit code of `flock` when the lock was not to be had; no program that we run ends with it. */
export const NODE_LOCK_BUSY = 75;

export function underNodeLock(argv: readonly string[]): readonly string[] {
  return ['flock', '-w', String(WAIT_SECONDS), '-E', String(NODE_LOCK_BUSY), FILE, ...argv];
}
