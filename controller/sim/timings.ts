// How long the simulated cluster's work takes, in milliseconds of virtual time.

/** The defaults come from the recorded cluster, rounded; rates are for the disks and network of a small site. */
export interface TaskTimings {
  /** One request and its answer on the way. */
  readonly latencyMs: number;
  readonly createMs: number;
  readonly destroyMs: number;
  readonly startMs: number;
  readonly stopMs: number;
  readonly configMs: number;
  readonly snapshotMs: number;
  readonly containerStartMs: number;
  /** Copying a disk: full clone, move, migration with local disks. */
  readonly copyBytesPerSecond: number;
  /** Copying memory in a live migration. */
  readonly migrateBytesPerSecond: number;
}

const DEFAULTS: TaskTimings = {
  latencyMs: 2, createMs: 900, destroyMs: 400, startMs: 900, stopMs: 400, configMs: 300, snapshotMs: 400, containerStartMs: 1500,
  copyBytesPerSecond: 200 * 2 ** 20, migrateBytesPerSecond: 100 * 2 ** 20,
};

export function timings(speed: Partial<TaskTimings> = {}): TaskTimings {
  return { ...DEFAULTS, ...speed };
}
