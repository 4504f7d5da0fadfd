// In: one option of a guest, its live and its wished value, and the guest's state. Out: what the change costs the
// guest. Must never promise more than Proxmox does: what is not known to work on a running guest needs a restart.
// Sources: qemu-server QemuServer.pm (vmconfig_hotplug_pending and what it calls), pve-container LXC/Config.pm.
import type { Json } from '../model/json.ts';
import type { ApiTables } from './api-tables.ts';
import { type Canonical, canonicalOption } from './canonical.ts';
import { HOTPLUG_DEFAULT } from './formats-guest.ts';
import { lxcChange } from './change-lxc.ts';
import { qemuChange } from './change-qemu.ts';
import type { Guest } from './guest-options.ts';
import { splitList } from './text-check.ts';

export type ChangeClass =
  /** At once, without the guest noticing more than the change itself. */
  | 'live'
  /** A device of the running guest is plugged or unplugged. */
  | 'hotplug'
  /** Written now, in effect after the next restart through Proxmox. */
  | 'pending'
  /** Can be made only while the guest is stopped. */
  | 'stop-start'
  /** The volume is copied to another storage or format: its own API call. */
  | 'disk-move'
  /** The volume grows: its own API call. */
  | 'resize'
  /** Proxmox has no way to make it (a disk that shrinks, a container's `unprivileged`). */
  | 'refused';

export interface GuestState {
  readonly guest: Guest;
  readonly running: boolean;
  /** The guest's own `hotplug`, `ostype` and `machine`; absent when not set. */
  readonly hotplug?: string;
  readonly ostype?: string;
  readonly machine?: string;
}

/** What a rule sees: canonical sides of one option. */
export interface OptionChange {
  readonly option: string;
  readonly from: Canonical;
  readonly to: Canonical;
  readonly state: GuestState;
  readonly features: ReadonlySet<string>;
}

// From harmless to impossible; a change of several kinds is as costly as the last of them.
const ORDER: readonly ChangeClass[] = ['live', 'hotplug', 'resize', 'disk-move', 'pending', 'stop-start', 'refused'];

/** Every class the change falls into, cheapest first: a disk may grow and also get another cache. Empty when nothing changes. */
export function changeClasses(tables: ApiTables, state: GuestState, option: string, live: Json | undefined, desired: Json | undefined): readonly ChangeClass[] {
  const change: OptionChange = {
    option, state,
    from: canonicalOption(tables, state.guest, option, live),
    to: canonicalOption(tables, state.guest, option, desired),
    features: hotplugFeatures(state.hotplug),
  };
  const found = new Set(state.guest === 'qemu' ? qemuChange(change) : lxcChange(change));
  return ORDER.filter((one) => found.has(one));
}

/** The costliest of changeClasses; a change of nothing is live. */
export function changeClass(tables: ApiTables, state: GuestState, option: string, live: Json | undefined, desired: Json | undefined): ChangeClass {
  return changeClasses(tables, state, option, live, desired).at(-1) ?? 'live';
}

function hotplugFeatures(hotplug: string | undefined): ReadonlySet<string> {
  if (hotplug === '0') return new Set();
  return new Set(splitList(hotplug === undefined || hotplug === '' || hotplug === '1' ? HOTPLUG_DEFAULT : hotplug));
}
