// Copies of a container: clone and the conversion to a template.
import { isQuorate } from '../quorum.ts';
import { snapshotConfig, touch } from '../guest-config.ts';
import { checkLock, demandOnGuest, demandOnStorage, guestOf, loadGuest, withGuestLock } from '../guests.ts';
import { isMountpoint, mountedVolume, parseMountpoint, printMountpoint } from '../mountpoints.ts';
import { canonicalNet, isNet } from '../nets.ts';
import type { GuestConfig, GuestState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { allocate, enabledStorage, findVolume, freeVolume, isOnNode, isShared, makeBase, parseVolumeId, storageOf } from '../volumes.ts';
import { permissionError, text, type Call } from './handler.ts';
import { copyVolume } from './lxc-disks.ts';
import { addToPool } from './qemu-create.ts';

const OWN_KEYS = /^(parent|snaptime|snapstate|lock|template|unused\d+)$/;

export function clone(call: Call): string {
  const { state } = call;
  const newid = Number(call.params.newid);
  if (!isQuorate(state, call.node)) throw new Error('cluster not ready - no quorum?');
  const source = guestOf(call, 'lxc');
  const pool = text(call, 'pool');
  if (pool !== undefined && !Object.hasOwn(state.pools, pool)) throw permissionError(`pool '${pool}' does not exist`);
  demandOnGuest(call, newid, 'VM.Allocate', pool);
  const storage = text(call, 'storage');
  if (storage !== undefined) {
    demandOnStorage(call, storage, 'Datastore.AllocateSpace');
    enabledStorage(state, storage, call.node);
  }
  const other = state.guests[String(newid)];
  if (other) throw new Error(`unable to create CT ${newid}: config file already exists`);
  const linked = source.config.template === 1 && call.params.full !== 1;
  const config = configToCopy(call, source, linked);
  const copy: GuestState = { vmid: newid, type: 'lxc', node: call.node, config: { lock: 'create' }, pending: {}, pendingDelete: {}, snapshots: {}, behaviour: { ...source.behaviour } };
  state.guests[String(newid)] = copy;
  return startTask(call, 'vzclone', String(source.vmid), async (task) => {
    try {
      await copyAll(call, task, source, copy, config, { storage, linked });
      addToPool(call, pool, newid);
    } catch (error) {
      if (!task.signal.aborted || state.nodes[call.node]?.power === 'on') delete state.guests[String(newid)];
      throw new Error(`clone failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  });
}

function configToCopy(call: Call, source: GuestState, linked: boolean): GuestConfig {
  checkLock(source);
  const snapname = text(call, 'snapname');
  if (snapname !== undefined && !Object.hasOwn(source.snapshots, snapname)) throw new Error(`snapshot '${snapname}' does not exist`);
  if (linked && call.params.storage !== undefined) throw new Error("parameter 'storage' not allowed for linked clones");
  if (!linked && source.process && snapname === undefined) throw new Error('Full clone of a running container is only possible from a snapshot');
  const config = snapname === undefined ? source.config : snapshotConfig(source.snapshots[snapname]);
  const target = text(call, 'target');
  for (const [key, value] of Object.entries(config)) {
    if (!isMountpoint(key)) continue;
    const volid = mountedVolume(call.sim, key, value);
    if (volid === undefined) throw new Error(`unable to clone mountpoint '${key}' (type ${String(value).startsWith('/dev') ? 'device' : 'bind'})`);
    const storage = storageOf(call.state, parseVolumeId(volid)?.storage ?? '');
    if (target !== undefined && target !== call.node && !(isShared(storage) && isOnNode(storage, target))) throw new Error(`can't clone CT to node '${target}' (CT uses local storage)`);
  }
  return config;
}

async function copyAll(call: Call, task: TaskContext, source: GuestState, copy: GuestState, from: GuestConfig, how: { storage: string | undefined; linked: boolean }): Promise<void> {
  const { sim } = call;
  task.log(`creating a clone of container ${source.vmid} with ID ${copy.vmid}`);
  const config: GuestConfig = {};
  const made: string[] = [];
  try {
    for (const key of Object.keys(from).sort()) {
      const value = from[key] ?? '';
      if (OWN_KEYS.test(key)) continue;
      const volid = isMountpoint(key) ? mountedVolume(sim, key, value) : undefined;
      if (volid === undefined) config[key] = isNet(key) ? canonicalNet(sim, 'lxc', value, 'renew') : value;
      else {
        const file = how.linked ? link(call, key, volid, copy, task) : await copyVolume(sim, task, { key, volid, node: call.node, storage: how.storage ?? parseVolumeId(volid)?.storage ?? '', vmid: copy.vmid });
        made.push(file);
        config[key] = printMountpoint(sim, key, { ...parseMountpoint(sim, key, value), volume: file });
      }
    }
    await task.sleep(sim.timings.createMs);
  } catch (error) {
    for (const volid of made) freeVolume(sim.state, call.node, volid);
    throw error;
  }
  config.hostname = text(call, 'hostname') ?? `Copy-of-CT-${String(source.config.hostname ?? source.vmid)}`;
  const description = text(call, 'description');
  if (description) config.description = `${description.replace(/\n+$/, '')}\n`;
  copy.config = config;
  const target = text(call, 'target');
  if (target !== undefined) copy.node = target;
  touch(copy);
}

function link(call: Call, key: string, volid: string, copy: GuestState, task: TaskContext): string {
  const id = parseVolumeId(volid) ?? { storage: '', name: '' };
  const source = findVolume(call.state, call.node, volid);
  if (!source) throw new Error(`volume '${volid}' does not exist`);
  task.log(`create linked clone of mountpoint ${key} (${volid})`);
  return allocate(call.state, call.node, { storage: id.storage, vmid: copy.vmid, format: source.format, sizeBytes: source.sizeBytes, content: 'rootdir', nowMs: call.sim.clock.now(), parent: id.name }).volid;
}

/** Proxmox answers nothing although it starts a task. */
export function template(call: Call): undefined {
  const guest = loadGuest(call.sim, 'lxc', call.node, Number(call.params.vmid));
  checkLock(guest);
  if (Object.keys(guest.snapshots).length > 0) throw new Error('unable to create template, because CT contains snapshots');
  if (guest.config.template === 1) throw new Error("you can't convert a template to a template");
  if (guest.process) throw new Error("you can't convert a CT to template if the CT is running");
  guest.config.template = 1;
  touch(guest);
  startTask(call, 'vztemplate', String(guest.vmid), (task) => withGuestLock(call.sim, 'lxc', call.node, guest.vmid, async () => {
    await task.sleep(call.sim.timings.configMs);
    for (const key of Object.keys(guest.config).filter(isMountpoint)) {
      const volid = mountedVolume(call.sim, key, guest.config[key] ?? '');
      if (volid !== undefined) guest.config[key] = printMountpoint(call.sim, key, { ...parseMountpoint(call.sim, key, guest.config[key] ?? ''), volume: makeBase(call.state, call.node, volid) });
    }
    touch(guest);
  }));
  return undefined;
}
