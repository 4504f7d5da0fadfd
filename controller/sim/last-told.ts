// What nodes told the cluster of their guests, which is all that /cluster/resources knows.
// In: a node that loses its power, or the round in which its status daemon speaks. Out: for a guest, what its present
// node said last. Kept as plain data. Must never ask a dead node.
import type { JsonObject } from '../model/json.ts';
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
  for (const guest of Object.values(state.guests)) if (guest.node === node) told[String(guest.vmid)] = { node, ...figuresOf(state, guest, nowMs) };
}

/** The figures of a guest as the addressed cluster knows them; nothing when its node has not spoken of it yet. */
export function toldOf(state: ClusterState, guest: GuestState, isNodeAlive: boolean, nowMs: number): JsonObject | undefined {
  if (isNodeAlive && !state.other.spoken) return figuresOf(state, guest, nowMs);
  const { node, ...figures } = (state.other.lastTold?.[String(guest.vmid)] ?? {}) as JsonObject;
  return node === guest.node ? figures : undefined;
}

function figuresOf(state: ClusterState, guest: GuestState, nowMs: number): JsonObject {
  const { config, type, vmid, node, process } = guest;
  const hostCores = state.nodes[node]?.cores ?? 1;
  const cores = type === 'qemu' ? numberIn(config.sockets, 1) * numberIn(config.cores, 1) : numberIn(config.cores, hostCores);
  return {
    name: String((type === 'qemu' ? config.name : config.hostname) ?? `${type === 'qemu' ? 'VM ' : 'CT'}${vmid}`), template: config.template === 1 ? 1 : 0,
    status: process ? 'running' : 'stopped', uptime: process ? Math.floor((nowMs - process.startedAtMs) / 1000) : 0,
    maxcpu: config.vcpus === undefined ? Math.min(cores, hostCores) : Number(config.vcpus), maxmem: numberIn(config.memory, 512) * MIB,
    maxdisk: type === 'qemu' ? bootDiskBytes(config) : sizeIn(config.rootfs ?? ''),
  };
}
