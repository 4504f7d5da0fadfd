// `latido demo`: the cluster of clusters/unq-lab in a fresh Git repository, planned and applied on the embedded lab,
// then a tour: a migration, a drift, the loss of a node and its return. Ends with 0 when the last plan is empty.
import { isInSync } from '../model/plan.ts';
import type { Plan } from '../model/plan.ts';
import { parseFiles } from '../manifests/parse.ts';
import { readSource } from '../manifests/source.ts';
import { applyRound, planRound } from '../reconcile.ts';
import type { Commit } from '../reconcile.ts';
import type { Context, ExitCode } from './context.ts';
import { DEMO_TOUR } from './demo-tour.ts';
import type { Scene } from './demo-tour.ts';
import type { DemoOptions } from './program.ts';
import { liveProgress, plainProgress, type ProgressWriter } from './progress.ts';
import { renderPlan } from './render-plan.ts';
import { renderResult } from './render-result.ts';
import { runnableSteps } from '../model/plan.ts';
import type { Stage } from './stage.ts';
import { paint } from './terminal-text.ts';

/** Virtual seconds per second: an HA fail-over of three minutes passes in half a minute. */
const SPEED = 6;
/** A node's return, an HA manager's round and a boot are awaited in pieces of this, so often. */
const LOOK_AGAIN_S = 20;
const LOOKS_MAX = 30;

export async function demoCommand(options: DemoOptions, context: Context): Promise<ExitCode> {
  const { terminal, world } = context;
  const demo = await world.demo({ virtual: options.fast === true, speed: SPEED });
  const { stage, repository } = demo;
  const say = (text: string) => terminal.out(`${text}\n`);
  try {
    say(`A lab of two Proxmox VE nodes${options.fast ? ' in virtual time' : ` at ${stage.access.endpoints.join(' and ')}, ${SPEED} times as fast as real ones`}.`);
    say(`The repository is ${repository.folder}.`);
    let last: Plan | undefined;
    for (const [index, scene] of DEMO_TOUR.entries()) last = await play(scene, index + 1, demo, context);
    const inSync = last !== undefined && isInSync(last) && last.counts.held === 0;
    say(inSync ? paint(terminal.style(), 'green', 'The tour ended in “No changes”.') : 'The tour did not end in “No changes”.');
    if (!options.once && !options.fast && terminal.interactive) await terminal.ask(`The lab is still there: ${stage.access.endpoints[0]}, token in ${stage.access.tokenFile}. Enter ends it. `);
    return inSync ? 0 : 1;
  } finally {
    await demo.close();
  }
}

export interface Demo {
  readonly stage: Stage;
  readonly repository: { readonly folder: string; read(file: string): Promise<string>; commit(message: string, files: Readonly<Record<string, string>>): Promise<string> };
  /** The manifests of clusters/unq-lab, by file name. */
  readonly manifests: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const FOLDER = 'clusters/unq-lab';

async function play(scene: Scene, number: number, demo: Demo, context: Context): Promise<Plan> {
  const { terminal } = context;
  const { stage, repository } = demo;
  terminal.out(`\n${paint(terminal.style(), 'bold', `${number}. ${scene.title}`)}\n${scene.story}\n\n`);
  if (scene.commit) {
    const edits = await scene.commit((file) => repository.read(`${FOLDER}/${file}`), demo);
    const id = await repository.commit(scene.title, Object.fromEntries(Object.entries(edits).map(([file, text]) => [`${FOLDER}/${file}`, text])));
    terminal.out(`commit ${id.slice(0, 7)} ${scene.title}\n`);
  }
  if (scene.event) await stage.run(scene.event(stage));
  const commit = await commitOf(repository.folder);
  let plan = await planAndApply(commit, demo, context);
  for (let look = 0; scene.until && !scene.until(stage, plan) && look < LOOKS_MAX; look += 1) {
    await stage.run(stage.pass(LOOK_AGAIN_S));
    plan = await planAndApply(commit, demo, context, plan);
  }
  return plan;
}

async function commitOf(folder: string): Promise<Commit> {
  const source = await readSource(folder);
  return { parsed: parseFiles(source.files), revision: source.revision };
}

/** One round and the plan after it; a plan that says the same as the one before is not printed again. */
async function planAndApply(commit: Commit, { stage }: Demo, context: Context, before?: Plan): Promise<Plan> {
  const { terminal, world } = context;
  const style = terminal.style();
  const round = await stage.run(planRound(stage.env, commit, world.kindsFor));
  if (round.plan.fingerprint !== before?.fingerprint) terminal.out(`${renderPlan(round.plan, style, null)}\n`);
  const total = runnableSteps(round.plan).length;
  if (total === 0) return round.plan;
  const writer: ProgressWriter = terminal.live ? liveProgress((text) => terminal.err(text), () => terminal.errStyle(), total) : plainProgress((text) => terminal.err(text), total);
  const stop = terminal.ticker((nowMs) => writer.tick(nowMs));
  const startedAt = stage.env.clock.now();
  try {
    const result = await stage.run(applyRound(stage.env, round, { onProgress: (progress) => writer.tell(progress) }));
    stop();
    writer.end();
    terminal.out(`${renderResult(result, style, stage.env.clock.now() - startedAt, round.plan.counts.held)}\n`);
  } finally {
    stop();
    writer.end();
  }
  const after = await stage.run(planRound(stage.env, commit, world.kindsFor));
  terminal.out(`${renderPlan(after.plan, style, null)}\n`);
  return after.plan;
}
