// In: one change with its steps, in order. Out: the same steps, some of them held with a reason. Pure.
// Two layers: the object's own hold (quorum, busy, ownership, policy), then each step's (root only, restarts, limits).
import type { Change } from '../model/change.ts';
import type { Policy } from '../model/desired.ts';
import type { Facts } from '../model/facts.ts';
import { refText } from '../model/ref.ts';
import type { Hold, Step } from '../model/step.ts';
import { insideWindow, nextOpening } from '../safety/windows.ts';
import { notObservable, notOurs, notQuorate, pruneHold, reused, unrecognised } from '../safety/holds.ts';

/** What this plan has spent so far of the policy's limits. */
export interface Spent { deletions: number; restarts: number; migrations: number }

export function objectHold(change: Change, facts: Facts, policy: Policy, spent: Spent, commit: { readonly namesAnything: boolean; readonly deletions: number; readonly known: number }): Hold | undefined {
  const blind = notObservable(change.observed);
  if (blind) return blind;
  if (change.verb === 'none') return undefined;
  return notQuorate(facts) ?? reused(change) ?? unrecognised(change) ?? notOurs(change, policy) ?? pruneHold(change, policy, commit) ?? deletionLimit(change, policy, spent, commit.deletions) ?? massDeletion(change, commit) ?? outsideWindows(facts, policy);
}

/** So many at once look like a folder that was lost, and not like somebody tidying up. */
const MASS = 5;

/** More than half of what is ours leaves Git in one commit: whatever the limits say, a person is asked. */
function massDeletion({ verb }: Change, { deletions, known }: { readonly deletions: number; readonly known: number }): Hold | undefined {
  if (verb !== 'delete' || deletions < MASS || deletions * 2 <= known) return undefined;
  return { code: 'LIMIT', reason: `${deletions} of ${known} objects left Git at once, more than half: none of them is deleted without an approval`, approvable: true };
}

/** Nothing at all is done outside of the windows, when the policy says so. */
function outsideWindows({ observedAt }: Facts, { apply, windows }: Policy): Hold | undefined {
  if (apply !== 'window' || insideWindow(windows, observedAt)) return undefined;
  return { code: 'WINDOW', reason: `no window of the policy is open${opensAt(windows, observedAt)}`, approvable: true };
}

function opensAt(windows: Policy['windows'], now: number): string {
  const next = nextOpening(windows, now);
  return next === undefined ? '' : `; the next one opens at ${new Date(next).toISOString()}`;
}

/** More than the limit leave Git at once: then none is deleted. A few each round would empty the cluster as surely, only slower. */
function deletionLimit(change: Change, policy: Policy, spent: Spent, deletions: number): Hold | undefined {
  if (change.verb !== 'delete') return undefined;
  spent.deletions += 1;
  if (deletions <= policy.limits.deletions) return undefined;
  const most = policy.limits.deletions;
  return { code: 'LIMIT', reason: `${deletions} objects left Git at once, and policy.limits allows ${most} ${most === 1 ? 'deletion' : 'deletions'}: none of them is done`, approvable: true };
}

function limit(what: string, most: number): Hold {
  return { code: 'LIMIT', reason: `policy.limits allows ${most} ${most === 1 ? what.slice(0, -1) : what} in one round`, approvable: true };
}

export interface HeldStep { readonly step: Step; readonly hold?: Hold }

/** A held step holds what comes after it in the same object, because later steps build on earlier ones. */
export function holdSteps(steps: readonly Step[], change: Change, facts: Facts, policy: Policy, spent: Spent, waiting: Hold | undefined): readonly HeldStep[] {
  let blocked = waiting;
  return steps.map((step) => {
    const own = step.hold ?? rootHold(step, facts) ?? lossHold(step, change, policy, spent) ?? restartHold(step, facts, policy, spent) ?? migrationHold(step, policy, spent);
    const hold = own ?? blocked;
    // What only root may set stands alone; everything else that is held keeps the rest of the object waiting.
    if (own && own.code !== 'ROOT_ONLY' && (!blocked || (blocked.approvable && !own.approvable))) blocked = { code: 'WAITS_FOR', reason: `an earlier step of ${refText(change.ref)} is held: ${step.title}`, approvable: own.approvable };
    return hold ? { step, hold } : { step };
  });
}

function rootHold(step: Step, facts: Facts): Hold | undefined {
  if (step.needsRoot === undefined || facts.asRoot) return undefined;
  return { code: 'ROOT_ONLY', reason: step.needsRoot, approvable: false };
}

/** A volume of an object that stays leaves Git as well: it is destroyed only as the policy lets whole objects be. */
function lossHold(step: Step, change: Change, policy: Policy, spent: Spent): Hold | undefined {
  if (step.risk !== 'data-loss' || change.verb === 'delete') return undefined;
  if (policy.prune !== 'auto') return { code: 'PRUNE_POLICY', reason: `it destroys data, and policy.prune is ${policy.prune}`, approvable: policy.prune === 'confirm' };
  spent.deletions += 1;
  return spent.deletions > policy.limits.deletions ? limit('deletions', policy.limits.deletions) : undefined;
}

/** Restarts follow policy.restart: never, within a window, at once; and its limit. */
function restartHold(step: Step, facts: Facts, policy: Policy, spent: Spent): Hold | undefined {
  if (step.risk !== 'restart') return undefined;
  if (policy.restart === 'never') return { code: 'RESTART_POLICY', reason: 'it needs a restart, and policy.restart is never', approvable: true };
  if (policy.restart === 'window' && !insideWindow(policy.windows, facts.observedAt)) return { code: 'RESTART_POLICY', reason: `it needs a restart, and no window of the policy is open${opensAt(policy.windows, facts.observedAt)}`, approvable: true };
  spent.restarts += 1;
  return spent.restarts > policy.limits.restarts ? limit('restarts', policy.limits.restarts) : undefined;
}

function migrationHold(step: Step, policy: Policy, spent: Spent): Hold | undefined {
  if (!isMigration(step)) return undefined;
  spent.migrations += 1;
  return spent.migrations > policy.limits.migrations ? limit('migrations', policy.limits.migrations) : undefined;
}

/** A running container moves with a restart, which is its risk; it is a migration all the same. */
function isMigration({ risk, action }: Step): boolean {
  return risk === 'migration' || (action.via === 'pve' && action.path.endsWith('/migrate'));
}
