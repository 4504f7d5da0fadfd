// In: the state's storages. Out: volumes found, made, renamed and freed as Proxmox's storage layer names them.
// Must never know guests' configurations: who owns a volume is part of its name.
import { isGroupUnseen } from './nodes/group-storage.ts';
import type { ClusterState, StorageState, VolumeState } from './state.ts';

/** Kinds of storage whose volumes are files below a path; all others are block devices without a suffix. */
const FILE_TYPES = new Set(['dir', 'nfs', 'cifs', 'cephfs', 'btrfs', 'glusterfs']);
const ALWAYS_SHARED = new Set(['nfs', 'cifs', 'cephfs', 'rbd', 'glusterfs', 'pbs', 'iscsi', 'iscsidirect', 'zfs', 'esxi']);
/** Kinds that reserve the whole size at once. */
const THICK_TYPES = new Set(['lvm']);
const FILE_FORMATS = new Set(['raw', 'qcow2', 'vmdk', 'subvol']);
const BLOCK_FORMATS = new Set(['raw', 'subvol']);
/** ext4's largest file; a raw image beyond it cannot be made. */
const FILE_BYTES_MAX = 16 * 2 ** 40;
/** A storage without a given capacity is as large as this. */
const UNLIMITED_BYTES = 10 * 2 ** 40;
/** LVM's extent, to which logical volumes are rounded up. */
const EXTENT_BYTES = 4 * 2 ** 20;

export interface VolumeId { readonly storage: string; readonly name: string }

export function parseVolumeId(volid: string): VolumeId | undefined {
  const found = /^([a-z][a-z0-9\-_.]*[a-z0-9]):(.+)$/i.exec(volid);
  return found ? { storage: found[1] ?? '', name: found[2] ?? '' } : undefined;
}

export function storageOf(state: ClusterState, id: string): StorageState {
  const storage = Object.hasOwn(state.storages, id) ? state.storages[id] : undefined;
  if (!storage) throw new Error(`storage '${id}' does not exist`);
  return storage;
}

/** The storage, if it may be used on that node. */
export function enabledStorage(state: ClusterState, id: string, node: string): StorageState {
  const storage = storageOf(state, id);
  if (storage.definition.disable === 1 || storage.definition.disable === '1') throw new Error(`storage '${id}' is disabled`);
  if (!isOnNode(storage, node)) throw new Error(`storage '${id}' is not available on node '${node}'`);
  return storage;
}

export function isOnNode(storage: StorageState, node: string): boolean {
  const nodes = storage.definition.nodes;
  return nodes === undefined || nodes === '' || String(nodes).split(/[,; ]+/).includes(node);
}

export function isShared(storage: StorageState): boolean {
  return ALWAYS_SHARED.has(storage.type) || storage.definition.shared === 1 || storage.definition.shared === '1';
}

export function holds(storage: StorageState, content: string): boolean {
  return String(storage.definition.content ?? 'images,rootdir').split(/[,; ]+/).includes(content);
}

export function isFileBased(storage: StorageState): boolean {
  return FILE_TYPES.has(storage.type);
}

/** Volumes that `node` sees on the storage, by name; the object itself, to be changed. */
export function volumesAt(storage: StorageState, node: string): Record<string, VolumeState> {
  return (storage.volumes[isShared(storage) ? '*' : node] ??= {});
}

export function findVolume(state: ClusterState, node: string, volid: string): VolumeState | undefined {
  const id = parseVolumeId(volid);
  const storage = id && state.storages[id.storage];
  return storage && volumesAt(storage, node)[id.name];
}

export function usedBytes(storage: StorageState, node: string): number {
  return Object.values(volumesAt(storage, node)).reduce((sum, volume) => sum + volume.sizeBytes, 0);
}

export function totalBytes(storage: StorageState): number {
  return storage.capacityBytes ?? UNLIMITED_BYTES;
}

/** What Proxmox makes when no format is asked for; the same on every kind of storage. */
export const DEFAULT_FORMAT = 'raw';

/** Volumes that belong to a guest on one storage, as `node` sees it. */
export function volumesOfGuest(storage: StorageState, node: string, vmid: number): VolumeState[] {
  return Object.values(volumesAt(storage, node)).filter((volume) => volume.vmid === vmid && (volume.content === 'images' || volume.content === 'rootdir'));
}

export interface NewVolume {
  readonly storage: string;
  readonly vmid: number;
  readonly format?: string;
  readonly sizeBytes: number;
  readonly content: 'images' | 'rootdir';
  readonly nowMs: number;
  /** Instead of the next free `vm-<vmid>-disk-<n>`, without suffix: `vm-101-cloudinit`, `vm-101-state-x`. */
  readonly name?: string;
  /** The base volume's name, of a linked clone. */
  readonly parent?: string;
}

export interface Allocated { readonly volid: string; readonly volume: VolumeState; readonly log: readonly string[] }

/** Makes a volume; throws with the storage layer's texts. */
export function allocate(state: ClusterState, node: string, wanted: NewVolume): Allocated {
  const storage = enabledStorage(state, wanted.storage, node);
  if (isGroupUnseen(state, storage, node)) throw new Error(`no such volume group '${storage.definition.vgname}'`);
  const format = wanted.format ?? DEFAULT_FORMAT;
  if (!(isFileBased(storage) ? FILE_FORMATS : BLOCK_FORMATS).has(format)) throw new Error(`unsupported format '${format}'`);
  const volumes = volumesAt(storage, node);
  const bare = wanted.name ?? nextDiskName(volumes, wanted.vmid, format);
  const name = fullName(storage, bare, wanted.vmid, format, wanted.parent);
  if (volumes[name]) throw new Error(`disk image '${volumePath(storage, name)}' already exists`);
  const log = creationLog(storage, name, format, wanted.sizeBytes);
  const sizeBytes = THICK_TYPES.has(storage.type) ? Math.ceil(wanted.sizeBytes / EXTENT_BYTES) * EXTENT_BYTES : wanted.sizeBytes;
  const lack = lackOfSpace(storage, node, name, format, sizeBytes);
  if (lack !== undefined) throw new AllocationError(lack, log);
  const volume: VolumeState = {
    name, sizeBytes, format, content: wanted.content, vmid: wanted.vmid, ctime: Math.floor(wanted.nowMs / 1000),
    ...(wanted.parent === undefined ? {} : { parent: wanted.parent }),
  };
  volumes[name] = volume;
  return { volid: `${wanted.storage}:${name}`, volume, log };
}

/** Fails after the tool that makes the image has already said something. */
export class AllocationError extends Error {
  constructor(message: string, readonly log: readonly string[]) {
    super(message);
  }
}

function lackOfSpace(storage: StorageState, node: string, name: string, format: string, sizeBytes: number): string | undefined {
  if (isFileBased(storage) && sizeBytes > FILE_BYTES_MAX) return `unable to create image: qemu-img.real: ${volumePath(storage, name)}: The image size is too large for file format '${format}'`;
  if (!THICK_TYPES.has(storage.type)) return undefined;
  const free = totalBytes(storage) - usedBytes(storage, node);
  return sizeBytes > free ? `not enough free space (${Math.floor(free / 1024)} < ${Math.floor(sizeBytes / 1024)})` : undefined;
}

function nextDiskName(volumes: Readonly<Record<string, VolumeState>>, vmid: number, format: string): string {
  const taken = new Set<number>();
  const mark = `-${vmid}-disk-`;
  // Plain text search in a plain loop: a storage may hold ten thousand volumes.
  for (const name in volumes) {
    const at = name.lastIndexOf(mark);
    if (at > name.lastIndexOf('/')) taken.add(Number.parseInt(name.slice(at + mark.length), 10));
  }
  let index = 0;
  while (taken.has(index)) index += 1;
  return `${format === 'subvol' ? 'subvol' : 'vm'}-${vmid}-disk-${index}`;
}

function fullName(storage: StorageState, bare: string, vmid: number, format: string, parent: string | undefined): string {
  if (!isFileBased(storage)) return parent === undefined ? bare : `${parent}/${bare}`;
  const file = `${vmid}/${bare}.${format}`;
  return parent === undefined ? file : `${parent}/${file}`;
}

function creationLog(storage: StorageState, name: string, format: string, sizeBytes: number): string[] {
  if (!isFileBased(storage)) return storage.type.startsWith('lvm') ? [`  Logical volume "${name}" created.`] : [];
  if (format === 'subvol') return [];
  const details = format === 'qcow2'
    ? `fmt=qcow2 cluster_size=65536 extended_l2=off preallocation=metadata compression_type=zlib size=${sizeBytes} lazy_refcounts=off refcount_bits=16`
    : `fmt=${format} size=${sizeBytes} preallocation=off`;
  return [`Formatting '${volumePath(storage, name)}', ${details}`];
}

export function volumePath(storage: StorageState, name: string): string {
  if (!isFileBased(storage)) return `/dev/${String(storage.definition.vgname ?? storage.definition.pool ?? storage.id)}/${name}`;
  const path = String(storage.definition.path ?? `/mnt/pve/${storage.id}`);
  const folder = { iso: 'template/iso', vztmpl: 'template/cache', backup: 'dump', snippets: 'snippets', import: 'import' }[name.slice(0, Math.max(0, name.indexOf('/')))];
  return folder === undefined ? `${path}/images/${imagePart(name)}` : `${path}/${folder}/${name.slice(name.indexOf('/') + 1)}`;
}

/** Of a linked clone's name only the clone's own part is a path. */
function imagePart(name: string): string {
  const parts = name.split('/');
  return parts.slice(-2).join('/');
}

/** Removing a volume that is not there succeeds, as in Proxmox. */
export function freeVolume(state: ClusterState, node: string, volid: string): void {
  const id = parseVolumeId(volid);
  const storage = id && state.storages[id.storage];
  if (!storage) return;
  if (childrenOf(storage, node, id.name).length > 0) throw new Error(`base volume '${id.name}' is still in use by linked cloned`);
  delete volumesAt(storage, node)[id.name];
}

/** Linked clones of a base volume. */
export function childrenOf(storage: StorageState, node: string, name: string): VolumeState[] {
  return Object.values(volumesAt(storage, node)).filter((volume) => volume.parent === name);
}

/** Turns `vm-110-disk-1` into `base-110-disk-1`; answers the new volid. */
export function makeBase(state: ClusterState, node: string, volid: string): string {
  const id = parseVolumeId(volid);
  const storage = id && state.storages[id.storage];
  const volume = storage && volumesAt(storage, node)[id.name];
  if (!id || !storage || !volume) throw new Error(`volume '${volid}' does not exist`);
  const name = id.name.replace(/(^|\/)(vm|subvol)-(\d+-disk-\d+[^/]*)$/, (_all, before: string, kind: string, rest: string) => `${before}${kind === 'vm' ? 'base' : 'basevol'}-${rest}`);
  rename(volumesAt(storage, node), volume, name);
  return `${id.storage}:${name}`;
}

/** Hands a volume to another guest under a new name; answers the new volid. */
export function reassign(state: ClusterState, node: string, volid: string, vmid: number): string {
  const id = parseVolumeId(volid);
  const storage = id && state.storages[id.storage];
  const volume = storage && volumesAt(storage, node)[id.name];
  if (!id || !storage || !volume) throw new Error(`volume '${volid}' does not exist`);
  const volumes = volumesAt(storage, node);
  const name = fullName(storage, nextDiskName(volumes, vmid, volume.format), vmid, volume.format, undefined);
  rename(volumes, { ...volume, vmid }, name, volume.name);
  return `${id.storage}:${name}`;
}

function rename(volumes: Record<string, VolumeState>, volume: VolumeState, name: string, before = volume.name): void {
  delete volumes[before];
  volumes[name] = { ...volume, name };
}

/** Carries a volume of a local storage to another node (or storage); answers nothing, the volid stays. */
export function carryVolume(state: ClusterState, volid: string, from: string, to: string): void {
  const id = parseVolumeId(volid);
  const storage = id && state.storages[id.storage];
  if (!id || !storage || isShared(storage)) return;
  const volume = volumesAt(storage, from)[id.name];
  if (!volume) throw new Error(`volume '${volid}' does not exist`);
  volumesAt(storage, to)[id.name] = volume;
  delete volumesAt(storage, from)[id.name];
}

/** The text Proxmox's directory plugin refuses a volume name with, or nothing. */
export function badVolumeName(storage: StorageState, name: string): string | undefined {
  if (isFileBased(storage)) return /^(iso|vztmpl|backup|snippets|import|rootdir)\/[^/]+$|^(?:\d+\/[^/]+\/)?\d+\/[^/]+\.(raw|qcow2|vmdk|subvol)$/.test(name) ? undefined : `unable to parse directory volume name '${name}'`;
  return /^(?:base-\d+-[^/]+\/)?(vm|base|subvol|basevol)-\d+-\S+$/.test(name) ? undefined : `unable to parse ${storage.type} volume name '${name}'`;
}
