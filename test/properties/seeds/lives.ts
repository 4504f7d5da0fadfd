// The test over many seeds, in two halves for two cores. More: `LATIDO_SEEDS=100000`. One alone: `LATIDO_SEED=4711`.
import { describe, expect, test } from 'vitest';
import { runSeed } from './seed-run.ts';

const COUNT = Number(process.env.LATIDO_SEEDS ?? 2_000);
const ALONE = process.env.LATIDO_SEED === undefined ? undefined : Number(process.env.LATIDO_SEED);
const A_TEST = 100;
/** Real time of a hundred lives, for machines that do much else. */
const PATIENCE_MS = 600_000;
const HALVES = 2;

export function livesOf(half: number): void {
  if (ALONE !== undefined) {
    test.runIf(ALONE % HALVES === half)(`seed ${ALONE}`, async () => expect((await runSeed(ALONE)).problems).toEqual([]), PATIENCE_MS);
    return;
  }
  describe('safe all the time, and in sync once all is quiet', () => {
    const seeds = Array.from({ length: Math.ceil(COUNT / HALVES) }, (_none, at) => at * HALVES + half);
    const chunks = Array.from({ length: Math.ceil(seeds.length / A_TEST) }, (_none, at) => seeds.slice(at * A_TEST, (at + 1) * A_TEST));
    test.each(chunks)('seeds from %i on', async (...chunk) => {
      const failed: string[] = [];
      for (const seed of chunk) failed.push(...(await problemsOf(seed)));
      expect(failed).toEqual([]);
    }, PATIENCE_MS);
  });
}

async function problemsOf(seed: number): Promise<readonly string[]> {
  try {
    return (await runSeed(seed)).problems.map((problem) => `LATIDO_SEED=${seed}: ${problem}`);
  } catch (error) {
    return [`LATIDO_SEED=${seed}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`];
  }
}
