// The live part of a VM's migration: the VM started on the target, its disks mirrored, its memory copied, the hand-over.
// In: a plan and its volumes. Out: the guest running on the target, every moment as a client of the real one sees it.
// Must never show the guest on two nodes: its configuration is in one place at any instant.
import { touch } from './guest-config.ts';
import { copyOffline, pause, rateOf, type MigrationPlan } from './migration-copy.ts';
import { size } from './migration-text.ts';
import { copyVolume, dropCopied, type Copied, type LocalVolume } from './migration-volumes.ts';
import { unseenVolume } from './nodes/group-storage.ts';
import type { GuestState } from './state.ts';
import type { TaskContext } from './tasks.ts';

/** The target's part of a live migration: `qm start` over ssh, then the tunnel. Recorded 2–6 s and 0.5–3 s. */
const REMOTE_START_MS = 2_000;
const TUNNEL_MS = 500;
/** From the end of the memory copy until the configuration moves, and from then until the task ends (2–4 s). */
const HANDOVER_MS = 400;
const FINISH_MS = 2_500;
/** With mirrored disks the target waits a moment before it runs. */
const RESUME_MS = 800;

export function announceLive(log: (line: string) => void, guest: GuestState): void {
  // The recorded QEMU has no backup jobs and says so; conntrack is off by default.
  log(`checking/canceling old backup job failed - VM ${guest.vmid} qmp command 'query-backup' failed - The command query-backup has not been found`);
  log('conntrack state migration not supported or disabled, active connections might get dropped');
}

export async function moveLive(task: TaskContext, log: (line: string) => void, plan: MigrationPlan, volumes: readonly LocalVolume[], copies: Copied[]): Promise<void> {
  const { guest, target } = plan;
  const source = guest.node;
  await copyOffline(task, log, plan, volumes.filter((volume) => volume.isUnused || volume.isVmstate), copies);
  log(`starting VM ${guest.vmid} on remote node '${target}'`);
  await pause(task, source, target, REMOTE_START_MS);
  const unseen = Object.values(guest.config).map((value) => unseenVolume(task.sim.state, String(value), target)).find((text) => text !== undefined);
  if (unseen !== undefined) throw new Error(unseen);
  const mirrored = volumes.filter((volume) => !volume.isUnused && !volume.isVmstate);
  for (const volume of mirrored) copies.push(copyVolume(task.sim, volume, source, target, plan.targetStorage));
  for (const copy of copies.slice(-mirrored.length || copies.length)) log(`volume '${copy.from}' is '${copy.to}' on the target`);
  log('start remote tunnel');
  await pause(task, source, target, TUNNEL_MS);
  log('ssh tunnel ver 1');
  if (mirrored.length > 0) await mirror(task, log, plan, mirrored);
  await copyMemory(task, log, plan);
  if (guest.process) guest.process.qmpStatus = 'postmigrate';
  await pause(task, source, target, HANDOVER_MS);
  if (mirrored.length > 0) finishMirror(task, mirrored);
  handOver(task, plan, copies, mirrored.length > 0 ? 'paused' : 'running');
  if (mirrored.length > 0) {
    await task.sleep(RESUME_MS);
    if (guest.process && guest.node === target) guest.process.qmpStatus = 'running';
    log('stopping NBD storage migration server on target.');
  }
  await task.sleep(FINISH_MS);
}

async function mirror(task: TaskContext, log: (line: string) => void, plan: MigrationPlan, volumes: readonly LocalVolume[]): Promise<void> {
  log('starting storage migration');
  for (const volume of volumes) {
    log(`${volume.key}: start migration to nbd:unix:/run/qemu-server/${plan.guest.vmid}_nbd.migrate:exportname=drive-${volume.key}`);
    task.log(`drive mirror is starting for drive-${volume.key}`);
    const seconds = volume.sizeBytes / rateOf(task.sim.timings.copyBytesPerSecond, plan);
    for (let second = 0; second < Math.ceil(seconds); second += MIRROR_REPORT_S) {
      const part = Math.min(1, Math.max(FIRST_REPORT, second / seconds));
      task.log(`mirror-${volume.key}: transferred ${size(volume.sizeBytes * part)} of ${size(volume.sizeBytes)} (${(part * 100).toFixed(2)}%) in ${second}s`);
      await pause(task, plan.guest.node, plan.target, Math.min(MIRROR_REPORT_S, Math.max(0, seconds - second)) * 1000);
    }
    task.log(`mirror-${volume.key}: transferred ${size(volume.sizeBytes)} of ${size(volume.sizeBytes)} (100.00%) in ${Math.ceil(seconds)}s, ready`);
  }
  task.log("all 'mirror' jobs are ready");
  log('switching mirror jobs to actively synced mode');
  for (const volume of volumes) {
    task.log(`mirror-${volume.key}: switching to actively synced mode`);
    task.log(`mirror-${volume.key}: successfully switched to actively synced mode`);
  }
}

// A line a second as the real one writes would be a day of lines for a large disk.
const MIRROR_REPORT_S = 10;
/** The first report comes when a part has gone already. */
const FIRST_REPORT = 0.01;

function finishMirror(task: TaskContext, volumes: readonly LocalVolume[]): void {
  task.log("all 'mirror' jobs are ready");
  for (const volume of volumes) {
    task.log(`mirror-${volume.key}: Completing block job...`);
    task.log(`mirror-${volume.key}: Completed successfully.`);
    task.log(`mirror-${volume.key}: mirror-job finished`);
  }
}

async function copyMemory(task: TaskContext, log: (line: string) => void, plan: MigrationPlan): Promise<void> {
  const { guest } = plan;
  const bytes = Number(String(guest.config['memory'] ?? '512').replace(/^current=/, '')) * 2 ** 20;
  const rate = rateOf(task.sim.timings.migrateBytesPerSecond, plan);
  const seconds = bytes / rate;
  log(`starting online/live migration on unix:/run/qemu-server/${guest.vmid}.migrate`);
  log('set migration capabilities');
  log('migration downtime limit: 100 ms');
  log(`migration cachesize: ${size(cacheBytes(bytes))}`);
  log('set migration parameters');
  log(`start migrate command to unix:/run/qemu-server/${guest.vmid}.migrate`);
  for (let done = 1; done < seconds; done += MEMORY_REPORT_S) {
    await pause(task, guest.node, plan.target, Math.min(MEMORY_REPORT_S, seconds - done) * 1000);
    log(`migration active, transferred ${size(Math.min(bytes, done * rate))} of ${size(bytes)} VM-state, ${size(rate)}/s`);
  }
  await pause(task, guest.node, plan.target, Math.min(1, seconds) * 1000);
  log(`average migration speed: ${size(rate)}/s - downtime 24 ms`);
  log(`migration completed, transferred ${size(bytes)} VM-state`);
  log('migration status: completed');
}

const MEMORY_REPORT_S = 5;

/** An eighth of the memory, rounded down to a power of two. */
function cacheBytes(memoryBytes: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, memoryBytes / 8)));
}

/** From this instant the guest is on the target. */
function handOver(task: TaskContext, plan: MigrationPlan, copies: readonly Copied[], status: 'running' | 'paused'): void {
  const { guest, target } = plan;
  const { state, clock } = task.sim;
  const source = guest.node;
  const node = state.nodes[target];
  guest.node = target;
  guest.process = { pid: node ? node.nextPid++ : 1, startedAtMs: clock.now(), qmpStatus: status };
  dropCopied(state, guest, copies, source);
  touch(guest);
  task.sim.log.write(target, `VM ${guest.vmid} arrived from ${source}`);
}
