// The HA manager's part of the simulated cluster's state; plain data, serialisable as JSON.
// In: what the API and the HA daemons write. Out: what they read.
// Must never hold a function, a promise or a clock.

export type ServiceState =
  | 'stopped' | 'request_stop' | 'request_start' | 'request_start_balance' | 'started' | 'fence' | 'recovery'
  | 'migrate' | 'relocate' | 'freeze' | 'error';
export type NodeState = 'online' | 'maintenance' | 'unknown' | 'fence' | 'gone';
export type RequestState = 'started' | 'stopped' | 'disabled' | 'ignored';

/** One service as the manager sees it; the keys are those of `manager_status`. */
export interface ServiceStatus {
  state: ServiceState;
  node: string;
  uid?: string;
  target?: string;
  timeout?: string;
  running?: 1;
  failed_nodes?: string[];
  maintenance_node?: string;
  /** What `crm_commands` asked for and the next round will do: `['migrate', 'pve3']`, `['stop', '60']`. */
  cmd?: string[];
}

export interface ManagerStatus {
  master_node?: string;
  /** Seconds since the epoch, of the master's last round. */
  timestamp?: number;
  node_status: Record<string, NodeState>;
  service_status: Record<string, ServiceStatus>;
  node_request?: Record<string, { maintenance?: 1 }>;
  disarm?: { mode: 'freeze' | 'ignore'; state: 'disarming' | 'disarmed' };
}

export interface LrmResult { sid: string; state: string; exit_code: number }
export type LrmState = 'wait_for_agent_lock' | 'active' | 'lost_agent_lock' | 'maintenance';
export type LrmMode = 'active' | 'restart' | 'shutdown' | 'maintenance' | 'disarm';

/** The file `nodes/<node>/lrm_status`. */
export interface LrmStatus { state: LrmState; mode: LrmMode; results: Record<string, LrmResult>; timestamp: number }

/** A directory in `/etc/pve/priv/lock`: nobody else can have it before it is 120 s old. */
export interface HaLock { holder: string; renewedMs: number }

/** What the CRM process of one node keeps in memory; lost with its power. */
export interface CrmMemory {
  state: 'wait_for_quorum' | 'slave' | 'master' | 'lost_manager_lock';
  lastOnlineMs: Record<string, number>;
  idleRounds: number;
  lockedMs?: number;
}

export interface LrmWorker { sid: string; uid?: string; command: string; target?: string; timeout?: string; started: boolean }

/** What the LRM process of one node keeps in memory; lost with its power. */
export interface LrmMemory {
  state: LrmState;
  mode: LrmMode;
  results: Record<string, LrmResult>;
  restartTries: Record<string, number>;
  workers: Record<string, LrmWorker>;
  idleRounds: number;
  lockedMs?: number;
  /** When the watchdog was last fed; absent: it is closed and the node cannot be reset by it. */
  watchdogMs?: number;
  shutdown?: 'shutdown' | 'reboot';
}

/** A section of resources.cfg, rules.cfg or groups.cfg, as written: no defaults. */
export type HaSection = Record<string, string | number>;

/** Who is joined to whom on the cluster network; kept by quorum.ts. */
export interface CorosyncState {
  /** Nodes without a link to any other; absent: linked. */
  cut: Record<string, true>;
  /** By node: the members of the partition it last agreed on. Absent: never told otherwise, every node. */
  members: Record<string, string[]>;
  /** By node: until when a new membership is being formed; writes to /etc/pve wait for it. */
  formingUntilMs: Record<string, number>;
  /** When the node's link or the power behind it last went, for calls that hang on a connection nobody answers. */
  lostAtMs: Record<string, number>;
  /** The third vote's server; only asked when the cluster has a QDevice. */
  qnetd: 'on' | 'off';
  /** By node: what /cluster/status says, which is older than the truth when only votes changed. */
  shownQuorate: Record<string, 0 | 1>;
  /** When a node was last switched on during the simulation; absent: it has run for long. */
  bootedAtMs: Record<string, number>;
  /** Daemons that do not run although their node does. */
  stopped: Record<string, ('pveproxy' | 'pvedaemon')[]>;
}

export interface HaState {
  corosync: CorosyncState;
  /** By sid, `vm:100`. */
  resources: Record<string, HaSection>;
  /** By rule id, in the order of the file. */
  rules: Record<string, HaSection>;
  groups: Record<string, HaSection>;
  manager: ManagerStatus;
  lrm: Record<string, LrmStatus>;
  /** Lines of `ha/crm_commands` that the master has not read yet. */
  commands: string[];
  managerLock?: HaLock;
  agentLocks: Record<string, HaLock>;
  crms: Record<string, CrmMemory>;
  lrms: Record<string, LrmMemory>;
}

export function emptyHa(): HaState {
  return {
    resources: {}, rules: {}, groups: {}, manager: { node_status: {}, service_status: {} }, lrm: {}, commands: [],
    agentLocks: {}, crms: {}, lrms: {},
    corosync: { cut: {}, members: {}, formingUntilMs: {}, lostAtMs: {}, qnetd: 'on', shownQuorate: {}, bootedAtMs: {}, stopped: {} },
  };
}

/** One HA resource with the defaults filled in and the node where its guest's configuration is. */
export interface HaResource {
  readonly sid: string;
  readonly type: 'vm' | 'ct';
  readonly state: RequestState;
  readonly maxRestart: number;
  readonly maxRelocate: number;
  readonly failback: boolean;
  /** Absent: no such guest. */
  readonly node?: string;
}

/** The resources as the manager reads them; `nodeOf` tells where a guest's configuration is. */
export function haResources(ha: HaState, nodeOf: (vmid: number) => string | undefined): Record<string, HaResource> {
  const read: Record<string, HaResource> = {};
  for (const sid of Object.keys(ha.resources)) {
    const resource = haResource(ha, sid, nodeOf);
    if (resource) read[sid] = resource;
  }
  return read;
}

/** One of them: each of thousands of workers asks for its own. */
export function haResource(ha: HaState, sid: string, nodeOf: (vmid: number) => string | undefined): HaResource | undefined {
  const section = ha.resources[sid];
  if (!section) return undefined;
  const [type, id] = sid.split(':');
  const asked = section['state'] ?? 'started';
  const node = nodeOf(Number(id));
  return {
    sid, type: type === 'ct' ? 'ct' : 'vm',
    state: (asked === 'enabled' ? 'started' : asked) as RequestState,
    maxRestart: Number(section['max_restart'] ?? 1), maxRelocate: Number(section['max_relocate'] ?? 1),
    failback: failbackOf(ha, section), ...(node === undefined ? {} : { node }),
  };
}

function failbackOf(ha: HaState, section: HaSection): boolean {
  const group = section['group'];
  if (group !== undefined) return Number(ha.groups[String(group)]?.['nofailback'] ?? 0) === 0;
  return Number(section['failback'] ?? 1) === 1;
}
