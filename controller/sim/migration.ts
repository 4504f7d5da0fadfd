// Migration of virtual machines: live with RAM, with local disks, offline.
// In: a guest, where to, how. Out: the task's log and times as recorded, and the guest on the other node.
// Must never leave a guest locked, or a copy behind, after a failure that the source survives.
import { touch } from './guest-config.ts';
import { connect, copyOffline, MigrationFailed, pause, stamped, type MigrationPlan } from './migration-copy.ts';
import { announceLive, moveLive } from './migration-live.ts';
import { duration } from './migration-text.ts';
import { dropCopied, localVolumes, storagesMissingOn, targetStorageOf, undoCopies, type Copied, type LocalVolume } from './migration-volumes.ts';
import type { GuestState } from './state.ts';
import { Interrupted, PowerLost, type TaskContext } from './tasks.ts';

const OFFLINE_MS = 2_000;
const FIRST_LOCK_MS = 300;

/** Runs as the work of a qmigrate task on the source. */
export async function migrateVm(task: TaskContext, plan: MigrationPlan): Promise<void> {
  const { guest, target } = plan;
  const source = guest.node;
  const startMs = task.sim.clock.now();
  const log = stamped(task);
  const isLive = plan.online && guest.process !== undefined;
  const copies: Copied[] = [];
  if (isLive) announceLive(log, guest);
  try {
    await connect(task, log, source, target);
    log(`starting migration of VM ${guest.vmid} to node '${target}' (${task.sim.state.nodes[target]?.address ?? target})`);
    await task.sleep(FIRST_LOCK_MS);
    lock(guest);
    const volumes = scan(task, log, plan, isLive);
    if (isLive) await moveLive(task, log, plan, volumes, copies);
    else await moveOffline(task, log, plan, volumes, copies);
    unlock(guest);
    log(`migration finished successfully (duration ${duration(task.sim.clock.now() - startMs)})`);
  } catch (error) {
    if (error instanceof PowerLost) throw error;
    cleanUp(task, log, plan, copies, source, error, startMs);
  }
}

function lock(guest: GuestState): void {
  guest.config['lock'] = 'migrate';
  touch(guest);
}

function unlock(guest: GuestState): void {
  if (guest.config['lock'] === 'migrate') delete guest.config['lock'];
  touch(guest);
}

/** The volumes to carry, or the failure of a guest that cannot go. */
function scan(task: TaskContext, log: (line: string) => void, plan: MigrationPlan, isLive: boolean): readonly LocalVolume[] {
  const { guest, target } = plan;
  const devices = localDevices(guest);
  if (devices.length > 0) {
    if (isLive || !plan.force) throw new MigrationFailed(1, `can't migrate ${isLive ? 'running ' : ''}VM which uses local devices: ${devices.join(', ')}`);
    log(`migrating VM which uses local devices: ${devices.join(', ')}`);
  }
  const missing = storagesMissingOn(task.sim.state, guest, target).find((storage) => targetStorageOf(plan.targetStorage, storage) === storage);
  if (missing !== undefined) throw new MigrationFailed(1, `storage '${missing}' is not available on node '${target}'`);
  const volumes = localVolumes(task.sim.state, guest);
  const refused: string[] = [];
  for (const volume of volumes) {
    log(`found local disk '${volume.volid}' (${volume.isUnused ? 'unused' : 'attached'})`);
    const reason = refusal(volume, isLive, plan.withLocalDisks);
    if (reason !== undefined) refused.push(`can't migrate local disk '${volume.volid}': ${reason}`);
  }
  for (const line of refused) log(line);
  if (refused.length > 0) throw new MigrationFailed(1, "Problem found while scanning volumes - can't migrate VM - check log");
  return volumes;
}

function refusal(volume: LocalVolume, isLive: boolean, withLocalDisks: boolean): string | undefined {
  if (isLive && !withLocalDisks) return "can't live migrate attached local disks without with-local-disks option";
  if (volume.isCdrom && !volume.isCloudinit) return 'local cdrom image';
  return undefined;
}

/** Devices of the node itself: passed-through PCI and USB devices, serial and parallel ports. */
export function localDevices(guest: GuestState): string[] {
  return Object.entries(guest.config).filter(([key, value]) => {
    const text = String(value);
    if (/^(?:hostpci|parallel)\d+$/.test(key)) return !text.includes('mapping=');
    if (/^usb\d+$/.test(key)) return !/\bspice\b/.test(text) && !text.includes('mapping=');
    return /^serial\d+$/.test(key) && text !== 'socket';
  }).map(([key]) => key).sort();
}

async function moveOffline(task: TaskContext, log: (line: string) => void, plan: MigrationPlan, volumes: readonly LocalVolume[], copies: Copied[]): Promise<void> {
  const { guest, target } = plan;
  const source = guest.node;
  await copyOffline(task, log, plan, volumes, copies);
  await pause(task, source, target, OFFLINE_MS);
  guest.node = target;
  dropCopied(task.sim.state, guest, copies, source);
  touch(guest);
  task.sim.log.write(target, `VM ${guest.vmid} arrived from ${source}`);
}

function cleanUp(task: TaskContext, log: (line: string) => void, plan: MigrationPlan, copies: readonly Copied[], source: string, error: unknown, startMs: number): never {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) throw error;
  const { guest } = plan;
  const message = error instanceof Error ? error.message : String(error);
  const phase = error instanceof MigrationFailed ? error.phase : error instanceof Interrupted ? 2 : 1;
  const took = duration(task.sim.clock.now() - startMs);
  if (guest.node === source) {
    undoCopies(task.sim.state, copies, plan.target);
    if (guest.process?.qmpStatus === 'postmigrate') guest.process.qmpStatus = 'running';
    const wasLocked = guest.config['lock'] === 'migrate';
    unlock(guest);
    if (phase === 1) {
      if (wasLocked) {
        log(`ERROR: ${message}`);
        log('aborting phase 1 - cleanup resources');
      }
      log(`ERROR: migration aborted (duration ${took}): ${message}`);
      throw new Error('migration aborted', { cause: error });
    }
    log(`ERROR: ${message}`);
    log('aborting phase 2 - cleanup resources');
    log('migrate_cancel');
  } else unlock(guest);
  log(`ERROR: migration finished with problems (duration ${took})`);
  throw new Error(error instanceof Interrupted ? error.message : 'migration problems', { cause: error });
}
