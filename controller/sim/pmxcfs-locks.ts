// Lock directories of the cluster file system, and each node's memory of how long it has seen them unchanged.
// In: operations in their one order. Out: the directories, and whether a judge thinks that one is stale.
// Must never let a lock go by itself: only a request makes the judge look.

/** As the replicated database has it. `writer` is the node id of the last write. */
export interface LockEntry { readonly writer: number; readonly mtime: number; readonly version: number }

/** pmxcfs compares whole seconds: a lock goes when it has been the same for more than this. */
const LIFETIME_SECONDS = 120;

/** One pmxcfs process: lost when it ends, begun anew with the data of a resync. */
export class LockTimers {
  readonly #seen = new Map<string, { readonly version: number; readonly sinceSeconds: number }>();

  /** The entry as it is after a write that this process has received; nothing when it was removed. */
  receive(name: string, entry: LockEntry | undefined, nowSeconds: number): void {
    if (entry) this.#seen.set(name, { version: entry.version, sinceSeconds: nowSeconds });
    else this.#seen.delete(name);
  }

  /** All data came anew: nothing is known of before. */
  restart(entries: ReadonlyMap<string, LockEntry>, nowSeconds: number): void {
    this.#seen.clear();
    for (const [name, entry] of entries) this.receive(name, entry, nowSeconds);
  }

  isExpired(name: string, entry: LockEntry, nowSeconds: number): boolean {
    const seen = this.#seen.get(name);
    if (seen?.version === entry.version) return nowSeconds - seen.sinceSeconds > LIFETIME_SECONDS;
    this.receive(name, entry, nowSeconds);
    return false;
  }
}
