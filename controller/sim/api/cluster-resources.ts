// Everything in the cluster on one page, as GET /cluster/resources shows it.
// In: the state as the addressed node sees it. Out: one row a pool, guest, node, storage and network zone.
// Must never ask a dead node: what such a node last told stays as it was.
import type { Json, JsonObject } from '../../model/json.ts';
import { haStateOf, sidOf } from '../ha/intercept.ts';
import { tellInto } from '../last-told.ts';
import { membersSeenBy } from '../quorum.ts';
import type { GuestState } from '../state.ts';
import { text, type Call } from './handler.ts';
import { nodeFigures } from './node-status.ts';
import { isEnabledOn, storageStatus } from './storage-status.ts';

export function resources(call: Call): Json {
  const type = text(call, 'type');
  const members = membersSeenBy(call.state, call.node);
  const wants = (name: string): boolean => type === undefined || type === name;
  return [
    ...(type === undefined ? poolRows(call) : []), ...(wants('vm') ? guestRows(call, members) : []), ...(wants('node') ? nodeRows(call, members) : []),
    ...(wants('storage') ? storageRows(call) : []), ...zoneRows(call, type),
  ];
}

function poolRows(call: Call): JsonObject[] {
  return Object.keys(call.state.pools).filter((pool) => call.caller.can(`/pool/${pool}`, 'Pool.Audit')).map((pool) => ({ id: `/pool/${pool}`, type: 'pool', pool }));
}

function guestRows(call: Call, members: ReadonlySet<string>): JsonObject[] {
  const pools = new Map(Object.entries(call.state.pools).flatMap(([id, pool]) => pool.vms.map((vmid) => [vmid, id] as const)));
  return Object.values(call.state.guests).filter((guest) => call.caller.can(`/vms/${guest.vmid}`, 'VM.Audit')).map((guest) => guestRow(call, guest, members, pools.get(guest.vmid)));
}

/** Filled key by key: with thousands of guests, copies would cost more than everything else. */
function guestRow(call: Call, guest: GuestState, members: ReadonlySet<string>, pool: string | undefined): JsonObject {
  const { config, type, vmid, node } = guest;
  const row: Record<string, Json> = { id: `${type}/${vmid}`, type, vmid, node };
  const hastate = haStateOf(call.state, sidOf(type, vmid));
  if (hastate !== undefined) row.hastate = hastate;
  if (pool !== undefined) row.pool = pool;
  if (config.lock !== undefined) row.lock = config.lock;
  if (config.tags !== undefined) row.tags = config.tags;
  if (!tellInto(row, call.state, guest, members.has(node), call.sim.clock.now())) {
    row.status = 'unknown';
    return row;
  }
  for (const figure of UNMEASURED) row[figure] = 0;
  if (Number(call.version) >= 9) row.memhost = 0;
  return row;
}

/** What the simulation does not measure. */
const UNMEASURED = ['cpu', 'mem', 'disk', 'diskread', 'diskwrite', 'netin', 'netout'] as const;

function nodeRows(call: Call, members: ReadonlySet<string>): JsonObject[] {
  return Object.values(call.state.nodes).map((node) => {
    const online = members.has(node.name);
    const hastate = call.state.ha.manager.node_status[node.name];
    const bare: JsonObject = { id: `node/${node.name}`, type: 'node', node: node.name, status: online ? 'online' : 'offline', level: '', ...(Number(call.version) >= 7 ? { 'cgroup-mode': 2 } : {}) };
    if (!call.caller.can(`/nodes/${node.name}`, 'Sys.Audit')) return bare;
    return { ...bare, ...(hastate === undefined || Number(call.version) < 9 ? {} : { hastate }), ...nodeFigures(call, node, online) };
  });
}

function storageRows(call: Call): JsonObject[] {
  const nodes = Object.keys(call.state.nodes);
  return Object.values(call.state.storages).filter((storage) => call.caller.can(`/storage/${storage.id}`, 'Datastore.Audit')).flatMap((storage) => nodes.filter((node) => isEnabledOn(storage, node)).map((node) => {
    const { content, shared, total, used, active } = storageStatus(call.state, storage, node);
    return { id: `storage/${node}/${storage.id}`, type: 'storage', storage: storage.id, node, status: active === 1 ? 'available' : 'unknown', plugintype: storage.type, content: content ?? '', shared: shared ?? 0, disk: used ?? 0, maxdisk: total ?? 0 };
  }));
}

/** The zone that stands for the nodes' own bridges; since 9 as a network, in 8 as `sdn`. */
function zoneRows(call: Call, type: string | undefined): JsonObject[] {
  const version = Number(call.version);
  if (version < 8 || !call.caller.can('/sdn/zones/localnetwork', 'SDN.Audit')) return [];
  const name = version >= 9 ? 'network' : 'sdn';
  if (type !== undefined && type !== name) return [];
  return Object.keys(call.state.nodes).map((node): JsonObject => (version >= 9
    ? { id: `network/${node}/zone/localnetwork`, type: 'network', network: 'localnetwork', 'network-type': 'zone', node, status: 'ok' }
    : { id: `sdn/${node}/localnetwork`, type: 'sdn', sdn: 'localnetwork', node, status: 'ok' }));
}
