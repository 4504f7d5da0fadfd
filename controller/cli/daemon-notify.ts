// In: `notify` and `forge` of the configuration. Out: what hears of everything that the daemon does, or nothing. Loaded only when it is configured.
import type { DaemonConfig } from '../config/schema.ts';
import type { DaemonParts } from '../daemon/loop.ts';
import type { Env } from '../model/doors.ts';
import type { Plan } from '../model/plan.ts';
import { listenersTogether } from '../status/listener.ts';
import type { DaemonListener } from '../status/listener.ts';
import type { World } from './context.ts';
import { renderPlan } from './render-plan.ts';

/** A comment is as wide as its reader's window; long lines are rather broken here. */
const COMMENT_STYLE = { width: 100, color: false, verbose: false };

export async function notifyParts({ notify = [], forge }: DaemonConfig, env: Env, { daemon }: World): Promise<Pick<DaemonParts, 'listener'>> {
  const listeners: DaemonListener[] = [];
  if (notify.length > 0) {
    const { Notifier } = await import('../notify/notifier.ts');
    listeners.push(new Notifier({ env, channels: notify, doors: { ...(await daemon.outbound()), secret: daemon.readSecret } }));
  }
  if (forge) {
    const { ForgeReporter } = await import('../notify/forge.ts');
    const { transport } = await daemon.outbound(forge.ca);
    listeners.push(new ForgeReporter({ env, config: forge, transport, secret: daemon.readSecret, planText }));
  }
  return listeners.length > 0 ? { listener: listenersTogether(listeners) } : {};
}

function planText(plan: Plan): string {
  return renderPlan(plan, COMMENT_STYLE, null);
}
