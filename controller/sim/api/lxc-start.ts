// Starting a container: what a start checks, and what pending changes it brings in.
import { guestsWrite } from '../nodes/world.ts';
import { haIntercept, sidOf } from '../ha/intercept.ts';
import { isQuorate } from '../quorum.ts';
import { checkLock, loadGuest, withGuestLock } from '../guests.ts';
import { isMountpoint, mountedVolume } from '../mountpoints.ts';
import { isNet, parseNet } from '../nets.ts';
import type { Simulation } from '../simulation.ts';
import { guestOn, type GuestState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { unseenVolume } from '../nodes/group-storage.ts';
import { badVolumeName, enabledStorage, findVolume, parseVolumeId } from '../volumes.ts';
import type { Call } from './handler.ts';
import { applyPending } from './lxc-pending.ts';

export function startContainer(call: Call, vmid: number): string {
  if (guestOn(call.state, call.node, 'lxc', vmid)?.process) throw new Error(`CT ${vmid} already running`);
  if (!isQuorate(call.state, call.node)) throw new Error('cluster not ready - no quorum?');
  const queued = haIntercept(call, sidOf('lxc', vmid), 'start');
  if (queued !== undefined) return queued;
  return startTask(call, 'vzstart', String(vmid), (task) => withGuestLock(call.sim, 'lxc', call.node, vmid, async () => {
    const guest = loadGuest(call.sim, 'lxc', call.node, vmid);
    if (guest.config.template === 1) throw new Error("you can't start a CT if it's a template");
    if (call.params.skiplock !== 1) checkLock(guest);
    if (guest.process) throw new Error(`CT ${vmid} already running`);
    await boot(call.sim, task, guest);
  }));
}

/** Brings the container up on its node; the caller holds its lock. */
export async function boot(sim: Simulation, task: TaskContext, guest: GuestState): Promise<void> {
  const errors = Object.values(applyPending(sim, guest));
  if (errors[0] !== undefined) throw new Error(errors[0]);
  checkStartable(sim, guest);
  if (guest.behaviour.startError !== undefined) throw new Error(guest.behaviour.startError);
  await task.sleep(sim.timings.containerStartMs);
  const node = sim.state.nodes[guest.node];
  guest.process = { pid: node ? node.nextPid++ : 1, startedAtMs: sim.clock.now(), qmpStatus: 'running' };
  guestsWrite(sim, guest.node);
}

function checkStartable(sim: Simulation, guest: GuestState): void {
  for (const [key, value] of Object.entries(guest.config).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (isMountpoint(key)) checkVolume(sim, guest, mountedVolume(sim, key, value));
    if (!isNet(key)) continue;
    const { bridge } = parseNet(sim, 'lxc', value);
    if (bridge !== undefined && !sim.state.nodes[guest.node]?.bridges.includes(bridge)) throw new Error(`bridge '${bridge}' does not exist`);
  }
}

export function checkVolume(sim: Simulation, guest: GuestState, volid: string | undefined): void {
  const id = volid === undefined ? undefined : parseVolumeId(volid);
  if (volid === undefined || !id) return;
  const storage = enabledStorage(sim.state, id.storage, guest.node);
  const bad = badVolumeName(storage, id.name);
  if (bad) throw new Error(bad);
  const unseen = unseenVolume(sim.state, volid, guest.node);
  if (unseen !== undefined) throw new Error(unseen);
  if (!findVolume(sim.state, guest.node, volid)) throw new Error(`volume '${volid}' does not exist`);
}
