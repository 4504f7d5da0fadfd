// In: a call about one guest. Out: that guest, or Proxmox's text for why it cannot be had; and its file lock.
import { permissionError, type Call } from './api/handler.ts';
import { GUEST_LOCK_WAIT_MS } from './locks.ts';
import type { Simulation } from './simulation.ts';
import { guestOn, type ConfigValue, type GuestState, type GuestType } from './state.ts';

const FOLDER = { qemu: 'qemu-server', lxc: 'lxc' } as const;
const WORD = { qemu: 'VM', lxc: 'CT' } as const;

export function guestWord(type: GuestType): string {
  return WORD[type];
}

export function missingText(type: GuestType, node: string, vmid: number): string {
  return `Configuration file 'nodes/${node}/${FOLDER[type]}/${vmid}.conf' does not exist`;
}

export function guestOf(call: Call, type: GuestType): GuestState {
  return loadGuest(call.sim, type, call.node, Number(call.params.vmid));
}

export function loadGuest(sim: Simulation, type: GuestType, node: string, vmid: number): GuestState {
  const guest = guestOn(sim.state, node, type, vmid);
  if (!guest) throw new Error(missingText(type, node, vmid));
  return guest;
}

export function checkLock(guest: GuestState): void {
  if (guest.config.lock !== undefined) throw new Error(`${WORD[guest.type]} is locked (${guest.config.lock})`);
}

export function checkRunning(guest: GuestState): void {
  if (!guest.process) throw new Error(`${WORD[guest.type]} ${guest.vmid} not running`);
}

/** The guest's file lock: one operation on its configuration at a time, on its node. */
export function withGuestLock<T>(sim: Simulation, type: GuestType, node: string, vmid: number, work: () => Promise<T> | T, says?: (line: string) => void): Promise<T> {
  const file = type === 'qemu' ? `/var/lock/qemu-server/lock-${vmid}.conf` : `/run/lock/lxc/pve-config-${vmid}.lock`;
  return sim.locks.during(`${node}:${file}`, node, work, `can't lock file '${file}' - got timeout`, GUEST_LOCK_WAIT_MS, says);
}

/** Throws unless the caller has the privilege on the guest itself or on the pool it is or will be in. */
export function demandOnGuest(call: Call, vmid: number, privilege: string, pool?: string): void {
  if (call.caller.can(`/vms/${vmid}`, privilege) || (pool !== undefined && call.caller.can(`/pool/${pool}`, privilege))) return;
  throw permissionError(`/vms/${vmid}, ${privilege}`);
}

export function demandOnStorage(call: Call, storage: string, privilege: string): void {
  if (!call.caller.can(`/storage/${storage}`, privilege)) throw permissionError(`/storage/${storage}, ${privilege}`);
}

export function numberIn(value: ConfigValue | undefined, otherwise: number): number {
  const found = value === undefined ? Number.NaN : Number.parseFloat(String(value).replace(/^current=/, ''));
  return Number.isFinite(found) ? found : otherwise;
}
