// In: the answers of the bulk calls. Out: Facts, field by field. Pure; must never guess: a field that Proxmox did
// not send stays unset, an answer that could not be read goes to `unread`.
import type { Answer } from '../model/change.ts';
import type { Facts, GuestFact, HaResourceFact, NodeFact, PoolFact, StorageFact, TaskFact } from '../model/facts.ts';
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { compareText } from '../model/ref.ts';

export const BULK = {
  resources: '/cluster/resources',
  status: '/cluster/status',
  haStatus: '/cluster/ha/status/current',
  managerStatus: '/cluster/ha/status/manager_status',
  haResources: '/cluster/ha/resources',
  haGroups: '/cluster/ha/groups',
  haRules: '/cluster/ha/rules',
  storage: '/storage',
  tasks: '/cluster/tasks',
  pools: '/pools',
  backup: '/cluster/backup',
  options: '/cluster/options',
  qdevice: '/cluster/config/qdevice',
} as const;

type Answers = ReadonlyMap<string, Answer>;

export function parseFacts(version: string, observedAt: number, answers: Answers, asRoot = false): Facts {
  const resources = rows(answers, BULK.resources);
  const status = rows(answers, BULK.status);
  const cluster = status.find((row) => row.type === 'cluster');
  const haStatus = rows(answers, BULK.haStatus);
  const haResources = parseHaResources(rows(answers, BULK.haResources), haStatus);
  return {
    observedAt, version, asRoot,
    clusterName: text(cluster?.name) ?? text(status.find((row) => row.type === 'node')?.name) ?? '',
    quorate: parseQuorate(haStatus),
    qdevice: parseQdevice(answers.get(BULK.qdevice)),
    nodes: parseNodes(resources, status, maintenanceNodes(answers), answers),
    guests: new Map(resources.filter(isGuestRow).map(parseGuest).map((guest) => [guest.vmid, guest])),
    storages: resources.filter((row) => row.type === 'storage').map(parseStorage).sort((a, b) => compareText(a.storage + '@' + a.node, b.storage + '@' + b.node)),
    storageDefs: byName(rows(answers, BULK.storage), 'storage'),
    pools: parsePools(rows(answers, BULK.pools), resources),
    haResources,
    haLeaving: new Set(haStatus.flatMap((row) => (row.type === 'service' && typeof row.sid === 'string' && !haResources.has(row.sid) ? [row.sid] : []))),
    haGroups: byName(rows(answers, BULK.haGroups), 'group'),
    haRules: byName(rows(answers, BULK.haRules), 'rule'),
    backupJobs: byName(rows(answers, BULK.backup), 'id'),
    options: object(answers, BULK.options),
    tasks: parseRunningTasks(rows(answers, BULK.tasks)),
    unread: new Map([...answers].flatMap(([path, answer]) => (answer.ok ? [] : [[path, answer.message] as const]))),
  };
}

/** Quorum where it is true: the `quorum` row of the HA status; /cluster/status can be a minute late (IN-TIME 7.7). */
export function parseQuorate(haStatus: readonly JsonObject[]): boolean {
  return haStatus.some((row) => row.type === 'quorum' && Number(row.quorate) === 1);
}

export function parseRunningTasks(tasks: readonly JsonObject[]): readonly TaskFact[] {
  return tasks
    .filter((row) => row.endtime === undefined && (row.status === undefined || row.status === 'RUNNING'))
    .map((row) => ({ upid: text(row.upid) ?? '', node: text(row.node) ?? '', type: text(row.type) ?? '', id: text(row.id) ?? '', user: text(row.user) ?? '' }));
}

export function rows(answers: Answers, path: string): readonly JsonObject[] {
  const answer = answers.get(path);
  return answer?.ok && Array.isArray(answer.data) ? (answer.data as readonly Json[]).filter((row): row is JsonObject => isObject(row)) : [];
}

export function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
}

export function count(value: Json | undefined): number {
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : 0;
}

export function list(value: Json | undefined, separator: RegExp = /[,;\s]+/): readonly string[] {
  return (text(value) ?? '').split(separator).filter((part) => part !== '').sort();
}

export function parseGuest(row: JsonObject): GuestFact {
  return {
    vmid: count(row.vmid), type: row.type === 'lxc' ? 'lxc' : 'qemu', node: text(row.node) ?? '', name: text(row.name) ?? '',
    status: text(row.status) ?? 'unknown', template: Number(row.template ?? 0) === 1, tags: list(row.tags), memMax: count(row.maxmem),
    ...(text(row.lock) ? { lock: text(row.lock) } : {}), ...(text(row.pool) ? { pool: text(row.pool) } : {}),
  };
}

function isGuestRow(row: JsonObject): boolean {
  return row.type === 'qemu' || row.type === 'lxc';
}

function object(answers: Answers, path: string): JsonObject {
  const answer = answers.get(path);
  return answer?.ok && isObject(answer.data) ? (answer.data as JsonObject) : {};
}

function byName(list: readonly JsonObject[], key: string): ReadonlyMap<string, JsonObject> {
  return new Map(list.map((row) => [text(row[key]) ?? '', row]));
}

function parseQdevice(answer: Answer | undefined): boolean {
  return answer?.ok === true && isObject(answer.data) && (answer.data as JsonObject).State === 'Connected';
}

function maintenanceNodes(answers: Answers): ReadonlySet<string> {
  const manager = object(answers, BULK.managerStatus).manager_status;
  if (!isObject(manager)) return new Set();
  const requested = Object.entries(isObject(manager.node_request) ? manager.node_request : {}).filter(([, request]) => isObject(request) && Number(request.maintenance ?? 0) === 1);
  const reported = Object.entries(isObject(manager.node_status) ? manager.node_status : {}).filter(([, state]) => state === 'maintenance');
  return new Set([...requested, ...reported].map(([node]) => node));
}

function parseNodes(resources: readonly JsonObject[], status: readonly JsonObject[], maintenance: ReadonlySet<string>, answers: Answers): readonly NodeFact[] {
  return status.filter((row) => row.type === 'node').map((row): NodeFact => {
    const name = text(row.name) ?? '';
    const figures = resources.find((resource) => resource.type === 'node' && resource.node === name);
    const network = rows(answers, networkPath(name));
    const address = text(row.ip);
    return {
      name, online: Number(row.online ?? 0) === 1, maintenance: maintenance.has(name),
      memTotal: count(figures?.maxmem), memUsed: count(figures?.mem), cpus: count(figures?.maxcpu),
      guests: resources.filter((resource) => isGuestRow(resource) && resource.node === name).length,
      ...(address ? { address } : {}),
      ...(answers.get(networkPath(name))?.ok ? { bridges: network.filter((iface) => /bridge|OVSBridge|vnet/i.test(text(iface.type) ?? '')).map((iface) => text(iface.iface) ?? '').sort() } : {}),
    };
  }).sort((a, b) => compareText(a.name, b.name));
}

export function networkPath(node: string): string {
  return `/nodes/${node}/network?type=any_bridge`;
}

function parseStorage(row: JsonObject): StorageFact {
  return {
    storage: text(row.storage) ?? '', node: text(row.node) ?? '', type: text(row.plugintype) ?? '', shared: Number(row.shared ?? 0) === 1,
    content: list(row.content), total: count(row.maxdisk), used: count(row.disk), active: row.status === 'available',
  };
}

function parsePools(pools: readonly JsonObject[], resources: readonly JsonObject[]): ReadonlyMap<string, PoolFact> {
  const members = new Map<string, number[]>(pools.map((row) => [text(row.poolid) ?? '', []]));
  for (const guest of resources.filter(isGuestRow)) members.get(text(guest.pool) ?? '')?.push(count(guest.vmid));
  return new Map(pools.map((row) => {
    const id = text(row.poolid) ?? '';
    return [id, { id, comment: text(row.comment) ?? '', guests: (members.get(id) ?? []).sort((a, b) => a - b), storages: [] }];
  }));
}

function parseHaResources(resources: readonly JsonObject[], haStatus: readonly JsonObject[]): ReadonlyMap<string, HaResourceFact> {
  const services = new Map(haStatus.filter((row) => row.type === 'service').map((row) => [text(row.sid) ?? '', row]));
  return new Map(resources.map((row) => parseHaResource(row, services.get(text(row.sid) ?? ''))).map((resource) => [resource.sid, resource]));
}

function parseHaResource(row: JsonObject, service: JsonObject | undefined): HaResourceFact {
  return {
    sid: text(row.sid) ?? '', state: text(row.state) ?? 'started', maxRestart: count(row.max_restart ?? 1), maxRelocate: count(row.max_relocate ?? 1),
    failback: row.failback === undefined || Number(row.failback) === 1,
    ...(text(row.digest) ? { digest: text(row.digest) } : {}), ...(text(row.group) ? { group: text(row.group) } : {}), ...(text(row.comment) ? { comment: text(row.comment) } : {}),
    ...(text(service?.state) ? { crmState: text(service?.state) } : {}), ...(text(service?.node) ? { node: text(service?.node) } : {}),
  };
}
