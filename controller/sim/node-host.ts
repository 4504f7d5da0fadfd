// What a program that runs on a simulated node has of it, beside ssh and the API: /etc/pve, the addresses of its interfaces, the time.
// In: a simulation that is served, and its speed. Out: answers for each node. Must never age a lock faster than a busy machine can renew it.
import type { Clock, ClusterFiles } from '../model/doors.ts';
import { hostOf } from './nodes/devices.ts';
import { SimulatedPmxcfs } from './pmxcfs.ts';
import type { Simulation } from './simulation.ts';

/** At this speed a lock lives six seconds, and its holder may be silent for three of them. */
const LOCK_SPEED_MAX = 20;

export interface NodeHosts {
  /** At `realMs` of this machine the time of /etc/pve was `virtualMs`; it runs `speed` times as fast. */
  readonly time: { readonly realMs: number; readonly virtualMs: number; readonly speed: number };
  isNode(name: string): boolean;
  files(node: string): ClusterFiles;
  /** None while the node is off. */
  addresses(node: string): readonly string[];
}

export function nodeHosts(sim: Simulation, speed: number, real: Pick<Clock, 'now'>): NodeHosts {
  const slower = Math.max(1, speed / LOCK_SPEED_MAX);
  const pmxcfs = new SimulatedPmxcfs(sim, slower);
  return {
    time: { realMs: real.now(), virtualMs: sim.clock.now(), speed: speed / slower },
    isNode: (name) => sim.state.nodes[name] !== undefined,
    files: (node) => pmxcfs.on(node),
    addresses: (node) => (sim.state.nodes[node]?.power === 'on' ? hostOf(sim, node).addresses.map(({ address }) => address.split('/')[0] ?? '') : []),
  };
}
