// In: a plan and how its apply ended. Out: the uuids of the virtual machines that were made. Reads only.
// At once, because whoever takes the VMID before the next look would pass for the one that was made.
import type { Env } from '../model/doors.ts';
import type { Plan } from '../model/plan.ts';
import type { ApplyResult } from '../model/progress.ts';
import { refText } from '../model/ref.ts';
import { createLooker } from './look.ts';

/** By `refText`; one that does not tell its uuid is left out, and is known when the next plan sees it. */
export async function identitiesOfMade(env: Env, version: string, plan: Plan, result: ApplyResult): Promise<ReadonlyMap<string, string>> {
  const begun = new Set(result.done.map(({ ref }) => refText(ref)));
  const made = plan.changes.filter(({ verb, ref }) => verb === 'create' && ref.kind === 'VirtualMachine' && begun.has(refText(ref)));
  if (made.length === 0) return new Map();
  const identities = await createLooker(env, version).identities(made.map(({ id }) => Number(id)));
  return new Map(made.flatMap(({ ref, id }) => {
    const identity = identities.get(Number(id));
    return identity === undefined ? [] : [[refText(ref), identity] as const];
  }));
}
