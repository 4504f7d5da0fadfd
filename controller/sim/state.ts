// In: a literal description of a cluster (cluster-spec.ts) and what the API does to it. Out: the state of a simulated
// cluster as plain data that JSON can hold.
// Must never hold promises, functions or timers: those live in simulation.ts.
import type { JsonObject } from '../model/json.ts';
import type { HaState } from './ha/state.ts';
import type { NodeWorld } from './nodes/state.ts';

/** A value of a guest's configuration file, typed as the API answers it. */
export type ConfigValue = string | number;
export type GuestConfig = Record<string, ConfigValue>;
export type GuestType = 'qemu' | 'lxc';

export interface NodeState {
  readonly name: string;
  readonly nodeId: number;
  readonly address: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Hardware virtualisation; without it a VM starts only with `kvm: 0`. */
  readonly kvm: boolean;
  power: 'on' | 'off';
  network: 'up' | 'down';
  /** Bridges a guest's network device can be attached to. */
  bridges: string[];
  startedAtMs: number;
  /** Process counter: pids in UPIDs and of guests. */
  nextPid: number;
  /** DNS, hosts, time, network, services, description …: each topic under a name of its own. */
  settings: Record<string, JsonObject>;
}

export interface GuestProcess {
  readonly pid: number;
  readonly startedAtMs: number;
  qmpStatus: 'running' | 'paused' | 'prelaunch' | 'postmigrate' | 'inmigrate' | 'suspended';
}

export interface SnapshotState {
  config: GuestConfig;
  description?: string;
  parent?: string;
  snaptime: number;
  vmstate?: string;
  /** `prepare` or `delete` while its task runs or after it failed. */
  state?: string;
}

export interface GuestState {
  readonly vmid: number;
  readonly type: GuestType;
  node: string;
  /** What the file says above the first section; `lock`, `parent`, `template` are keys of it. */
  config: GuestConfig;
  pending: GuestConfig;
  /** Keys deleted at the next start; true: `force`, their volumes go too. */
  pendingDelete: Record<string, boolean>;
  snapshots: Record<string, SnapshotState>;
  process?: GuestProcess;
  /** sha1 of the file; dropped by `touch` and computed again when asked for. */
  digest?: string;
  /** Scripted behaviour of what runs inside: how it reacts to a shutdown, whether its agent answers. */
  behaviour: GuestBehaviour;
}

export interface GuestBehaviour {
  /** ACPI or init shutdown: how long it takes; absent: the guest ignores it. */
  shutdownMs?: number;
  agent?: boolean;
  /** The text a start fails with. */
  startError?: string;
}

export interface VolumeState {
  /** Below the storage: `101/vm-101-disk-0.raw`, `iso/debian.iso`, `vm-101-disk-0`. */
  readonly name: string;
  sizeBytes: number;
  readonly format: string;
  readonly content: string;
  vmid?: number;
  readonly ctime: number;
  /** The base volume of a linked clone. */
  parent?: string;
  notes?: string;
  protected?: number;
}

export interface StorageState {
  readonly id: string;
  readonly type: string;
  /** As GET /storage/{id} answers it, without storage, type and digest. */
  definition: Record<string, ConfigValue>;
  /** Absent: unlimited, shown as a large disk. */
  capacityBytes?: number;
  /** By node; a shared storage has the single key `*`. Then by volume name. */
  volumes: Record<string, Record<string, VolumeState>>;
}

export interface TaskState {
  readonly upid: string;
  readonly node: string;
  readonly pid: number;
  readonly pstart: number;
  /** Seconds since the epoch. */
  readonly starttime: number;
  readonly type: string;
  readonly id: string;
  /** `root@pam`, without the token. */
  readonly user: string;
  readonly tokenid?: string;
  endtime?: number;
  /** `OK`, `WARNINGS: 1` or the first line of the error; absent while it runs. */
  exitstatus?: string;
  log: string[];
}

export interface UserState { enable: number; expire: number; [key: string]: ConfigValue }
export interface TokenState { secret: string; privsep: number; expire: number; comment?: string }
export interface AclEntry { readonly path: string; readonly type: 'user' | 'group' | 'token'; readonly ugid: string; readonly roleid: string; readonly propagate: number }

export interface AccessState {
  /** By user id, `root@pam`. */
  users: Record<string, UserState>;
  passwords: Record<string, string>;
  /** By `root@pam!lab`. */
  tokens: Record<string, TokenState>;
  acl: AclEntry[];
  /** Roles made by users; the built-in ones are code. */
  roles: Record<string, readonly string[]>;
  groups: Record<string, { comment?: string; users: string[] }>;
  domains: Record<string, Record<string, ConfigValue>>;
}

export interface PoolState { comment?: string; vms: number[]; storages: string[] }

export interface ClusterState {
  clusterName: string;
  /** corosync's config_version. */
  configVersion: number;
  qdevice: boolean;
  /** `9.2.11`. */
  readonly pveVersion: string;
  nodes: Record<string, NodeState>;
  guests: Record<string, GuestState>;
  storages: Record<string, StorageState>;
  pools: Record<string, PoolState>;
  access: AccessState;
  ha: HaState;
  /** Datacenter options as GET /cluster/options answers them. */
  options: JsonObject;
  /** Backup jobs by id. */
  jobs: Record<string, Record<string, ConfigValue>>;
  /** By UPID, oldest first. */
  tasks: Record<string, TaskState>;
  /** How guests made through the API behave. */
  readonly newGuests: GuestBehaviour;
  /** Sizes of what new storages stand on: volume groups by name, file systems by path; bytes. */
  readonly disks: Readonly<Record<string, number>>;
  /** What the nodes hold below Proxmox: disks, LVM, DRBD. */
  below: NodeWorld;
  /** Anything else a topic keeps, by topic. */
  other: Record<string, JsonObject>;
}

export function guestOn(state: ClusterState, node: string, type: GuestType, vmid: number): GuestState | undefined {
  const guest = state.guests[String(vmid)];
  return guest && guest.node === node && guest.type === type ? guest : undefined;
}
