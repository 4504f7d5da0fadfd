// In: facts, what was observed of an object, the policy. Out: why the change may not be done now, or nothing. Pure.
// One named rule per promise of product.md; missing knowledge is unsafe.
import type { Change, Observed } from '../model/change.ts';
import type { Policy } from '../model/desired.ts';
import type { Facts } from '../model/facts.ts';
import type { Hold } from '../model/step.ts';

/** Never write to a cluster that is not quorate. */
export function notQuorate(facts: Facts): Hold | undefined {
  if (facts.quorate) return undefined;
  return { code: 'NOT_QUORATE', reason: 'the cluster is not quorate: nothing can be written', approvable: false };
}

/** Never touch what is locked, has a task running, or could not be read. */
export function notObservable(observed: Observed): Hold | undefined {
  if (observed.state === 'busy') return { code: 'BUSY', reason: observed.why, approvable: false };
  if (observed.state === 'unknown') return { code: 'UNKNOWN', reason: observed.why, approvable: false };
  return undefined;
}

/** Nothing is taken over or destroyed that does not carry our mark, unless the policy says that it may be adopted. */
export function notOurs(change: Change, policy: Policy): Hold | undefined {
  if (change.verb === 'delete' && change.observed.state === 'present' && !change.observed.owned) {
    return { code: 'NOT_OWNED', reason: 'it does not carry our mark: latido did not make it; remove it by hand, or name it in a manifest to take it over', approvable: false };
  }
  if (change.verb !== 'adopt' || isBegun(change)) return undefined;
  if (policy.adopt === 'never') return { code: 'ADOPT_POLICY', reason: 'it exists and latido did not make it; policy.adopt is never', approvable: false };
  const name = change.fields.find((field) => field.path === 'config.name' || field.path === 'config.hostname');
  if (name) return { code: 'NOT_OWNED', reason: `${change.subject.id} is in use by '${String(name.from)}', which latido did not make: give the manifest another id, or approve taking it over`, approvable: true };
  if (policy.adopt === 'confirm') return { code: 'ADOPT_POLICY', reason: 'it exists and latido did not make it, and policy.adopt is confirm', approvable: true };
  return undefined;
}

/** We began to make it and were killed before it had our mark, as a clone has it last. What was taken over or seen is remembered with its uuid. */
function isBegun({ subject: { memory }, observed, fields }: Change): boolean {
  const isNamed = !fields.some((field) => field.path === 'config.name');
  return memory !== undefined && memory.identity === undefined && observed.state === 'present' && observed.identity !== undefined && isNamed;
}

/** A remembered identity that differs from the live one means that the id was reused by somebody else. */
export function reused(change: Change): Hold | undefined {
  const remembered = change.subject.memory?.identity;
  const live = change.observed.state === 'present' ? change.observed.identity : undefined;
  if (remembered === undefined) return undefined;
  if (live === undefined) return change.verb === 'delete' ? { code: 'NOT_OWNED', reason: `nobody can tell whether ${change.subject.id} is the object that latido made (${remembered}): it has no uuid`, approvable: false } : undefined;
  if (remembered === live || change.identity === live) return undefined;
  return { code: 'NOT_OWNED', reason: `${change.subject.id} is no longer the object that latido made (${live}, not ${remembered})${change.subject.desired ? ': give the manifest another id' : ''}`, approvable: false };
}

/**
 * A clone, a restored backup and whoever takes a VMID may carry our mark. While no uuid is remembered, the name tells:
 * one that neither the manifest nor the memory knows is somebody else's, until a person says that it is not.
 */
export function unrecognised(change: Change): Hold | undefined {
  const { subject: { memory }, observed } = change;
  if (change.verb !== 'update' || observed.state !== 'present' || observed.identity === undefined || memory?.identity !== undefined) return undefined;
  const name = change.fields.find((field) => field.path === 'config.name')?.from;
  if (name === undefined || name === memory?.ref.name) return undefined;
  return { code: 'NOT_OWNED', reason: `${change.subject.id} carries our mark, but it is called '${String(name)}' and nothing remembers that latido made it`, approvable: true };
}

/** What left Git is removed only as the policy says. */
export function pruneHold(change: Change, policy: Policy, commit: { readonly namesAnything: boolean }): Hold | undefined {
  if (change.verb !== 'delete') return undefined;
  const ask = (reason: string): Hold => ({ code: 'PRUNE_POLICY', reason, approvable: true });
  if (policy.prune === 'never') return { code: 'PRUNE_POLICY', reason: 'no manifest names it any more; policy.prune is never', approvable: false };
  if (policy.prune === 'confirm') return ask('no manifest names it any more, and policy.prune is confirm');
  if (!commit.namesAnything) return ask('the commit names nothing but the cluster: removing all needs an approval');
  // Clones and restored backups carry the tags of their origin.
  if (!change.subject.memory) return ask('it carries our mark, and nothing remembers that latido made it: it may be a copy, so removing it needs an approval');
  return undefined;
}
