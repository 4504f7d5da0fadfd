// What a creation of ours leaves when its node loses power in the middle: the VMID, locked, and nothing behind it. Only root on the
// node may take that away (`skiplock`), so it is done there. Pure.
// Must never run on a configuration that says anything else, nor while it is made: the guard looks again, and whoever makes a guest has
// its lock file until the end, so that Proxmox refuses (a clone has not: of a copy nothing is taken away).
import type { GuestType } from '../../model/facts.ts';
import type { Step } from '../../model/step.ts';
import { destroyLocked } from '../../pve/node-commands.ts';

const TIMEOUT_MS = 5 * 60_000;

export function remnantStep(type: GuestType, vmid: number, node: string): Step {
  return {
    title: `take away what its cut-off creation left on ${node}: an empty configuration, locked`,
    action: { via: 'ssh', node, argv: destroyLocked(type, vmid) },
    guards: [{ is: 'quorate' }, { is: 'node-online', node }, { is: 'guest-remnant', vmid, type, node }],
    risk: 'none', locks: [`guest/${vmid}`], node, timeoutMs: TIMEOUT_MS,
  };
}

/** A volume that the creation had allocated stands in no configuration, so nothing tells whose it is. */
export function remnantNote(vmid: number): string {
  return `volumes that the cut-off creation had allocated stay: look for vm-${vmid}-* on its storages`;
}
