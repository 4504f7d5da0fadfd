// In: a disk slot as a person writes it, or as Proxmox answers it. Out: one shape for each side. Pure.
// Must never make a shrink, or a wish for another file, look like nothing.
import { isObject } from '../../model/json.ts';
import type { GuestType } from '../../model/facts.ts';
import type { Json } from '../../model/json.ts';
import { parseSize } from '../../pve/sizes.ts';

type Options = Readonly<Record<string, string>>;

export type DesiredDisk =
  /** A volume that Proxmox allocates: on the first of these storages where it fits. */
  | { readonly type: 'volume'; readonly storages: readonly string[]; readonly bytes: number | undefined; readonly options: Options }
  /** A file, medium or device that exists: `local:iso/x.iso`, `none`, `cdrom`, `/dev/sdb`, `/mnt/bind`. */
  | { readonly type: 'given'; readonly file: string; readonly options: Options }
  | { readonly type: 'cloudinit'; readonly storages: readonly string[]; readonly options: Options };

export interface LiveDisk {
  /** `local:110/vm-110-disk-0.qcow2`, `none`, `/dev/sdb` */
  readonly file: string;
  readonly storage: string | undefined;
  readonly bytes: number | undefined;
  readonly options: Options;
  readonly cdrom: boolean;
  readonly cloudinit: boolean;
}

const QEMU_SLOT = /^(?:(?:ide|sata|scsi|virtio)\d+|efidisk0|tpmstate0)$/;
const LXC_SLOT = /^(?:rootfs|mp\d+)$/;

export function isDiskSlot(type: GuestType, option: string): boolean {
  return (type === 'qemu' ? QEMU_SLOT : LXC_SLOT).test(option);
}

/** EFI variables and TPM state are allocated in a size of their own; asking for one means nothing. */
export function hasFixedSize(slot: string): boolean {
  return slot === 'efidisk0' || slot === 'tpmstate0';
}

export function parseDesiredDisk(type: GuestType, value: Json): DesiredDisk | { readonly problem: string } {
  const fields = isObject(value) ? fromMapping(value) : typeof value === 'string' ? fromText(type, value) : undefined;
  if (!fields) return { problem: 'a disk is a mapping such as { storage: local, size: 20G }, or a property string' };
  const { storages, size, file, cloudinit, options } = fields;
  if (file !== undefined && storages.length > 0) return { problem: 'a disk has either `storage` (Proxmox allocates it) or `file` (it exists), not both' };
  if (cloudinit) return storages.length > 0 ? { type: 'cloudinit', storages, options } : { problem: 'a cloud-init drive needs `storage`' };
  if (file !== undefined) return { type: 'given', file, options };
  if (storages.length === 0) return { problem: 'a disk needs `storage` (Proxmox allocates it) or `file` (it exists)' };
  if (size === undefined) return { type: 'volume', storages, bytes: undefined, options };
  const bytes = parseSize(size);
  if (bytes === undefined || bytes <= 0) return { problem: `'${size}' is not a size; write for example 20G or 512M` };
  return { type: 'volume', storages, bytes, options };
}

interface Fields { readonly storages: readonly string[]; readonly size: string | undefined; readonly file: string | undefined; readonly cloudinit: boolean; readonly options: Options }

function fromMapping(value: Readonly<Record<string, unknown>>): Fields {
  const { storage, size, file, volume, cloudinit, ...rest } = value;
  const storages = Array.isArray(storage) ? storage.map(String) : storage === undefined ? [] : [String(storage)];
  return {
    storages, size: size === undefined ? undefined : typeof size === 'number' ? `${size}G` : String(size),
    file: file !== undefined ? String(file) : volume !== undefined ? String(volume) : undefined,
    cloudinit: cloudinit === true || cloudinit === 1 || cloudinit === 'on',
    options: Object.fromEntries(Object.entries(rest).map(([key, option]) => [key, optionText(option)])),
  };
}

function optionText(value: unknown): string {
  return value === true ? '1' : value === false ? '0' : Array.isArray(value) ? value.join(';') : String(value);
}

function fromText(type: GuestType, text: string): Fields {
  const { file, options } = splitProperty(text, type);
  const allocation = /^([A-Za-z][\w.-]*):(\d+(?:\.\d+)?)$/.exec(file);
  const drive = /^([A-Za-z][\w.-]*):cloudinit$/.exec(file);
  const { size, ...rest } = options;
  if (allocation) return { storages: [allocation[1] ?? ''], size: size ?? `${allocation[2]}G`, file: undefined, cloudinit: false, options: rest };
  if (drive) return { storages: [drive[1] ?? ''], size: undefined, file: undefined, cloudinit: true, options: rest };
  return { storages: [], size: undefined, file, cloudinit: false, options: rest };
}

/** What Proxmox answers for a slot: always `file[,key=value…]`; containers call the file `volume`. */
export function parseLiveDisk(text: string, type: GuestType): LiveDisk {
  const { file, options: { size, ...options } } = splitProperty(text, type);
  const volume = /^([A-Za-z][\w.-]*):/.exec(file);
  const cdrom = options.media === 'cdrom';
  return { file, storage: volume?.[1], bytes: size === undefined ? undefined : parseSize(size), options, cdrom, cloudinit: cdrom && /cloudinit/.test(file) };
}

function splitProperty(text: string, type: GuestType): { readonly file: string; readonly options: Record<string, string> } {
  const options: Record<string, string> = {};
  let file = '';
  for (const part of text.split(',')) {
    const [key = '', ...rest] = part.split('=');
    if (rest.length === 0) file = part;
    else if (key === (type === 'qemu' ? 'file' : 'volume')) file = rest.join('=');
    else options[key] = rest.join('=');
  }
  return { file, options };
}

export function printDisk(file: string, options: Options): string {
  return [file, ...Object.keys(options).sort().map((key) => `${key}=${options[key]}`)].join(',');
}

/** `local:20`: what makes Proxmox allocate; the number is GiB. */
export function allocation(storage: string, bytes: number): string {
  return `${storage}:${Number((bytes / 2 ** 30).toFixed(6))}`;
}

/** LVM rounds up to whole extents of 4 MiB and Proxmox notes what was allocated: that little more is the same size. */
const EXTENT = 4 * 2 ** 20;

export function compareSize(desired: number, live: number): 'same' | 'grow' | 'shrink' {
  if (live >= desired && live - desired < EXTENT) return 'same';
  return desired > live ? 'grow' : 'shrink';
}

/** `local:110/vm-110-disk-0.qcow2`, `zfs:base-900-disk-0/vm-110-disk-1` → the VMID in the volume's own name, after that of its base. */
export function ownerOf(volume: string): number | undefined {
  const names = [...volume.matchAll(/(?:^|[/:])(?:vm|base|subvol|basevol)-(\d+)-/g)];
  return names.length === 0 ? undefined : Number(names.at(-1)?.[1]);
}
