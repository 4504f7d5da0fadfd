// Proxmox's own programs on a node, for what the API lets nobody do with a token: argv, and the constant scripts among them. Pure.
import type { GuestType } from '../model/facts.ts';

/** `pct destroy` has no `--skiplock`. */
export const DESTROY_LOCKED_CONTAINER = 'set -eu; pct unlock "$1"; pct destroy "$1"';

/** Of a guest that is locked. Proxmox waits for whoever works on it, and refuses then. */
export function destroyLocked(type: GuestType, vmid: number): readonly string[] {
  return type === 'qemu' ? ['qm', 'destroy', String(vmid), '--skiplock', '1'] : ['sh', '-c', DESTROY_LOCKED_CONTAINER, 'latido', String(vmid)];
}
