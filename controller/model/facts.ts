import type { JsonObject } from './json.ts';
import type { NodeStorageFact } from './node-facts.ts';

/** What a handful of bulk calls say of the cluster; figures of guests and storages may be ten seconds old. */
export interface Facts {
  /** Milliseconds since the epoch, when the observation began. */
  readonly observedAt: number;
  /** `9.2`, as in the API tables. */
  readonly version: string;
  readonly clusterName: string;
  /** We act as root@pam with a ticket: a few options are for nobody else. */
  readonly asRoot: boolean;
  readonly quorate: boolean;
  /** Votes from the quorum device, when `/cluster/config/qdevice` shows one connected. */
  readonly qdevice: boolean;
  readonly nodes: readonly NodeFact[];
  readonly guests: ReadonlyMap<number, GuestFact>;
  /** One row per storage and node. */
  readonly storages: readonly StorageFact[];
  /** Storage definitions as `/storage` gives them, by id. */
  readonly storageDefs: ReadonlyMap<string, JsonObject>;
  readonly pools: ReadonlyMap<string, PoolFact>;
  /** HA resources by sid (`vm:110`, `ct:200`). */
  readonly haResources: ReadonlyMap<string, HaResourceFact>;
  /** Resources that were taken out of HA and that the HA manager still acts on until its next round. */
  readonly haLeaving?: ReadonlySet<string>;
  /** HA groups (up to 8) or rules (9), by name, as the API gives them. */
  readonly haGroups: ReadonlyMap<string, JsonObject>;
  readonly haRules: ReadonlyMap<string, JsonObject>;
  readonly backupJobs: ReadonlyMap<string, JsonObject>;
  readonly options: JsonObject;
  /** Running tasks only. */
  readonly tasks: readonly TaskFact[];
  /** Nodes that this plan chose for new guests, by VMID, so that what is made from one of them finds it. */
  readonly placed?: ReadonlyMap<number, string>;
  /** What nodes told over ssh, by name; only those that some manifest gives DRBD, LVM or an address to. */
  readonly storageNodes?: ReadonlyMap<string, NodeStorageFact>;
  /** The version of each secret that a manifest names; equal to a remembered one when the value is the same. */
  readonly secrets?: ReadonlyMap<string, string>;
  /** Reads that failed, with the reason; what they would have told is unknown, not absent. */
  readonly unread: ReadonlyMap<string, string>;
}

export interface NodeFact {
  readonly name: string;
  readonly online: boolean;
  readonly maintenance: boolean;
  readonly memTotal: number;
  readonly memUsed: number;
  readonly cpus: number;
  /** How many guests are on it. */
  readonly guests: number;
  /** Its address in the cluster, when `/cluster/status` tells. */
  readonly address?: string;
  readonly bridges?: readonly string[];
}

export type GuestType = 'qemu' | 'lxc';
export interface GuestFact {
  readonly vmid: number;
  readonly type: GuestType;
  readonly node: string;
  readonly name: string;
  /** running, stopped, paused … or unknown when its node does not report. */
  readonly status: string;
  readonly template: boolean;
  readonly tags: readonly string[];
  readonly memMax: number;
  readonly lock?: string;
  readonly pool?: string;
}

export interface StorageFact {
  readonly storage: string;
  readonly node: string;
  readonly type: string;
  readonly shared: boolean;
  readonly content: readonly string[];
  /** Bytes; 0 when unknown. */
  readonly total: number;
  readonly used: number;
  readonly active: boolean;
}

export interface PoolFact { readonly id: string; readonly comment: string; readonly guests: readonly number[]; readonly storages: readonly string[] }

export interface HaResourceFact {
  readonly sid: string;
  /** As configured: started, stopped, disabled, ignored. */
  readonly state: string;
  readonly group?: string;
  readonly comment?: string;
  readonly maxRestart: number;
  readonly maxRelocate: number;
  readonly failback: boolean;
  /** Of the file that holds all resources. */
  readonly digest?: string;
  /** What the CRM says it is in: started, stopped, fence, recovery, error, migrate … */
  readonly crmState?: string;
  readonly node?: string;
}

export interface TaskFact { readonly upid: string; readonly node: string; readonly type: string; readonly id: string; readonly user: string }

export function nodeFact(facts: Facts, name: string): NodeFact | undefined {
  return facts.nodes.find((node) => node.name === name);
}

export function sidOf(type: GuestType, vmid: number): string {
  return `${type === 'qemu' ? 'vm' : 'ct'}:${vmid}`;
}
