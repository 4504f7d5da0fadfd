// What Proxmox's API data does not say of guests' options and one has to know to compare them: which keys Proxmox
// fills in by itself, which defaults are only documented, where order does not matter. Sources: qemu-server and
// pve-container of the versions we carry, and the recorded answers of a 9.2 cluster.
import { splitFamily } from './families.ts';
import type { Keys, Param } from './param.ts';

export type Guest = 'qemu' | 'lxc';

/** `scsi3` → `scsi`, `net0` → `net`; an option that is no member of a family is its own. */
export function familyOf(option: string): string {
  const family = splitFamily(option)?.family;
  return family !== undefined && FAMILIES.has(family) ? family : option;
}
const FAMILIES = new Set(['ide', 'sata', 'scsi', 'virtio', 'efidisk', 'tpmstate', 'unused', 'net', 'ipconfig', 'serial', 'parallel', 'numa',
  'hostpci', 'usb', 'virtiofs', 'mp', 'dev', 'audio', 'rng']);

const DISKS: Readonly<Record<Guest, ReadonlySet<string>>> = {
  qemu: new Set(['ide', 'sata', 'scsi', 'virtio', 'efidisk', 'tpmstate', 'unused', 'cdrom']),
  lxc: new Set(['rootfs', 'mp', 'unused']),
};

/** Whether the option is a disk or mount point: its default key names a volume. */
export function isDisk(guest: Guest, option: string): boolean {
  return DISKS[guest].has(familyOf(option));
}

// Written by Proxmox at creation or at any change; a manifest never has to agree with them.
const WRITTEN_BY_PROXMOX = new Set(['meta', 'digest', 'parent', 'snaptime', 'snapstate', 'vmstate', 'runningmachine', 'runningcpu']);
export const isWrittenByProxmox = (option: string): boolean => WRITTEN_BY_PROXMOX.has(option);

// The API answers ********** for them (qemu-server API2/Qemu.pm, config and pending); a container's is never stored.
const SECRETS = new Set(['cipassword', 'password']);
export const isSecret = (option: string): boolean => SECRETS.has(option);

// These are a device or feature by being there at all, so an empty set of keys is not the same as absence.
const DEVICES = new Set(['watchdog', 'rng', 'audio', 'ivshmem', 'amd-sev', 'intel-tdx', 'net', 'usb', 'hostpci', 'serial', 'parallel', 'numa',
  'virtiofs', 'ipconfig', 'ide', 'sata', 'scsi', 'virtio', 'efidisk', 'tpmstate', 'unused', 'rootfs', 'mp', 'dev']);
export const isDevice = (option: string): boolean => DEVICES.has(familyOf(option));

// Keys that Proxmox fills in: not written in the manifest, they are nobody's drift.
const GENERATED: Readonly<Record<string, readonly string[]>> = {
  net: ['macaddr', 'hwaddr'],
  smbios1: ['uuid'],
  efidisk: ['ms-cert'],
};
const GENERATED_OF_DISKS = ['volume', 'storage', 'size', 'format'];

export function isGenerated(guest: Guest, option: string, key: string): boolean {
  if (isDisk(guest, option) && GENERATED_OF_DISKS.includes(key)) return true;
  return (GENERATED[familyOf(option)] ?? []).includes(key);
}

// The size that is written is not used: Proxmox takes the size of its template or of the TPM state.
export const hasFixedSize = (option: string): boolean => familyOf(option) === 'efidisk' || familyOf(option) === 'tpmstate';

// Documented defaults that the API data lacks or writes as a sentence. Per guest, option or `family.key`.
const DEFAULTS: Readonly<Record<Guest, Readonly<Record<string, string>>>> = {
  qemu: {
    cpuunits: '100', freeze: '0', // qm.conf(5); pve-common CGroup.pm for cgroup v2, the only one since 8 and the usual one in 7
    'net.firewall': '0', 'net.link_down': '0', // qemu-server Network.pm: tested for truth only
    ...forDisks({
      backup: '1', // qemu-server: only backup=0 leaves a disk out
      snapshot: '0', iothread: '0', ssd: '0', ro: '0', discard: 'ignore', // qemu-server Drive.pm, DriveDevice.pm: tested for truth
      rerror: 'report', werror: 'enospc', // QEMU's own, when nothing is passed on
    }),
    'vmgenid': '0',
  },
  lxc: {
    cpuunits: '100',
    'net.firewall': '0', 'net.link_down': '0', 'net.host-managed': '0', 'net.type': 'veth', // pve-container LXC/Config.pm
    'mp.backup': '0', 'mp.ro': '0', 'mp.quota': '0', 'rootfs.ro': '0', 'rootfs.quota': '0',
  },
};

function forDisks(defaults: Readonly<Record<string, string>>): Record<string, string> {
  const names = ['ide', 'sata', 'scsi', 'virtio'];
  return Object.fromEntries(names.flatMap((name) => Object.entries(defaults).map(([key, value]) => [`${name}.${key}`, value])));
}

// The API's default is what Proxmox shows in a form, yet leaving the key out means something else.
const NO_DEFAULT = new Set(['watchdog.model', 'ipconfig.ip', 'ipconfig.ip6']);

/** The text that means the same as leaving the option, or the key of it, out. */
export function defaultOf(guest: Guest, option: string, key: string | undefined, param: Param): string | undefined {
  const name = key === undefined ? option : `${familyOf(option)}.${key}`;
  if (NO_DEFAULT.has(name)) return undefined;
  const documented = DEFAULTS[guest][name];
  if (documented !== undefined) return documented;
  return param.default === undefined || param.default === null ? undefined : String(param.default);
}

// Lists in one key, separated by semicolons, whose order means nothing.
const SETS = new Set(['cpu.flags', 'net.trunks', 'features.mount', 'mp.mountoptions', 'rootfs.mountoptions', 'numa.cpus', 'numa.hostnodes', 'hostpci.host']);
export const isSet = (option: string, key: string): boolean => SETS.has(`${familyOf(option)}.${key}`);

// Property strings that the API data calls a plain format (pve-common JSONSchema.pm pve_parse_startup_order).
const STARTUP: Keys = {
  order: { type: 'integer', optional: 1, default_key: 1 },
  up: { type: 'integer', optional: 1 },
  down: { type: 'integer', optional: 1 },
};

/** The keys of an option's property string, if it is one. */
export function optionKeys(param: Param): Keys | undefined {
  if (param.format === 'pve-startup-order') return STARTUP;
  return typeof param.format === 'object' ? param.format : undefined;
}
