// The simulated API's methods about migration: what stands in its way, and starting it.
// In: calls. Out: preconditions with the key names of each kind of guest; a task, or the HA manager's.
// Must never say no on account of a target that is off: Proxmox only finds out in the task.
import type { Json, JsonObject } from '../../model/json.ts';
import { migrateContainer } from '../container-migration.ts';
import { checkLock, guestOf, withGuestLock } from '../guests.ts';
import { haIntercept, isHaManaged, sidOf } from '../ha/intercept.ts';
import { localDevices, migrateVm } from '../migration.ts';
import { localVolumes, storagesMissingOn, type LocalVolume } from '../migration-volumes.ts';
import type { GuestState } from '../state.ts';
import { startTask } from '../tasks.ts';
import { flag, number, parameterError, requiredText, text, type Call, type Routes } from './handler.ts';
import { companions } from './ha-resources.ts';
import { hasGroups } from './ha-files.ts';

export const routes: Routes = {
  'GET /nodes/{node}/qemu/{vmid}/migrate': (call) => preconditions(call, guestOf(call, 'qemu')),
  'GET /nodes/{node}/lxc/{vmid}/migrate': (call) => containerPreconditions(call, guestOf(call, 'lxc')),
  'POST /nodes/{node}/qemu/{vmid}/migrate': migrateQemu,
  'POST /nodes/{node}/lxc/{vmid}/migrate': migrateLxc,
};

function othersThan(call: Call): string[] {
  return Object.keys(call.state.nodes).filter((node) => node !== call.node);
}

/** Why a node may not be the target; an empty object says nothing. */
function obstacles(call: Call, guest: GuestState, node: string): JsonObject {
  const unavailable = storagesMissingOn(call.state, guest, node);
  const sid = sidOf(guest.type, guest.vmid);
  const blocking = !hasGroups(call) && isHaManaged(call.state, sid) ? companions(call.state, sid, node).blocking : [];
  return { ...(unavailable.length > 0 ? { unavailable_storages: unavailable } : {}), ...(blocking.length > 0 ? { 'blocking-ha-resources': blocking } : {}) };
}

function preconditions(call: Call, guest: GuestState): Json {
  const isRunning = guest.process !== undefined;
  const reasons = Object.fromEntries(othersThan(call).map((node) => [node, obstacles(call, guest, node)]));
  const isFree = (node: string) => Object.keys(reasons[node] ?? {}).length === 0;
  const mapped = Object.entries(guest.config).filter(([key, value]) => /^(?:hostpci|usb)\d+$/.test(key) && String(value).includes('mapping=')).map(([key]) => key);
  const allowed = othersThan(call).filter(isFree);
  const common = { running: isRunning ? 1 : 0, local_disks: localVolumes(call.state, guest).map(shownDisk), local_resources: localDevices(guest) };
  if (hasGroups(call)) {
    const refused = Object.fromEntries(Object.entries(reasons).filter(([node]) => !isFree(node)));
    const since8: JsonObject = call.version.startsWith('7') ? {} : { 'mapped-resources': mapped };
    const stoppedOnly: JsonObject = isRunning ? {} : { allowed_nodes: allowed, not_allowed_nodes: refused };
    return { ...common, ...since8, ...stoppedOnly };
  }
  const sid = sidOf('qemu', guest.vmid);
  return {
    ...common, allowed_nodes: allowed, not_allowed_nodes: reasons, 'mapped-resources': mapped, 'mapped-resource-info': mappedInfo(guest, mapped), 'has-dbus-vmstate': 1,
    ...(isHaManaged(call.state, sid) ? { 'dependent-ha-resources': companions(call.state, sid, call.node).together } : {}),
  };
}

function mappedInfo(guest: GuestState, mapped: readonly string[]): JsonObject {
  return Object.fromEntries(mapped.map((key) => [key, { name: /mapping=([^,]*)/.exec(String(guest.config[key]))?.[1] ?? '', 'live-migration': 0 }]));
}

function shownDisk(volume: LocalVolume): JsonObject {
  const digit = (is: boolean) => (is ? 1 : 0);
  return {
    volid: volume.volid, ...(volume.isUnused ? {} : { drivename: volume.key, size: volume.sizeBytes }), cdrom: digit(volume.isCdrom), is_attached: digit(!volume.isUnused && !volume.isVmstate),
    is_unused: digit(volume.isUnused), is_vmstate: digit(volume.isVmstate), is_cloudinit: digit(volume.isCloudinit), is_tpmstate: digit(volume.isTpm),
    replicate: digit(volume.replicates), shared: 0,
  };
}

function containerPreconditions(call: Call, guest: GuestState): Json {
  const reasons = othersThan(call).map((node) => [node, renamed(obstacles(call, guest, node))] as const);
  const sid = sidOf('lxc', guest.vmid);
  return {
    running: guest.process ? 1 : 0,
    'allowed-nodes': reasons.filter(([, why]) => Object.keys(why).length === 0).map(([node]) => node),
    'not-allowed-nodes': Object.fromEntries(reasons.filter(([, why]) => Object.keys(why).length > 0)),
    ...(isHaManaged(call.state, sid) ? { 'dependent-ha-resources': companions(call.state, sid, call.node).together } : {}),
  };
}

/** The containers' answer writes hyphens throughout. */
function renamed(reasons: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(reasons).map(([key, value]) => [key.replaceAll('_', '-'), value]));
}

function targetOf(call: Call): string {
  const target = requiredText(call, 'target');
  if (target === call.node) throw parameterError({ target: 'target is local node.' });
  if (!call.state.nodes[target]) throw new Error(`no such cluster node '${target}'`);
  return target;
}

function migrateQemu(call: Call): string {
  const target = targetOf(call);
  refuseRootOnly(call);
  const guest = guestOf(call, 'qemu');
  checkLock(guest);
  const online = flag(call, 'online');
  if (guest.process && !online) throw new Error("can't migrate running VM without --online");
  refuseStorage(call, target, text(call, 'targetstorage'));
  const queued = haIntercept(call, sidOf('qemu', guest.vmid), { do: 'migrate', target });
  if (queued !== undefined) return queued;
  const plan = {
    guest, target, online, withLocalDisks: flag(call, 'with-local-disks'), force: flag(call, 'force'), ...limitOf(call),
    ...(text(call, 'targetstorage') === undefined ? {} : { targetStorage: text(call, 'targetstorage') }),
  };
  return startTask(call, 'qmigrate', String(guest.vmid), (task) => withGuestLock(call.sim, 'qemu', call.node, guest.vmid, () => migrateVm(task, plan)));
}

function migrateLxc(call: Call): string {
  const target = targetOf(call);
  const guest = guestOf(call, 'lxc');
  checkLock(guest);
  const restart = flag(call, 'restart');
  if (guest.process && !flag(call, 'online') && !restart) throw new Error("can't migrate running container without --online or --restart");
  refuseStorage(call, target, text(call, 'target-storage'));
  const queued = haIntercept(call, sidOf('lxc', guest.vmid), { do: 'migrate', target });
  if (queued !== undefined) return queued;
  const plan = {
    guest, target, restart, online: flag(call, 'online'), withLocalDisks: true, shutdownTimeoutMs: (number(call, 'timeout') ?? 180) * 1000, ...limitOf(call),
    ...(text(call, 'target-storage') === undefined ? {} : { targetStorage: text(call, 'target-storage') }),
  };
  // Unlike a VM's, a container's file lock is not held: the tasks that stop and start it on the way need it.
  return startTask(call, 'vzmigrate', String(guest.vmid), (task) => migrateContainer(task, plan));
}

/** Kilobytes a second; 0 is no limit. */
function limitOf(call: Call): { readonly bytesPerSecondMax?: number } {
  const limit = number(call, 'bwlimit');
  return limit === undefined || limit === 0 ? {} : { bytesPerSecondMax: limit * 1024 };
}

function refuseRootOnly(call: Call): void {
  for (const name of ['force', 'migration_type', 'migration_network']) {
    if (call.params[name] !== undefined && call.caller.userid !== 'root@pam') throw parameterError({ [name]: 'Only root may use this option.' });
  }
}

function refuseStorage(call: Call, target: string, mapping: string | undefined): void {
  if (mapping === undefined || mapping === '1') return;
  for (const entry of mapping.split(',')) {
    const id = entry.slice(entry.indexOf(':') + 1);
    const storage = call.state.storages[id];
    if (!storage) throw new Error(`storage '${id}' does not exist`);
    const nodes = storage.definition['nodes'];
    if (nodes !== undefined && !String(nodes).split(',').includes(target)) throw new Error(`storage '${id}' is not available on node '${target}'`);
  }
}
