// HA resources: which guests the manager looks after, what state is asked of them, and moving them.
// In: calls. Out: resources.cfg, rules.cfg on deletion, lines for the manager.
import type { Json } from '../../model/json.ts';
import { compileAffinity } from '../ha/affinity.ts';
import { isHaManaged, sidOf } from '../ha/intercept.ts';
import { refuseInError, removeResource } from '../ha/requests.ts';
import type { ClusterState } from '../state.ts';
import { failure, requiredText, text, type Call, type Routes } from './handler.ts';
import { changeHaFiles, deleteOptions, fileDigest, hasGroups, MIGRATED, optionsOf, refuseStaleDigest } from './ha-files.ts';

export const resourceRoutes: Routes = {
  'GET /cluster/ha/resources': (call) => {
    const type = text(call, 'type');
    const digest = fileDigest(call.state.ha.resources);
    return Object.keys(call.state.ha.resources).filter((sid) => type === undefined || sid.startsWith(`${type}:`)).map((sid) => shown(call, sid, 'with-errors', digest));
  },
  'GET /cluster/ha/resources/{sid}': (call) => shown(call, parseSid(call.state, requiredText(call, 'sid')), 'plain', fileDigest(call.state.ha.resources)),
  'POST /cluster/ha/resources': create,
  'PUT /cluster/ha/resources/{sid}': update,
  'DELETE /cluster/ha/resources/{sid}': remove,
  'POST /cluster/ha/resources/{sid}/migrate': (call) => move(call, 'migrate'),
  'POST /cluster/ha/resources/{sid}/relocate': (call) => move(call, 'relocate'),
};

/** `vm:100`, or a bare VMID of an existing guest. */
export function parseSid(state: ClusterState, written: string): string {
  if (!/^\d+$/.test(written)) {
    if (!/^\S+:\S+$/.test(written)) throw failure(`unable to parse service id '${written}'`);
    return written;
  }
  const guest = state.guests[written];
  if (!guest) throw failure(`unable to detect SID from VMID - VM/CT ${written} does not exist`);
  return sidOf(guest.type, guest.vmid);
}

function shown(call: Call, sid: string, errors: 'with-errors' | 'plain', digest: string): Json {
  const { ha } = call.state;
  const section = ha.resources[sid];
  if (!section) throw failure(`no such resource '${sid}'`);
  const { group, ...rest } = section;
  const groups: { readonly [key: string]: Json } = group !== undefined && hasGroups(call) ? { group, ...(errors === 'with-errors' && !ha.groups[String(group)] ? { errors: { group: `group '${group}' does not exist` } } : {}) } : {};
  return { ...rest, ...groups, sid, type: sid.split(':')[0] ?? 'vm', digest };
}

function create(call: Call): undefined {
  const { ha } = call.state;
  const sid = parseSid(call.state, requiredText(call, 'sid'));
  refuseOtherType(call, sid);
  refuseGroup(call);
  refuseMissingGuest(call.state, sid);
  changeHaFiles(call, 'create resource failed', () => {
    if (ha.resources[sid]) throw failure(`resource ID '${sid}' already defined`);
    ha.resources[sid] = { ...optionsOf(call, ['sid', 'type']), type: sid.split(':')[0] ?? 'vm' };
  });
}

function refuseOtherType(call: Call, sid: string): void {
  const type = text(call, 'type');
  if (type !== undefined && !sid.startsWith(`${type}:`)) throw failure('types does not match');
}

function refuseGroup(call: Call): void {
  const group = text(call, 'group');
  if (group === undefined) return;
  if (!hasGroups(call)) throw failure(`invalid parameter 'group': ${MIGRATED}`);
  if (!call.state.ha.groups[group]) throw failure(`HA group '${group}' does not exist`);
}

function refuseMissingGuest(state: ClusterState, sid: string): void {
  const [type = '', id = ''] = sid.split(':');
  if (type !== 'vm' && type !== 'ct') throw failure(`unknown section type '${type}'`);
  if (!/^[1-9]\d+$/.test(id)) throw failure(`invalid VMID`);
  const guest = state.guests[id];
  if (!guest) throw failure(`resource '${sid}' does not exist in cluster`);
  if (sidOf(guest.type, guest.vmid) !== sid) throw failure(`resource '${sid}' - guest with ID ${id} is not a ${type === 'vm' ? 'VM' : 'container'}`);
}

function update(call: Call): undefined {
  const { ha } = call.state;
  const sid = parseSid(call.state, requiredText(call, 'sid'));
  refuseOtherType(call, sid);
  refuseGroup(call);
  refuseInError(call.sim, sid, text(call, 'state'));
  changeHaFiles(call, 'update resources config failed', () => {
    refuseStaleDigest(call, ha.resources);
    const section = ha.resources[sid];
    if (!section) throw failure(`no such resource '${sid}'`);
    const changed = { ...section, ...optionsOf(call, ['sid', 'type']) };
    const known = ['state', 'comment', 'max_restart', 'max_relocate', 'group', ...(hasGroups(call) ? [] : ['failback'])];
    deleteOptions(call, changed, { known, required: [] });
    ha.resources[sid] = changed;
  });
}

function remove(call: Call): undefined {
  const sid = parseSid(call.state, requiredText(call, 'sid'));
  if (!call.state.ha.resources[sid]) throw failure(`cannot delete service '${sid}', not HA managed!`);
  const keepsRules = hasGroups(call) || call.params['purge'] === 0;
  removeResource(call.sim, sid, keepsRules ? 'keep-rules' : 'purge');
}

function move(call: Call, how: 'migrate' | 'relocate'): Json | undefined {
  const sid = parseSid(call.state, requiredText(call, 'sid'));
  const node = requiredText(call, 'node');
  if (!isHaManaged(call.state, sid)) throw failure(`resource '${sid}' is not HA managed`);
  refuseInError(call.sim, sid);
  call.sim.ha.command(`${how} ${sid} ${node}`);
  if (hasGroups(call)) return undefined;
  const { together, blocking } = companions(call.state, sid, node);
  return { sid, 'requested-node': node, ...(together.length > 0 ? { 'comigrated-resources': together } : {}), ...(blocking.length > 0 ? { 'blocking-resources': blocking } : {}) };
}

export interface Blocking { readonly [key: string]: Json; readonly sid: string; readonly cause: 'resource-affinity' }

/** Services that go along with `sid`, and those that keep it away from `node`. */
export function companions(state: ClusterState, sid: string, node: string): { readonly together: readonly string[]; readonly blocking: readonly Blocking[] } {
  const { manager } = state.ha;
  const affinity = compileAffinity(state.ha, Object.keys(manager.node_status));
  const known = (other: string) => manager.service_status[other] !== undefined;
  const apart = [...(affinity.apart.get(sid) ?? [])].filter(known).sort();
  const there = apart.filter((other) => {
    const service = manager.service_status[other];
    return service?.node === node && (service.target === undefined || service.target === node);
  });
  return {
    together: [...(affinity.together.get(sid) ?? [])].filter(known).sort(),
    blocking: manager.node_status[node] === 'online' ? there.map((other) => ({ sid: other, cause: 'resource-affinity' })) : [],
  };
}
