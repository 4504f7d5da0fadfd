// In: the id of a recorded exchange. Out: what happened to the cluster just before it besides requests, and who was asked.
import { withGuestLock } from '../../controller/sim/guests.ts';
import { haWorld } from './world-ha.ts';
import type { Simulation } from '../../controller/sim/simulation.ts';

export type WorldEvent = (sim: Simulation) => void | Promise<void>;
export interface World {
  readonly events: readonly WorldEvent[];
  /** Virtual time that passed since the exchange before, where its answers do not tell. */
  readonly waitMs?: number;
  /** The node that was asked; pve1 where nothing is said. */
  readonly node?: string;
}

const nothing: World = { events: [] };

export function worldBefore(id: string): World {
  return before[id] ?? nothing;
}

const before: Readonly<Record<string, World>> = {
  ...haWorld,
  // Somebody switched VMs on and off between two requests.
  'qemu/203-reboot-guest': { events: [switchOn('105')] },
  'qemu/252-snapshot-running': { events: [switchOn('102')] },
  'qemu/258-status-after-snapshots': { events: [switchOff('102')] },
  // Somebody else's operation on VM 101 held its lock until the last stop had begun to wait.
  'tasks/019-long-task': { events: [(sim) => holdLock(sim, 'pve2', 101)] },
  'tasks/033-stop-vm': { events: [(sim) => void sim.clock.after(RELEASED_AFTER_MS, () => releaseLock(sim))] },
};

const RELEASED_AFTER_MS = 2000;
const released = new WeakMap<Simulation, () => void>();

function holdLock(sim: Simulation, node: string, vmid: number): void {
  const until = new Promise<void>((resolve) => released.set(sim, resolve));
  void withGuestLock(sim, 'qemu', node, vmid, () => until);
}

function releaseLock(sim: Simulation): void {
  released.get(sim)?.();
}

function switchOn(vmid: string): WorldEvent {
  return (sim) => {
    const guest = sim.state.guests[vmid];
    if (guest) guest.process = { pid: 1, startedAtMs: sim.clock.now(), qmpStatus: 'running' };
  };
}

function switchOff(vmid: string): WorldEvent {
  return (sim) => {
    delete sim.state.guests[vmid]?.process;
  };
}
