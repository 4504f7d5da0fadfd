// Guests as other manifests name them: by the name of their manifest, or by VMID.
import { objectsOf } from '../model/desired.ts';
import type { Desired, DesiredObject } from '../model/desired.ts';
import { sidOf } from '../model/facts.ts';
import type { Facts, GuestType } from '../model/facts.ts';
import { compareText } from '../model/ref.ts';
import { isDiskSlot, parseDesiredDisk } from './guest/disks.ts';
import type { GuestSpec } from './guest/spec.ts';

export type GuestName = string | number;
export interface DesiredGuest { readonly object: DesiredObject<GuestSpec>; readonly type: GuestType }
export interface NamedGuest { readonly vmid: number; readonly type: GuestType; readonly object?: DesiredObject<GuestSpec> }

export const GUEST_KINDS = ['VirtualMachine', 'Container'] as const;

interface Guests { readonly all: readonly DesiredGuest[]; readonly byName: ReadonlyMap<string, DesiredGuest>; readonly byVmid: ReadonlyMap<number, DesiredGuest> }

/** Indexed once for each commit, because a job or rule may name a thousand guests. */
const indexed = new WeakMap<Desired, Guests>();

export function desiredGuests(desired: Desired): readonly DesiredGuest[] {
  return guestsOf(desired).all;
}

/** Nothing when no manifest has that name or VMID, and (where facts are given) no live guest has that VMID. */
export function findGuest(name: GuestName, desired: Desired, facts?: Facts): NamedGuest | undefined {
  const vmid = vmidOf(name);
  const { byName, byVmid } = guestsOf(desired);
  const wanted = vmid === undefined ? byName.get(String(name)) : byVmid.get(vmid);
  if (wanted) return { vmid: wanted.object.spec.vmid, type: wanted.type, object: wanted.object };
  const live = vmid === undefined ? undefined : facts?.guests.get(vmid);
  return live && { vmid: live.vmid, type: live.type };
}

function guestsOf(desired: Desired): Guests {
  const known = indexed.get(desired);
  if (known) return known;
  // Their specs fit the schema of their kind, from which GuestSpec is derived.
  const all = GUEST_KINDS.flatMap((kind) => objectsOf(desired, kind).map((object): DesiredGuest => ({ object: object as DesiredObject<GuestSpec>, type: kind === 'VirtualMachine' ? 'qemu' : 'lxc' })));
  // Of two guests with one name the first is meant, as everywhere.
  const reversed = [...all].reverse();
  const guests = { all, byName: new Map(reversed.map((guest) => [guest.object.ref.name, guest])), byVmid: new Map(reversed.map((guest) => [guest.object.spec.vmid, guest])) };
  indexed.set(desired, guests);
  return guests;
}

/** A name of digits only is a VMID. */
export function vmidOf(name: GuestName): number | undefined {
  return typeof name === 'number' ? name : /^\d+$/.test(name) ? Number(name) : undefined;
}

export function sidsOf(guests: readonly { readonly type: GuestType; readonly vmid: number }[]): readonly string[] {
  return [...new Set(guests.map(({ type, vmid }) => sidOf(type, vmid)))].sort(compareText);
}

/** Whether a disk of the guest's manifest is on the storage, or may be put there. */
export function usesStorage({ object, type }: DesiredGuest, storage: string): boolean {
  const { spec } = object;
  if (spec.source?.storage === storage) return true;
  return Object.entries(spec.config ?? {}).filter(([option]) => isDiskSlot(type, option)).some(([, value]) => {
    const disk = parseDesiredDisk(type, value);
    if ('problem' in disk) return false;
    return disk.type === 'given' ? disk.file.startsWith(`${storage}:`) : disk.storages.includes(storage);
  });
}
