// What happened in the simulated cluster, as lines a person reads: virtual seconds, node, text.
import type { Clock } from '../model/doors.ts';

/** The most lines kept; a soak of weeks must not fill the memory. */
const LINES_MAX = 100_000;

export class SimLog {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #lines: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.now();
  }

  write(node: string, text: string): void {
    const seconds = ((this.#clock.now() - this.#startMs) / 1000).toFixed(1);
    if (this.#lines.length < LINES_MAX) this.#lines.push(`${seconds.padStart(8)} ${node}: ${text}`);
  }

  lines(): readonly string[] {
    return this.#lines;
  }
}
