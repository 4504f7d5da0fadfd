// Orderly ends and new beginnings of a node: shutdown, reboot, and what starts at boot.
// In: a node and how it goes. Out: its guests stopped, its HA services as the policy says, its power off, and on again.
// Must never cut the power while the LRM still waits for its services.
import { startAsNode, stopAsNode } from './ha/guest-actions.ts';
import { isHaManaged, sidOf } from './ha/intercept.ts';
import { isQuorate } from './quorum.ts';
import type { Simulation } from './simulation.ts';
import type { GuestState } from './state.ts';

/** From a node's last breath to its power coming back in a reboot; firmware and boot loader. */
const REBOOT_MS = 20_000;
/** After power on: pve-guests starts what has `onboot` once the HA daemons run and the cluster is quorate. */
const GUESTS_START_MS = 12_000;
const QUORUM_POLL_MS = 5_000;

/** Shuts the node down, or reboots it; resolves when its power is off, or on again. */
export async function shutDownNode(sim: Simulation, node: string, kind: 'shutdown' | 'reboot'): Promise<void> {
  if (sim.state.nodes[node]?.power !== 'on') return;
  sim.log.write(node, kind);
  const guests = Object.values(sim.state.guests).filter((guest) => guest.node === node && guest.process && !isHaManaged(sim.state, sidOf(guest.type, guest.vmid)));
  await Promise.all([sim.ha.shutDown(node, kind), ...guests.map((guest) => stopAsNode(sim, node, guest))]);
  sim.powerOff(node);
  if (kind === 'shutdown') return;
  await sim.clock.sleep(REBOOT_MS);
  sim.powerOn(node);
}

/** Starts guests with `onboot` when the node has booted and is quorate; the HA manager's are its own. */
export function startGuestsAtBoot(sim: Simulation): void {
  sim.onPower((node, power) => {
    if (power === 'on') sim.clock.after(GUESTS_START_MS, () => startAll(sim, node, sim.state.ha.corosync.bootedAtMs[node]), { background: true, label: `guests of ${node} start` });
  });
}

function startAll(sim: Simulation, node: string, bootedAtMs: number | undefined): void {
  if (sim.state.nodes[node]?.power !== 'on' || sim.state.ha.corosync.bootedAtMs[node] !== bootedAtMs) return;
  if (!isQuorate(sim.state, node)) {
    sim.clock.after(QUORUM_POLL_MS, () => startAll(sim, node, bootedAtMs), { background: true, label: `guests of ${node} wait for quorum` });
    return;
  }
  const guests = Object.values(sim.state.guests).filter((guest) => guest.node === node && startsAtBoot(guest) && !isHaManaged(sim.state, sidOf(guest.type, guest.vmid)));
  for (const guest of guests) void startAsNode(sim, node, guest);
}

function startsAtBoot(guest: GuestState): boolean {
  return Number(guest.config['onboot'] ?? 0) === 1 && guest.config['template'] !== 1 && !guest.process;
}
