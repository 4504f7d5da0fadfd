import type { JsonObject } from './json.ts';
import type { GuestType } from './facts.ts';
import type { Stdin } from './doors.ts';
import type { DrbdRole } from './node-facts.ts';

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
  /** The slot still holds that volume. For what destroys it. */
  | { readonly is: 'slot-holds'; readonly vmid: number; readonly slot: string; readonly volume: string }
  /** Its configuration is byte for byte the one that was planned on. For what cannot be undone. */
  | { readonly is: 'guest-unchanged'; readonly vmid: number; readonly digest: string }
  /** A creation that was cut off: its configuration is the lock of that creation and nothing else, and no task works on it. */
  | { readonly is: 'guest-remnant'; readonly vmid: number; readonly type: GuestType; readonly node: string }
  | { readonly is: 'guest-status'; readonly vmid: number; readonly status: 'running' | 'stopped' }
  | { readonly is: 'guest-on'; readonly vmid: number; readonly nodes: readonly string[] }
  | { readonly is: 'guest-template'; readonly vmid: number }
  | { readonly is: 'vmid-free'; readonly vmid: number }
  | { readonly is: 'ha-state'; readonly sid: string; readonly states: readonly string[] }
  /** It is no HA resource, and the HA manager has let go of it. */
  | { readonly is: 'ha-absent'; readonly sid: string }
  | { readonly is: 'storage-has'; readonly node: string; readonly storage: string; readonly bytes: number }
  /** All these nodes tell of the resource: every replica UpToDate, every connection established, nothing out of sync. */
  | { readonly is: 'drbd-in-sync'; readonly resource: string; readonly nodes: readonly string[] }
  /** Connected to each other, whatever their disks are. */
  | { readonly is: 'drbd-connected'; readonly resource: string; readonly nodes: readonly string[] }
  /** None of these nodes has ever held data of the resource. For declaring the copies equal, and for the first source. */
  | { readonly is: 'drbd-new'; readonly resource: string; readonly nodes: readonly string[] }
  | { readonly is: 'drbd-role'; readonly resource: string; readonly node: string; readonly role: DrbdRole }
  /** This very node's data is UpToDate. */
  | { readonly is: 'drbd-uptodate'; readonly resource: string; readonly node: string }
  /** Whoever opens its device on the node reads and writes good data: it is Primary there, or becomes so when it is opened (`promotes`, DRBD 9), and an UpToDate copy is in reach. */
  | { readonly is: 'drbd-usable'; readonly resource: string; readonly node: string; readonly promotes?: boolean }
  /** The node may go: whatever good copy it has, a connected peer has as well, and nobody is resynchronised from it. `nodes` tell of both sides. */
  | { readonly is: 'drbd-dispensable'; readonly node: string; readonly nodes: readonly string[] }
  /** No two of these nodes have written apart from each other. */
  | { readonly is: 'drbd-not-split'; readonly resource: string; readonly nodes: readonly string[] }
  /** The generations are those that were planned on, by node: `current:bitmap` of each peer in the order of their names. For what cannot be undone. */
  | { readonly is: 'drbd-generations'; readonly resource: string; readonly generations: Readonly<Record<string, string>> }
  /** Neither the resource's data nor any metadata of another is on it: not there, or made by us and unused. */
  | { readonly is: 'volume-absent'; readonly node: string; readonly group: string; readonly volume: string }
  /** The very logical volume, by its uuid. For what destroys it. */
  | { readonly is: 'volume-is'; readonly node: string; readonly group: string; readonly volume: string; readonly uuid: string }
  /** No logical volume of the group is active or open at the node. */
  | { readonly is: 'group-unused'; readonly node: string; readonly group: string }
  /** Exactly one of these nodes has the address. */
  | { readonly is: 'address-held'; readonly address: string; readonly nodes: readonly string[]; readonly by?: string }
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
  | {
    readonly via: 'ssh';
    readonly node: string;
    /** Never a line for a shell. Runs under the node's latido lock, so that what a killed latido began is not overtaken. */
    readonly argv: readonly string[];
    readonly stdin?: Stdin;
    /** Exit codes besides 0 that say: it is done already (`drbdadm disconnect` of what is not connected: 10). */
    readonly alsoDone?: readonly number[];
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

/** Every reason for which something planned is not done now; the README lists them. */
export const HOLD_CODES = {
  BUSY: 'it is locked, or one of its tasks is running',
  UNKNOWN: 'it could not be read; nothing is planned on what cannot be seen',
  NOT_QUORATE: 'the cluster is not quorate',
  NODE_OFFLINE: 'the node that it needs is offline',
  NOT_OWNED: 'latido did not make it, or its VMID was reused',
  REFUSED: 'Proxmox cannot make this change, or it would lose data',
  WINDOW: 'policy.apply is window, and no window of the policy is open',
  RESTART_POLICY: 'it needs a restart, and policy.restart does not allow one now',
  PRUNE_POLICY: 'no manifest names it any more, and policy.prune asks for an approval or forbids it',
  ADOPT_POLICY: 'it exists already, and policy.adopt asks for an approval or forbids taking it over',
  LIMIT: 'policy.limits is reached in this round',
  STORAGE_FULL: 'no storage that it may use has room',
  WAITS_FOR: 'something that it builds on is held',
  HA_ERROR: 'the HA manager has it in error state',
  ROOT_ONLY: 'only root@pam with a ticket may do it',
  REFERENCED: 'something else still uses it',
  SUSPENDED: 'a person suspended it, or its kind, or all',
  DRIFT_POLICY: 'somebody changed it by hand, and its drift is to be reported or ignored, not undone',
  PING_PONG: 'something else keeps undoing what latido does to it',
  STALLED: 'it failed in a way that trying again does not mend; it waits for another commit',
  SPLIT_BRAIN: 'two nodes have written apart from each other; a person has to say whose changes are dropped',
  RESYNC: 'a resync is under way, and its source must not be disturbed',
  LAST_COPY: 'it would take away the last good copy of the data',
  BACK_OFF: 'it failed and is tried again later',
} as const;
export type HoldCode = keyof typeof HOLD_CODES;

/** Planned, not done now, with a reason. */
export interface Hold {
  readonly code: HoldCode;
  readonly reason: string;
  /** Whether `--approve FINGERPRINT` (or `policy`) lifts it; everything else lifts when the world changes. */
  readonly approvable: boolean;
}
