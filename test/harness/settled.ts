import { expect } from 'vitest';
import { outline } from './world.ts';
import type { World } from './world.ts';

/** Rounds of which none may fail, until nothing is left to do; what is left then. */
export async function settled(place: World, yaml: string, rounds = 4): Promise<readonly string[]> {
  for (let round = 0; round < rounds; round += 1) {
    const plan = await place.plan(yaml);
    if (plan.changes.every(({ steps }) => steps.length === 0)) return [];
    const result = await place.apply(yaml);
    expect(result.failed).toEqual([]);
  }
  return outline(await place.plan(yaml));
}
