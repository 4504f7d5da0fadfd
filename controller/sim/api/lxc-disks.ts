// A container's volumes: resize, move to another storage or another container.
import { digestOf, touch } from '../guest-config.ts';
import { checkLock, demandOnStorage, guestOf, loadGuest, withGuestLock } from '../guests.ts';
import { filesystemLog, isMountpoint, mountedVolume, parseMountpoint, printMountpoint } from '../mountpoints.ts';
import { parseSize } from '../property-string.ts';
import type { Simulation } from '../simulation.ts';
import type { GuestState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { allocate, enabledStorage, findVolume, freeVolume, isFileBased, parseVolumeId, reassign, storageOf, totalBytes, usedBytes, volumePath } from '../volumes.ts';
import { flag, parameterError, requiredText, text, type Call } from './handler.ts';
import { addUnused } from './qemu-pending.ts';
import { checkVolume } from './lxc-start.ts';

export function resize(call: Call): string {
  const vmid = Number(call.params.vmid);
  checkResize(call);
  return startTask(call, 'resize', String(vmid), (task) => withGuestLock(call.sim, 'lxc', call.node, vmid, async () => {
    const { guest, disk, volid, target } = checkResize(call);
    await task.sleep(call.sim.timings.configMs);
    const volume = findVolume(call.state, call.node, volid);
    if (!volume) throw new Error(`Could not determine current size of volume '${volid}'`);
    volume.sizeBytes = target;
    for (const line of resizeLog(call.sim, volid, target)) task.log(line);
    guest.config[disk] = printMountpoint(call.sim, disk, { ...parseMountpoint(call.sim, disk, guest.config[disk] ?? ''), size: String(target) });
    touch(guest);
  }));
}

interface Resize { readonly guest: GuestState; readonly disk: string; readonly volid: string; readonly target: number }

function checkResize(call: Call): Resize {
  const guest = guestOf(call, 'lxc');
  checkLock(guest);
  const digest = text(call, 'digest');
  if (digest !== undefined && digest !== digestOf(guest)) throw new Error('detected modified configuration - file changed by other user? Try again.');
  const disk = requiredText(call, 'disk');
  const value = guest.config[disk];
  const volid = value === undefined ? undefined : mountedVolume(call.sim, disk, value);
  if (volid === undefined) throw new Error(`disk '${disk}' does not exist`);
  checkVolume(call.sim, guest, volid);
  const current = findVolume(call.state, call.node, volid)?.sizeBytes ?? 0;
  const wanted = requiredText(call, 'size');
  const size = parseSize(wanted.replace(/^\+/, ''));
  if (size === undefined) throw new Error('invalid size string');
  const target = wanted.startsWith('+') ? current + size : size;
  if (target < current) throw new Error('unable to shrink disk size');
  if (target === current) throw new Error('disk is already at specified size');
  const storage = storageOf(call.state, parseVolumeId(volid)?.storage ?? '');
  if (storage.type === 'lvm' && target - current > totalBytes(storage) - usedBytes(storage, call.node)) throw new Error(`error resizing volume '${volid}': Insufficient free space`);
  return { guest, disk, volid, target };
}

function resizeLog(sim: Simulation, volid: string, bytes: number): string[] {
  const id = parseVolumeId(volid) ?? { storage: '', name: '' };
  const storage = storageOf(sim.state, id.storage);
  const path = volumePath(storage, id.name);
  const checks = ['Checking inodes, blocks, and sizes', 'Checking directory structure', 'Checking directory connectivity', 'Checking reference counts', 'Checking group summary information'];
  return [
    ...(isFileBased(storage) ? ['Image resized.'] : []), 'e2fsck 1.47.2 (1-Jan-2025)', ...checks.map((check, at) => `Pass ${at + 1}: ${check}`),
    `${path}: 35/65536 files (0.0% non-contiguous), 13530/262144 blocks`, 'resize2fs 1.47.2 (1-Jan-2025)',
    `Resizing the filesystem on ${path} to ${bytes / 4096} (4k) blocks.`, `The filesystem on ${path} is now ${bytes / 4096} (4k) blocks long.`, '',
  ];
}

export function moveVolume(call: Call): string {
  const storage = text(call, 'storage');
  const targetVmid = call.params['target-vmid'];
  if (storage !== undefined && targetVmid !== undefined) throw new Error('either set storage or target-vmid, but not both');
  if (storage === undefined && targetVmid === undefined) throw parameterError({ 'target-vmid': 'The storage or target-vmid parameter is missing', storage: 'The storage or target-vmid parameter is missing' });
  return storage === undefined ? moveToOther(call, Number(targetVmid)) : moveToStorage(call, storage);
}

function moveToStorage(call: Call, storage: string): string {
  const guest = guestOf(call, 'lxc');
  const key = requiredText(call, 'volume');
  demandOnStorage(call, storage, 'Datastore.AllocateSpace');
  checkLock(guest);
  if (guest.process) throw new Error('cannot move volumes of a running container');
  const source = sourceOf(call.sim, guest, key);
  if (flag(call, 'delete') && Object.keys(guest.snapshots).length > 0) throw new Error("you can't move a volume with snapshots and delete the source");
  enabledStorage(call.state, storage, call.node);
  return startTask(call, 'move_volume', String(guest.vmid), (task) => withGuestLock(call.sim, 'lxc', call.node, guest.vmid, async () => {
    const copied = await copyVolume(call.sim, task, { key, volid: source, node: call.node, storage, vmid: guest.vmid });
    if (isMountpoint(key)) guest.config[key] = printMountpoint(call.sim, key, { ...parseMountpoint(call.sim, key, guest.config[key] ?? ''), volume: copied });
    else guest.config[key] = copied;
    if (flag(call, 'delete')) freeVolume(call.state, call.node, source);
    else addUnused(guest, source);
    touch(guest);
  }));
}

function sourceOf(sim: Simulation, guest: GuestState, key: string): string {
  const value = guest.config[key];
  const volid = value === undefined ? undefined : isMountpoint(key) ? mountedVolume(sim, key, value) : String(value);
  if (volid === undefined || !findVolume(sim.state, guest.node, volid)) throw new Error(`volume '${key}' for container '${guest.vmid}' does not exist`);
  return volid;
}

export interface ContainerCopy { readonly key: string; readonly volid: string; readonly node: string; readonly storage: string; readonly vmid: number }

/** A copy file by file into a new volume of the same size. */
export async function copyVolume(sim: Simulation, task: TaskContext, copy: ContainerCopy): Promise<string> {
  const { key, volid, node, storage, vmid } = copy;
  const source = findVolume(sim.state, node, volid);
  if (!source) throw new Error(`volume '${volid}' does not exist`);
  task.log(`create full clone of mountpoint ${key} (${volid})`);
  const format = source.format === 'subvol' ? 'subvol' : 'raw';
  const made = allocate(sim.state, node, { storage, vmid, format, sizeBytes: source.sizeBytes, content: 'rootdir', nowMs: sim.clock.now() });
  for (const line of made.log) task.log(line);
  if (format === 'raw') for (const line of filesystemLog(sim, source.sizeBytes)) task.log(line);
  await task.sleep(Math.ceil((source.sizeBytes / sim.timings.copyBytesPerSecond) * 1000));
  return made.volid;
}

function moveToOther(call: Call, targetVmid: number): string {
  const { sim } = call;
  const guest = guestOf(call, 'lxc');
  const key = requiredText(call, 'volume');
  const targetKey = text(call, 'target-volume') ?? key;
  if (key === 'rootfs' || targetKey === 'rootfs') throw new Error("Cannot move to/from 'rootfs'");
  const target = loadGuest(sim, 'lxc', call.node, targetVmid);
  checkLock(guest);
  checkLock(target);
  if (target.config[targetKey] !== undefined) throw new Error(`Target volume key '${targetKey}' is already in use for container '${targetVmid}'`);
  const volid = sourceOf(sim, guest, key);
  return startTask(call, 'move_volume', `${guest.vmid}-${key}>${targetVmid}-${targetKey}`, (task) => withGuestLock(sim, 'lxc', call.node, guest.vmid, () => {
    const moved = reassign(sim.state, call.node, volid, targetVmid);
    const mountpoint = isMountpoint(key) ? parseMountpoint(sim, key, guest.config[key] ?? '') : {};
    target.config[targetKey] = isMountpoint(targetKey) ? printMountpoint(sim, targetKey, { ...mountpoint, volume: moved }) : moved;
    task.log(`removing volume '${key}' from container '${guest.vmid}' config`);
    delete guest.config[key];
    touch(guest);
    touch(target);
  }));
}
