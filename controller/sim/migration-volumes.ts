// Which of a guest's volumes a migration has to carry, and carrying them.
// In: a guest, its node, the target. Out: the volumes on storage the target does not share; copies with new names.
// Must never remove the source's copy before the target's exists.
import type { Simulation } from './simulation.ts';
import type { ClusterState, ConfigValue, GuestState, VolumeState } from './state.ts';
import { allocate, isOnNode, isShared, parseVolumeId, volumesAt } from './volumes.ts';

export interface LocalVolume {
  readonly volid: string;
  /** `scsi0`, `unused1`, `rootfs`. */
  readonly key: string;
  readonly isCdrom: boolean;
  readonly isCloudinit: boolean;
  readonly isUnused: boolean;
  readonly isTpm: boolean;
  readonly isVmstate: boolean;
  readonly replicates: boolean;
  readonly sizeBytes: number;
}

const QEMU_DRIVE = /^(?:ide|sata|scsi|virtio|efidisk|tpmstate|unused)\d+$/;
const CONTAINER_VOLUME = /^(?:rootfs|mp\d+|unused\d+)$/;

/** Volume options of the configuration and of its snapshots; a volume counts once. */
export function volumesOf(guest: GuestState): readonly { readonly key: string; readonly volid: string; readonly text: string }[] {
  const pattern = guest.type === 'qemu' ? QEMU_DRIVE : CONTAINER_VOLUME;
  const found = new Map<string, { key: string; volid: string; text: string }>();
  for (const config of [guest.config, ...Object.values(guest.snapshots).map((snapshot) => snapshot.config)]) {
    for (const [key, value] of Object.entries(config)) {
      if (!pattern.test(key) && key !== 'vmstate') continue;
      const volid = volidIn(value);
      if (parseVolumeId(volid) && !found.has(volid)) found.set(volid, { key, volid, text: String(value) });
    }
  }
  for (const snapshot of Object.values(guest.snapshots)) if (snapshot.vmstate !== undefined && !found.has(snapshot.vmstate)) found.set(snapshot.vmstate, { key: 'vmstate', volid: snapshot.vmstate, text: snapshot.vmstate });
  return [...found.values()];
}

function volidIn(value: ConfigValue): string {
  return /^(?:file=|volume=)?([^,]*)/.exec(String(value))?.[1] ?? '';
}

/** Volumes on storage that is not shared, as the migration preconditions list them. */
export function localVolumes(state: ClusterState, guest: GuestState): LocalVolume[] {
  return volumesOf(guest).flatMap(({ key, volid, text }) => {
    const id = parseVolumeId(volid);
    const storage = id && state.storages[id.storage];
    if (!id || !storage || isShared(storage)) return [];
    const isCdrom = /(?:^|,)media=cdrom(?:,|$)/.test(text);
    return [{
      volid, key, isCdrom, isCloudinit: isCdrom && /-cloudinit/.test(volid), isUnused: key.startsWith('unused'), isTpm: key.startsWith('tpmstate'), isVmstate: key === 'vmstate',
      replicates: !/(?:^|,)replicate=(?:0|no|off|false)(?:,|$)/.test(text), sizeBytes: volumesAt(storage, guest.node)[id.name]?.sizeBytes ?? 0,
    }];
  });
}

/** Storages that the guest's volumes need and `node` does not have. */
export function storagesMissingOn(state: ClusterState, guest: GuestState, node: string): string[] {
  const needed = new Set(volumesOf(guest).flatMap(({ volid }) => parseVolumeId(volid)?.storage ?? []));
  return [...needed].filter((id) => {
    const storage = state.storages[id];
    return storage !== undefined && (!isOnNode(storage, node) || isDisabled(storage.definition['disable']));
  }).sort();
}

function isDisabled(value: ConfigValue | undefined): boolean {
  return value === 1 || value === '1';
}

/** `local-lvm`, or `a:b,c:d`, or `1` for the same names: which storage on the target takes a storage's volumes. */
export function targetStorageOf(mapping: string | undefined, storage: string): string {
  if (mapping === undefined || mapping === '1') return storage;
  const entries = mapping.split(',');
  const pair = entries.find((entry) => entry.startsWith(`${storage}:`));
  const otherwise = entries.find((entry) => !entry.includes(':'));
  return pair?.slice(storage.length + 1) ?? otherwise ?? storage;
}

export interface Copied { readonly from: string; readonly to: string }

/** Makes the copy on the target under the same name where that is free; the source's stays until `dropCopied`. */
export function copyVolume(sim: Simulation, volume: LocalVolume, source: string, target: string, mapping: string | undefined): Copied {
  const { state } = sim;
  const id = parseVolumeId(volume.volid);
  const from = id && state.storages[id.storage];
  const original = from && volumesAt(from, source)[id.name];
  if (!id || !original) throw new Error(`volume '${volume.volid}' does not exist`);
  const onto = targetStorageOf(mapping, id.storage);
  const storage = state.storages[onto];
  if (!storage || !isOnNode(storage, target)) throw new Error(`storage '${onto}' is not available on node '${target}'`);
  if (storage.type === from.type && !volumesAt(storage, target)[id.name]) {
    volumesAt(storage, target)[id.name] = { ...original };
    return { from: volume.volid, to: `${onto}:${id.name}` };
  }
  return { from: volume.volid, to: renamedCopy(sim, original, onto, target) };
}

function renamedCopy(sim: Simulation, original: VolumeState, storage: string, target: string): string {
  const keepsFormat = original.format === 'subvol';
  return allocate(sim.state, target, {
    storage, vmid: original.vmid ?? 0, sizeBytes: original.sizeBytes, content: original.content === 'rootdir' ? 'rootdir' : 'images', nowMs: sim.clock.now(),
    ...(keepsFormat ? { format: original.format } : {}),
  }).volid;
}

/** Takes back copies of a migration that failed. */
export function undoCopies(state: ClusterState, copies: readonly Copied[], target: string): void {
  for (const copy of copies) removeAt(state, copy.to, target);
}

/** Removes the source's volumes and writes the new names into the configuration. */
export function dropCopied(state: ClusterState, guest: GuestState, copies: readonly Copied[], source: string): void {
  for (const copy of copies) removeAt(state, copy.from, source);
  const renamed = new Map(copies.filter((copy) => copy.from !== copy.to).map((copy) => [copy.from, copy.to]));
  if (renamed.size === 0) return;
  for (const config of [guest.config, guest.pending, ...Object.values(guest.snapshots).map((snapshot) => snapshot.config)]) {
    for (const [key, value] of Object.entries(config)) {
      const volid = volidIn(value);
      const to = renamed.get(volid);
      if (to !== undefined) config[key] = String(value).replace(volid, to);
    }
  }
}

function removeAt(state: ClusterState, volid: string, node: string): void {
  const id = parseVolumeId(volid);
  const storage = id && state.storages[id.storage];
  if (storage && !isShared(storage)) delete volumesAt(storage, node)[id.name];
}
