// Storage replication jobs of the simulated cluster. Jobs can be kept; none ever runs.
import type { JsonObject } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import { parseVolumeId, storageOf } from '../volumes.ts';
import { volumeIn } from '../drives.ts';
import { failure, flag, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'GET /cluster/replication': (call) => Object.entries(jobs(call)).map(([id, job]) => ({ id, ...(job as JsonObject) })),
  'GET /cluster/replication/{id}': (call) => existing(call),
  'POST /cluster/replication': (call) => changeFile(call, 'replication.cfg', undefined, () => create(call)),
  'PUT /cluster/replication/{id}': (call) => changeFile(call, 'replication.cfg', undefined, () => {
    const kept: Record<string, JsonObject[string]> = { ...existing(call) };
    for (const name of (text(call, 'delete') ?? '').split(/[\s,;]+/)) delete kept[name];
    return put(call, { ...kept, ...sent(call) });
  }),
  // An unknown job is deleted in silence when forced or kept: there is nothing to undo.
  'DELETE /cluster/replication/{id}': (call) => changeFile(call, 'replication.cfg', undefined, () => {
    if (!jobs(call)[requiredText(call, 'id')] && !flag(call, 'force')) throw failure(`no such job '${requiredText(call, 'id')}'`);
    call.state.other.replication = Object.fromEntries(Object.entries(jobs(call)).filter(([id]) => id !== requiredText(call, 'id')));
    return undefined;
  }),
};

function jobs(call: Call): JsonObject {
  return call.state.other.replication ?? {};
}

function existing(call: Call): JsonObject {
  const found = jobs(call)[requiredText(call, 'id')];
  if (!found) throw failure(`no such job '${requiredText(call, 'id')}'`);
  return found as JsonObject;
}

function create(call: Call): undefined {
  const id = requiredText(call, 'id');
  const [vmid = '', jobnum = '0'] = id.split('-');
  const guest = call.state.guests[vmid];
  if (!guest) throw failure(`Guest '${vmid}' does not exist.`);
  if (jobs(call)[id]) throw failure(`replication job for guest '${vmid}' to target '${requiredText(call, 'target')}' already exists`);
  for (const value of Object.values(guest.config)) {
    const volid = volumeIn(value);
    const storage = volid === undefined ? undefined : parseVolumeId(volid)?.storage;
    if (storage !== undefined && storageOf(call.state, storage).type !== 'zfspool') throw failure(`missing replicate feature on volume '${volid}'`);
  }
  return put(call, { ...sent(call), guest: Number(vmid), jobnum: Number(jobnum), source: guest.node });
}

function sent(call: Call): JsonObject {
  return Object.fromEntries(Object.entries(call.params).flatMap(([name, value]) => (['id', 'delete', 'digest', 'force', 'keep'].includes(name) || typeof value === 'object' ? [] : [[name, value]])));
}

function put(call: Call, job: JsonObject): undefined {
  call.state.other.replication = { ...jobs(call), [requiredText(call, 'id')]: job };
  return undefined;
}
