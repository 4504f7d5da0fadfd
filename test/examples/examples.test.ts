// Every folder of examples/: its manifests are valid, its first plan is the golden one, doing it works, and then nothing
// is left to do but what the example shows as left. Golden texts are rewritten only with UPDATE_EXPECT=1.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderPlan } from '../../controller/cli/render-plan.ts';
import { isInSync, type Plan } from '../../controller/model/plan.ts';
import { validate } from '../../controller/manifests/validate.ts';
import { kindsFor } from '../harness/world.ts';
import { doPlan, exampleNames, happen, planOf, readExample, worldOf } from './example.ts';

const STYLE = { color: false, width: 100 } as const;
/** Approvals open the way for one another; more rounds than this mean that something never ends. */
const APPROVALS_MAX = 3;

describe.each(exampleNames())('%s', (name) => {
  const example = readExample(name);
  const commits = { clusters: example.manifests, ...(example.before ? { before: example.before } : {}) };

  test.each(Object.entries(commits))('%s is valid, without a warning', (_, parsed) => {
    const { kinds } = kindsFor(example.version);
    expect(validate(parsed, 'dir', kinds).findings).toEqual([]);
  });

  test('the plan is plan.expect; it works; then nothing is left but again.expect', async () => {
    const world = worldOf(example);
    if (example.before) expect(troubles(await doPlan(world, await planOf(world, example.before)))).toEqual([]);
    await happen(world, example.story);
    const first = await planOf(world, example.manifests);
    golden(join(example.folder, 'plan.expect'), renderPlan(first.plan, STYLE));
    expect(troubles(await doPlan(world, first))).toEqual([]);
    let next = await planOf(world, example.manifests);
    golden(join(example.folder, 'again.expect'), isQuiet(next.plan) ? undefined : renderPlan(next.plan, STYLE));
    for (let round = 0; round < APPROVALS_MAX && isApprovable(next.plan); round += 1) {
      const approved = await planOf(world, example.manifests, next.plan.fingerprint);
      expect(troubles(await doPlan(world, approved))).toEqual([]);
      next = await planOf(world, example.manifests);
    }
    expect(isApprovable(next.plan)).toBe(false);
  });
});

function troubles(result: Awaited<ReturnType<typeof doPlan>>) {
  return [...result.failed, ...result.unsettled];
}

function isQuiet(plan: Plan): boolean {
  return isInSync(plan) && plan.changes.every((change) => change.hold === undefined && change.steps.length === 0 && change.notes.length === 0);
}

function isApprovable(plan: Plan): boolean {
  return plan.changes.some((change) => change.hold?.approvable === true || change.steps.some((step) => step.hold?.approvable === true));
}

/** @param text undefined: there is to be no such file */
function golden(file: string, text: string | undefined): void {
  if (process.env['UPDATE_EXPECT'] === '1') {
    if (text === undefined) rmSync(file, { force: true });
    else writeFileSync(file, text);
  }
  expect(text).toBe(existsSync(file) ? readFileSync(file, 'utf8') : undefined);
}
