// Locks of the simulated cluster: a name has one holder at a time, others wait in order and give up after a limit.
import type { VirtualClock } from './virtual-clock.ts';

/** The time Proxmox waits for a guest's file lock before it answers `got timeout`. */
export const GUEST_LOCK_WAIT_MS = 10_000;

interface Waiter { readonly owner: string; readonly start: () => void; readonly fail: (why: Error) => void }

export class LockTable {
  readonly #clock: VirtualClock;
  readonly #held = new Map<string, string>();
  readonly #waiting = new Map<string, Waiter[]>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  isHeld(name: string): boolean {
    return this.#held.has(name);
  }

  /** Runs `work` as the only holder of `name`; throws an Error with `timeoutText` when another holds it for `waitMs`.
      `node` owns it: a lock of a node that loses its power is free again.
      Who waits `says` so, as Proxmox writes it into the task's log. */
  async during<T>(name: string, node: string, work: () => Promise<T> | T, timeoutText: string, waitMs = GUEST_LOCK_WAIT_MS, says?: (line: string) => void): Promise<T> {
    const waits = this.#held.has(name);
    if (waits) says?.('trying to acquire lock...');
    await this.#acquire(name, node, timeoutText, waitMs);
    if (waits) says?.(' OK');
    try {
      return await work();
    } finally {
      this.#release(name, node);
    }
  }

  /** Whoever waits on that node waits in vain; what it holds is free. */
  loseNode(node: string): void {
    for (const queue of this.#waiting.values()) {
      const lost = queue.filter(({ owner }) => owner === node);
      queue.splice(0, queue.length, ...queue.filter(({ owner }) => owner !== node));
      for (const waiter of lost) waiter.fail(new Error(`${node} lost its power`));
    }
    for (const [name, owner] of this.#held) if (owner === node) this.#release(name, node);
  }

  #acquire(name: string, owner: string, timeoutText: string, waitMs: number): Promise<void> {
    if (!this.#held.has(name)) {
      this.#held.set(name, owner);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, queue);
      const waiter: Waiter = {
        owner,
        start: () => {
          cancel();
          resolve();
        },
        fail: (why) => {
          cancel();
          reject(why);
        },
      };
      const cancel = this.#clock.after(waitMs, () => {
        queue.splice(queue.indexOf(waiter), 1);
        reject(new Error(timeoutText));
      }, { label: `lock ${name}` });
      queue.push(waiter);
    });
  }

  #release(name: string, owner: string): void {
    if (this.#held.get(name) !== owner) return;
    this.#held.delete(name);
    const next = this.#waiting.get(name)?.shift();
    if (!next) return;
    this.#held.set(name, next.owner);
    next.start();
  }
}
