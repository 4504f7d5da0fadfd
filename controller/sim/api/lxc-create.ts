// POST /nodes/{node}/lxc: a new container from a template (or from a backup).
import { isQuorate } from '../quorum.ts';
import { touch } from '../guest-config.ts';
import { demandOnGuest, demandOnStorage, withGuestLock } from '../guests.ts';
import { isMountpoint, makeMountpoints, mountedVolume, parseMountpoint } from '../mountpoints.ts';
import { AllocationError, badVolumeName, enabledStorage, findVolume, freeVolume, holds, parseVolumeId, storageOf, volumePath } from '../volumes.ts';
import type { ConfigValue, GuestConfig, GuestState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { ApiError, flag, parameterError, permissionError, requiredText, text, type Call } from './handler.ts';
import { canonicalOption, demandOptions, optionsOf } from './lxc-options.ts';
import { startContainer } from './lxc-start.ts';
import { addToPool, manageByHa } from './qemu-create.ts';

const DEFAULT_GIB = 4;

export function create(call: Call): string {
  const vmid = Number(call.params.vmid);
  if (!isQuorate(call.state, call.node)) throw new Error('cluster not ready - no quorum?');
  const existing = call.state.guests[String(vmid)];
  const restore = flag(call, 'restore');
  const replaces = restore && flag(call, 'force') && existing?.type === 'lxc' && existing.node === call.node;
  if (existing && !replaces) throw new Error(`${existing.type === 'lxc' ? 'CT' : 'VM'} ${vmid} already exists on node '${existing.node}'`);
  if (existing?.process) throw new Error("can't overwrite running container");
  const pool = text(call, 'pool');
  if (pool !== undefined && !Object.hasOwn(call.state.pools, pool)) throw permissionError(`pool '${pool}' does not exist`);
  demandOnGuest(call, vmid, 'VM.Allocate', pool);
  const options = optionsOf(call);
  demandOptions(call, vmid, options, { unprivileged: call.params.unprivileged === 1 ? 1 : 0 }, pool);
  checkArchive(call, requiredText(call, 'ostemplate'));
  const mountpoints = mountpointsOf(call, options);
  checkMountpoints(call, mountpoints);
  const plain = plainOptions(call, options);
  const guest: GuestState = { vmid, type: 'lxc', node: call.node, config: { lock: 'create' }, pending: {}, pendingDelete: {}, snapshots: {}, behaviour: { shutdownMs: 1000, ...call.state.newGuests } };
  call.state.guests[String(vmid)] = guest;
  return startTask(call, restore ? 'vzrestore' : 'vzcreate', String(vmid), (task) => build(call, task, guest, plain, mountpoints, pool));
}

function checkArchive(call: Call, archive: string): void {
  if (archive === '-') throw new Error('pipe requires cli environment');
  const id = parseVolumeId(archive);
  if (!id) throw new ApiError(500, 'Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.\n');
  const storage = enabledStorage(call.state, id.storage, call.node);
  const bad = badVolumeName(storage, id.name);
  if (bad) throw new Error(bad);
}

function mountpointsOf(call: Call, options: Readonly<Record<string, ConfigValue>>): GuestConfig {
  const storage = text(call, 'storage') ?? 'local';
  const found: GuestConfig = {};
  for (const [key, value] of Object.entries(options)) if (isMountpoint(key)) found[key] = /^\d+(\.\d+)?$/.test(String(value)) ? `${storage}:${value}` : value;
  if (Object.keys(found).length > 0 && found.rootfs === undefined) throw new Error("mount points configured, but 'rootfs' not set - aborting");
  found.rootfs ??= `${storage}:${DEFAULT_GIB}`;
  return found;
}

function checkMountpoints(call: Call, mountpoints: GuestConfig): void {
  for (const [key, value] of Object.entries(mountpoints)) {
    const id = parseVolumeId(parseMountpoint(call.sim, key, value).volume ?? '');
    if (!id) continue;
    const storage = enabledStorage(call.state, id.storage, call.node);
    if (!holds(storage, 'rootdir')) throw parameterError({ storage: `storage '${id.storage}' does not support container directories` });
    demandOnStorage(call, id.storage, 'Datastore.AllocateSpace');
  }
}

function plainOptions(call: Call, options: Readonly<Record<string, ConfigValue>>): GuestConfig {
  const plain: GuestConfig = {};
  for (const key of Object.keys(options).sort()) {
    if (isMountpoint(key) || /^unused\d+$/.test(key)) continue;
    const value = canonicalOption(call.sim, key, options[key] ?? '');
    if (value !== undefined && !(key === 'unprivileged' && value === 0)) plain[key] = value;
  }
  return plain;
}

async function build(call: Call, task: TaskContext, guest: GuestState, plain: GuestConfig, mountpoints: GuestConfig, pool: string | undefined): Promise<void> {
  const { sim, state } = call;
  const { vmid, node } = guest;
  try {
    await withGuestLock(sim, 'lxc', node, vmid, async () => {
      await task.sleep(sim.timings.createMs);
      guest.config = unpack(call, task, guest, plain, mountpoints);
      touch(guest);
    });
  } catch (error) {
    if (!task.signal.aborted && state.guests[String(vmid)] === guest) delete state.guests[String(vmid)];
    throw error instanceof Error ? new Error(`unable to create CT ${vmid} - ${error.message}`, { cause: error }) : error;
  }
  addToPool(call, pool, vmid);
  manageByHa(call, task, guest, 'Add as HA resource');
  if (flag(call, 'start')) startContainer(call, vmid);
}

function unpack(call: Call, task: TaskContext, guest: GuestState, plain: GuestConfig, mountpoints: GuestConfig): GuestConfig {
  const { sim } = call;
  const archive = requiredText(call, 'ostemplate');
  const made = makeLogged(call, task, guest, mountpoints);
  if (!findVolume(call.state, guest.node, archive)) {
    task.log(`volume '${archive}' does not exist`);
    for (const [key, value] of Object.entries(made)) freeVolume(call.state, guest.node, mountedVolume(sim, key, value) ?? '');
    throw new Error(`volume '${archive}' does not exist`);
  }
  const id = parseVolumeId(archive) ?? { storage: '', name: '' };
  task.log(`extracting archive '${volumePath(storageOf(call.state, id.storage), id.name)}'`);
  task.log('Total bytes read: 2048000 (2.0MiB, 41MiB/s)');
  if (plain.ostype === undefined) task.log("/etc/os-release file not found and autodetection failed, falling back to 'unmanaged'");
  if (plain.arch === undefined) for (const line of ['Falling back to amd64.', 'Use `pct set VMID --arch ARCH` to change.']) task.log(line);
  return { arch: 'amd64', hostname: `CT${guest.vmid}`, memory: 512, swap: 512, ostype: 'unmanaged', ...plain, ...made };
}

function makeLogged(call: Call, task: TaskContext, guest: GuestState, mountpoints: GuestConfig): GuestConfig {
  try {
    const made = makeMountpoints(call.sim, guest.node, guest.vmid, mountpoints);
    for (const line of made.log) task.log(line);
    return made.options;
  } catch (error) {
    if (error instanceof AllocationError) for (const line of error.log) task.log(line);
    throw error;
  }
}
