// Chance from a seed: the same throws for the same seed.
import { seededRandom } from '../../../controller/sim/random.ts';

export class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed * 2654435761);
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  /** From `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  pick<T>(among: readonly T[]): T {
    const found = among[Math.floor(this.#random() * among.length)];
    if (found === undefined && among.length === 0) throw new Error('nothing to pick from');
    return found as T;
  }
}
