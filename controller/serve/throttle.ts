// In: addresses that were refused. Out: whether one has been refused too often lately.
// Must never grow with the number of strangers.
import type { Clock } from '../model/doors.ts';

/** A person mistypes a password a few times; who guesses needs millions. */
const REFUSALS_MAX = 10;
const WINDOW_MS = 60_000;
const ADDRESSES_MAX = 1_000;

interface Count { readonly since: number; readonly times: number }

export class Throttle {
  readonly #counts = new Map<string, Count>();

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  /** Seconds to wait, or nothing. */
  waitSeconds(address: string): number | undefined {
    const count = this.#fresh(whoseAddress(address));
    return count === undefined || count.times < REFUSALS_MAX ? undefined : Math.max(1, Math.ceil((count.since + WINDOW_MS - this.clock.now()) / 1000));
  }

  /** How many refusals within the window, with this one. */
  refused(address: string): number {
    const name = whoseAddress(address);
    const before = this.#fresh(name);
    const count = { since: before?.since ?? this.clock.now(), times: (before?.times ?? 0) + 1 };
    this.#counts.delete(name);
    this.#counts.set(name, count);
    // The first one is the one that was not heard of for the longest time.
    for (const [oldest] of this.#counts) {
      if (this.#counts.size <= ADDRESSES_MAX) break;
      this.#counts.delete(oldest);
    }
    return count.times;
  }

  #fresh(name: string): Count | undefined {
    const count = this.#counts.get(name);
    const age = count === undefined ? 0 : this.clock.now() - count.since;
    if (count !== undefined && age >= 0 && age < WINDOW_MS) return count;
    this.#counts.delete(name);
    return undefined;
  }
}

/** One customer of a provider has a /64 of IPv6, and as many addresses in it as they like. */
export function whoseAddress(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const [before, after] = [head, tail].map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = plain.includes('::') ? Array.from({ length: Math.max(0, 8 - (before?.length ?? 0) - (after?.length ?? 0)) }, () => '0') : [];
  return `${[...(before ?? []), ...zeros, ...(after ?? [])].slice(0, 4).map((group) => group.toLowerCase().replace(/^0+(?=.)/, '')).join(':')}::/64`;
}
