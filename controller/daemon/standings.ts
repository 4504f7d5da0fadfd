// In: how objects stand beside their manifests, what was told before. Out: which troubles are new and which are over. Pure.
// Must never call one over because nobody could look: an object without a standing is as it was.
import type { Plan } from '../model/plan.ts';
import { refText } from '../model/ref.ts';
import type { Records } from '../status/record.ts';
import type { Learnt } from './outcome.ts';

export function afterStandings({ standings = [] }: Pick<Plan, 'standings'>, before: Records, now: number): Learnt {
  const records = new Map(before);
  const events: Learnt['events'][number][] = [];
  for (const { ref, trouble, message } of standings) {
    const name = refText(ref);
    const { trouble: known, ...rest } = records.get(name) ?? {};
    if (trouble === known?.reason) continue;
    records.set(name, trouble === undefined ? rest : { ...rest, trouble: { reason: trouble, since: known?.since ?? now } });
    events.push({ type: TYPES[ref.kind] ?? 'virtual-ip', ref, message: `${name}: ${message}`, ...(trouble === undefined ? { isOver: true } : {}) });
  }
  return { records, events };
}

/** By kind, what its trouble is called. */
const TYPES: Readonly<Record<string, Learnt['events'][number]['type']>> = { VirtualIP: 'virtual-ip', DrbdResource: 'copies-differ' };
