// Volumes of the simulated cluster's storages: listed, made, described and removed.
import type { Json, JsonObject } from '../../model/json.ts';
import type { StorageState, VolumeState } from '../state.ts';
import { startTask } from '../tasks.ts';
import { enabledStorage, findVolume, freeVolume, isFileBased, parseVolumeId, storageOf, volumePath, volumesAt } from '../volumes.ts';
import { failure, number, parameterError, permissionError, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'GET /nodes/{node}/storage/{storage}/content': (call) => {
    const storage = enabledStorage(call.state, requiredText(call, 'storage'), call.node);
    return Object.values(volumesAt(storage, call.node)).filter((volume) => isWanted(call, volume)).filter((volume) => deniedAccess(call, storage, volume) === undefined)
      .map((volume) => listed(storage, volume));
  },
  'POST /nodes/{node}/storage/{storage}/content': allocateByName,
  'GET /nodes/{node}/storage/{storage}/content/{volume}': (call) => {
    const { storage, volume } = existingVolume(call);
    return { path: volumePath(storage, volume.name), size: volume.sizeBytes, used: usedOf(storage, volume), format: volume.format, ...attributesOf(volume) };
  },
  'PUT /nodes/{node}/storage/{storage}/content/{volume}': (call) => {
    const { volume } = existingVolume(call);
    if (volume.content !== 'backup') throw failure(`attribute '${call.params.notes === undefined ? 'protected' : 'notes'}' is not supported for storage type`);
    const notes = text(call, 'notes');
    const protect = number(call, 'protected');
    if (notes !== undefined) volume.notes = notes;
    if (protect !== undefined) volume.protected = protect;
    return undefined;
  },
  'DELETE /nodes/{node}/storage/{storage}/content/{volume}': remove,
  'GET /nodes/{node}/storage/{storage}/prunebackups': (call) => {
    const storage = enabledStorage(call.state, requiredText(call, 'storage'), call.node);
    const keep = text(call, 'prune-backups') ?? storage.definition['prune-backups'];
    if (keep === undefined) throw failure(`no prune-backups options configured for storage '${storage.id}'`);
    return Object.values(volumesAt(storage, call.node)).filter((volume) => volume.content === 'backup')
      .map((volume) => ({ volid: `${storage.id}:${volume.name}`, ctime: volume.ctime, type: /vzdump-(qemu|lxc)/.exec(volume.name)?.[1] ?? 'unknown', mark: markOf(String(keep), volume, storage, call), ...(volume.vmid === undefined ? {} : { vmid: volume.vmid }) }));
  },
};

function isWanted(call: Call, volume: VolumeState): boolean {
  const content = text(call, 'content');
  const vmid = number(call, 'vmid');
  return (content === undefined || volume.content === content) && (vmid === undefined || volume.vmid === vmid);
}

function listed(storage: StorageState, volume: VolumeState): Json {
  return {
    volid: `${storage.id}:${volume.name}`, content: volume.content, format: volume.format, size: volume.sizeBytes, ctime: volume.ctime,
    ...(volume.vmid === undefined ? {} : { vmid: volume.vmid }), ...attributesOf(volume), ...detailsOf(storage, volume),
  };
}

function detailsOf(storage: StorageState, volume: VolumeState): JsonObject {
  if (volume.content === 'backup') return { subtype: /vzdump-(qemu|lxc|openvz)-/.exec(volume.name)?.[1] ?? 'qemu' };
  if (!isImage(volume)) return {};
  if (isFileBased(storage)) return { used: usedOf(storage, volume), parent: parentOf(volume) };
  return volume.parent === undefined ? {} : { parent: volume.parent };
}

function isImage(volume: VolumeState): boolean {
  return volume.content === 'images' || volume.content === 'rootdir';
}

/** The file a linked clone is based on, as its image names it. */
function parentOf(volume: VolumeState): string | null {
  return volume.parent === undefined ? null : `../${volume.parent}`;
}

/** A fresh image takes the little that its format needs; the simulation fills none. */
function usedOf(storage: StorageState, volume: VolumeState): number {
  if (!isImage(volume)) return volume.sizeBytes;
  return isFileBased(storage) ? Math.min(volume.sizeBytes, 266_240) : volume.sizeBytes;
}

function attributesOf(volume: VolumeState): JsonObject {
  return { ...(volume.notes === undefined ? {} : { notes: volume.notes }), ...(volume.protected === undefined ? {} : { protected: volume.protected }) };
}

/** What the caller lacks to use a volume, as pve-storage's check_volume_access judges. */
function deniedAccess(call: Call, storage: StorageState, volume: VolumeState): string | undefined {
  const can = (path: string, privilege: string): string | undefined => (call.caller.can(path, privilege) ? undefined : `${path}, ${privilege}`);
  const at = `/storage/${storage.id}`;
  if (call.caller.can(at, 'Datastore.Allocate')) return undefined;
  if (volume.content === 'backup' && volume.vmid !== undefined) return can(at, 'Datastore.AllocateSpace') ?? can(`/vms/${volume.vmid}`, 'VM.Backup');
  if (isImage(volume) && volume.vmid !== undefined) return can(at, 'Datastore.Audit') ?? can(`/vms/${volume.vmid}`, 'VM.Config.Disk');
  return call.caller.can(at, 'Datastore.AllocateSpace') ? undefined : can(at, 'Datastore.Audit');
}

interface Asked { readonly storage: StorageState; readonly volid: string; readonly name: string }

function askedVolume(call: Call): Asked {
  const asked = requiredText(call, 'volume');
  const own = text(call, 'storage');
  const volid = asked.includes(':') ? asked : `${own}:${asked}`;
  const id = parseVolumeId(volid);
  if (!id) throw parameterError({ volume: `unable to parse volume ID '${volid}'\n` });
  if (own !== undefined && id.storage !== own) throw parameterError({ volume: `storage ID mismatch (${id.storage} != ${own})\n` });
  return { storage: storageOf(call.state, id.storage), volid, name: id.name };
}

function existingVolume(call: Call): { readonly storage: StorageState; readonly volume: VolumeState } {
  const { storage, volid, name } = askedVolume(call);
  const volume = findVolume(call.state, call.node, volid);
  if (!volume) throw failure(isFileBased(storage) ? `volume_size_info on '${volid}' failed - no format` : `volume '${name}' does not exist`);
  const denied = deniedAccess(call, storage, volume);
  if (denied !== undefined) throw permissionError(denied);
  return { storage, volume };
}

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** The name is taken as it is on directories; block storages want their own form. */
function allocateByName(call: Call): Json {
  const storage = enabledStorage(call.state, requiredText(call, 'storage'), call.node);
  const filename = requiredText(call, 'filename');
  const vmid = number(call, 'vmid') ?? 0;
  const suffix = /\.(raw|qcow2|vmdk)$/.exec(filename)?.[1];
  const asked = text(call, 'format');
  if (asked !== undefined && suffix !== undefined && asked !== suffix) throw parameterError({ format: `different storage formats (${asked} != ${suffix})` });
  const format = suffix ?? asked ?? 'raw';
  if (isFileBased(storage) && suffix === undefined) throw failure(`illegal name '${filename}' - should be '${filename}.${format}'`);
  if (!isFileBased(storage) && !filename.startsWith(`vm-${vmid}-`)) throw failure(`illegal name '${filename}' - should be 'vm-${vmid}-*'`);
  const name = isFileBased(storage) ? `${vmid}/${filename}` : filename;
  const volumes = volumesAt(storage, call.node);
  if (volumes[name]) throw failure(isFileBased(storage) ? `disk image '${volumePath(storage, name)}' already exists` : `lvcreate '${storage.definition.vgname}/${name}' error:   Logical Volume "${name}" already exists in volume group "${storage.definition.vgname}"`);
  const [, count = '', unit = ''] = /^(\d+)([MG]?)$/.exec(requiredText(call, 'size')) ?? [];
  volumes[name] = { name, sizeBytes: Number(count) * (UNIT_BYTES[unit] ?? 0), format, content: 'images', vmid, ctime: Math.floor(call.sim.clock.now() / 1000) };
  return `${storage.id}:${name}`;
}

/** Time to remove a volume; the recorded ones took less than a second. */
const REMOVE_MS = 300;

async function remove(call: Call): Promise<Json | undefined> {
  const { storage, volid, name } = askedVolume(call);
  const volume = findVolume(call.state, call.node, volid);
  if (!call.caller.can(`/storage/${storage.id}`, 'Datastore.Allocate')) {
    const denied = volume?.content === 'backup' ? deniedAccess(call, storage, volume) : `/storage/${storage.id}, Datastore.Allocate`;
    if (denied !== undefined) throw permissionError(denied);
  }
  const owner = volume?.vmid ?? (/^(\d+)\//.exec(name)?.[1] ?? /^(?:vm|base|subvol|basevol)-(\d+)-/.exec(name)?.[1]);
  const upid = startTask(call, 'imgdel', owner === undefined ? storage.id : `${owner}@${storage.id}`, async (task) => {
    await task.sleep(REMOVE_MS);
    if (volume?.protected === 1) throw new Error(`can't remove protected archive '${volumePath(storage, name)}'`);
    if (!volume) task.log(isFileBased(storage) ? `disk image '${volumePath(storage, name)}' does not exist` : `  Failed to find logical volume "${storage.definition.vgname}/${name}"`);
    else freeVolume(call.state, call.node, volid);
    task.log(`Removed volume '${volid}'`);
  });
  return waited(call, upid, number(call, 'delay') ?? 0);
}

/** With `delay` the task is waited for that long; nothing is answered when it ended well. */
async function waited(call: Call, upid: string, delaySeconds: number): Promise<Json | undefined> {
  if (delaySeconds === 0) return upid;
  await Promise.race([call.sim.running.done(upid), call.sim.clock.sleep(delaySeconds * 1000)]);
  const status = call.state.tasks[upid]?.exitstatus;
  if (status === undefined) return upid;
  if (status !== 'OK') throw failure(status);
  return undefined;
}

/** Of each guest's backups the newest `keep-last` stay; other rules of `prune-backups` keep all here, so that nothing is announced as going that would stay. */
function markOf(keep: string, volume: VolumeState, storage: StorageState, call: Call): string {
  if (volume.protected === 1) return 'protected';
  const last = /(?:^|,)keep-last=(\d+)/.exec(keep)?.[1];
  if (last === undefined || !/^keep-last=\d+$/.test(keep)) return 'keep';
  const newer = Object.values(volumesAt(storage, call.node)).filter((one) => one.content === 'backup' && one.vmid === volume.vmid && one.ctime > volume.ctime);
  return newer.length < Number(last) ? 'keep' : 'remove';
}
