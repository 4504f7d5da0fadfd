// `latido rehearse [DIR]`: applies the manifests to a simulated cluster in virtual time, once in peace and then in trouble.
import { Failure } from '../model/finding.ts';
import { ConnectionError } from '../model/doors.ts';
import { runnableSteps, isInSync, type Plan } from '../model/plan.ts';
import { applyRound, planApproved, planRound, settleRound, type Commit } from '../reconcile.ts';
import type { Context, ExitCode, Simulated, Trouble } from './context.ts';
import { shapeOf } from './lab-shape.ts';
import { readCommitOf, validateCommit, versionOf } from './manifests.ts';
import type { RehearseOptions } from './program.ts';
import { atText } from './render-plan.ts';
import { durationText, hanging, jsonText, paint, safe, type Style } from './terminal-text.ts';

const TROUBLES: readonly Trouble[] = ['none', 'network', 'power'];
// Trouble lasts eight virtual minutes at most and HA a few more; what is not in sync after this many rounds will not be.
const ROUNDS_MAX = 20;
const PAUSE_MS = 60_000;

interface Rehearsed {
  readonly seed: number;
  readonly trouble: string;
  readonly rounds: number;
  readonly steps: number;
  readonly failed: number;
  readonly virtualMs: number;
  readonly inSync: boolean;
  /** Why it is not in sync. */
  readonly why: readonly string[];
  readonly log: readonly string[];
}

export async function rehearseCommand(dir: string, options: RehearseOptions, context: Context): Promise<ExitCode> {
  const { terminal, world } = context;
  const commit = await readCommitOf(dir, options.cluster);
  const checked = validateCommit(commit, world);
  if (!checked.desired) throw new Failure(...checked.findings);
  const shape = shapeOf(commit.parsed, 3);
  const pveVersion = options.pve ?? versionOf(commit, world);
  const style = terminal.style();
  if (!options.json) terminal.out(`${hanging('', `Rehearsal of ${safe(shape.name)} ${atText(commit.revision)}, on ${options.live === undefined ? `an empty simulated cluster: Proxmox VE ${pveVersion}, ${shape.nodes.length} ${shape.nodes.length === 1 ? 'node' : 'nodes'}` : `the cluster of ${safe(options.live)}: Proxmox VE ${pveVersion}`}; every plan is approved.`, style.width).join('\n')}\n\n`);
  const runs: Rehearsed[] = [];
  for (let at = 0; at < options.runs; at += 1) {
    for (const trouble of options.script === undefined ? TROUBLES : TROUBLES.slice(0, 1)) {
      const seed = options.seed + at;
      const run = await rehearse(await world.simulate({ shape, pveVersion, seed, trouble, ...(options.script === undefined ? {} : { script: options.script }), ...(options.live === undefined ? {} : { live: options.live }) }), commit, seed, context);
      runs.push(run);
      if (!options.json) terminal.out(runText(run, style));
    }
  }
  const good = runs.filter((run) => run.inSync).length;
  if (options.json) terminal.out(`${jsonText({ format: 'latido.rehearsal/v1', revision: commit.revision, pveVersion, runs: runs.map(({ log, virtualMs, ...run }) => ({ ...run, virtualSeconds: virtualMs / 1000, ...(run.inSync ? {} : { log }) })) })}\n`);
  else terminal.out(`\n${good === runs.length ? paint(style, 'green', 'All') : paint(style, 'red', `${good} of ${runs.length}`)} ${good === runs.length ? `${runs.length} runs` : 'runs'} ended in sync.\n`);
  return good === runs.length ? 0 : 1;
}

async function rehearse(simulated: Simulated, commit: Commit, seed: number, { world }: Context): Promise<Rehearsed> {
  const startedAt = simulated.env.clock.now();
  const told = { rounds: 0, steps: 0, failed: 0, why: [] as readonly string[], inSync: false };
  try {
    await simulated.run(untilInSync(simulated, commit, world.kindsFor, told));
  } catch (error) {
    // Whatever ends a rehearsal is its result: the others go on.
    told.why = [error instanceof Error ? error.message : String(error)];
  }
  return { seed, trouble: simulated.trouble, ...told, virtualMs: simulated.env.clock.now() - startedAt, log: simulated.log().slice(-200) };
}

interface Tally { rounds: number; steps: number; failed: number; why: readonly string[]; inSync: boolean }

async function untilInSync({ env }: Simulated, commit: Commit, kindsFor: Context['world']['kindsFor'], tally: Tally): Promise<void> {
  while (tally.rounds < ROUNDS_MAX) {
    tally.rounds += 1;
    try {
      await settleRound(env, kindsFor);
      const first = await planRound(env, commit, kindsFor);
      const round = isApprovable(first.plan) ? await planApproved(env, commit, kindsFor, first.plan.fingerprint) : first;
      tally.why = holdsOf(round.plan);
      tally.inSync = isInSync(round.plan) && tally.why.length === 0;
      if (tally.inSync) return;
      if (runnableSteps(round.plan).length > 0) {
        const result = await applyRound(env, round);
        tally.steps += result.done.length;
        tally.failed += result.failed.length + result.unsettled.length;
        if (result.failed.length + result.unsettled.length === 0) continue;
      }
    } catch (error) {
      if (!(error instanceof Failure || error instanceof ConnectionError)) throw error;
      tally.why = [error.message];
    }
    await env.clock.sleep(PAUSE_MS);
  }
}

function isApprovable(plan: Plan): boolean {
  return plan.changes.some((change) => change.hold?.approvable === true || change.steps.some((step) => step.hold?.approvable === true));
}

function holdsOf(plan: Plan): readonly string[] {
  const reasons = plan.changes.flatMap((change) => [change.hold, ...change.steps.map((step) => step.hold)].flatMap((hold) => hold ? [`${change.ref.kind}/${change.ref.name} held ${hold.code}: ${hold.reason}`] : []));
  return [...new Set(reasons)];
}

// More reasons than these say nothing new about a run.
const REASONS_MAX = 8;

function runText(run: Rehearsed, style: Style): string {
  const end = run.inSync ? paint(style, 'green', 'in sync') : paint(style, 'red', 'not in sync');
  const figures = `${run.rounds} ${run.rounds === 1 ? 'round' : 'rounds'}, ${run.steps} ${run.steps === 1 ? 'step' : 'steps'}, ${run.failed} failed, ${durationText(run.virtualMs)} of virtual time`;
  return [
    ...hanging('', `seed ${run.seed}, trouble: ${safe(run.trouble)}`, style.width),
    `  ${end} after ${figures}`,
    ...(run.inSync ? [] : run.why.slice(0, REASONS_MAX).flatMap((why) => hanging('    ', safe(why), style.width))),
    '',
  ].join('\n');
}
