// In: a container with pending changes. Out: the changes that reach it: all of them when it is stopped, those that the
// kernel can change under a running container, the others at its next start.
import { touch } from '../guest-config.ts';
import { isMountpoint, makeMountpoints, mountedVolume } from '../mountpoints.ts';
import { canonicalNet, isNet } from '../nets.ts';
import type { Simulation } from '../simulation.ts';
import type { ConfigValue, GuestState } from '../state.ts';
import { findVolume, freeVolume } from '../volumes.ts';
import { addUnused } from './qemu-pending.ts';

const PLAIN = new Set(['description', 'onboot', 'startup', 'protection', 'hostname', 'hookscript', 'cores', 'tags', 'lock']);

export type ApplyErrors = Readonly<Record<string, string>>;

export function applyPending(sim: Simulation, guest: GuestState): ApplyErrors {
  for (const key of Object.keys(guest.pendingDelete).sort()) {
    leave(sim, guest, key);
    delete guest.config[key];
    delete guest.pendingDelete[key];
  }
  const errors: Record<string, string> = {};
  for (const key of Object.keys(guest.pending).sort()) {
    try {
      take(sim, guest, key, guest.pending[key] ?? '');
    } catch (error) {
      errors[key] = `unable to apply pending change ${key} : ${error instanceof Error ? error.message : String(error)}\n`;
    }
  }
  forgetUsed(sim, guest);
  touch(guest);
  return errors;
}

export function hotplug(sim: Simulation, guest: GuestState, selected: ReadonlySet<string>): ApplyErrors {
  const errors: Record<string, string> = {};
  for (const key of Object.keys(guest.pendingDelete).sort()) {
    if (!selected.has(key) || !(PLAIN.has(key) || /^(unused\d+|swap|cpulimit|cpuunits|net\d+)$/.test(key))) continue;
    leave(sim, guest, key);
    delete guest.config[key];
    delete guest.pendingDelete[key];
  }
  for (const key of Object.keys(guest.pending).sort()) {
    if (!selected.has(key) || !isPluggable(guest, key)) continue;
    try {
      take(sim, guest, key, guest.pending[key] ?? '');
    } catch (error) {
      errors[key] = `unable to hotplug ${key}: ${error instanceof Error ? error.message : String(error)}\n`;
    }
  }
  forgetUsed(sim, guest);
  touch(guest);
  return errors;
}

function isPluggable(guest: GuestState, key: string): boolean {
  if (/^(mp|dev)\d+$/.test(key)) return guest.config[key] === undefined;
  return PLAIN.has(key) || isNet(key) || /^(cpulimit|cpuunits|memory|swap)$/.test(key);
}

function take(sim: Simulation, guest: GuestState, key: string, value: ConfigValue): void {
  const next = newValue(sim, guest, key, value);
  const before = guest.config[key];
  if (next === '') delete guest.config[key];
  else guest.config[key] = next;
  delete guest.pending[key];
  if (before !== undefined && isMountpoint(key) && key !== 'rootfs') keepVolume(sim, guest, key, before);
}

// A changed rootfs is written as it was sent: the real one does not look at it either.
function newValue(sim: Simulation, guest: GuestState, key: string, value: ConfigValue): ConfigValue {
  if (isMountpoint(key) && key !== 'rootfs' && value !== '') return makeMountpoints(sim, guest.node, guest.vmid, { [key]: value }).options[key] ?? value;
  return isNet(key) && value !== '' ? canonicalNet(sim, 'lxc', value) : value;
}

function leave(sim: Simulation, guest: GuestState, key: string): void {
  const value = guest.config[key];
  if (value === undefined) return;
  if (/^unused\d+$/.test(key) && findVolume(sim.state, guest.node, String(value))?.vmid === guest.vmid) freeVolume(sim.state, guest.node, String(value));
  if (isMountpoint(key)) keepVolume(sim, guest, key, value);
}

function keepVolume(sim: Simulation, guest: GuestState, key: string, value: ConfigValue): void {
  const volid = mountedVolume(sim, key, value);
  const isUsed = Object.entries(guest.config).some(([other, one]) => other !== key && isMountpoint(other) && mountedVolume(sim, other, one) === volid);
  const now = guest.config[key];
  const stays = now !== undefined && now !== value && mountedVolume(sim, key, now) === volid;
  if (volid !== undefined && !isUsed && !stays && findVolume(sim.state, guest.node, volid)?.vmid === guest.vmid) addUnused(guest, volid);
}

/** `unusedN` goes when its volume is mounted again. */
function forgetUsed(sim: Simulation, guest: GuestState): void {
  const used = new Set(Object.entries(guest.config).flatMap(([key, value]) => (isMountpoint(key) ? [mountedVolume(sim, key, value)] : [])));
  for (const [key, value] of Object.entries(guest.config)) if (/^unused\d+$/.test(key) && used.has(String(value))) delete guest.config[key];
}
