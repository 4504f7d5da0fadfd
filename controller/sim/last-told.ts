// What nodes told the cluster of their guests, which is all that /cluster/resources knows.
// In: a node that loses its power, or the round in which its status daemon speaks. Out: for a guest, what its present
// node said last. Kept as plain data. Must never ask a dead node.
import type { Json, JsonObject } from '../model/json.ts';
import { bootDiskBytes, sizeIn } from './drives.ts';
import { numberIn } from './guests.ts';
import type { Simulation } from './simulation.ts';
import type { ClusterState, GuestState } from './state.ts';

/** pvestatd's round. */
const ROUND_MS = 10_000;
const MIB = 2 ** 20;

/** From now on a guest's status, name and sizes are shown as they were when its node last spoke, up to ten seconds ago; without this they
    are shown as they are. `phaseMs` says when in each ten seconds a node speaks. */
export function speakInRounds(sim: Simulation, phaseMs: (node: string) => number = () => 0): void {
  sim.state.other.spoken = { roundMs: ROUND_MS };
  for (const { name } of Object.values(sim.state.nodes)) {
    const speak = (): void => {
      if (sim.state.nodes[name]?.power === 'on') tell(sim.state, name, sim.clock.now());
    };
    speak();
    const first = Math.ceil((sim.clock.now() + 1 - phaseMs(name)) / ROUND_MS) * ROUND_MS + phaseMs(name);
    sim.clock.at(first, () => {
      speak();
      sim.clock.every(ROUND_MS, speak, { background: true });
    }, { background: true });
  }
}

/** What a node says of its guests in this instant; said for the last time when its power goes. */
export function tell(state: ClusterState, node: string, nowMs: number): void {
  const told = (state.other.lastTold ??= {}) as Record<string, JsonObject>;
  for (const guest of Object.values(state.guests)) if (guest.node === node) told[String(guest.vmid)] = figuresInto({ node }, state, guest, nowMs);
}

/** Adds the figures of a guest as the cluster knows them; false when its node has not spoken of it yet. */
export function tellInto(row: Record<string, Json>, state: ClusterState, guest: GuestState, isNodeAlive: boolean, nowMs: number): boolean {
  if (isNodeAlive && !state.other.spoken) {
    figuresInto(row, state, guest, nowMs);
    return true;
  }
  const told = state.other.lastTold?.[String(guest.vmid)] as JsonObject | undefined;
  if (told?.node !== guest.node) return false;
  Object.assign(row, told);
  return true;
}

function figuresInto(row: Record<string, Json>, state: ClusterState, { config, type, vmid, node, process }: GuestState, nowMs: number): Record<string, Json> {
  const hostCores = state.nodes[node]?.cores ?? 1;
  const isVm = type === 'qemu';
  const cores = isVm ? numberIn(config.sockets, 1) * numberIn(config.cores, 1) : numberIn(config.cores, hostCores);
  row.name = String((isVm ? config.name : config.hostname) ?? `${isVm ? 'VM ' : 'CT'}${vmid}`);
  row.template = config.template === 1 ? 1 : 0;
  row.status = process ? 'running' : 'stopped';
  row.uptime = process ? Math.floor((nowMs - process.startedAtMs) / 1000) : 0;
  row.maxcpu = config.vcpus === undefined ? Math.min(cores, hostCores) : Number(config.vcpus);
  row.maxmem = numberIn(config.memory, 512) * MIB;
  row.maxdisk = isVm ? bootDiskBytes(config) : sizeIn(config.rootfs ?? '');
  return row;
}
