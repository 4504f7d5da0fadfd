// What the programs of the virtual IP are on one node: installed, started with it, running, and what they were told when they last
// read their files. Plain data that JSON can hold.

export interface VirtualIpPrograms {
  keepalived?: Keepalived;
  heartbeat?: Heartbeat;
}
export type VirtualIpProgram = keyof VirtualIpPrograms;
export const VIRTUAL_IP_PROGRAMS = ['keepalived', 'heartbeat'] as const satisfies readonly VirtualIpProgram[];

export interface Keepalived {
  isEnabled: boolean;
  isRunning: boolean;
  instances: RunningInstance[];
}

/** An instance as its file says. */
export interface VrrpSettings {
  readonly name: string;
  readonly interface: string;
  readonly routerId: number;
  readonly priority: number;
  readonly version: number;
  readonly advertMs: number;
  readonly preempt: boolean;
  /** Its own address. */
  readonly source: string;
  /** Empty: it speaks to the group of all. */
  readonly peers: readonly string[];
  /** With their prefixes. */
  readonly addresses: readonly string[];
  readonly password?: string;
  /** Where it notes each state: this and `.MASTER`. */
  readonly note?: string;
}

export interface RunningInstance extends VrrpSettings {
  state: 'BACKUP' | 'MASTER' | 'FAULT';
  /** Of the state; a MASTER says so then and after each interval. */
  sinceMs: number;
  /** When a MASTER was heard last, or when it began to listen. */
  heardMs: number;
  /** The MASTER that it hears now, as often as that one speaks. */
  hears?: Beat;
  /** When it takes the address, or gives way, unless something happens before. */
  dueMs?: number;
}
export interface Beat { readonly sinceMs: number; readonly advertMs: number }

export interface Heartbeat {
  isEnabled: boolean;
  run?: HeartbeatRun;
}

/** Since its last start. */
export interface HeartbeatRun {
  readonly startedMs: number;
  readonly settings: HeartbeatSettings;
  /** Undefined: it has not decided yet, or again. */
  resources?: 'none' | 'local' | 'foreign' | 'all';
  /** Whether the other node counts as alive. */
  peer: 'unknown' | 'active' | 'dead';
  /** The other one leaves in order, and it takes what that one had. */
  isHandedOver?: true;
  dueMs?: number;
}

export interface HeartbeatSettings {
  readonly nodes: readonly string[];
  readonly links: readonly string[];
  readonly deadMs: number;
  readonly firstMs: number;
  readonly failback: boolean;
  readonly key: string;
  readonly preferred: string;
  readonly address: string;
  readonly interface: string;
}

/** @param installed the programs that the node has */
export function newPrograms(installed: readonly VirtualIpProgram[] = ['keepalived']): VirtualIpPrograms {
  return {
    ...(installed.includes('keepalived') ? { keepalived: { isEnabled: false, isRunning: false, instances: [] } } : {}),
    ...(installed.includes('heartbeat') ? { heartbeat: { isEnabled: false } } : {}),
  };
}
