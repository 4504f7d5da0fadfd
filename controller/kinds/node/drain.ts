// In: the steps of a guest on a node that is to be free of guests. Out: the same, its moves held while the node may not go. Pure.
import { compareText } from '../../model/ref.ts';
import { nodeFact } from '../../model/facts.ts';
import type { KindContext } from '../../model/kind.ts';
import type { Step } from '../../model/step.ts';
import { indispensable } from '../../safety/dispensable.ts';
import { isNodeInMaintenance } from './awaited.ts';

export function heldByDrain(steps: readonly Step[], from: string | undefined, { desired, facts }: KindContext): readonly Step[] {
  if (from === undefined || !isNodeInMaintenance(desired, from) || !facts.storageNodes?.has(from)) return steps;
  const hold = nodeFact(facts, from)?.online === true ? indispensable(from, facts) : undefined;
  const nodes = [...facts.storageNodes.keys()].sort(compareText);
  return steps.map((step) => {
    if (!isMove(step)) return step;
    return { ...step, guards: [...step.guards, { is: 'drbd-dispensable', node: from, nodes }], ...(hold && step.hold?.approvable !== false ? { hold: { ...hold, reason: `${from} may not be drained: ${hold.reason}` } } : {}) };
  });
}

/** A running container moves with a restart, which is its risk. */
export function isMove({ risk, action }: Step): boolean {
  return risk === 'migration' || (action.via === 'pve' && action.path.endsWith('/migrate'));
}
