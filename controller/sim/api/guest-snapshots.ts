// Snapshots of guests of either type: list, make, change, roll back, delete.
import type { Json, JsonObject } from '../../model/json.ts';
import { digestOf, snapshotConfig, touch } from '../guest-config.ts';
import { isCdrom, isDrive, volumeIn } from '../drives.ts';
import { checkLock, guestOf, loadGuest, numberIn, withGuestLock } from '../guests.ts';
import { randomUuid } from '../random.ts';
import type { Simulation } from '../simulation.ts';
import type { GuestConfig, GuestState, GuestType } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { allocate, findVolume, freeVolume, isFileBased, parseVolumeId } from '../volumes.ts';
import { flag, requiredText, text, type Call, type Routes } from './handler.ts';

/** Of a configuration these are not part of a snapshot. */
const NOT_SNAPPED = /^(parent|lock|digest|vmstate|unused\d+|template)$/;
const SNAPSHOT_TYPES = new Set(['lvmthin', 'zfspool', 'rbd', 'zfs', 'btrfs']);

export function snapshotRoutes(type: GuestType): Routes {
  const below = `/nodes/{node}/${type}/{vmid}/snapshot`;
  return {
    [`GET ${below}`]: (call) => list(call, type),
    [`POST ${below}`]: (call) => make(call, type),
    [`GET ${below}/{snapname}`]: () => ['rollback', 'config'].map((cmd) => ({ cmd })),
    [`DELETE ${below}/{snapname}`]: (call) => remove(call, type),
    [`GET ${below}/{snapname}/config`]: (call) => read(call, type),
    [`PUT ${below}/{snapname}/config`]: (call) => describe(call, type),
    [`POST ${below}/{snapname}/rollback`]: (call) => rollback(call, type),
  };
}

function list(call: Call, type: GuestType): Json {
  const guest = guestOf(call, type);
  const rows: JsonObject[] = Object.entries(guest.snapshots).map(([name, snapshot]) => ({
    name, snaptime: snapshot.snaptime, description: snapshot.description ?? '', ...(type === 'qemu' ? { vmstate: snapshot.vmstate === undefined ? 0 : 1 } : {}),
    ...(snapshot.parent === undefined ? {} : { parent: snapshot.parent }), ...(snapshot.state === undefined ? {} : { snapstate: snapshot.state }),
  }));
  const { parent } = guest.config;
  rows.push({ name: 'current', digest: digestOf(guest), running: guest.process ? 1 : 0, description: 'You are here!', ...(parent === undefined ? {} : { parent }) });
  return rows;
}

function make(call: Call, type: GuestType): string {
  const name = requiredText(call, 'snapname');
  if (name === 'current') throw new Error("unable to use snapshot name 'current' (reserved name)");
  if (name.toLowerCase() === 'pending' || name.toLowerCase() === 'cloudinit') throw new Error(`unable to use snapshot name '${name}' (reserved name)`);
  return task(call, type, type === 'qemu' ? 'qmsnapshot' : 'vzsnapshot', (context, guest) => take(call, context, guest, name));
}

async function take(call: Call, context: TaskContext, guest: GuestState, name: string): Promise<void> {
  const { sim } = call;
  checkLock(guest);
  if (Object.hasOwn(guest.snapshots, name)) throw new Error(`snapshot name '${name}' already used`);
  if (!isSnapshotPossible(sim, guest)) throw new Error('snapshot feature is not available');
  const config: GuestConfig = Object.fromEntries(Object.entries(guest.config).filter(([key]) => !NOT_SNAPPED.test(key) && key !== 'description'));
  const withMemory = flag(call, 'vmstate') && guest.process !== undefined;
  guest.config.lock = 'snapshot';
  touch(guest);
  const vmstate = withMemory ? await saveMemory(sim, context, guest, name) : undefined;
  logDisks(context, guest, withMemory);
  await context.sleep(sim.timings.snapshotMs);
  guest.snapshots[name] = {
    config, snaptime: Math.floor(sim.clock.now() / 1000),
    ...(text(call, 'description') ? { description: text(call, 'description') ?? '' } : {}),
    ...(guest.config.parent === undefined ? {} : { parent: String(guest.config.parent) }), ...(vmstate === undefined ? {} : { vmstate }),
  };
  guest.config.parent = name;
  delete guest.config.lock;
  touch(guest);
}

export function isSnapshotPossible(sim: Simulation, guest: GuestState): boolean {
  return guestVolumes(guest).every((volid) => {
    const id = parseVolumeId(volid);
    const storage = id && sim.state.storages[id.storage];
    if (!storage) return false;
    return isFileBased(storage) ? findVolume(sim.state, guest.node, volid)?.format === 'qcow2' : SNAPSHOT_TYPES.has(storage.type);
  });
}

function guestVolumes(guest: GuestState): string[] {
  return Object.entries(guest.config).flatMap(([key, value]) => {
    const isDisk = guest.type === 'qemu' ? isDrive(key) && !isCdrom(value) : key === 'rootfs' || /^mp\d+$/.test(key);
    const volid = isDisk ? volumeIn(value) : undefined;
    return volid === undefined ? [] : [volid];
  });
}

async function saveMemory(sim: Simulation, context: TaskContext, guest: GuestState, name: string): Promise<string> {
  const memory = numberIn(guest.config.memory, 512) * 2 ** 20;
  const storage = String(guest.config.vmstatestorage ?? parseVolumeId(guestVolumes(guest)[0] ?? '')?.storage ?? 'local');
  const { volid, log } = allocate(sim.state, guest.node, { storage, vmid: guest.vmid, sizeBytes: memory * 2 + 500 * 2 ** 20, content: 'images', nowMs: sim.clock.now(), name: `vm-${guest.vmid}-state-${name}` });
  for (const line of log) context.log(line);
  context.log(`saving VM state and RAM using storage '${storage}'`);
  await context.sleep(2000);
  context.log(`completed saving the VM state in 2s, saved ${(memory / 2 ** 20).toFixed(2)} MiB`);
  return volid;
}

/** With its memory saved a guest stands still anyway: nothing is frozen then. */
function logDisks(context: TaskContext, guest: GuestState, withMemory: boolean): void {
  if (guest.type !== 'qemu') return;
  if (guest.process && !withMemory && !/(^|,)(enabled=)?1(,|$)/.test(String(guest.config.agent ?? ''))) context.log('skipping guest filesystem freeze - disabled in VM options');
  const drives = Object.keys(guest.config).filter((key) => isDrive(key) && !isCdrom(guest.config[key] ?? '') && volumeIn(guest.config[key] ?? '') !== undefined);
  const rank = (key: string) => (/^(efidisk|tpmstate)/.test(key) ? 1 : 0);
  for (const key of drives.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))) {
    context.log(`snapshotting 'drive-${key}' (${volumeIn(guest.config[key] ?? '')})`);
    if (guest.process) context.log('internal qemu snapshot');
  }
}

function read(call: Call, type: GuestType): Json {
  const guest = guestOf(call, type);
  return snapshotConfig(snapshotOf(guest, requiredText(call, 'snapname')));
}

function snapshotOf(guest: GuestState, name: string) {
  const found = Object.hasOwn(guest.snapshots, name) ? guest.snapshots[name] : undefined;
  if (!found) throw new Error(`snapshot '${name}' does not exist`);
  return found;
}

async function describe(call: Call, type: GuestType): Promise<undefined> {
  const guest = guestOf(call, type);
  const name = requiredText(call, 'snapname');
  await withGuestLock(call.sim, type, call.node, guest.vmid, () => {
    checkLock(guest);
    const snapshot = snapshotOf(guest, name);
    const description = text(call, 'description');
    if (description !== undefined) snapshot.description = description;
    touch(guest);
  });
  return undefined;
}

function remove(call: Call, type: GuestType): string {
  const name = requiredText(call, 'snapname');
  return task(call, type, type === 'qemu' ? 'qmdelsnapshot' : 'vzdelsnapshot', async (context, guest) => {
    checkLock(guest);
    const snapshot = snapshotOf(guest, name);
    guest.config.lock = 'snapshot-delete';
    snapshot.state = 'delete';
    touch(guest);
    await context.sleep(call.sim.timings.snapshotMs);
    if (snapshot.vmstate !== undefined) freeVolume(call.state, guest.node, snapshot.vmstate);
    delete guest.snapshots[name];
    adopt(guest, name, snapshot.parent);
    delete guest.config.lock;
    touch(guest);
  });
}

/** The children of a deleted snapshot become children of its parent. */
function adopt(guest: GuestState, name: string, parent: string | undefined): void {
  for (const other of Object.values(guest.snapshots)) {
    if (other.parent !== name) continue;
    if (parent === undefined) delete other.parent;
    else other.parent = parent;
  }
  if (guest.config.parent !== name) return;
  if (parent === undefined) delete guest.config.parent;
  else guest.config.parent = parent;
}

function rollback(call: Call, type: GuestType): string {
  const name = requiredText(call, 'snapname');
  return task(call, type, type === 'qemu' ? 'qmrollback' : 'vzrollback', async (context, guest) => {
    const snapshot = snapshotOf(guest, name);
    checkLock(guest);
    delete guest.process;
    guest.config.lock = 'rollback';
    touch(guest);
    await context.sleep(call.sim.timings.snapshotMs);
    const unused = Object.fromEntries(Object.entries(guest.config).filter(([key]) => /^unused\d+$/.test(key)));
    guest.config = { ...snapshot.config, ...unused, parent: name };
    // The guest must notice that time went backwards.
    if (guest.config.vmgenid !== undefined && snapshot.vmstate === undefined) guest.config.vmgenid = randomUuid(() => call.sim.random());
    guest.pending = {};
    guest.pendingDelete = {};
    if (snapshot.vmstate !== undefined || flag(call, 'start')) guest.process = { pid: call.state.nodes[guest.node]!.nextPid++, startedAtMs: call.sim.clock.now(), qmpStatus: 'running' };
    touch(guest);
  });
}

function task(call: Call, type: GuestType, kind: string, work: (context: TaskContext, guest: GuestState) => Promise<void>): string {
  const vmid = Number(call.params.vmid);
  return startTask(call, kind, String(vmid), (context) => withGuestLock(call.sim, type, call.node, vmid, () => work(context, loadGuest(call.sim, type, call.node, vmid))));
}
