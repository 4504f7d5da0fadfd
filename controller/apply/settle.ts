// In: what the journal left open. Out: nothing is under way any more, so that a fresh plan sees a world at rest.
// Must never repeat a step: it only waits for what was started, and notes how it ended. Nor does it read the log of a task: what
// is secret in it is not known here, because the commit that it came from is not.
import type { Env } from '../model/doors.ts';
import { busy } from '../safety/conditions.ts';
import type { Journal, OpenStep } from './journal.ts';
import { createLooker } from './look.ts';
import { followTask } from './task.ts';

/** A task left behind by a kill is waited for so long; after that observation says busy and the object is held. */
const SETTLE_TIMEOUT_MS = 60 * 60_000;
/** The kill may have come between the write and its task's appearance in the lists. */
const APPEAR_MS = 3_000;

export interface Settled { readonly step: string; readonly title: string; readonly how: string }

export interface SettleWatch {
  /** Aborted: what still runs stays open in the journal, for whoever comes next. */
  readonly signal?: AbortSignal;
  /** What is waited for now, in words. */
  readonly onWait?: (title: string) => void;
}

export async function settle(env: Env, journal: Journal, version: string, { signal, onWait }: SettleWatch = {}): Promise<readonly Settled[]> {
  const settled: Settled[] = [];
  if (journal.open.some((step) => step.upid === undefined)) await env.clock.sleep(APPEAR_MS, signal).catch(() => undefined);
  for (const step of journal.open) {
    if (signal?.aborted) break;
    onWait?.(step.title);
    const how = step.upid === undefined ? await settleByGuest(env, version, step, signal) : await settleByTask(env, step.upid, signal);
    if (how === undefined) break;
    await journal.write({ event: 'settled', at: env.clock.now(), step: step.step, how });
    settled.push({ step: step.step, title: step.title, how });
  }
  return settled;
}

/** Nothing: told to stop before its end. */
async function settleByTask(env: Env, upid: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const end = await followTask(env, upid, { deadline: env.clock.now() + SETTLE_TIMEOUT_MS, ...(signal ? { signal } : {}) });
  switch (end.end) {
    case 'ok': return 'its task ended OK';
    case 'failed': return `its task failed: ${end.why}`;
    case 'lost': return `its task cannot be followed (${end.why}); the next plan looks at what is there`;
    default: return signal?.aborted ? undefined : 'its task is still running; what it works on is busy';
  }
}

/** Without a UPID only the guest can tell: its lock and the task list make it busy until it is at rest. */
async function settleByGuest(env: Env, version: string, step: OpenStep, signal: AbortSignal | undefined): Promise<string | undefined> {
  if (step.vmid === undefined) return 'it has no task; the next plan looks at what is there';
  const looker = createLooker(env, version);
  const deadline = env.clock.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const why = busy(step.vmid, await looker.look([{ is: 'guest-idle', vmid: step.vmid }]));
    if (why === undefined) return `guest ${step.vmid} is at rest`;
    if (env.clock.now() >= deadline) return why;
    if (signal?.aborted) return undefined;
    await env.clock.sleep(2_000, signal).catch(() => undefined);
  }
}
