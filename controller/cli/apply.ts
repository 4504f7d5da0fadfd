// `latido apply [DIR]`: shows the plan, asks, does exactly it, and tells what became of each step.
import { failure } from '../model/finding.ts';
import { runnableSteps, type Plan } from '../model/plan.ts';
import type { ApplyResult } from '../model/progress.ts';
import { refText } from '../model/ref.ts';
import { applyRound, planApproved, planRound, settleRound, type Round } from '../reconcile.ts';
import type { Context, ExitCode, Opened } from './context.ts';
import { clusterOf, readCommitOf, type ReadCommit } from './manifests.ts';
import { applyWords, detailedCode, stateOf } from './plan.ts';
import { parsePlanFile, planToJson, type PlanFile } from './plan-json.ts';
import type { ApplyOptions } from './program.ts';
import { liveProgress, plainProgress, type ProgressWriter } from './progress.ts';
import { renderPlan } from './render-plan.ts';
import { isComplete, renderResult, resultJson } from './render-result.ts';
import { hanging, jsonText, paint, safe } from './terminal-text.ts';

export async function applyCommand(dir: string, options: ApplyOptions, context: Context): Promise<ExitCode> {
  const { terminal, world } = context;
  const wanted = options.plan === undefined ? undefined : parsePlanFile(await world.readText(options.plan), options.plan);
  const commit = await readCommitOf(dir, options.cluster);
  const cluster = clusterOf(commit, world);
  if (wanted) refuseOther(wanted, cluster.ref.name, commit);
  const opened = await world.open(cluster, { ...stateOf(options), lock: true });
  try {
    await settle(opened, context);
    const round = options.approve === undefined ? await planRound(opened.env, commit, world.kindsFor) : await planApproved(opened.env, commit, world.kindsFor, options.approve);
    if (wanted && wanted.fingerprint !== round.plan.fingerprint) throw changed(wanted, round.plan);
    const style = terminal.style();
    const steps = runnableSteps(round.plan).length;
    if (!options.json) terminal.out(renderPlan(round.plan, { ...style, verbose: options.verbose === true }, steps > 0 ? null : applyWords(dir, options)));
    if (steps === 0) {
      // Nothing to do is still something to remember: `reclaim` may have changed, which no step shows.
      await applyRound(opened.env, round);
      if (options.json) terminal.out(`${jsonText({ format: 'latido.apply/v1', plan: planToJson(round.plan), result: null })}\n`);
      return options.detailedExitcode ? detailedCode(round.plan) : 0;
    }
    if (!options.yes) await confirm(round.plan, context);
    const startedAt = world.clock.now();
    const result = await perform(opened, round, context);
    const tookMs = world.clock.now() - startedAt;
    terminal.out(options.json ? `${jsonText({ format: 'latido.apply/v1', plan: planToJson(round.plan), result: resultJson(result) })}\n` : renderResult(result, style, tookMs, round.plan.counts.held));
    if (!isComplete(result)) return 1;
    return options.detailedExitcode ? 2 : 0;
  } finally {
    await opened.close();
  }
}

/** What an earlier apply left under way is waited for, so that this plan sees a cluster at rest. @throws Failure when Ctrl-C ends the waiting */
async function settle({ env }: Opened, { terminal, world, interruptible }: Context): Promise<void> {
  const tell = (line: string) => terminal.err(hanging('from an earlier apply: ', safe(line), terminal.errStyle().width).map((each) => `${each}\n`).join(''));
  await interruptible(async (signal) => {
    for (const { step, title, how } of await settleRound(env, world.kindsFor, { signal, onWait: (title) => tell(`${title}: its end is waited for`) })) tell(`${step} ${title}: ${how}`);
    if (signal.aborted) throw failure('USAGE', 'nothing was done: interrupted while the end of an earlier apply was waited for', { fix: 'the next latido apply goes on waiting' });
  }, () => 'Left at once, while the end of an earlier apply was waited for. The next latido apply goes on waiting.\n');
}

function refuseOther(wanted: PlanFile, cluster: string, commit: ReadCommit): void {
  if (wanted.cluster !== cluster) throw failure('PLAN_CHANGED', `the plan is of cluster ${wanted.cluster}, the folder is of ${cluster}`, { fix: 'name the folder that was planned' });
  if (wanted.revision !== commit.revision) throw failure('PLAN_CHANGED', `the plan is of ${wanted.revision}, the folder is at ${commit.revision}`, { fix: 'check out the commit that was planned, or plan again' });
}

function changed(wanted: PlanFile, plan: Plan): Error {
  return failure('PLAN_CHANGED', `the plan is now ${plan.fingerprint}, not ${wanted.fingerprint}: the cluster has changed since`, { fix: 'plan again, read it, and apply that one' });
}

async function confirm(plan: Plan, { terminal }: Context): Promise<void> {
  if (!terminal.interactive) throw failure('USAGE', 'nobody can be asked whether to do this plan: the input or the error output is not a terminal', { fix: 'add --yes, or apply a plan that was read: --plan FILE --yes' });
  const steps = runnableSteps(plan);
  const destroying = [...new Set(plan.changes.filter((change) => change.steps.some((step) => !step.hold && step.risk === 'data-loss')).map((change) => safe(refText(change.ref))))];
  const style = terminal.errStyle();
  if (destroying.length > 0) terminal.err(`\n${hanging('', `This destroys data of ${destroying.join(', ')}.`, style.width).map((line) => paint(style, 'red', line)).join('\n')}\n`);
  const answer = await terminal.ask(`\nDo ${steps.length === 1 ? 'this step' : `these ${steps.length} steps`} on ${safe(plan.cluster)}? Only "yes" is a yes: `);
  if (answer?.trim() !== 'yes') throw failure('USAGE', 'nothing was done: the answer was not yes');
}

export async function perform({ env }: Opened, round: Round, context: Context): Promise<ApplyResult> {
  const { terminal } = context;
  const total = runnableSteps(round.plan).length;
  const writer: ProgressWriter = terminal.live ? liveProgress((text) => terminal.err(text), () => terminal.errStyle(), total) : plainProgress((text) => terminal.err(text), total);
  const running = new Set<string>();
  const stop = terminal.ticker((nowMs) => writer.tick(nowMs));
  try {
    return await context.interruptible((signal) => {
      signal.addEventListener('abort', () => writer.note('Interrupted: the running steps are waited for, no other one starts. Ctrl-C again leaves at once.'), { once: true });
      return applyRound(env, round, {
        signal,
        onProgress: (progress) => {
          const name = `${refText(progress.ref)}  ${progress.step.title}`;
          if (progress.event === 'started') running.add(name);
          else if (progress.event !== 'progress') running.delete(name);
          writer.tell(progress);
        },
      });
    }, () => leaving(writer, running));
  } finally {
    stop();
    writer.end();
  }
}

function leaving(writer: ProgressWriter, running: ReadonlySet<string>): string {
  writer.end();
  const lines = [...running].map((name) => `unsettled: ${safe(name)}: left while it ran\n`);
  return `${lines.join('')}Left at once. The next latido apply waits for what is still running, looks, and plans what is missing.\n`;
}
