// In: the manifests or the cluster's guests. Out: the ones that a name or a VMID means, found without walking through all:
// a thousand clones ask a thousand times. Pure; each index is made once for the values that it was asked about.
import { objectsOf } from '../../model/desired.ts';
import type { Desired, DesiredObject } from '../../model/desired.ts';
import type { Facts, GuestFact, GuestType } from '../../model/facts.ts';
import type { GuestSpec } from './spec.ts';

type DesiredGuest = DesiredObject<GuestSpec>;
type Types<Index> = { [type in GuestType]?: Index };

const ofManifests = new WeakMap<Desired, Types<ReadonlyMap<string | number, readonly DesiredGuest[]>>>();

/** The manifests that are called so, or have this VMID. */
export function manifestsNamed(desired: Desired, type: GuestType, named: string | number): readonly DesiredGuest[] {
  const known = ofManifests.get(desired) ?? {};
  ofManifests.set(desired, known);
  return (known[type] ??= indexOf(objectsOf(desired, type === 'qemu' ? 'VirtualMachine' : 'Container') as readonly DesiredGuest[])).get(named) ?? [];
}

function indexOf(objects: readonly DesiredGuest[]): ReadonlyMap<string | number, readonly DesiredGuest[]> {
  const index = new Map<string | number, DesiredGuest[]>();
  for (const object of objects) {
    for (const key of [object.ref.name, object.spec.vmid]) {
      const list = index.get(key);
      if (list) list.push(object);
      else index.set(key, [object]);
    }
  }
  return index;
}

// By the guests and not by the facts, because a plan makes new facts for each guest that it adds.
const ofCluster = new WeakMap<Facts['guests'], Types<ReadonlyMap<string, readonly GuestFact[]>>>();

/** The live templates that are called so, by VMID: Proxmox allows several of one name. */
export function templatesCalled(facts: Facts, type: GuestType, name: string): readonly GuestFact[] {
  const known = ofCluster.get(facts.guests) ?? {};
  ofCluster.set(facts.guests, known);
  return (known[type] ??= templatesOf(facts, type)).get(name) ?? [];
}

/** Of several the one with the lowest VMID, because Proxmox lists them in any order. */
export function templateCalled(facts: Facts, type: GuestType, name: string): GuestFact | undefined {
  return templatesCalled(facts, type, name)[0];
}

function templatesOf(facts: Facts, type: GuestType): ReadonlyMap<string, readonly GuestFact[]> {
  const index = new Map<string, GuestFact[]>();
  const templates = [...facts.guests.values()].filter((guest) => guest.type === type && guest.template).sort((a, b) => a.vmid - b.vmid);
  for (const guest of templates) index.set(guest.name, [...(index.get(guest.name) ?? []), guest]);
  return index;
}
