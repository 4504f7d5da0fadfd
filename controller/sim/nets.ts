// Network devices as Proxmox writes them: a hardware address made where none was given, keys in its order.
import { optionParam } from './guest-config.ts';
import { parseProperties, printProperties, type Properties, type PropertyFormat } from './property-string.ts';
import { randomMac } from './random.ts';
import type { Simulation } from './simulation.ts';
import type { ConfigValue, GuestType } from './state.ts';

export function netFormat(sim: Simulation, type: GuestType): PropertyFormat {
  const format = optionParam(sim.tables, type, 'net0')?.format;
  return typeof format === 'object' ? format : {};
}

export function parseNet(sim: Simulation, type: GuestType, value: ConfigValue): Properties {
  return parseProperties(netFormat(sim, type), String(value));
}

/** With an address of its own; `renew` gives it a new one even if it has one (clones). */
export function canonicalNet(sim: Simulation, type: GuestType, value: ConfigValue, renew: 'keep' | 'renew' = 'keep'): string {
  const net = parseNet(sim, type, value);
  const key = type === 'qemu' ? 'macaddr' : 'hwaddr';
  const address = renew === 'keep' ? net[key] : undefined;
  const full: Properties = { ...net, [key]: address ?? newMac(sim), ...(type === 'lxc' ? { type: net.type ?? 'veth' } : {}) };
  return printProperties(netFormat(sim, type), full);
}

function newMac(sim: Simulation): string {
  const prefix = sim.state.options.mac_prefix;
  return randomMac(() => sim.random(), typeof prefix === 'string' && prefix !== '' ? prefix : undefined);
}

export function isNet(key: string): boolean {
  return /^net\d+$/.test(key);
}
