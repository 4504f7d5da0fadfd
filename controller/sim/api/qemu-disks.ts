// A VM's disks: resize, move to another storage, hand over to another VM.
import { digestOf, touch } from '../guest-config.ts';
import { humanSize, isCdrom, isCloudinit, isDrive, parseDrive, printDrive, sizeIn, volumeIn } from '../drives.ts';
import { checkLock, demandOnStorage, guestOf, loadGuest, withGuestLock } from '../guests.ts';
import { parseSize } from '../property-string.ts';
import type { Simulation } from '../simulation.ts';
import type { ConfigValue, GuestState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { allocate, enabledStorage, findVolume, freeVolume, isFileBased, parseVolumeId, reassign, storageOf, totalBytes, usedBytes } from '../volumes.ts';
import { flag, requiredText, text, type Call } from './handler.ts';
import { refuseSkiplock } from './qemu-options.ts';
import { addUnused } from './qemu-pending.ts';

export function resize(call: Call): string {
  refuseSkiplock(call);
  const vmid = Number(call.params.vmid);
  const disk = requiredText(call, 'disk');
  const wanted = requiredText(call, 'size');
  return startTask(call, 'resize', String(vmid), (task) => withGuestLock(call.sim, 'qemu', call.node, vmid, async () => {
    const guest = loadGuest(call.sim, 'qemu', call.node, vmid);
    const digest = text(call, 'digest');
    if (digest !== undefined && digest !== digestOf(guest)) throw new Error('checksum mismatch (file change by other user?)');
    if (!flag(call, 'skiplock')) checkLock(guest);
    await grow(call.sim, task, guest, disk, wanted);
  }));
}

async function grow(sim: Simulation, task: TaskContext, guest: GuestState, disk: string, wanted: string): Promise<void> {
  const value = guest.config[disk];
  if (value === undefined) throw new Error(`disk '${disk}' does not exist`);
  const volid = volumeIn(value);
  if (volid === undefined) throw new Error(`disk '${disk}' has no associated volume`);
  if (isCdrom(value)) throw new Error("you can't resize a cdrom");
  const volume = findVolume(sim.state, guest.node, volid);
  const storage = storageOf(sim.state, parseVolumeId(volid)?.storage ?? '');
  if (!volume) throw new Error(`could not determine current size of volume '${volid}'`);
  const size = parseSize(wanted.replace(/^\+/, '')) ?? 0;
  const target = wanted.startsWith('+') ? volume.sizeBytes + size : size;
  if (target < volume.sizeBytes) throw new Error('shrinking disks is not supported');
  if (target === volume.sizeBytes) return;
  if (storage.type === 'lvm' && target - volume.sizeBytes > totalBytes(storage) - usedBytes(storage, guest.node)) {
    throw new Error(`error resizing volume '/dev/${String(storage.definition.vgname)}/${volume.name}': Insufficient free space`);
  }
  await task.sleep(sim.timings.configMs);
  volume.sizeBytes = target;
  if (!guest.process && isFileBased(storage)) task.log('Image resized.');
  const drive = parseDrive(sim, disk, value);
  guest.config[disk] = printDrive(sim, disk, { ...drive, size: String(target) });
  touch(guest);
}

export function moveDisk(call: Call): string {
  if (call.params['target-vmid'] !== undefined || call.params['target-disk'] !== undefined) return moveToOther(call);
  const guest = guestOf(call, 'qemu');
  const disk = requiredText(call, 'disk');
  const storage = text(call, 'storage');
  if (storage === undefined) throw new Error('either set storage to move disk or target-vmid to reassign it');
  demandOnStorage(call, storage, 'Datastore.AllocateSpace');
  checkMove(call, guest, disk, storage);
  return startTask(call, 'qmmove', String(guest.vmid), (task) => withGuestLock(call.sim, 'qemu', call.node, guest.vmid, () => copyAway(call, task, guest, disk, storage)));
}

function checkMove(call: Call, guest: GuestState, disk: string, storage: string): void {
  checkLock(guest);
  const digest = text(call, 'digest');
  if (digest !== undefined && digest !== digestOf(guest)) throw new Error('checksum mismatch (file change by other user?)');
  const value = guest.config[disk];
  if (value === undefined) throw new Error(`disk '${disk}' does not exist`);
  const volid = volumeIn(value);
  if (volid === undefined) throw new Error(`disk '${disk}' has no associated volume`);
  if (isCdrom(value) && !isCloudinit(value)) throw new Error("you can't move a cdrom");
  const before = findVolume(call.state, call.node, volid);
  const format = text(call, 'format');
  if (parseVolumeId(volid)?.storage === storage && (format === undefined || format === before?.format)) throw new Error("you can't move to the same storage with same format");
  if (flag(call, 'delete') && Object.values(guest.snapshots).some(({ config }) => Object.values(config).some((one) => volumeIn(one) === volid))) {
    throw new Error("you can't move a disk with snapshots and delete the source");
  }
  enabledStorage(call.state, storage, call.node);
}

async function copyAway(call: Call, task: TaskContext, guest: GuestState, disk: string, storage: string): Promise<void> {
  const { sim } = call;
  checkMove(call, guest, disk, storage);
  const value = guest.config[disk] ?? '';
  const volid = volumeIn(value) ?? '';
  task.log(`copying volume '${volid}' from current storage '${parseVolumeId(volid)?.storage}' to target storage '${storage}'`);
  const copied = await copyVolume(sim, task, { disk, volid, node: guest.node, storage, vmid: guest.vmid, format: text(call, 'format') });
  guest.config[disk] = printDrive(sim, disk, { ...parseDrive(sim, disk, value), file: copied });
  if (flag(call, 'delete')) {
    task.log(`removing source volume '${volid}' after successful copy`);
    freeVolume(sim.state, guest.node, volid);
  } else addUnused(guest, volid);
  touch(guest);
}

export interface VolumeCopy {
  readonly disk: string;
  readonly volid: string;
  readonly node: string;
  readonly storage: string;
  readonly vmid: number;
  readonly format?: string | undefined;
}

/** A full copy that takes its time; answers the new volid. */
export async function copyVolume(sim: Simulation, task: TaskContext, copy: VolumeCopy): Promise<string> {
  const { disk, volid, node, storage, vmid } = copy;
  task.log(`create full clone of drive ${disk} (${volid})`);
  const source = findVolume(sim.state, node, volid);
  if (!source) throw new Error(`volume '${volid}' does not exist`);
  const target = enabledStorage(sim.state, storage, node);
  const format = isFileBased(target) ? copy.format ?? (isFileBased(storageOf(sim.state, parseVolumeId(volid)?.storage ?? '')) ? source.format : 'raw') : 'raw';
  const name = isCloudinit(volid) ? `vm-${vmid}-cloudinit` : undefined;
  const made = allocate(sim.state, node, {
    storage, vmid, format, sizeBytes: source.sizeBytes, content: 'images', nowMs: sim.clock.now(), ...(name === undefined ? {} : { name }),
  });
  for (const line of made.log) task.log(line);
  if (isFileBased(target)) task.log(`allocated target volume '${made.volid}'`);
  if (disk !== 'efidisk0' && name === undefined) await transfer(sim, task, source.sizeBytes, made.volid, node);
  return made.volid;
}

async function transfer(sim: Simulation, task: TaskContext, bytes: number, volid: string, node: string): Promise<void> {
  const size = humanSize(bytes);
  task.log(`transferred 0.0 B of ${size} (0.00%)`);
  try {
    await task.sleep(Math.ceil((bytes / sim.timings.copyBytesPerSecond) * 1000));
  } catch (error) {
    freeVolume(sim.state, node, volid);
    throw error;
  }
  task.log(`transferred ${size} of ${size} (100.00%)`);
}

function moveToOther(call: Call): string {
  const guest = guestOf(call, 'qemu');
  const disk = requiredText(call, 'disk');
  const targetVmid = Number(call.params['target-vmid'] ?? guest.vmid);
  const targetDisk = text(call, 'target-disk') ?? disk;
  checkReassign(call, guest, disk, targetVmid, targetDisk);
  return startTask(call, 'qmmove', `${guest.vmid}-${disk}>${targetVmid}-${targetDisk}`, (task) => withGuestLock(call.sim, 'qemu', call.node, guest.vmid, () => {
    const target = checkReassign(call, guest, disk, targetVmid, targetDisk);
    handOver(call.sim, task, guest, disk, target, targetDisk);
  }));
}

function checkReassign(call: Call, guest: GuestState, disk: string, vmid: number, targetDisk: string): GuestState {
  const target = loadGuest(call.sim, 'qemu', call.node, vmid);
  if (vmid === guest.vmid) throw new Error('must be different than source VMID');
  checkLock(guest);
  checkLock(target);
  const value = guest.config[disk];
  if (value === undefined) throw new Error(`Disk '${disk}' for VM '${guest.vmid}' does not exist`);
  if (guest.process && !disk.startsWith('unused')) throw new Error(`Cannot move disk of running VM '${guest.vmid}'`);
  if (target.config[targetDisk] !== undefined) throw new Error(`Target disk key '${targetDisk}' is already in use for VM '${vmid}'`);
  if (!isDrive(targetDisk) && !/^unused\d+$/.test(targetDisk)) throw new Error(`Target disk key '${targetDisk}' is not a valid drive`);
  return target;
}

function handOver(sim: Simulation, task: TaskContext, guest: GuestState, disk: string, target: GuestState, targetDisk: string): void {
  const value: ConfigValue = guest.config[disk] ?? '';
  task.log(`reassign disk '${disk}' from VM '${guest.vmid}' as '${targetDisk}' to VM '${target.vmid}'`);
  const volid = reassign(sim.state, guest.node, volumeIn(value) ?? '', target.vmid);
  const drive = isDrive(disk) ? parseDrive(sim, disk, value) : {};
  const next = isDrive(targetDisk) ? printDrive(sim, targetDisk, { ...drive, file: volid, size: String(sizeIn(value) || findVolume(sim.state, guest.node, volid)?.sizeBytes || 0) }) : volid;
  task.log(`removing disk '${disk}' from VM '${guest.vmid}' config`);
  delete guest.config[disk];
  touch(guest);
  task.log(`update VM ${target.vmid}: -${targetDisk} ${next}`);
  target.config[targetDisk] = next;
  touch(target);
}
