import type { JsonObject } from './json.ts';
import type { GuestType } from './facts.ts';

/** Asked once as a guard just before a step, or asked until it holds as a wait. Evaluated by safety/conditions.ts. */
export type Condition =
  | { readonly is: 'quorate' }
  | { readonly is: 'node-online'; readonly node: string }
  /** Not locked and none of its tasks is running. */
  | { readonly is: 'guest-idle'; readonly vmid: number }
  /** Still the guest that was planned on: at this node, of this type, carrying the mark (unless being adopted). */
  | { readonly is: 'guest-is'; readonly vmid: number; readonly type: GuestType; readonly node: string; readonly mark?: string }
  /** The very guest: its uuid is read from its configuration. For what cannot be undone. */
  | { readonly is: 'guest-identity'; readonly vmid: number; readonly identity: string }
  | { readonly is: 'guest-status'; readonly vmid: number; readonly status: 'running' | 'stopped' }
  | { readonly is: 'guest-on'; readonly vmid: number; readonly nodes: readonly string[] }
  | { readonly is: 'guest-template'; readonly vmid: number }
  | { readonly is: 'vmid-free'; readonly vmid: number }
  | { readonly is: 'ha-state'; readonly sid: string; readonly states: readonly string[] }
  | { readonly is: 'ha-absent'; readonly sid: string }
  | { readonly is: 'storage-has'; readonly node: string; readonly storage: string; readonly bytes: number }
  | { readonly is: 'maintenance'; readonly node: string; readonly active: boolean };

export type Action =
  | {
    readonly via: 'pve';
    readonly method: 'POST' | 'PUT' | 'DELETE';
    readonly path: string;
    readonly params: JsonObject;
    /** The node that acts; asked at its own endpoint where known. */
    readonly node?: string;
    /** Where the digest for this write is read, and the one the plan saw; sent so that a change by somebody else in between is refused. */
    readonly digest?: { readonly path: string; readonly value?: string };
  }
  | { readonly via: 'wait'; readonly until: Condition };

export type Risk = 'none' | 'hotplug' | 'restart' | 'downtime' | 'migration' | 'data-loss';

export interface Cost {
  /** Bytes that will be copied. */
  readonly bytes?: number;
  /** An estimate, for the reader only. */
  readonly seconds?: number;
  readonly note?: string;
}

export interface Step {
  /** Imperative, without the object's name: `resize scsi0 to 20G`. */
  readonly title: string;
  readonly action: Action;
  readonly guards: readonly Condition[];
  readonly risk: Risk;
  readonly cost?: Cost;
  /** Lock domains of Proxmox that this step occupies: `guest/110`, `template/101`, `storage/local@pve1`. Steps that share one run one after the other. */
  readonly locks: readonly string[];
  /** The node that does the work, for bounding work per node. */
  readonly node?: string;
  readonly timeoutMs: number;
  /** Only root@pam with a ticket may do this (quirk 23); held for everybody else. */
  readonly needsRoot?: string;
  /** The kind already knows that this may not be done now. */
  readonly hold?: Hold;
}

export type HoldCode =
  | 'BUSY' | 'UNKNOWN' | 'NOT_QUORATE' | 'NODE_OFFLINE' | 'NOT_OWNED' | 'REFUSED' | 'RESTART_POLICY' | 'PRUNE_POLICY' | 'ADOPT_POLICY'
  | 'LIMIT' | 'STORAGE_FULL' | 'DISRUPTION' | 'WAITS_FOR' | 'HA_ERROR' | 'SNAPSHOT' | 'ROOT_ONLY' | 'REFERENCED' | 'SUSPENDED';

/** Planned, not done now, with a reason. */
export interface Hold {
  readonly code: HoldCode;
  readonly reason: string;
  /** Whether `--approve FINGERPRINT` (or `policy`) lifts it; everything else lifts when the world changes. */
  readonly approvable: boolean;
}
