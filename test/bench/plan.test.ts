// The promises of `npm run bench` that need no clock, in virtual time: how many calls a plan makes, and that no block of
// our code runs more than in proportion to the guests.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Scene } from './fleet.ts';
import { startCounting, type Counter } from './operations.ts';
import { BULK_CALLS_MAX } from './promises.ts';

const SCENES: readonly Scene[] = ['create', 'adopt', 'unchanged'];
let counter: Counter;
let planOf: typeof import('./virtual-plan.ts').planOf;

beforeAll(async () => {
  counter = await startCounting();
  ({ planOf } = await import('./virtual-plan.ts'));
});
afterAll(() => counter.stop());

/** Twice the guests, twice the work; the depth of a sort makes it a little more. */
const DOUBLED = 2.4;
/** Below so many a block's count says nothing of its growth. */
const COUNT_MIN = 400;

test.each(SCENES)('%s: one call a guest and 22 besides, and twice the guests are twice the work', async (scene) => {
  const plan = await planOf(200, scene);
  const small = await counter.count(async () => {
    const { calls, plan: { counts } } = await plan();
    expect(calls).toBeLessThanOrEqual((scene === 'create' ? 1 : 200) + BULK_CALLS_MAX);
    expect(counts.create + counts.adopt + counts.unchanged).toBeGreaterThanOrEqual(200);
  });
  const large = await counter.count(await planOf(400, scene));
  expect(large.size).toBeGreaterThan(1000);
  const faster = [...large].filter(([block, count]) => count > COUNT_MIN && count > DOUBLED * (small.get(block) ?? count));
  expect(faster.map(([block, count]) => `${block}: ${small.get(block)} times for 200 guests, ${count} for 400`)).toEqual([]);
});
