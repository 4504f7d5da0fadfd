import { objectsOf } from '../../model/desired.ts';
import type { Desired } from '../../model/desired.ts';

export function isNodeInMaintenance(desired: Desired, name: string): boolean {
  return objectsOf(desired, 'Node').some(({ ref, spec }) => ref.name === name && (spec as { readonly maintenance?: boolean }).maintenance === true);
}

/** A node that a manifest describes may be away for a while or not have joined yet: its name is no typing mistake. */
export function isNodeAwaited(desired: Desired, name: string): boolean {
  return objectsOf(desired, 'Node').some(({ ref }) => ref.name === name);
}
