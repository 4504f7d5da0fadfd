// Migration of virtual machines: live with RAM, with local disks, offline.
// In: a guest, where to, how. Out: the task's log and times as recorded, and the guest on the other node.
// Must never show the guest on two nodes: its configuration is in one place at any instant.
import { Interrupted, PowerLost, type TaskContext } from './tasks.ts';
import { isLinked } from './quorum.ts';
import type { GuestState } from './state.ts';
import { touch } from './guest-config.ts';
import { copyVolume, dropCopied, localVolumes, storagesMissingOn, undoCopies, type Copied, type LocalVolume } from './migration-volumes.ts';
import { parseVolumeId } from './volumes.ts';

export interface MigrationPlan {
  readonly guest: GuestState;
  readonly target: string;
  readonly online: boolean;
  readonly withLocalDisks: boolean;
  /** A VM with devices of its node moves although the target may not have them. */
  readonly force?: boolean;
  readonly targetStorage?: string;
  readonly bytesPerSecondMax?: number;
}

/** The target's part of a live migration: `qm start` over ssh, then the tunnel. Recorded 2–6 s and 0.5–3 s. */
const REMOTE_START_MS = 2_000;
const TUNNEL_MS = 500;
/** From the end of the memory copy until the configuration moves, and from then until the task ends (2–4 s). */
const HANDOVER_MS = 400;
const FINISH_MS = 2_500;
/** With mirrored disks the target waits a moment before it runs. */
const RESUME_MS = 800;
const OFFLINE_MS = 2_000;
const FIRST_LOCK_MS = 300;

/** A failure before the guest was touched, and one after. */
export class MigrationFailed extends Error {
  constructor(readonly phase: 1 | 2, message: string) {
    super(message);
  }
}

/** Writes lines with the time, as the migration code does. */
export function stamped(task: TaskContext): (line: string) => void {
  return (line) => task.log(`${new Date(task.sim.clock.now()).toISOString().slice(0, 19).replace('T', ' ')} ${line}`);
}

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

function announceLive(log: (line: string) => void, guest: GuestState): void {
  // The recorded QEMU has no backup jobs and says so; conntrack is off by default.
  log(`checking/canceling old backup job failed - VM ${guest.vmid} qmp command 'query-backup' failed - The command query-backup has not been found`);
  log('conntrack state migration not supported or disabled, active connections might get dropped');
}

/** The ssh call that tells whether the target is there at all. */
export async function connect(task: TaskContext, log: (line: string) => void, source: string, target: string): Promise<void> {
  if (isReachable(task, source, target)) return;
  const address = task.sim.state.nodes[target]?.address ?? target;
  log(`# /usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias=${target}' -o 'UserKnownHostsFile=/etc/pve/nodes/${target}/ssh_known_hosts' -o 'GlobalKnownHostsFile=none' root@${address} /bin/true`);
  await task.sleep(500);
  log(`ssh: connect to host ${address} port 22: No route to host`);
  throw new MigrationFailed(1, "Can't connect to destination address using public key");
}

export function isReachable(task: TaskContext, source: string, target: string): boolean {
  const { state } = task.sim;
  return state.nodes[target]?.power === 'on' && isLinked(state, source, target);
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
  const missing = storagesMissingOn(task.sim.state, guest, target).find((storage) => targetOf(plan, storage) === storage);
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

function targetOf(plan: MigrationPlan, storage: string): string {
  if (plan.targetStorage === undefined || plan.targetStorage === '1') return storage;
  const pair = plan.targetStorage.split(',').find((entry) => entry.startsWith(`${storage}:`) || !entry.includes(':'));
  return pair === undefined ? storage : pair.slice(pair.indexOf(':') + 1);
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

async function moveLive(task: TaskContext, log: (line: string) => void, plan: MigrationPlan, volumes: readonly LocalVolume[], copies: Copied[]): Promise<void> {
  const { guest, target } = plan;
  const source = guest.node;
  await copyOffline(task, log, plan, volumes.filter((volume) => volume.isUnused || volume.isVmstate), copies);
  log(`starting VM ${guest.vmid} on remote node '${target}'`);
  await pause(task, source, target, REMOTE_START_MS);
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
  if (mirrored.length > 0) finishMirror(task, log, mirrored);
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

function finishMirror(task: TaskContext, _log: (line: string) => void, volumes: readonly LocalVolume[]): void {
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

function rateOf(bytesPerSecond: number, plan: MigrationPlan): number {
  return Math.max(1, Math.min(bytesPerSecond, plan.bytesPerSecondMax ?? Infinity));
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

/** Copies volumes one after the other, as `pvesm export | import` does; for containers too. */
export async function copyOffline(task: TaskContext, log: (line: string) => void, plan: MigrationPlan, volumes: readonly LocalVolume[], copies: Copied[]): Promise<void> {
  if (volumes.length > 0) log('copying local disk images');
  const source = plan.guest.node;
  for (const volume of volumes) {
    const copy = copyVolume(task.sim, volume, source, plan.target, plan.targetStorage);
    copies.push(copy);
    const name = parseVolumeId(copy.to)?.name ?? '';
    const seconds = volume.sizeBytes / rateOf(task.sim.timings.copyBytesPerSecond, plan);
    await pause(task, source, plan.target, 1000);
    if (/\.\w+$/.test(name)) log(`Formatting '/var/lib/vz/images/${name}', fmt=${name.slice(name.lastIndexOf('.') + 1)} size=${volume.sizeBytes} preallocation=off`);
    await pause(task, source, plan.target, seconds * 1000);
    log(`${volume.sizeBytes} bytes (${decimal(volume.sizeBytes)}, ${binary(volume.sizeBytes)}) copied, ${seconds.toFixed(5)} s, ${Math.round(volume.sizeBytes / Math.max(seconds, 1e-3) / 1e6)} MB/s`);
    log(`successfully imported '${copy.to}'`);
    log(`volume '${copy.from}' is '${copy.to}' on the target`);
  }
}

/** Sleeps, then makes sure that the target is still there. */
export async function pause(task: TaskContext, source: string, target: string, ms: number): Promise<void> {
  await task.sleep(ms);
  if (!isReachable(task, source, target)) throw new MigrationFailed(2, `online migrate failure - unable to reach node '${target}'`);
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

/** `00:00:14`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

/** `176.8 MiB`. */
function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const at = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 2 ** (10 * at)).toFixed(1)} ${units[at] ?? 'B'}`;
}

/** dd's two ways to write a size: `1.1 GB` and `1.0 GiB`, without the point from ten on. */
function decimal(bytes: number): string {
  return short(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);
}

function binary(bytes: number): string {
  return short(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
}

function short(bytes: number, step: number, units: readonly string[]): string {
  let value = bytes;
  let at = 0;
  while (value >= step && at < units.length - 1) {
    value /= step;
    at += 1;
  }
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at] ?? 'B'}`;
}
