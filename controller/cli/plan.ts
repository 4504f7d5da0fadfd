// `latido plan [DIR]`: the ordered plan of one commit on the live cluster; reads only.
import { failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { isInSync, type Plan } from '../model/plan.ts';
import { planRound } from '../reconcile.ts';
import type { Context, ExitCode } from './context.ts';
import { ask } from './daemon-commands.ts';
import { clusterOf, readCommitOf } from './manifests.ts';
import { planTexts } from './plan-json.ts';
import type { PlanOptions } from './program.ts';
import { renderPlan } from './render-plan.ts';
import { jsonText, safe } from './terminal-text.ts';

export async function planCommand(dir: string, options: PlanOptions, context: Context): Promise<ExitCode> {
  if (options.fromDaemon) return planOfDaemon(options, context);
  const { terminal, world } = context;
  const commit = await readCommitOf(dir, options.cluster);
  const { env, close } = await world.open(clusterOf(commit, world), stateOf(options));
  try {
    const { plan } = await planRound(env, commit, world.kindsFor);
    if (options.out !== undefined) await world.writeText(options.out, planTexts(plan));
    const next = applyWords(dir, options) + (options.out === undefined ? '' : ` --plan ${options.out}`);
    if (options.json) for (const text of planTexts(plan)) terminal.out(text);
    else terminal.out(renderPlan(plan, { ...terminal.style(), verbose: options.verbose === true }, next));
    if (options.out !== undefined && !options.json) terminal.out(`Written to ${safe(options.out)}.\n`);
    return options.detailedExitcode ? detailedCode(plan) : 0;
  } finally {
    await close();
  }
}

/** The plan that the daemon made last, with what it holds: suspensions, drift that is only reported. */
async function planOfDaemon(options: PlanOptions, context: Context): Promise<ExitCode> {
  const answer = await ask(options, { do: 'plan' }, context);
  const plan = isObject(answer['plan']) ? answer['plan'] : undefined;
  if (plan === undefined) throw failure('DAEMON_ABSENT', 'the daemon has made no plan yet', { fix: 'latido status tells why' });
  const json = `${jsonText(plan)}\n`;
  if (options.out !== undefined) await context.world.writeText(options.out, json);
  context.terminal.out(options.json ? json : typeof answer['text'] === 'string' ? answer['text'] : '');
  const changes = Array.isArray(plan['changes']) ? plan['changes'] : [];
  return options.detailedExitcode && !(plan['inSync'] === true && changes.every((change: unknown) => !isObject(change) || change['hold'] === undefined)) ? 2 : 0;
}

export function stateOf(options: { readonly state?: string }): { readonly stateDir?: string } {
  return options.state === undefined ? {} : { stateDir: options.state };
}

/** What is held counts: the cluster is not as the commit asks. */
export function detailedCode(plan: Plan): ExitCode {
  return isInSync(plan) && plan.changes.every((change) => change.hold === undefined) ? 0 : 2;
}

/** The command that does this plan, with the arguments that chose it. */
export function applyWords(dir: string, options: { readonly cluster?: string; readonly state?: string }): string {
  return ['latido apply', ...(dir === '.' ? [] : [dir]), ...(options.cluster === undefined ? [] : ['--cluster', options.cluster]), ...(options.state === undefined ? [] : ['--state', options.state])].join(' ');
}
