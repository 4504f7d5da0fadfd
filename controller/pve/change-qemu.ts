// What a change of a virtual machine's option costs. Source: qemu-server QemuServer.pm fast_plug_option,
// vmconfig_hotplug_pending, vmconfig_update_net, vmconfig_update_disk, vmconfig_update_agent.
import type { ChangeClass, OptionChange } from './change-class.ts';
import { changedKeys, isMove, sizeChange, type Values, valuesOf } from './change-disk.ts';
import { usbLast } from './families.ts';
import { familyOf, isDisk } from './guest-options.ts';

// Written at once, also while the guest runs. Cloud-init's are among them: the guest reads them at its next boot
// (or at once, with the hotplug feature cloudinit), yet Proxmox never keeps them pending.
const FAST = new Set(['description', 'hookscript', 'lock', 'migrate_downtime', 'migrate_speed', 'name', 'onboot', 'protection', 'shares', 'startup',
  'tags', 'vmstatestorage', 'citype', 'ciuser', 'cipassword', 'ciupgrade', 'cicustom', 'searchdomain', 'nameserver', 'sshkeys', 'ipconfig']);
// Read by the host alone, or set through the control group.
const HOST_SIDE = new Set(['cpuunits', 'cpulimit']);

const NET_NEEDS_NEW_DEVICE = ['model', 'macaddr', 'queues', 'mtu'];
const NET_LIVE = ['bridge', 'tag', 'trunks', 'firewall', 'rate', 'link_down'];
const DISK_LIVE = /^(?:backup|replicate|shared|m?bps.*|iops.*)$/;
// Buses whose devices QEMU cannot plug, and disks that firmware and TPM hold.
const FIXED_DISKS = new Set(['ide', 'sata', 'efidisk', 'tpmstate']);

export function qemuChange(change: OptionChange): readonly ChangeClass[] {
  const { option, state } = change;
  if (isDisk('qemu', option) && option !== 'cdrom') return diskChange(change);
  if (!state.running) return ['live'];
  const family = familyOf(option);
  if (FAST.has(family) || HOST_SIDE.has(option)) return ['live'];
  switch (family) {
    case 'net': return netChange(change);
    case 'usb': return [usbIsPluggable(change) ? 'hotplug' : 'pending'];
    case 'tablet': return [change.features.has('usb') ? 'hotplug' : 'pending'];
    case 'vcpus': return [change.features.has('cpu') ? 'hotplug' : 'pending'];
    case 'memory': return [change.features.has('memory') ? 'hotplug' : 'pending'];
    case 'balloon': return [isBalloonOff(change.from) === isBalloonOff(change.to) ? 'live' : 'pending'];
    case 'hotplug': return [[change.from, change.to].some(plugsCpuOrMemory) ? 'pending' : 'live'];
    case 'agent': return [onlyTrimChanges(change) ? 'live' : 'pending'];
    default: return ['pending'];
  }
}

const isBalloonOff = (side: OptionChange['from']): boolean => side.as === 'text' && side.text === '0';
const plugsCpuOrMemory = (side: OptionChange['from']): boolean => side.as === 'text' && /cpu|memory/.test(side.text);

function onlyTrimChanges(change: OptionChange): boolean {
  const [from, to] = [valuesOf(change.from), valuesOf(change.to)];
  return from !== undefined && to !== undefined && changedKeys(change, from, to).every((key) => key === 'fstrim_cloned_disks');
}

/** Machines since 7.1 with Linux, or Windows newer than 7. */
function usbIsPluggable(change: OptionChange): boolean {
  const found = /(\d+)\.(\d+)/.exec(change.state.machine ?? '');
  const machine = found ? ([Number(found[1]), Number(found[2])] as const) : undefined;
  return change.features.has('usb') && usbLast(change.state.ostype, machine) > usbLast(undefined);
}

function netChange(change: OptionChange): readonly ChangeClass[] {
  const replug: ChangeClass = change.features.has('network') ? 'hotplug' : 'pending';
  const [from, to] = [valuesOf(change.from), valuesOf(change.to)];
  if (!from || !to) return [replug];
  const changed = changedKeys(change, from, to);
  const bridgeComesOrGoes = (from['bridge'] === undefined || to['bridge'] === undefined) && changed.length > 0;
  if (bridgeComesOrGoes || changed.some((key) => NET_NEEDS_NEW_DEVICE.includes(key))) return [replug];
  // Proxmox writes other keys at once, but QEMU knows them only from its start.
  return changed.map((key) => (NET_LIVE.includes(key) ? 'live' : 'pending'));
}

function diskChange(change: OptionChange): readonly ChangeClass[] {
  const { option, state, features } = change;
  const isPluggable = features.has('disk') && !FIXED_DISKS.has(familyOf(option));
  const plug: ChangeClass = !state.running ? 'live' : isPluggable ? 'hotplug' : 'pending';
  const [from, to] = [valuesOf(change.from), valuesOf(change.to)];
  if (!from || !to) return [plug];
  const changed = changedKeys(change, from, to);
  if (familyOf(option) === 'tpmstate' && changed.includes('version')) return ['refused'];
  if (changed.includes('media')) return [state.running ? 'stop-start' : 'live'];
  if (from['media'] === 'cdrom') return changed.map(() => 'live' as const);
  return [...volumeChange(from, to, plug), ...changed.filter((key) => !OF_VOLUME.has(key)).map((key) => keyChange(key, state.running))];
}

const OF_VOLUME = new Set(['storage', 'volume', 'size', 'format']);

function volumeChange(from: Values, to: Values, plug: ChangeClass): readonly ChangeClass[] {
  const size = sizeChange(from, to);
  if (to['volume'] !== undefined && to['volume'] !== from['volume']) return [plug]; // the present one becomes unused
  return [...(isMove(from, to) ? ['disk-move' as const] : []), ...(size === undefined ? [] : [size])];
}

function keyChange(key: string, running: boolean): ChangeClass {
  // Proxmox also writes serial, wwn, werror and others at once, but QEMU knows them only from its start.
  return !running || DISK_LIVE.test(key) ? 'live' : 'pending';
}
