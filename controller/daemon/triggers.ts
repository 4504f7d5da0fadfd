// In: reasons to look again, from anywhere, at any time. Out: one wait that ends with all of them merged. They carry no
// facts: a round reads everything itself.
import type { Clock } from '../model/doors.ts';

export const CAUSES = ['start', 'commit', 'webhook', 'drift', 'interval', 'asked', 'check', 'retry', 'stand-by'] as const;
export type Cause = (typeof CAUSES)[number];

/** One timer never sleeps longer: a clock that jumps is noticed. */
const NAP_MS = 60 * 60_000;

export class Triggers {
  readonly #told = new Set<Cause>();
  readonly #listeners = new Set<(cause: Cause) => void>();
  #wake: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  tell(cause: Cause): void {
    this.#told.add(cause);
    this.#wake?.();
    for (const call of this.#listeners) call(cause);
  }

  /** Hears of each cause at once; answers how to stop. */
  listen(call: (cause: Cause) => void): () => void {
    this.#listeners.add(call);
    return () => this.#listeners.delete(call);
  }

  get waiting(): number {
    return this.#told.size;
  }

  /** All that was told, in a fixed order; nothing is told any more afterwards. */
  take(): readonly Cause[] {
    const causes = CAUSES.filter((cause) => this.#told.has(cause));
    this.#told.clear();
    return causes;
  }

  /** Ends when something is told, after `ms`, or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const deadline = this.clock.now() + ms;
    for (let left = ms; left > 0 && this.#told.size === 0 && !signal.aborted; left = Math.min(left - NAP_MS, deadline - this.clock.now())) await this.#nap(Math.min(left, NAP_MS), signal);
  }

  async #nap(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort(new Error('woken'));
    this.#wake = wake;
    signal.addEventListener('abort', wake, { once: true });
    try {
      await this.clock.sleep(ms, woken.signal);
    } catch (error) {
      if (!woken.signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', wake);
      this.#wake = undefined;
    }
  }
}
