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

export function desiredGuests(desired: Desired): readonly DesiredGuest[] {
  // Their specs fit the schema of their kind, from which GuestSpec is derived.
  return GUEST_KINDS.flatMap((kind) => objectsOf(desired, kind).map((object): DesiredGuest => ({ object: object as DesiredObject<GuestSpec>, type: kind === 'VirtualMachine' ? 'qemu' : 'lxc' })));
}

/** Nothing when no manifest has that name or VMID, and (where facts are given) no live guest has that VMID. */
export function findGuest(name: GuestName, desired: Desired, facts?: Facts): NamedGuest | undefined {
  const vmid = vmidOf(name);
  const wanted = desiredGuests(desired).find(({ object }) => (vmid === undefined ? object.ref.name === name : object.spec.vmid === vmid));
  if (wanted) return { vmid: wanted.object.spec.vmid, type: wanted.type, object: wanted.object };
  const live = vmid === undefined ? undefined : facts?.guests.get(vmid);
  return live && { vmid: live.vmid, type: live.type };
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
