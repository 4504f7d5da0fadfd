// In: drive options of a VM (`scsi0: local:8,iothread=1`). Out: drives parsed and printed as Proxmox does, and the
// volumes behind them made.
// Must never touch a guest's configuration.
import { optionParam } from './guest-config.ts';
import { parseProperties, parseSize, printProperties, type Properties, type PropertyFormat } from './property-string.ts';
import type { Simulation } from './simulation.ts';
import type { ConfigValue, GuestConfig } from './state.ts';
import { allocate, AllocationError, badVolumeName, enabledStorage, findVolume, freeVolume, holds, isFileBased, makeBase, parseVolumeId, storageOf } from './volumes.ts';

const BUSES: readonly (readonly [string, number])[] = [['ide', 4], ['scsi', 31], ['virtio', 16], ['sata', 6]];
/** In the order in which Proxmox walks them. */
export const DRIVE_NAMES: readonly string[] = [...BUSES.flatMap(([bus, count]) => Array.from({ length: count }, (_none, index) => `${bus}${index}`)), 'efidisk0', 'tpmstate0'];
const DRIVES = new Set(DRIVE_NAMES);
const BOOT_NAMES = DRIVE_NAMES.filter((name) => name !== 'efidisk0' && name !== 'tpmstate0');
const NEW_DISK = /^(?:([^/:\s]+):)?(\d+(?:\.\d+)?)$/;
const CLOUDINIT_BYTES = 4 * 2 ** 20;
const TPM_BYTES = 4 * 2 ** 20;
const EFI_BYTES = 528 * 2 ** 10;

export function isDrive(key: string): boolean {
  return DRIVES.has(key);
}

export function driveFormat(sim: Simulation, key: string): PropertyFormat {
  const format = optionParam(sim.tables, 'qemu', key)?.format;
  return typeof format === 'object' ? format : { file: { default_key: 1 } };
}

export function parseDrive(sim: Simulation, key: string, value: ConfigValue): Properties {
  return parseProperties(driveFormat(sim, key), String(value));
}

export function printDrive(sim: Simulation, key: string, drive: Properties): string {
  return printProperties(driveFormat(sim, key), drive);
}

/** The volume a drive's value names, or nothing: `none`, `cdrom`, host paths. */
export function volumeIn(value: ConfigValue): string | undefined {
  const file = String(value).split(',').map((part) => part.replace(/^(file|volume)=/, '')).find((part) => !part.includes('=')) ?? '';
  return parseVolumeId(file) ? file : undefined;
}

export function isCdrom(value: ConfigValue): boolean {
  return /(^|,)media=cdrom(,|$)/.test(String(value));
}

export function isCloudinit(value: ConfigValue): boolean {
  return /[:/](vm-\d+-)?cloudinit/.test(String(value).split(',')[0] ?? '');
}

export interface MadeDrives {
  /** The options with the volumes that now exist. */
  readonly options: Readonly<Record<string, string>>;
  /** Volumes made, to be freed when the caller fails. */
  readonly made: readonly string[];
  readonly log: readonly string[];
}

export interface DriveRequest {
  readonly vmid: number;
  readonly node: string;
  readonly options: Readonly<Record<string, ConfigValue>>;
  /** Drives of the VM that stay, to notice a second cloud-init drive. */
  readonly config: GuestConfig;
  readonly defaultStorage?: string;
}

/** Makes what the options ask for; on failure frees what it had made and throws. */
export function makeDrives(sim: Simulation, request: DriveRequest): MadeDrives {
  const options: Record<string, string> = {};
  const made: string[] = [];
  const log: string[] = [];
  try {
    for (const key of Object.keys(request.options).filter(isDrive).sort()) {
      const drive = parseDrive(sim, key, request.options[key] ?? '');
      options[key] = makeDrive(sim, request, key, drive, { options, made, log });
    }
  } catch (error) {
    const said = error instanceof AllocationError ? [...log, ...error.log] : log;
    for (const volid of made) freeVolume(sim.state, request.node, volid);
    throw new DriveError(error instanceof Error ? error.message : String(error), said);
  }
  return { options, made, log };
}

export class DriveError extends Error {
  constructor(message: string, readonly log: readonly string[]) {
    super(message);
  }
}

interface Progress { readonly options: Record<string, string>; readonly made: string[]; readonly log: string[] }

function makeDrive(sim: Simulation, request: DriveRequest, key: string, drive: Properties, progress: Progress): string {
  const file = drive.file ?? 'none';
  if (file === 'none' || file === 'cdrom') return printDrive(sim, key, without(drive, 'size'));
  if (/^(?:[^/:\s]+:)?cloudinit$/.test(file)) return said(progress, key, cloudinitDrive(sim, request, key, drive, progress));
  const wanted = NEW_DISK.exec(file);
  if (wanted) return said(progress, key, newDisk(sim, request, key, drive, { storage: wanted[1] ?? request.defaultStorage, gib: Number(wanted[2]) }, progress));
  return existingVolume(sim, request, key, drive);
}

function said(progress: Progress, key: string, value: string): string {
  progress.log.push(`${key}: successfully created disk '${value}'`);
  return value;
}

function cloudinitDrive(sim: Simulation, request: DriveRequest, key: string, drive: Properties, progress: Progress): string {
  const other = attachedCloudinit(request.config, progress.options, key);
  if (other) throw new Error(`${key} - cloud-init drive is already attached at '${other}'`);
  const storageId = drive.file?.includes(':') ? drive.file.slice(0, drive.file.indexOf(':')) : request.defaultStorage;
  if (storageId === undefined) throw new Error('no storage ID specified (and no default storage)');
  const storage = storageOf(sim.state, storageId);
  const format = drive.format ?? (isFileBased(storage) ? 'qcow2' : 'raw');
  const { volid, log } = allocate(sim.state, request.node, {
    storage: storageId, vmid: request.vmid, format, sizeBytes: CLOUDINIT_BYTES, content: 'images', nowMs: sim.clock.now(), name: `vm-${request.vmid}-cloudinit`,
  });
  progress.made.push(volid);
  progress.log.push(...log);
  return printDrive(sim, key, { ...without(drive, 'format'), file: volid, media: 'cdrom' });
}

function attachedCloudinit(config: GuestConfig, made: Readonly<Record<string, string>>, key: string): string | undefined {
  return DRIVE_NAMES.find((name) => name !== key && isCloudinit(made[name] ?? config[name] ?? ''));
}

function newDisk(sim: Simulation, request: DriveRequest, key: string, drive: Properties, wanted: { storage: string | undefined; gib: number }, progress: Progress): string {
  if (wanted.storage === undefined) throw new Error('no storage ID specified (and no default storage)');
  const sizeBytes = key === 'efidisk0' ? EFI_BYTES : key === 'tpmstate0' ? TPM_BYTES : sourceSize(sim, request, drive['import-from']) ?? Math.ceil(wanted.gib * 2 ** 20) * 1024;
  const { volid, volume, log } = allocate(sim.state, request.node, {
    storage: wanted.storage, vmid: request.vmid, sizeBytes, content: 'images', nowMs: sim.clock.now(), ...(drive.format === undefined ? {} : { format: drive.format }),
  });
  progress.made.push(volid);
  progress.log.push(...log, ...(key === 'efidisk0' ? copyLog(EFI_BYTES) : []));
  const file = request.config.template === 1 ? makeBase(sim.state, request.node, volid) : volid;
  return printDrive(sim, key, { ...without(without(drive, 'format'), 'import-from'), file, size: String(volume.sizeBytes) });
}

function sourceSize(sim: Simulation, request: DriveRequest, source: string | undefined): number | undefined {
  if (source === undefined) return undefined;
  const volume = findVolume(sim.state, request.node, source);
  if (!volume) throw new Error(`cannot import from '${source}' - volume '${source}' does not exist`);
  return volume.sizeBytes;
}

function copyLog(bytes: number): string[] {
  const size = humanSize(bytes);
  return [`transferred 0.0 B of ${size} (0.00%)`, `transferred ${size} of ${size} (100.00%)`, `transferred ${size} of ${size} (100.00%)`];
}

/** `528.0 KiB`, as qemu-img's progress writes sizes. */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 'B';
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${value.toFixed(1)} ${unit}`;
}

function existingVolume(sim: Simulation, request: DriveRequest, key: string, drive: Properties): string {
  const file = drive.file ?? '';
  const id = parseVolumeId(file);
  if (!id) return printDrive(sim, key, drive);
  const storage = enabledStorage(sim.state, id.storage, request.node);
  const bad = badVolumeName(storage, id.name);
  if (bad) throw new Error(bad);
  const volume = findVolume(sim.state, request.node, file);
  if (!volume) throw new Error(`volume '${file}' does not exist`);
  if (volume.content !== 'images' && volume.content !== 'iso') throw new Error(`cannot use volume ${file} - content type needs to be 'images' or 'iso'`);
  if (drive.format !== undefined && drive.format !== volume.format && volume.content === 'images') {
    throw new Error(`drive '${key}' - volume '${file}' - 'format=${drive.format}' option different from storage format '${volume.format}'`);
  }
  return printDrive(sim, key, { ...drive, size: String(volume.sizeBytes) });
}

/** What can be refused before a task is started. Throws plain texts; the keys of a 400 are answered. */
export function checkDrives(sim: Simulation, node: string, options: Readonly<Record<string, ConfigValue>>, isRoot: boolean): Record<string, string> | undefined {
  for (const key of Object.keys(options).filter(isDrive).sort()) {
    const drive = parseDrive(sim, key, options[key] ?? '');
    const file = drive.file ?? 'none';
    if (file === 'none') continue;
    if ((file === 'cdrom' || file.startsWith('/')) && !isRoot) throw new Error(file === 'cdrom' ? "only root can set 'cdrom' config" : 'Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.');
    const fresh = NEW_DISK.exec(file);
    if (drive['import-from'] !== undefined && Number(fresh?.[2] ?? 1) !== 0) return { [key]: "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>" };
    const storageId = fresh?.[1] ?? parseVolumeId(file)?.storage;
    if (storageId === undefined) continue;
    const storage = enabledStorage(sim.state, storageId, node);
    if (fresh || file.endsWith(':cloudinit')) {
      if (!holds(storage, 'images')) throw new Error(`storage '${storageId}' does not support content-type 'images'`);
      continue;
    }
    const name = parseVolumeId(file)?.name ?? '';
    const bad = badVolumeName(storage, name);
    if (bad) throw new Error(bad);
    if (name.startsWith('iso/') && drive.media !== 'cdrom') return { [key]: "explicit 'media=cdrom' is required for iso images" };
  }
  return undefined;
}

/** Bytes of the first disk a VM boots from. */
export function bootDiskBytes(config: GuestConfig): number {
  const order = /order=([^,]*)/.exec(String(config.boot ?? ''))?.[1]?.split(';') ?? [];
  const first = order.find((name) => isBootDisk(config, name)) ?? BOOT_NAMES.find((name) => isBootDisk(config, name));
  return first === undefined ? 0 : sizeIn(config[first] ?? '');
}

function isBootDisk(config: GuestConfig, name: string): boolean {
  const value = config[name];
  return value !== undefined && isDrive(name) && !isCdrom(value);
}

export function sizeIn(value: ConfigValue): number {
  return parseSize(/(?:^|,)size=([^,]+)/.exec(String(value))?.[1] ?? '') ?? 0;
}

/** The order Proxmox gives a VM that is made without one: first disk, first CD drive, first network device. */
export function defaultBootOrder(config: GuestConfig): string {
  const bootable = BOOT_NAMES.filter((name) => config[name] !== undefined);
  const devices = [
    bootable.find((name) => !isCdrom(config[name] ?? '')),
    bootable.find((name) => isCdrom(config[name] ?? '')),
    Array.from({ length: 32 }, (_none, index) => `net${index}`).find((name) => config[name] !== undefined),
  ].filter((name) => name !== undefined);
  return devices.length === 0 ? '' : `order=${devices.join(';')}`;
}

function without(drive: Properties, key: string): Properties {
  const { [key]: _gone, ...rest } = drive;
  return rest;
}
