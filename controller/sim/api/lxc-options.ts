// In: the parameters of a create or update call. Out: the container's options among them in Proxmox's form, or the
// refusal of what only root may set.
import type { Simulation } from '../simulation.ts';
import { NOT_OPTIONS, optionParam, storedValue } from '../guest-config.ts';
import { demandOnGuest } from '../guests.ts';
import { isMountpoint, parseMountpoint } from '../mountpoints.ts';
import { canonicalNet, isNet } from '../nets.ts';
import type { ConfigValue } from '../state.ts';
import { canonicalTags } from '../tags.ts';
import { failure, permissionError, type Call } from './handler.ts';

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

export function demandOptions(call: Call, vmid: number, options: Readonly<Record<string, ConfigValue>>, unprivileged: boolean, pool?: string): void {
  if (call.caller.isRootTicket) return;
  for (const [key, value] of Object.entries(options)) {
    if (isMountpoint(key) && String(parseMountpoint(call.sim, key, value).volume ?? '').startsWith('/')) {
      throw permissionError(`mount point type ${String(value).startsWith('/dev') ? 'device' : 'bind'} is only allowed for root@pam`);
    }
    if (key === 'features') demandFeatures(call, vmid, String(value), unprivileged, pool);
    if (key === 'hookscript' || key === 'lock') throw failure(`only root@pam can set ${key}`);
    demandOnGuest(call, vmid, PRIVILEGES.find(([, pattern]) => pattern.test(key))?.[0] ?? 'VM.Config.Options', pool);
  }
}

/** Nesting of an unprivileged container is an ordinary option; everything else reaches into the host. */
function demandFeatures(call: Call, vmid: number, value: string, unprivileged: boolean, pool: string | undefined): void {
  const others = value.split(',').filter((part) => part !== '' && !part.startsWith('nesting='));
  if (others.length > 0) throw permissionError('changing feature flags (except nesting) is only allowed for root@pam');
  if (!unprivileged) throw permissionError('changing feature flags for privileged container is only allowed for root@pam');
  demandOnGuest(call, vmid, 'VM.Allocate', pool);
}
