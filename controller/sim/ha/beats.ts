// When each HA daemon acts: every one has its own phase, and at most one next moment.
// In: a daemon's name, a period. Out: its rounds as events of the virtual clock, all in the background.
// Must never let two rounds of one daemon be due at once.
import type { VirtualClock } from '../virtual-clock.ts';

export class Beats {
  readonly #clock: VirtualClock;
  readonly #timers = new Map<string, () => void>();
  readonly #phaseMs = new Map<string, number>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** The daemon acts at moments that leave this remainder in its period. */
  setPhase(daemon: string, phaseMs: number): void {
    this.#phaseMs.set(daemon, phaseMs);
  }

  /** The next moment of the daemon's beat: the daemons of a cluster do not tick together. */
  next(daemon: string, periodMs: number): number {
    return this.last(daemon, periodMs) + periodMs;
  }

  /** The last moment of the daemon's beat, now included. */
  last(daemon: string, periodMs: number): number {
    const nowMs = this.#clock.now();
    const phaseMs = this.#phaseMs.get(daemon) ?? 0;
    return nowMs - ((((nowMs - phaseMs) % periodMs) + periodMs) % periodMs);
  }

  isSet(daemon: string): boolean {
    return this.#timers.has(daemon);
  }

  set(daemon: string, atMs: number, run: () => void): void {
    this.clear(daemon);
    this.#timers.set(daemon, this.#clock.at(atMs, () => {
      this.#timers.delete(daemon);
      run();
    }, { background: true, label: daemon }));
  }

  clear(daemon: string): void {
    this.#timers.get(daemon)?.();
    this.#timers.delete(daemon);
  }
}
