// In: what the nodes tell of their DRBD resources, what was told before. Out: which split brains are new and which are over. Pure.
// Must never call one over because a node keeps silent.
import type { Facts } from '../model/facts.ts';
import { refText } from '../model/ref.ts';
import type { Ref } from '../model/ref.ts';
import { splitsOf } from '../safety/generations.ts';
import type { Records } from '../status/record.ts';
import type { Learnt } from './outcome.ts';

/** @param refs objects of the commit and of the plan; others are nobody's concern */
export function afterSplits(refs: readonly Ref[], { storageNodes }: Pick<Facts, 'storageNodes'>, before: Records, now: number): Learnt {
  const records = new Map(before);
  const events: Learnt['events'][number][] = [];
  for (const ref of new Map(refs.filter(({ kind }) => kind === 'DrbdResource').map((each) => [refText(each), each])).values()) {
    const name = refText(ref);
    const { split: known, ...rest } = records.get(name) ?? {};
    const telling = [...(storageNodes ?? [])].flatMap(([node, { replicas }]) => ((replicas.get(ref.name)?.generations.length ?? 0) > 0 ? [node] : []));
    const [found] = splitsOf(ref.name, telling, storageNodes);
    if (found) {
      if (known?.event === found.id) continue;
      records.set(name, { ...rest, split: { event: found.id, nodes: found.nodes, since: known?.since ?? now } });
      events.push({ type: 'split-brain', ref, message: `${name} is split: ${found.nodes.join(' and ')} have written apart from each other (event ${found.id}); a person names in Git whose changes are dropped: resolveSplitBrain: { discard: NODE, event: ${found.id} }` });
    } else if (known?.nodes.every((node) => telling.includes(node))) {
      records.set(name, rest);
      events.push({ type: 'split-brain', ref, isOver: true, message: `the split brain of ${name} is over (event ${known.event})` });
    }
  }
  return { records, events };
}
