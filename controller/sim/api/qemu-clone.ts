// Copies of a VM: clone (full or linked) and the conversion to a template.
import { isQuorate } from '../quorum.ts';
import { snapshotConfig, touch } from '../guest-config.ts';
import { isCdrom, isCloudinit, isDrive, parseDrive, printDrive, volumeIn } from '../drives.ts';
import { checkLock, demandOnGuest, demandOnStorage, loadGuest, withGuestLock } from '../guests.ts';
import { canonicalNet, isNet } from '../nets.ts';
import { randomUuid } from '../random.ts';
import type { Simulation } from '../simulation.ts';
import { guestOn, type GuestConfig, type GuestState, type StorageState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { allocate, enabledStorage, findVolume, freeVolume, isFileBased, isOnNode, isShared, makeBase, parseVolumeId, storageOf, volumePath } from '../volumes.ts';
import { permissionError, text, type Call } from './handler.ts';
import { addToPool } from './qemu-create.ts';
import { copyVolume } from './qemu-disks.ts';

/** Keys that belong to one VM and not to its copies. */
const OWN_KEYS = /^(parent|snaptime|vmstate|snapstate|runningmachine|runningcpu|lock|template|unused\d+)$/;

export function clone(call: Call): string {
  const { state, sim } = call;
  const vmid = Number(call.params.vmid);
  const newid = Number(call.params.newid);
  if (!isQuorate(state, call.node)) throw new Error('cluster not ready - no quorum?');
  const source = guestOn(state, call.node, 'qemu', vmid);
  if (!source) throw new Error(`unable to find configuration file for VM ${vmid} on node '${call.node}'`);
  const pool = text(call, 'pool');
  if (pool !== undefined && !Object.hasOwn(state.pools, pool)) throw permissionError(`pool '${pool}' does not exist`);
  demandOnGuest(call, newid, 'VM.Allocate', pool);
  const plan = planOf(call, source);
  if (state.guests[String(newid)]) throw new Error(`unable to create VM ${newid}: config file already exists`);
  const copy: GuestState = { vmid: newid, type: 'qemu', node: call.node, config: { lock: 'clone' }, pending: {}, pendingDelete: {}, snapshots: {}, behaviour: { ...source.behaviour } };
  state.guests[String(newid)] = copy;
  return startTask(call, 'qmclone', String(vmid), (task) => withGuestLock(sim, 'qemu', call.node, newid, async () => {
    try {
      await copyAll(call, task, source, copy, plan);
      addToPool(call, pool, newid);
    } catch (error) {
      if (!task.signal.aborted || state.nodes[call.node]?.power === 'on') delete state.guests[String(newid)];
      throw new Error(`clone failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }));
}

interface ClonePlan {
  readonly config: GuestConfig;
  readonly linked: boolean;
  readonly storage: string | undefined;
  readonly format: string | undefined;
  readonly target: string | undefined;
}

function planOf(call: Call, source: GuestState): ClonePlan {
  checkLock(source);
  const snapname = text(call, 'snapname');
  if (snapname !== undefined && !Object.hasOwn(source.snapshots, snapname)) throw new Error(`snapshot '${snapname}' does not exist`);
  const config = snapname === undefined ? source.config : snapshotConfig(source.snapshots[snapname]);
  const isTemplate = source.config.template === 1;
  const linked = call.params.full === undefined ? isTemplate : call.params.full === 0;
  const storage = text(call, 'storage');
  if (storage !== undefined) {
    if (linked) throw new Error("parameter 'storage' not allowed for linked clones");
    demandOnStorage(call, storage, 'Datastore.AllocateSpace');
    enabledStorage(call.state, storage, call.node);
  }
  if (linked) checkLinkable(call, config);
  const target = text(call, 'target');
  if (target !== undefined && target !== call.node) checkTarget(call, config, target, storage);
  return { config, linked, storage, format: text(call, 'format'), target };
}

const LINKABLE = new Set(['lvmthin', 'zfspool', 'rbd', 'zfs', 'btrfs']);

function checkLinkable(call: Call, config: GuestConfig): void {
  for (const key of Object.keys(config).filter(isDrive).sort()) {
    const value = config[key] ?? '';
    const volid = isCdrom(value) ? undefined : volumeIn(value);
    const id = volid === undefined ? undefined : parseVolumeId(volid);
    if (!id) continue;
    const storage = storageOf(call.state, id.storage);
    const isBase = /(^|\/)base-/.test(id.name);
    if (!isBase || !(isFileBased(storage) || LINKABLE.has(storage.type))) throw new Error(`Linked clone feature is not supported for '${volid}' (${key})`);
  }
}

function checkTarget(call: Call, config: GuestConfig, target: string, storage: string | undefined): void {
  if (!call.state.nodes[target]) throw new Error(`no such cluster node '${target}'`);
  const onShared = (one: StorageState) => isShared(one) && isOnNode(one, target);
  for (const [key, value] of Object.entries(config)) {
    const id = isDrive(key) ? parseVolumeId(volumeIn(value) ?? '') : undefined;
    if (id && (!isCdrom(value) || isCloudinit(value)) && !onShared(storageOf(call.state, id.storage))) throw new Error(`can't clone VM to node '${target}' (VM uses local storage)`);
  }
  if (storage !== undefined && !onShared(storageOf(call.state, storage))) throw new Error(`can't clone to non-shared storage '${storage}'`);
}

async function copyAll(call: Call, task: TaskContext, source: GuestState, copy: GuestState, plan: ClonePlan): Promise<void> {
  const { sim } = call;
  task.log(`creating a clone of VM ${source.vmid} with ID ${copy.vmid}`);
  const made: string[] = [];
  const config = copiedOptions(call, source, plan.config);
  try {
    for (const key of Object.keys(plan.config).filter(isDrive).sort()) {
      const value = plan.config[key] ?? '';
      const volid = isCdrom(value) && !isCloudinit(value) ? undefined : volumeIn(value);
      if (volid === undefined) config[key] = value;
      else config[key] = await copyDrive(sim, task, { key, value: String(value), volid, vmid: copy.vmid, node: copy.node, plan }, made);
    }
    await task.sleep(sim.timings.createMs);
  } catch (error) {
    for (const volid of made) freeVolume(sim.state, copy.node, volid);
    throw error;
  }
  copy.config = config;
  if (plan.target !== undefined) copy.node = plan.target;
  touch(copy);
}

function copiedOptions(call: Call, source: GuestState, from: GuestConfig): GuestConfig {
  const { sim } = call;
  const config: GuestConfig = {};
  for (const [key, value] of Object.entries(from)) {
    if (OWN_KEYS.test(key) || isDrive(key)) continue;
    config[key] = isNet(key) ? canonicalNet(sim, 'qemu', value, 'renew') : value;
  }
  config.name = text(call, 'name') ?? `Copy-of-VM-${source.config.name ?? source.vmid}`;
  const description = text(call, 'description');
  if (description) config.description = description.replace(/\n+$/, '');
  const smbios = String(from.smbios1 ?? '').split(',').filter((part) => part !== '' && !part.startsWith('uuid='));
  config.smbios1 = [`uuid=${randomUuid(() => sim.random())}`, ...smbios].join(',');
  if (from.vmgenid !== undefined) config.vmgenid = randomUuid(() => sim.random());
  return config;
}

interface DriveCopy { readonly key: string; readonly value: string; readonly volid: string; readonly vmid: number; readonly node: string; readonly plan: ClonePlan }

async function copyDrive(sim: Simulation, task: TaskContext, copy: DriveCopy, made: string[]): Promise<string> {
  const { key, value, volid, vmid, node, plan } = copy;
  const full = !plan.linked || isCloudinit(value);
  const file = full
    ? await copyVolume(sim, task, { disk: key, volid, node, vmid, storage: plan.storage ?? parseVolumeId(volid)?.storage ?? '', format: plan.format })
    : linkVolume(sim, task, copy);
  made.push(file);
  const size = findVolume(sim.state, node, file)?.sizeBytes ?? 0;
  const { size: _before, ...drive } = parseDrive(sim, key, value);
  return printDrive(sim, key, { ...drive, file, size: String(size) });
}

function linkVolume(sim: Simulation, task: TaskContext, copy: DriveCopy): string {
  const { key, volid, vmid, node } = copy;
  const id = parseVolumeId(volid) ?? { storage: '', name: '' };
  const source = findVolume(sim.state, node, volid);
  if (!source) throw new Error(`volume '${volid}' does not exist`);
  const storage = storageOf(sim.state, id.storage);
  task.log(`create linked clone of drive ${key} (${volid})`);
  const format = isFileBased(storage) ? 'qcow2' : 'raw';
  const made = allocate(sim.state, node, { storage: id.storage, vmid, format, sizeBytes: source.sizeBytes, content: 'images', nowMs: sim.clock.now(), parent: id.name });
  if (isFileBased(storage)) for (const line of linkLog(storage, id.name, made.volume.name, source)) task.log(line);
  return made.volid;
}

function linkLog(storage: StorageState, base: string, name: string, source: { readonly sizeBytes: number; readonly format: string }): string[] {
  const file = name.slice(name.lastIndexOf('/') + 1);
  const vmid = name.split('/').at(-2) ?? '';
  return [
    `clone ${base}: images, ${file}, ${vmid} to ${file} (base=../${base})`,
    `Formatting '${volumePath(storage, name)}', fmt=qcow2 cluster_size=131072 extended_l2=on preallocation=metadata compression_type=zlib size=${source.sizeBytes} backing_file=../${base} backing_fmt=${source.format} lazy_refcounts=off refcount_bits=16`,
  ];
}

export function template(call: Call): string {
  const guest = loadGuest(call.sim, 'qemu', call.node, Number(call.params.vmid));
  const disk = text(call, 'disk');
  checkTemplate(guest, disk);
  guest.config.template = 1;
  touch(guest);
  return startTask(call, 'qmtemplate', String(guest.vmid), (task) => withGuestLock(call.sim, 'qemu', call.node, guest.vmid, async () => {
    await task.sleep(call.sim.timings.configMs);
    for (const key of Object.keys(guest.config).filter(isDrive)) {
      const value = guest.config[key] ?? '';
      const volid = isCdrom(value) ? undefined : volumeIn(value);
      if (volid === undefined || (disk !== undefined && disk !== key)) continue;
      guest.config[key] = printDrive(call.sim, key, { ...parseDrive(call.sim, key, value), file: makeBase(call.state, call.node, volid) });
    }
    touch(guest);
  }));
}

function checkTemplate(guest: GuestState, disk: string | undefined): void {
  checkLock(guest);
  if (Object.keys(guest.snapshots).length > 0) throw new Error('unable to create template, because VM contains snapshots');
  if (guest.config.template === 1 && disk === undefined) throw new Error("you can't convert a template to a template");
  if (guest.process) throw new Error("you can't convert a VM to template if VM is running");
}
