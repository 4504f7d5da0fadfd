// What a change of a container's option costs. Source: pve-container LXC/Config.pm LXC_FASTPLUG_OPTIONS,
// vmconfig_hotplug_pending, update_pct_config.
import type { ChangeClass, OptionChange } from './change-class.ts';
import { changedKeys, isMove, sizeChange, valuesOf } from './change-disk.ts';
import { familyOf } from './guest-options.ts';

const FAST = new Set(['description', 'onboot', 'startup', 'protection', 'hostname', 'hookscript', 'cores', 'tags', 'lock']);
const THROUGH_CONTROL_GROUP = new Set(['memory', 'swap', 'cpulimit', 'cpuunits']);
// Fixed when the container is made; Proxmox says "read-only option" or knows no way back.
const READ_ONLY = new Set(['unprivileged', 'template']);

export function lxcChange(change: OptionChange): readonly ChangeClass[] {
  const { option, state } = change;
  const family = familyOf(option);
  if (READ_ONLY.has(option)) return ['refused'];
  if (option === 'ostype' && change.to.as === 'absent') return ['refused'];
  if (family === 'rootfs' || family === 'mp') return mountChange(change);
  if (!state.running || FAST.has(option) || THROUGH_CONTROL_GROUP.has(option)) return ['live'];
  // Taking away net10 and higher is not recognised as a network card: their pattern knows one digit.
  if (family === 'net') return [change.to.as === 'absent' && option.length > 'net9'.length ? 'pending' : 'hotplug'];
  // A device is passed in while the container runs; changing or taking it away needs a restart.
  if (family === 'dev') return [change.from.as === 'absent' ? 'hotplug' : 'pending'];
  return ['pending'];
}

function mountChange(change: OptionChange): readonly ChangeClass[] {
  const { running } = change.state;
  const [from, to] = [valuesOf(change.from), valuesOf(change.to)];
  const isRoot = change.option === 'rootfs';
  if (!to) return [isRoot ? 'refused' : running ? 'pending' : 'live'];
  if (!from) return [running && !isRoot ? 'hotplug' : 'live'];
  const size = sizeChange(from, to);
  const others = changedKeys(change, from, to).filter((key) => !['storage', 'volume', 'size', 'format'].includes(key));
  const otherVolume = to['volume'] !== undefined && to['volume'] !== from['volume'];
  return [
    // Moving a container's volume needs it stopped (API: move_volume).
    ...(isMove(from, to) ? ['disk-move' as const, ...(running ? ['stop-start' as const] : [])] : []),
    ...(size === undefined ? [] : [size]),
    // Another volume in place of the root: Proxmox writes it and the container no longer starts.
    ...(otherVolume ? [isRoot ? ('refused' as const) : running ? ('pending' as const) : ('live' as const)] : []),
    ...(others.length === 0 ? [] : [running ? ('pending' as const) : ('live' as const)]),
  ];
}
