// The test over many seeds. More: `LATIDO_DRBD_SEEDS=2000`. One alone: `LATIDO_DRBD_SEED=4711`.
import { describe, expect, test } from 'vitest';
import { runLife } from './life.ts';

/** As many as half a minute has room for. */
const COUNT = Number(process.env.LATIDO_DRBD_SEEDS ?? 100);
const ALONE = process.env.LATIDO_DRBD_SEED === undefined ? undefined : Number(process.env.LATIDO_DRBD_SEED);
const A_TEST = 50;
/** Real time of fifty lives, for machines that do much else. */
const PATIENCE_MS = 600_000;
const HALVES = 2;

export function drbdLivesOf(half: number): void {
  if (ALONE !== undefined) {
    test.runIf(ALONE % HALVES === half)(`seed ${ALONE}`, async () => {
      const { problems, told, log } = await runLife(ALONE);
      expect(problems, [...told, ...log].join('\n')).toEqual([]);
    }, PATIENCE_MS);
    return;
  }
  describe('with DRBD: nothing lost by our doing, and in sync once all is quiet', () => {
    const seeds = Array.from({ length: Math.ceil(COUNT / HALVES) }, (_none, at) => at * HALVES + half);
    const chunks = Array.from({ length: Math.ceil(seeds.length / A_TEST) }, (_none, at) => seeds.slice(at * A_TEST, (at + 1) * A_TEST));
    test.each(chunks)('seeds from %i on', async (...chunk) => {
      const failed: string[] = [];
      let commands = 0;
      for (const seed of chunk) {
        const life = await lifeOf(seed);
        commands += life.commands;
        failed.push(...life.problems.map((problem) => `LATIDO_DRBD_SEED=${seed}: ${problem}`));
      }
      expect(failed).toEqual([]);
      expect(commands).toBeGreaterThan(chunk.length);
    }, PATIENCE_MS);
  });
}

async function lifeOf(seed: number): Promise<{ readonly problems: readonly string[]; readonly commands: number }> {
  try {
    return await runLife(seed);
  } catch (error) {
    return { commands: 0, problems: [error instanceof Error ? error.stack ?? error.message : String(error)] };
  }
}
