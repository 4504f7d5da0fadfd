// In: what moves. Out: for how long nothing did although something should: what /healthz is about. Naps are counted, because
// the clock may jump, and a machine that was asleep was not stuck.
import type { Clock } from '../model/doors.ts';

const NAP_MS = 30_000;

export class Pulse {
  quietMs = 0;
  #isResting = false;

  /** A pause is no silence. */
  async rest<T>(pause: Promise<T>): Promise<T> {
    this.#isResting = true;
    try {
      return await pause;
    } finally {
      this.#isResting = false;
      this.quietMs = 0;
    }
  }

  /** Ends when the signal aborts. @param moves a number that rises with each answer and step */
  async watch(clock: Clock, moves: () => number, signal: AbortSignal): Promise<void> {
    for (let before = moves(); !signal.aborted; before = moves()) {
      await clock.sleep(NAP_MS, signal).catch(() => undefined);
      this.quietMs = this.#isResting || moves() !== before ? 0 : this.quietMs + NAP_MS;
    }
  }
}
