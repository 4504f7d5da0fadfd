// Starting a VM: what a start checks, in Proxmox's order and words, and what it changes.
import { unseenVolume } from '../nodes/group-storage.ts';
import { guestsWrite } from '../nodes/world.ts';
import { haIntercept, sidOf } from '../ha/intercept.ts';
import { touch } from '../guest-config.ts';
import { checkLock, loadGuest, withGuestLock } from '../guests.ts';
import { isCdrom, isCloudinit, isDrive, volumeIn } from '../drives.ts';
import { isNet, parseNet } from '../nets.ts';
import type { Simulation } from '../simulation.ts';
import type { GuestState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { enabledStorage, findVolume, freeVolume, parseVolumeId } from '../volumes.ts';
import { isQuorate } from '../quorum.ts';
import { applyPending } from './qemu-pending.ts';
import type { Call } from './handler.ts';

/** Answers the UPID of the start, or of the request to the HA manager. */
export function startVm(call: Call, vmid: number): string {
  if (!isQuorate(call.state, call.node)) throw new Error('cluster not ready - no quorum?');
  const queued = haIntercept(call, sidOf('qemu', vmid), 'start');
  if (queued !== undefined) return queued;
  const skiplock = call.params.skiplock === 1;
  return startTask(call, 'qmstart', String(vmid), (task) => withGuestLock(call.sim, 'qemu', call.node, vmid, async () => {
    const guest = loadGuest(call.sim, 'qemu', call.node, vmid);
    if (guest.config.template === 1) throw new Error("you can't start a vm if it's a template");
    const suspended = guest.config.lock === 'suspended';
    if (!skiplock && !suspended) checkLock(guest);
    if (guest.process) throw new Error(`VM ${vmid} already running`);
    await boot(call.sim, task, guest);
  }));
}

/** Brings the VM up on its node; the caller holds its lock. */
export async function boot(sim: Simulation, task: TaskContext, guest: GuestState): Promise<void> {
  applyPending(sim, guest);
  checkStartable(sim, guest);
  if (guest.behaviour.startError !== undefined) throw new Error(guest.behaviour.startError);
  if (Object.entries(guest.config).some(([key, value]) => isDrive(key) && isCloudinit(value))) task.log('generating cloud-init ISO');
  if (guest.config.bios === 'ovmf' && guest.config.efidisk0 === undefined) task.warn('no efidisk configured! Using temporary efivars disk.');
  await task.sleep(sim.timings.startMs);
  resumeFromDisk(sim, guest);
  const node = sim.state.nodes[guest.node];
  guest.process = { pid: node ? node.nextPid++ : 1, startedAtMs: sim.clock.now(), qmpStatus: 'running' };
  guestsWrite(sim, guest.node);
}

function resumeFromDisk(sim: Simulation, guest: GuestState): void {
  if (guest.config.lock !== 'suspended') return;
  if (typeof guest.config.vmstate === 'string') freeVolume(sim.state, guest.node, guest.config.vmstate);
  delete guest.config.lock;
  delete guest.config.vmstate;
  touch(guest);
}

function checkStartable(sim: Simulation, guest: GuestState): void {
  const node = sim.state.nodes[guest.node];
  for (const key of Object.keys(guest.config).sort()) {
    const value = guest.config[key] ?? '';
    if (isDrive(key)) checkVolume(sim, guest, String(value));
    if (!isNet(key)) continue;
    const { bridge } = parseNet(sim, 'qemu', value);
    if (bridge !== undefined && !node?.bridges.includes(bridge)) throw new Error(`bridge '${bridge}' does not exist`);
  }
  if (guest.config.kvm !== 0 && node && !node.kvm) throw new Error('KVM virtualisation configured, but not available. Either disable in VM configuration or enable in BIOS.');
}

function checkVolume(sim: Simulation, guest: GuestState, value: string): void {
  const volid = volumeIn(value);
  const id = volid === undefined ? undefined : parseVolumeId(volid);
  if (volid === undefined || !id) return;
  enabledStorage(sim.state, id.storage, guest.node);
  const unseen = unseenVolume(sim.state, volid, guest.node);
  if (unseen !== undefined) throw new Error(unseen);
  if (findVolume(sim.state, guest.node, volid)) return;
  if (isCdrom(value) && isCloudinit(value)) return;
  throw new Error(`volume '${volid}' does not exist`);
}
