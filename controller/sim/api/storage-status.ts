// How the storages of the simulated cluster stand on a node: space, and what may be used there.
import type { Json, JsonObject } from '../../model/json.ts';
import { defaultContent } from '../storage-types.ts';
import { groupBytes, isGroupUnseen } from '../nodes/group-storage.ts';
import type { ClusterState, StorageState } from '../state.ts';
import { holds, isOnNode, isShared, totalBytes, usedBytes } from '../volumes.ts';
import { failure, flag, parameterError, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'GET /nodes/{node}/storage': (call) => Object.values(call.state.storages).filter((storage) => isWanted(call, storage)).map((storage) => row(call, storage)),
  'GET /nodes/{node}/storage/{storage}': () => ['status', 'content', 'upload', 'rrd', 'rrddata', 'file-restore', 'prunebackups'].map((subdir) => ({ subdir })),
  'GET /nodes/{node}/storage/{storage}/status': (call) => {
    const storage = call.state.storages[requiredText(call, 'storage')];
    if (!storage) throw parameterError({ storage: 'No such storage.' });
    return storageStatus(call.state, storage, call.node);
  },
  'GET /nodes/{node}/storage/{storage}/rrddata': (call) => emptyHistory(call),
  'GET /nodes/{node}/scan': () => ['cifs', 'iscsi', 'lvm', 'nfs', 'pbs', 'zfs'].map((method) => ({ method })),
  'GET /nodes/{node}/scan/lvm': (call) => Object.keys(call.state.nodes[call.node]?.settings.lvm ?? {}).map((vg) => ({ vg })),
  'GET /nodes/{node}/scan/lvmthin': (call) => {
    const vg = requiredText(call, 'vg');
    return Object.keys(call.state.nodes[call.node]?.settings.lvmthin ?? {}).flatMap((pool) => (pool.startsWith(`${vg}/`) ? [{ lv: pool.slice(vg.length + 1) }] : []));
  },
  'GET /nodes/{node}/scan/zfs': (call) => Object.keys(call.state.nodes[call.node]?.settings.zpools ?? {}).map((pool) => ({ pool })),
};

export function isEnabledOn(storage: StorageState, node: string): boolean {
  return storage.definition.disable !== 1 && isOnNode(storage, node);
}

/** As GET …/status answers; a storage that is disabled or elsewhere is there with zeros. */
export function storageStatus(state: ClusterState, storage: StorageState, node: string): JsonObject {
  const enabled = isEnabledOn(storage, node);
  const active = enabled && !isGroupUnseen(state, storage, node);
  const total = active ? groupBytes(state, storage, node) ?? totalBytes(storage) : 0;
  const used = active ? usedBytes(storage, node) : 0;
  return {
    type: storage.type, content: String(storage.definition.content ?? defaultContent(storage.type)), shared: isShared(storage) ? 1 : 0,
    enabled: enabled ? 1 : 0, active: active ? 1 : 0, total, used, avail: total - used,
  };
}

function row(call: Call, storage: StorageState): Json {
  const status = storageStatus(call.state, storage, call.node);
  return { storage: storage.id, ...status, ...(Number(status.total) > 0 ? { used_fraction: Number(status.used) / Number(status.total) } : {}) };
}

function isWanted(call: Call, storage: StorageState): boolean {
  const path = `/storage/${storage.id}`;
  if (!call.caller.can(path, 'Datastore.Audit') && !call.caller.can(path, 'Datastore.AllocateSpace')) return false;
  const wanted = text(call, 'storage');
  const contents = (text(call, 'content') ?? '').split(/[,; ]+/).filter((content) => content !== '');
  if (wanted !== undefined && wanted !== storage.id) return false;
  if (contents.length > 0 && (!isEnabledOn(storage, call.node) || !contents.some((content) => holds(storage, content)))) return false;
  if (flag(call, 'enabled') && storage.definition.disable === 1) return false;
  const target = text(call, 'target');
  return target === undefined || target === call.node || (isShared(storage) && isOnNode(storage, target));
}

const STEP_SECONDS: Readonly<Record<string, number>> = { hour: 60, day: 1800, week: 10_800, month: 43_200, year: 604_800, decade: 604_800 };
const ROWS = 70;

/** The times of a round-robin archive that nothing was written to: the simulation keeps no statistics. */
export function emptyHistory(call: Call): Json {
  const step = STEP_SECONDS[requiredText(call, 'timeframe')];
  if (step === undefined) throw failure('unknown timeframe');
  const last = Math.floor(call.sim.clock.now() / 1000 / step) * step;
  return Array.from({ length: ROWS }, (_, at) => ({ time: last - (ROWS - 1 - at) * step }));
}
