// `latido plan [DIR]`: the ordered plan of one commit on the live cluster; reads only.
import { isInSync, type Plan } from '../model/plan.ts';
import { planRound } from '../reconcile.ts';
import type { Context, ExitCode } from './context.ts';
import { clusterOf, readCommitOf } from './manifests.ts';
import { planToJson } from './plan-json.ts';
import type { PlanOptions } from './program.ts';
import { renderPlan } from './render-plan.ts';
import { jsonText, safe } from './terminal-text.ts';

export async function planCommand(dir: string, options: PlanOptions, { terminal, world }: Context): Promise<ExitCode> {
  const commit = await readCommitOf(dir, options.cluster);
  const { env, close } = await world.open(clusterOf(commit, world), stateOf(options));
  try {
    const { plan } = await planRound(env, commit, world.kindsFor);
    // As JSON a plan of ten thousand guests is larger than all else together: only who asks for it pays for it.
    const json = options.json || options.out !== undefined ? `${jsonText(planToJson(plan))}\n` : '';
    if (options.out !== undefined) await world.writeText(options.out, json);
    const next = applyWords(dir, options) + (options.out === undefined ? '' : ` --plan ${options.out}`);
    terminal.out(options.json ? json : renderPlan(plan, { ...terminal.style(), verbose: options.verbose === true }, next));
    if (options.out !== undefined && !options.json) terminal.out(`Written to ${safe(options.out)}.\n`);
    return options.detailedExitcode ? detailedCode(plan) : 0;
  } finally {
    await close();
  }
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
