// Backups made at once: one task on one node, one archive a guest.
import type { Json } from '../../model/json.ts';
import { isCdrom, isDrive, sizeIn, volumeIn } from '../drives.ts';
import { withGuestLock } from '../guests.ts';
import type { GuestState, StorageState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { holds, volumePath, volumesAt } from '../volumes.ts';
import { isEnabledOn } from './storage-status.ts';
import { flag, parameterError, permissionError, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'POST /nodes/{node}/vzdump': vzdump,
  'GET /nodes/{node}/vzdump/defaults': (call) => ({
    all: 0, bwlimit: 0, compress: '0', dumpdir: '/var/lib/vz/dump', fleecing: { enabled: 0 }, ionice: 7, lockwait: 180, mailnotification: 'always', mode: 'snapshot', 'notification-mode': 'auto',
    performance: { 'max-workers': 16, 'pbs-entries-max': 1_048_576 }, pigz: 0, 'prune-backups': 'keep-all=1', quiet: 0, remove: 1, stdexcludes: 1, stop: 0, stopwait: 10, storage: text(call, 'storage') ?? 'local', zstd: 1,
  }),
};

const SUFFIX: Readonly<Record<string, string>> = { gzip: '.gz', lzo: '.lzo', zstd: '.zst' };

function vzdump(call: Call): Json {
  const asked = (text(call, 'vmid') ?? '').split(/[\s,;]+/).filter((vmid) => vmid !== '');
  if (asked.length === 0 && !flag(call, 'all') && text(call, 'pool') === undefined) throw parameterError({ vmid: 'property is missing' });
  for (const vmid of asked) if (!call.caller.can(`/vms/${vmid}`, 'VM.Backup')) throw permissionError(`/vms/${vmid}, VM.Backup`);
  const own = Object.values(call.state.guests).filter((guest) => guest.node === call.node && call.caller.can(`/vms/${guest.vmid}`, 'VM.Backup'));
  const pool = text(call, 'pool');
  const chosen = asked.length > 0 ? asked : own.filter((guest) => pool === undefined || call.state.pools[pool]?.vms.includes(guest.vmid)).map((guest) => String(guest.vmid));
  return startTask(call, 'vzdump', asked.length === 1 ? asked[0] ?? '' : '', async (task) => {
    const storage = storageOf(call);
    task.log(`INFO: starting new backup job: ${commandLine(call)}`);
    let failed = false;
    for (const vmid of chosen) failed = !await backupOne(call, task, storage, vmid) || failed;
    task.log(`INFO: Backup job finished ${failed ? 'with errors' : 'successfully'}`);
    if (failed) throw new Error('job errors');
  });
}

function storageOf(call: Call): StorageState {
  const id = text(call, 'storage') ?? 'local';
  const storage = call.state.storages[id];
  const why = !storage ? `storage '${id}' does not exist` : !isEnabledOn(storage, call.node) ? `storage '${id}' is not available on node '${call.node}'` : undefined;
  if (!storage || why !== undefined) throw new Error(`could not activate storage '${id}': ${why} could not get storage information for '${id}': ${why}`);
  if (!holds(storage, 'backup')) throw new Error(`could not get storage information for '${id}': can't use storage '${id}' for backups - wrong content type`);
  return storage;
}

function commandLine(call: Call): string {
  const options = Object.entries(call.params).filter(([name]) => name !== 'vmid').map(([name, value]) => `--${name} ${String(value)}`);
  return ['vzdump', ...(text(call, 'vmid') ?? '').split(/[\s,;]+/).filter((vmid) => vmid !== ''), ...options].join(' ');
}

/** True when the guest's archive was written. */
async function backupOne(call: Call, task: TaskContext, storage: StorageState, vmid: string): Promise<boolean> {
  const guest = call.state.guests[vmid];
  const startedAt = call.sim.clock.now();
  try {
    if (!guest || guest.node !== call.node) throw new Error(`unable to find VM '${vmid}'`);
    task.log(`INFO: Starting Backup of VM ${vmid} (${guest.type})`);
    task.log(`INFO: Backup started at ${dateTime(startedAt)}`);
    await withGuestLock(call.sim, guest.type, call.node, guest.vmid, () => {
      if (guest.config.lock !== undefined) throw new Error(`${guest.type === 'qemu' ? 'VM' : 'CT'} is locked (${guest.config.lock})`);
      guest.config.lock = 'backup';
    });
    await archive(call, task, storage, guest).finally(() => void delete guest.config.lock);
  } catch (error) {
    if (task.signal.aborted) throw error;
    task.log(`ERROR: Backup of VM ${vmid} failed - ${error instanceof Error ? error.message : String(error)}`);
    task.log(`INFO: Failed at ${dateTime(call.sim.clock.now())}`);
    return false;
  }
  const seconds = Math.floor((call.sim.clock.now() - startedAt) / 1000);
  task.log(`INFO: Finished Backup of VM ${vmid} (${[Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0')).join(':')})`);
  task.log(`INFO: Backup finished at ${dateTime(call.sim.clock.now())}`);
  return true;
}

/** An archive takes the time to read its volumes and half their room. */
async function archive(call: Call, task: TaskContext, storage: StorageState, guest: GuestState): Promise<void> {
  const mode = text(call, 'mode') ?? 'snapshot';
  for (const line of [`status = ${guest.process ? 'running' : 'stopped'}`, `backup mode: ${guest.process ? mode : 'stop'}`, 'ionice priority: 7']) task.log(`INFO: ${line}`);
  const { lines, bytes } = contents(guest);
  for (const line of lines) task.log(`INFO: ${line}`);
  const stamp = dateTime(call.sim.clock.now()).replaceAll(/[-:]/g, '_').replace(' ', '-');
  const suffix = SUFFIX[text(call, 'compress') ?? ''] ?? '';
  const name = `backup/vzdump-${guest.type}-${guest.vmid}-${stamp}.${guest.type === 'qemu' ? 'vma' : 'tar'}${suffix}`;
  task.log(`INFO: creating vzdump archive '${volumePath(storage, name)}'`);
  await task.sleep(bytes / call.sim.timings.copyBytesPerSecond * 1000);
  const size = Math.ceil(bytes / 2);
  task.log(guest.type === 'lxc' ? `INFO: Total bytes written: ${bytes} (${(bytes / 2 ** 20).toFixed(1)}MiB, ${Math.round(call.sim.timings.copyBytesPerSecond / 2 ** 20)}MiB/s)` : `INFO: transferred ${(bytes / 2 ** 30).toFixed(2)} GiB in ${Math.ceil(bytes / call.sim.timings.copyBytesPerSecond)} seconds`);
  task.log(`INFO: archive file size: ${Math.round(size / 2 ** 20)}MB`);
  volumesAt(storage, call.node)[name] = {
    name, sizeBytes: size, format: `${guest.type === 'qemu' ? 'vma' : 'tar'}${suffix}`, content: 'backup', vmid: guest.vmid, ctime: Math.floor(call.sim.clock.now() / 1000),
  };
}

interface Contents { readonly lines: readonly string[]; readonly bytes: number }

function contents({ type, config, vmid }: GuestState): Contents {
  const named = type === 'qemu' ? `VM Name: ${String(config.name ?? `VM ${vmid}`)}` : `CT Name: ${String(config.hostname ?? `CT${vmid}`)}`;
  const parts = Object.entries(config).flatMap(([key, value]): { readonly line: string; readonly bytes: number }[] => {
    const text = String(value);
    if (type === 'qemu' && isDrive(key) && !isCdrom(value)) return [{ line: `include disk '${key}' '${volumeIn(value) ?? ''}' ${/size=(\w+)/.exec(text)?.[1] ?? ''}`, bytes: sizeIn(value) }];
    if (type === 'lxc' && key === 'rootfs') return [{ line: "including mount point rootfs ('/') in backup", bytes: sizeIn(value) }];
    if (type === 'lxc' && /^mp\d+$/.test(key)) return [{ line: mountLine(key, text), bytes: /backup=1/.test(text) ? sizeIn(value) : 0 }];
    return [];
  });
  return { lines: [named, ...parts.map((part) => part.line)], bytes: parts.reduce((sum, part) => sum + part.bytes, 0) };
}

function mountLine(key: string, value: string): string {
  const at = /(?:^|,)mp=([^,]+)/.exec(value)?.[1] ?? '';
  return /backup=1/.test(value) ? `including mount point ${key} ('${at}') in backup` : `excluding volume mount point ${key} ('${at}') from backup (disabled)`;
}

function dateTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}
