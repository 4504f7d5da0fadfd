// In: changes and what each requires. Out: the changes in the order in which they are done, and for each the changes
// that come before it. Pure. Creates and updates follow their requirements; deletes come in exactly the reverse order.
import type { Change } from '../model/change.ts';
import type { Desired } from '../model/desired.ts';
import type { Registry } from '../model/kind.ts';
import { compareText, refText } from '../model/ref.ts';
import type { Ref } from '../model/ref.ts';

export interface Ordered {
  readonly change: Change;
  readonly before: readonly Ref[];
  /** Objects whose data stands on this one's, of something to be deleted. */
  readonly carries: readonly Ref[];
}

export function orderChanges(changes: readonly Change[], kinds: Registry, desired: Desired): readonly Ordered[] {
  // Kinds that share ids share a rank: virtual machines and containers compete for the same storages.
  const spaces = [...new Set([...kinds.values()].map((kind) => kind.idSpace))];
  const rank = (change: Change) => spaces.indexOf(kinds.get(change.ref.kind)?.idSpace ?? '');
  const turn = (change: Change) => (change.verb === 'create' && change.subject.desired ? kinds.get(change.ref.kind)?.turn?.(change.subject.desired) ?? 0 : 0);
  const byRank = (a: Change, b: Change) => rank(a) - rank(b) || turn(a) - turn(b) || -compareText(a.ref.kind, b.ref.kind) || compareText(a.ref.name, b.ref.name);
  const building = changes.filter((change) => change.verb !== 'delete').sort(byRank);
  const removing = changes.filter((change) => change.verb === 'delete').sort((a, b) => byRank(b, a));
  return [
    ...afterRequirements(building, kinds, desired),
    ...clonesFirst(removing, changes, kinds).map(({ change, carries }) => ({
      change, carries: carries.map((other) => other.ref),
      before: [...namersOf(change, building, removing, kinds), ...carries.filter((other) => other.verb === 'delete').map((other) => other.ref)],
    })),
  ];
}

/** Depth first along `requires`; validate has refused cycles, so that a change met again is already placed. */
function afterRequirements(building: readonly Change[], kinds: Registry, desired: Desired): readonly Ordered[] {
  const byRef = new Map(building.map((change) => [refText(change.ref), change]));
  const placed = new Map<string, Ordered>();
  const place = (change: Change): void => {
    const key = refText(change.ref);
    if (placed.has(key)) return;
    const object = change.subject.desired;
    const before = object ? (kinds.get(change.ref.kind)?.requires(object, desired) ?? []).filter((ref) => byRef.has(refText(ref))) : [];
    const entry = { change, before, carries: [] };
    visiting.add(key);
    for (const ref of before) {
      const required = byRef.get(refText(ref));
      if (required && !visiting.has(refText(ref))) place(required);
    }
    visiting.delete(key);
    placed.set(key, entry);
  };
  const visiting = new Set<string>();
  for (const change of building) place(change);
  return [...placed.values()];
}

interface Carrier { readonly change: Change; readonly carries: readonly Change[] }

/** Depth first: a linked clone may be a template with linked clones of its own. */
function clonesFirst(removing: readonly Change[], changes: readonly Change[], kinds: Registry): readonly Carrier[] {
  const placed = new Map<Change, Carrier>();
  const place = (change: Change): void => {
    if (placed.has(change)) return;
    const carries = changes.filter((other) => other !== change && standsOn(other, change, kinds));
    for (const other of carries) if (other.verb === 'delete') place(other);
    placed.set(change, { change, carries });
  };
  for (const change of removing) place(change);
  return [...placed.values()];
}

function standsOn(other: Change, base: Change, kinds: Registry): boolean {
  if (other.ref.kind !== base.ref.kind || other.observed.state !== 'present' || base.observed.state !== 'present') return false;
  return kinds.get(base.ref.kind)?.standsOn?.(other.observed.live, base.observed.live) === true;
}

/** Changes of kinds that may name this one: they let go of it first. */
function namersOf(change: Change, building: readonly Change[], removing: readonly Change[], kinds: Registry): readonly Ref[] {
  const names = (other: Change) => other !== change && other.verb !== 'none' && kinds.get(other.ref.kind)?.refersTo.includes(change.ref.kind) === true;
  return [...building, ...removing].filter(names).map((other) => other.ref);
}
