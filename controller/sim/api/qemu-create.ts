// POST /nodes/{node}/qemu: a new VM, from options or from a backup.
import { isQuorate } from '../quorum.ts';
import { sidOf } from '../ha/intercept.ts';
import { touch } from '../guest-config.ts';
import { checkDrives, defaultBootOrder, DriveError, isDrive, makeDrives } from '../drives.ts';
import { demandOnStorage, withGuestLock } from '../guests.ts';
import { randomUuid } from '../random.ts';
import type { ConfigValue, GuestConfig, GuestState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { enabledStorage, findVolume, parseVolumeId } from '../volumes.ts';
import { ApiError, parameterError, permissionError, flag, text, type Call } from './handler.ts';
import { canonicalOption, demandOptions, demandStorages, optionsOf, pinnedMachine, qemuVersion } from './qemu-options.ts';
import { startVm } from './qemu-start.ts';

export function create(call: Call): string {
  const vmid = Number(call.params.vmid);
  const archive = text(call, 'archive');
  if (!isQuorate(call.state, call.node)) throw new Error('cluster not ready - no quorum?');
  const pool = text(call, 'pool');
  if (pool !== undefined && !Object.hasOwn(call.state.pools, pool)) throw permissionError(`pool '${pool}' does not exist`);
  const storage = text(call, 'storage');
  if (storage !== undefined) demandOnStorage(call, storage, 'Datastore.AllocateSpace');
  const mayAllocate = call.caller.can(`/vms/${vmid}`, 'VM.Allocate') || (pool !== undefined && call.caller.can(`/pool/${pool}`, 'VM.Allocate'));
  if (!mayAllocate) throw new ApiError(403, 'Permission check failed\n');
  const options = optionsOf(call);
  if (archive !== undefined) checkArchive(call, archive, options);
  demandStorages(call, options, storage);
  demandOptions(call, vmid, options, pool);
  const wrong = checkDrives(call.sim, call.node, options, call.caller.isRootTicket);
  if (wrong) throw parameterError(wrong);
  const canonical = canonicalOptions(call, options);
  const guest = reserve(call, vmid, archive === undefined ? 'create' : 'restore');
  return archive === undefined
    ? startTask(call, 'qmcreate', String(vmid), (task) => createVm(call, task, guest, canonical, pool, storage))
    : startTask(call, 'qmrestore', String(vmid), (task) => restoreVm(call, task, guest, canonical, archive, pool));
}

function canonicalOptions(call: Call, options: Readonly<Record<string, ConfigValue>>): GuestConfig {
  const canonical: GuestConfig = {};
  for (const key of Object.keys(options).sort()) {
    const given = options[key] ?? '';
    const value = isDrive(key) ? given : canonicalOption(call.sim, key, given);
    if (value !== undefined) canonical[key] = value;
  }
  return canonical;
}

function checkArchive(call: Call, archive: string, options: Readonly<Record<string, ConfigValue>>): void {
  for (const key of Object.keys(options).sort()) if (isDrive(key)) throw parameterError({ [key]: "option conflicts with option 'archive'" });
  if (archive === '-') throw new Error('pipe requires cli environment');
  const id = parseVolumeId(archive);
  if (!id) throw new Error('Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.');
  enabledStorage(call.state, id.storage, call.node);
}

/** The new configuration file, locked, so that nobody else takes the VMID. */
export function reserve(call: Call, vmid: number, why: 'create' | 'restore'): GuestState {
  const existing = call.state.guests[String(vmid)];
  const force = why === 'restore' && flag(call, 'force') && existing?.type === 'qemu' && existing.node === call.node;
  if (existing && !force) throw new Error(`unable to ${why} VM ${vmid} - ${existing.type === 'lxc' ? 'CT' : 'VM'} ${vmid} already exists on node '${existing.node}'`);
  if (existing?.process) throw new Error(`unable to restore VM ${vmid} - vm is running`);
  const guest: GuestState = { vmid, type: 'qemu', node: call.node, config: { lock: 'create' }, pending: {}, pendingDelete: {}, snapshots: {}, behaviour: { ...call.state.newGuests } };
  call.state.guests[String(vmid)] = guest;
  return guest;
}

async function createVm(call: Call, task: TaskContext, guest: GuestState, options: GuestConfig, pool: string | undefined, storage: string | undefined): Promise<void> {
  const { vmid, node } = guest;
  try {
    await withGuestLock(call.sim, 'qemu', node, vmid, async () => {
      await task.sleep(call.sim.timings.createMs);
      fill(call, task, guest, options, storage);
      addToPool(call, pool, vmid);
    });
  } catch (error) {
    if (call.state.guests[String(vmid)] === guest && !task.signal.aborted) delete call.state.guests[String(vmid)];
    throw error;
  }
  manageByHa(call, task, guest, 'Add as HA resource');
  autostart(call, task, guest);
}

function fill(call: Call, task: TaskContext, guest: GuestState, options: GuestConfig, storage: string | undefined): void {
  const { sim } = call;
  const config: GuestConfig = { ...options };
  config.meta = `creation-qemu=${qemuVersion(call.version)},ctime=${Math.floor(sim.clock.now() / 1000)}`;
  try {
    const made = makeDrives(sim, { vmid: guest.vmid, node: guest.node, options, config: {}, ...(storage === undefined ? {} : { defaultStorage: storage }) });
    for (const line of made.log) task.log(line);
    Object.assign(config, made.options);
  } catch (error) {
    if (error instanceof DriveError) for (const line of error.log) task.log(line);
    throw new Error(`unable to create VM ${guest.vmid} - ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const boot = config.boot ?? defaultBootOrder(config);
  if (boot !== '') config.boot = boot;
  config.smbios1 ??= `uuid=${randomUuid(() => sim.random())}`;
  if (config.arch !== 'aarch64') config.vmgenid ??= randomUuid(() => sim.random());
  const machine = pinnedMachine(config, call.version);
  if (machine !== undefined) config.machine = machine;
  guest.config = config;
  touch(guest);
}

export function addToPool(call: Call, pool: string | undefined, vmid: number): void {
  const members = pool === undefined ? undefined : call.state.pools[pool]?.vms;
  if (members && !members.includes(vmid)) members.push(vmid);
}

export function manageByHa(call: Call, task: TaskContext, guest: GuestState, line: string): void {
  if (!flag(call, 'ha-managed')) return;
  task.log(line);
  call.state.ha.resources[sidOf(guest.type, guest.vmid)] ??= { type: guest.type === 'lxc' ? 'ct' : 'vm', state: flag(call, 'start') ? 'started' : 'stopped' };
  call.sim.ha.wake();
}

/** A failing start fails a task of its own, never the task that made the VM. */
function autostart(call: Call, task: TaskContext, guest: GuestState): void {
  if (!flag(call, 'start')) return;
  task.log('Execute autostart');
  startVm(call, guest.vmid);
}

/** A backup archive holds its VM's configuration under `other.backups` of the state; its disks come back at their sizes. */
async function restoreVm(call: Call, task: TaskContext, guest: GuestState, options: GuestConfig, archive: string, pool: string | undefined): Promise<void> {
  const { sim } = call;
  const volume = findVolume(call.state, call.node, archive);
  if (!volume) {
    delete guest.config.lock;
    touch(guest);
    throw new Error(`unable to restore VM ${guest.vmid} - volume '${archive}' does not exist`);
  }
  await task.sleep(sim.timings.createMs + Math.ceil((volume.sizeBytes / sim.timings.copyBytesPerSecond) * 1000));
  const saved = call.state.other.backups?.[archive];
  const config: GuestConfig = {};
  for (const [key, value] of Object.entries(typeof saved === 'object' && saved !== null && !Array.isArray(saved) ? saved : {})) {
    if (typeof value === 'string' || typeof value === 'number') config[key] = value;
  }
  const target = text(call, 'storage');
  const disks = Object.fromEntries(Object.entries(config).filter(([key]) => isDrive(key)).map(([key, value]) => [key, restoredDisk(String(value), target)]));
  const made = makeDrives(sim, { vmid: guest.vmid, node: guest.node, options: disks, config: {} });
  for (const line of made.log) task.log(line);
  guest.config = { ...config, ...made.options, ...options };
  if (flag(call, 'unique')) guest.config.vmgenid = randomUuid(() => sim.random());
  touch(guest);
  addToPool(call, pool, guest.vmid);
  autostart(call, task, guest);
}

/** `scsi0: local:101/vm-101-disk-0.raw,size=4G` asks for a new disk of that size again. */
function restoredDisk(value: string, target: string | undefined): string {
  const storage = target ?? parseVolumeId(value.split(',')[0] ?? '')?.storage;
  if (storage === undefined || /media=cdrom/.test(value)) return value;
  const size = /(?:^|,)size=(\d+)([KMGT]?)/.exec(value);
  const gib = (Number(size?.[1] ?? 0) * ({ K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }[size?.[2] ?? ''] ?? 1)) / 2 ** 30;
  const rest = value.split(',').slice(1).filter((part) => !part.startsWith('size='));
  return [`${storage}:${gib}`, ...rest].join(',');
}

