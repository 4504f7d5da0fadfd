// Every folder of stories/: what happens is told exactly by log.expect, and at the end the plan is empty, but for what
// the README says remains held. log.expect is rewritten only with UPDATE_EXPECT=1.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Plan } from '../../controller/model/plan.ts';
import { runnableSteps } from '../../controller/model/plan.ts';
import { refText } from '../../controller/model/ref.ts';
import { playScenario } from './play.ts';
import { readScenario, scenarioNames } from './scenario.ts';

test.each(scenarioNames())('%s', async (name) => {
  const scenario = readScenario(name);
  const { log, last } = await playScenario(scenario);
  const file = join(scenario.folder, 'log.expect');
  if (process.env['UPDATE_EXPECT'] === '1') writeFileSync(file, log);
  expect(log).toBe(existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  expect(runnableSteps(last).map((step) => step.title)).toEqual([]);
  expect(heldIn(last)).toEqual(scenario.remains);
});

function heldIn(plan: Plan): readonly string[] {
  return plan.changes.flatMap((change) => {
    const codes = [change.hold, ...change.steps.map((step) => step.hold)].flatMap((hold) => (hold ? [hold.code] : []));
    return [...new Set(codes)].map((code) => `${refText(change.ref)} ${code}`);
  }).sort();
}
