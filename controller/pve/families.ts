// The numbered families (`net[n]` stands for net0, net1 …). How far each counts is not in the API data; the limits
// are constants of Proxmox's sources and the same in all versions we carry (7.4 – 9.2); whether a family exists at
// all in a version is said by its API table (`dev`, `virtiofs` came with 8).

interface Limit { readonly last: number; readonly source: string }

const QEMU: Readonly<Record<string, Limit>> = {
  ide: { last: 3, source: 'qemu-server Drive.pm MAX_IDE_DISKS 4' },
  scsi: { last: 30, source: 'qemu-server Drive.pm MAX_SCSI_DISKS 31' },
  virtio: { last: 15, source: 'qemu-server Drive.pm MAX_VIRTIO_DISKS 16' },
  sata: { last: 5, source: 'qemu-server Drive.pm MAX_SATA_DISKS 6' },
  unused: { last: 255, source: 'qemu-server Drive.pm MAX_UNUSED_DISKS 256' },
  net: { last: 31, source: 'qemu-server QemuServer.pm MAX_NETS 32' },
  ipconfig: { last: 31, source: 'qemu-server QemuServer.pm MAX_NETS 32' },
  serial: { last: 3, source: 'qemu-server QemuServer.pm MAX_SERIAL_PORTS 4' },
  parallel: { last: 2, source: 'qemu-server QemuServer.pm MAX_PARALLEL_PORTS 3' },
  numa: { last: 7, source: 'qemu-server Memory.pm MAX_NUMA 8' },
  hostpci: { last: 15, source: 'qemu-server PCI.pm MAX_HOSTPCI_DEVICES 16' },
  usb: { last: 13, source: 'qemu-server USB.pm MAX_USB_DEVICES 14' },
  virtiofs: { last: 9, source: 'qemu-server Virtiofs.pm MAX_VIRTIOFS 10' },
};

const LXC: Readonly<Record<string, Limit>> = {
  net: { last: 31, source: 'pve-container LXC/Config.pm MAX_LXC_NETWORKS 32' },
  mp: { last: 255, source: 'pve-container LXC/Config.pm MAX_MOUNT_POINTS 256' },
  unused: { last: 255, source: 'pve-container LXC/Config.pm MAX_UNUSED_DISKS 256' },
  dev: { last: 255, source: 'pve-container LXC/Config.pm MAX_DEVICES 256' },
};

const OTHER: Readonly<Record<string, Limit>> = {
  link: { last: 7, source: 'pve-cluster Corosync.pm; link8 is refused in the recorded exchange form/024' },
  acmedomain: { last: 5, source: 'pve-manager NodeConfig.pm counts 0 to MAXDOMAINS 5, both included' },
};

// Machine types before 7.1 and guests that are neither Linux nor Windows newer than 7 have the old USB controllers.
const USB_LAST_OF_OLD_MACHINES = 4;

interface Member { readonly family: string; readonly index: number }

// The same few names are asked about for every guest, several times each. Names come from people, so that there is a maximum.
const split = new Map<string, Member | undefined>();
const SPLIT_MAX = 10_000;

/** `net12` → net, 12; nothing when the name does not end in a plain number (`net01` is no name of Proxmox). */
export function splitFamily(name: string): Member | undefined {
  if (split.has(name)) return split.get(name);
  const found = /^(.*[a-z_-])(0|[1-9]\d{0,4})$/.exec(name);
  const member = found ? { family: found[1] as string, index: Number(found[2]) } : undefined;
  if (split.size < SPLIT_MAX) split.set(name, member);
  return member;
}

/** The last index of a family in the method with this path template; nothing when we know no limit. */
export function familyLast(template: string, family: string): number | undefined {
  const table = template.includes('/qemu') ? QEMU : template.includes('/lxc') ? LXC : OTHER;
  return (table[family] ?? OTHER[family])?.last;
}

/** The last `usb` index that starts with this `ostype` and machine version (`[7, 1]`; absent: the newest). */
export function usbLast(ostype: string | undefined, machine?: readonly [number, number]): number {
  const newMachine = !machine || machine[0] > 7 || (machine[0] === 7 && machine[1] >= 1);
  const newGuest = ostype === 'l26' || ['win8', 'win10', 'win11'].includes(ostype ?? '');
  return newMachine && newGuest ? (QEMU['usb'] as Limit).last : USB_LAST_OF_OLD_MACHINES;
}
