// Resource pools of the simulated cluster. Since 8 they nest: `p1/sub` lies in `p1`.
import type { Json, JsonObject } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import type { PoolState } from '../state.ts';
import { resources } from './cluster-resources.ts';
import { failure, flag, permissionError, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'GET /pools': (call) => {
    const asked = text(call, 'poolid');
    if (asked === undefined) return Object.entries(call.state.pools).filter(([id]) => call.caller.can(`/pool/${id}`, 'Pool.Audit')).map(([poolid, pool]) => ({ poolid, ...commentOf(pool) }));
    const pool = existing(call);
    if (!call.caller.can(`/pool/${asked}`, 'Pool.Audit')) throw permissionError(`/pool/${asked}, Pool.Audit`);
    return [{ poolid: asked, ...commentOf(pool), members: members(call, pool) }];
  },
  'GET /pools/{poolid}': (call) => {
    const pool = existing(call);
    // The old way to ask tells the name only where the version did.
    return { ...(Number(call.version) >= 9 ? { poolid: requiredText(call, 'poolid') } : {}), ...commentOf(pool), members: members(call, pool) };
  },
  'POST /pools': create,
  'PUT /pools': update,
  'PUT /pools/{poolid}': update,
  'DELETE /pools': remove,
  'DELETE /pools/{poolid}': remove,
};

function commentOf(pool: PoolState): { readonly comment?: string } {
  return pool.comment === undefined ? {} : { comment: pool.comment };
}

function existing(call: Call): PoolState {
  const id = requiredText(call, 'poolid');
  const pool = Object.hasOwn(call.state.pools, id) ? call.state.pools[id] : undefined;
  if (!pool) throw failure(`pool '${id}' does not exist`);
  return pool;
}

/** The members' own rows; members that do not exist have none. */
function members(call: Call, pool: PoolState): Json {
  const type = text(call, 'type');
  const rows = resources({ ...call, params: {} }) as readonly JsonObject[];
  return rows.filter((row) => (row.vmid !== undefined ? pool.vms.includes(Number(row.vmid)) : row.type === 'storage' && pool.storages.includes(String(row.storage))))
    .filter((row) => type === undefined || row.type === type).map(({ pool: _own, ...row }) => row);
}

function create(call: Call): Promise<undefined> {
  return changeFile(call, 'user.cfg', 'create pool failed', () => {
    const id = requiredText(call, 'poolid');
    if (call.state.pools[id]) throw failure(`pool '${id}' already exists`);
    const parent = id.includes('/') ? id.slice(0, id.lastIndexOf('/')) : undefined;
    if (parent !== undefined && !call.state.pools[parent]) throw failure(`parent '${parent}' of pool '${id}' does not exist`);
    const comment = text(call, 'comment');
    call.state.pools[id] = { ...(comment === undefined ? {} : { comment }), vms: [], storages: [] };
    return undefined;
  });
}

function words(call: Call, name: string): readonly string[] {
  return (text(call, name) ?? '').split(/[\s,;]+/).filter((word) => word !== '');
}

function update(call: Call): Promise<undefined> {
  return changeFile(call, 'user.cfg', 'update pools failed', () => {
    const pool = existing(call);
    const comment = text(call, 'comment');
    if (comment !== undefined) pool.comment = comment;
    for (const vmid of words(call, 'vms').map(Number)) {
      if (flag(call, 'delete')) removeGuest(call, pool, vmid);
      else addGuest(call, pool, vmid);
    }
    for (const storage of words(call, 'storage')) {
      if (!call.caller.can(`/storage/${storage}`, 'Datastore.Allocate')) throw permissionError(`/storage/${storage}, Datastore.Allocate`);
      if (flag(call, 'delete') && !pool.storages.includes(storage)) throw failure(`Storage '${storage}' is not a pool member`);
      const others = pool.storages.filter((one) => one !== storage);
      if (!flag(call, 'delete') && others.length < pool.storages.length) throw failure(`Storage '${storage}' is already a pool member`);
      pool.storages = flag(call, 'delete') ? others : [...others, storage];
    }
    return undefined;
  });
}

function removeGuest(call: Call, pool: PoolState, vmid: number): void {
  if (!call.caller.can(`/vms/${vmid}`, 'VM.Allocate')) throw permissionError(`/vms/${vmid}, VM.Allocate`);
  if (!pool.vms.includes(vmid)) throw failure(`VM ${vmid} is not a pool member`);
  pool.vms = pool.vms.filter((one) => one !== vmid);
}

/** A guest is in one pool only; it is taken from another when `allow-move` says so. Whether it exists is not asked. */
function addGuest(call: Call, pool: PoolState, vmid: number): void {
  if (!call.caller.can(`/vms/${vmid}`, 'VM.Allocate')) throw permissionError(`/vms/${vmid}, VM.Allocate`);
  const other = Object.entries(call.state.pools).find(([, one]) => one.vms.includes(vmid));
  if (other?.[1] === pool) throw failure(`VM ${vmid} is already a pool member`);
  if (other && !flag(call, 'allow-move')) throw failure(`VM ${vmid} belongs already to pool '${other[0]}' and 'allow-move' is not set`);
  if (other) other[1].vms = other[1].vms.filter((one) => one !== vmid);
  pool.vms = [...pool.vms, vmid];
}

function remove(call: Call): Promise<undefined> {
  return changeFile(call, 'user.cfg', 'delete pool failed', () => {
    const pool = existing(call);
    const id = requiredText(call, 'poolid');
    const child = Object.keys(call.state.pools).find((one) => one.startsWith(`${id}/`));
    if (child !== undefined) throw failure(`pool '${id}' is not empty (contains pool '${child}')`);
    const guest = pool.vms.find((vmid) => call.state.guests[String(vmid)]);
    if (guest !== undefined) throw failure(`pool '${id}' is not empty (contains VM ${guest})`);
    const storage = pool.storages.find((one) => call.state.storages[one]);
    if (storage !== undefined) throw failure(`pool '${id}' is not empty (contains storage '${storage}')`);
    delete call.state.pools[id];
    return undefined;
  });
}
