// DELETE of a guest of either type: what forbids it, what goes with it.
import { isHaConfigured, sidOf } from '../ha/intercept.ts';
import { removeResource } from '../ha/requests.ts';
import { isQuorate } from '../quorum.ts';
import { checkLock, guestOf, guestWord, loadGuest, withGuestLock } from '../guests.ts';
import type { Simulation } from '../simulation.ts';
import type { ConfigValue, GuestConfig, GuestState, GuestType } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { childrenOf, findVolume, freeVolume, parseVolumeId, volumesOfGuest } from '../volumes.ts';
import { flag, type Call } from './handler.ts';
import { refuseSkiplock } from './qemu-options.ts';

export function deleteVm(call: Call): string {
  refuseSkiplock(call);
  return destroy(call, 'qemu');
}

export function deleteContainer(call: Call): string {
  return destroy(call, 'lxc');
}

function destroy(call: Call, type: GuestType): string {
  const guest = guestOf(call, type);
  const { vmid } = guest;
  const word = guestWord(type);
  const purge = flag(call, 'purge');
  if (guest.config.protection === 1) throw new Error(`can't remove ${word} ${vmid} - protection mode enabled`);
  if (isHaConfigured(call.state, sidOf(type, vmid)) && !purge) throw new Error(`unable to remove ${word} ${vmid} - used in HA resources and purge parameter not set.`);
  if (guest.process && !(type === 'lxc' && flag(call, 'force'))) throw new Error(type === 'qemu' ? `VM ${vmid} is running - destroy failed` : `unable to destroy CT ${vmid} - container is running`);
  if (!isQuorate(call.state, call.node)) return startTask(call, taskType(type), String(vmid), () => {
    throw new Error(`unable to open file '/etc/pve/nodes/${call.node}/${type === 'qemu' ? 'qemu-server' : 'lxc'}/${vmid}.conf.tmp.1' - Permission denied`);
  });
  return startTask(call, taskType(type), String(vmid), (task) => withGuestLock(call.sim, type, call.node, vmid, () => perform(call, task, type, vmid, purge)));
}

function taskType(type: GuestType): string {
  return type === 'qemu' ? 'qmdestroy' : 'vzdestroy';
}

async function perform(call: Call, task: TaskContext, type: GuestType, vmid: number, purge: boolean): Promise<void> {
  const { sim, state } = call;
  const guest = loadGuest(sim, type, call.node, vmid);
  if (!flag(call, 'skiplock') && guest.config.lock !== 'suspended') checkLock(guest);
  if (guest.process && !flag(call, 'force')) throw new Error(`${guestWord(type)} ${vmid} is running - destroy failed`);
  checkUnused(sim, guest);
  await task.sleep(sim.timings.destroyMs);
  delete guest.process;
  for (const volid of ownedVolumes(sim, guest)) freeVolume(state, guest.node, volid);
  if (flag(call, 'destroy-unreferenced-disks')) freeUnreferenced(sim, guest);
  if (purge) purgeReferences(call, task, guest);
  forget(call, vmid);
  delete state.guests[String(vmid)];
}

/** A template stays while linked clones live from its disks. */
function checkUnused(sim: Simulation, guest: GuestState): void {
  if (guest.config.template !== 1) return;
  for (const value of drivesInOrder(guest.config)) {
    const id = parseVolumeId(fileOf(value));
    const storage = id && sim.state.storages[id.storage];
    if (id && storage && childrenOf(storage, guest.node, id.name).length > 0) throw new Error(`base volume '${id.storage}:${id.name}' is still in use by linked cloned`);
  }
}

/** Disks proper come before the EFI disk, as Proxmox walks them. */
function drivesInOrder(config: GuestConfig): ConfigValue[] {
  const rank = (key: string) => (/^(efidisk|tpmstate)/.test(key) ? 1 : 0);
  return Object.keys(config).filter((key) => /^(ide|scsi|virtio|sata|efidisk|tpmstate|unused|mp)\d+$|^rootfs$/.test(key))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)).map((key) => config[key] ?? '');
}

function fileOf(value: ConfigValue): string {
  return String(value).split(',')[0]?.replace(/^(file|volume)=/, '') ?? '';
}

function ownedVolumes(sim: Simulation, guest: GuestState): Set<string> {
  const configs = [guest.config, guest.pending, ...Object.values(guest.snapshots).map((snapshot) => ({ ...snapshot.config, vmstate: snapshot.vmstate ?? '' }))];
  const volids = configs.flatMap((config) => [...drivesInOrder(config), config.vmstate ?? '']).map(fileOf);
  return new Set(volids.filter((volid) => findVolume(sim.state, guest.node, volid)?.vmid === guest.vmid));
}

function freeUnreferenced(sim: Simulation, guest: GuestState): void {
  for (const storage of Object.values(sim.state.storages)) {
    for (const volume of volumesOfGuest(storage, guest.node, guest.vmid)) freeVolume(sim.state, guest.node, `${storage.id}:${volume.name}`);
  }
}

function purgeReferences(call: Call, task: TaskContext, guest: GuestState): void {
  const { state } = call;
  task.log(`purging ${guestWord(guest.type)} ${guest.vmid} from related configurations..`);
  const sid = sidOf(guest.type, guest.vmid);
  if (isHaConfigured(state, sid)) removeResource(call.sim, sid, 'purge');
  for (const job of Object.values(state.jobs)) {
    const ids = String(job.vmid ?? '').split(',').filter((id) => id !== '');
    if (ids.includes(String(guest.vmid))) job.vmid = ids.filter((id) => id !== String(guest.vmid)).join(',');
  }
}

/** Pools and access lists never keep a guest that is gone. */
function forget(call: Call, vmid: number): void {
  const { state } = call;
  for (const pool of Object.values(state.pools)) pool.vms = pool.vms.filter((id) => id !== vmid);
  state.access.acl = state.access.acl.filter((entry) => entry.path !== `/vms/${vmid}`);
}
