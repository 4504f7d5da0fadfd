// In: the parameters of a create or update call. Out: the container's options among them in Proxmox's form, or the
// refusal of what only root may set.
import type { Simulation } from '../simulation.ts';
import { NOT_OPTIONS, optionParam, storedValue } from '../guest-config.ts';
import { demandOnGuest } from '../guests.ts';
import { isMountpoint, parseMountpoint } from '../mountpoints.ts';
import { canonicalNet, isNet } from '../nets.ts';
import { parseProperties } from '../property-string.ts';
import type { ConfigValue, GuestConfig } from '../state.ts';
import { canonicalTags } from '../tags.ts';
import { permissionError, type Call } from './handler.ts';

export function optionsOf(call: Call): Record<string, ConfigValue> {
  const options: Record<string, ConfigValue> = {};
  for (const [key, value] of Object.entries(call.params)) if (!NOT_OPTIONS.has(key) && typeof value !== 'object') options[key] = value;
  return options;
}

export function canonicalOption(sim: Simulation, key: string, value: ConfigValue): ConfigValue | undefined {
  if (isNet(key)) return canonicalNet(sim, 'lxc', value);
  if (key === 'tags') return canonicalTags(sim.state, String(value)) || undefined;
  if (key === 'nameserver' || key === 'searchdomain') return String(value).split(/[\s,;]+/).filter((one) => one !== '').join(' ') || undefined;
  return storedValue('lxc', optionParam(sim.tables, 'lxc', key), key, value);
}

const PRIVILEGES: readonly (readonly [string, RegExp])[] = [
  ['VM.Config.CPU', /^(cores|cpuunits|cpulimit)$/],
  ['VM.Config.Disk', /^(rootfs|mp\d+|unused\d+)$/],
  ['VM.Config.Memory', /^(memory|swap)$/],
  ['VM.Config.Network', /^(net\d+|nameserver|searchdomain|hostname)$/],
];

/** @param before the container as it is, or nothing for a new one. */
export function demandOptions(call: Call, vmid: number, options: Readonly<Record<string, ConfigValue>>, before: GuestConfig, pool?: string): void {
  if (call.caller.isRootTicket) return;
  for (const [key, value] of Object.entries(options)) {
    if (isMountpoint(key) && value !== '' && String(parseMountpoint(call.sim, key, value).volume ?? '').startsWith('/')) {
      throw permissionError(`mount point type ${String(value).startsWith('/dev') ? 'device' : 'bind'} is only allowed for root@pam`);
    }
    if (/^dev\d+$/.test(key)) throw permissionError('configuring device passthrough is only allowed for root@pam');
    if (key === 'hookscript') throw permissionError('changing the hookscript is only allowed for root@pam');
    if (key === 'features') demandFeatures(call, vmid, String(value), before, pool);
    else demandOnGuest(call, vmid, PRIVILEGES.find(([, pattern]) => pattern.test(key))?.[0] ?? 'VM.Config.Options', pool);
  }
}

/** Nesting of an unprivileged container is an ordinary option; everything else reaches into the host. */
function demandFeatures(call: Call, vmid: number, value: string, before: GuestConfig, pool: string | undefined): void {
  if (before.unprivileged !== 1) throw permissionError('changing feature flags for privileged container is only allowed for root@pam');
  const old = parseProperties({}, String(before.features ?? ''));
  const next = parseProperties({}, value);
  const changed = [...new Set([...Object.keys(old), ...Object.keys(next)])].filter((feature) => old[feature] !== next[feature]);
  if (changed.some((feature) => feature !== 'nesting')) throw permissionError('changing feature flags (except nesting) is only allowed for root@pam');
  if (changed.length > 0) demandOnGuest(call, vmid, 'VM.Allocate', pool);
}
