// In: an address, and who tells those of this machine. Out: whether it is here, whether it has left us, and whether the lease has waited long enough.
// Must never take one look for an answer: while keepalived reads its configuration anew the address may be away for a moment.
import type { Clock } from '../model/doors.ts';
import type { DaemonOptions } from './options.ts';

/** The daemon works where this address is. */
export interface Follow {
  readonly address: string;
  /** For so long the lease is left free while the address is not here; then it is taken all the same, until it is let go for a moment after as long. */
  readonly patienceMs: number;
  /** The addresses of this machine, as the kernel writes them. */
  readonly ownAddresses: () => Promise<readonly string[]>;
}

export class Follower {
  /** Looks of the watch in a row that did not find it. */
  #missed = 0;
  #freeSince: number | undefined;

  constructor(private readonly follow: Follow, private readonly options: Pick<DaemonOptions, 'awayLooks' | 'yieldMs'>, private readonly clock: Clock) {}

  get address(): string {
    return this.follow.address;
  }

  get patienceMs(): number {
    return this.follow.patienceMs;
  }

  get hasLeft(): boolean {
    return this.#missed >= this.options.awayLooks;
  }

  /** An answer that does not come is one that does not find it. */
  async isHere(): Promise<boolean> {
    const own: readonly string[] = await this.follow.ownAddresses().catch(() => []);
    const isHere = own.includes(this.address);
    if (isHere) this.#missed = 0;
    return isHere;
  }

  /** Calls each time that the address has left; ends when the signal aborts. */
  async watch(everyMs: number, signal: AbortSignal, left: () => void): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.clock.sleep(everyMs, signal);
      } catch {
        return;
      }
      if (await this.isHere()) continue;
      this.#missed += 1;
      if (this.#missed === this.options.awayLooks) left();
    }
  }

  /** The lease is free from now on: it was ours. */
  beginWaiting(): void {
    this.#freeSince = this.clock.now();
  }

  /** Told at each look at the lease. @returns whether it was free all the time for long enough, which is less for who let it go for a moment */
  hasWaited(isFree: boolean, who: 'patient' | 'yielding'): boolean {
    this.#freeSince = isFree ? this.#freeSince ?? this.clock.now() : undefined;
    return this.#freeSince !== undefined && this.clock.now() - this.#freeSince >= (who === 'yielding' ? this.options.yieldMs : this.patienceMs);
  }
}
