// What the nodes themselves hold below Proxmox: disks, LVM, files, DRBD's metadata on disks and its state in kernels.
// Plain data that JSON can hold. What lies on a disk lies in its `Medium`, so what DRBD copies is copied with it.
import type { DrbdDisk, DrbdReplication } from '../../model/node-facts.ts';
import { newPrograms } from './virtual-ip-state.ts';
import type { VirtualIpProgram, VirtualIpPrograms } from './virtual-ip-state.ts';

/** What is on one block device: a disk, a logical volume. */
export interface Medium {
  sizeBytes: number;
  failed?: true;
  /** DRBD's own, at its end. */
  metadata?: Metadata;
  label?: Label;
  /** Bytes that it gives back other than they were written, by what changed them. */
  rotten?: Record<string, number>;
  /** Ids of the writes of applications that it holds (data.ts). */
  writes: number[];
}

/** What the first blocks say it is. */
export type Label = { readonly kind: 'file-system'; readonly type: string } | PhysicalVolume;
export interface PhysicalVolume { readonly kind: 'physical'; readonly uuid: string; sizeBytes: number; group?: VolumeGroup }
/** Groups of one physical volume are all that is known here. */
export interface VolumeGroup { readonly name: string; readonly uuid: string; readonly extentBytes: number; volumes: Record<string, LogicalVolume> }
export interface LogicalVolume { readonly name: string; readonly uuid: string; tags: string[]; readonly medium: Medium }

/** What is known towards one peer. */
export interface Slot { bitmap: string; outOfSyncBytes: number; /** Some of that was found by comparing. */ isCompared?: true }

export interface Metadata {
  readonly version: 'v08' | 'v09';
  readonly maxPeers: number;
  /** False after a crash: the activity log has to be applied first. */
  clean: boolean;
  /** 16 hexadecimal digits; the lowest bit says that it was Primary. */
  current: string;
  history: [string, string];
  /** By peer; 8.4 has one. */
  peers: Record<string, Slot>;
  isConsistent: boolean;
  isOutdated: boolean;
  /** Was Primary when the power went. */
  crashedPrimary: boolean;
  /** What was usable when it was last attached. */
  effectiveBytes: number;
}

export interface Peer {
  /** The peer's, on DRBD 9. */
  nodeId: number;
  connection: 'StandAlone' | 'Connecting' | 'Connected';
  replication: DrbdReplication;
  local: string;
  remote: string;
  /** Net options in force, as the file wrote them. */
  net: Record<string, string>;
  discardMyData?: true;
  /** Only while a resync or a verify runs. */
  sync?: Sync;
  /** How far a comparison came that was broken off. */
  verifiedBytes?: number;
  sentBytes: number;
  receivedBytes: number;
}

export interface Sync { readonly startedAtMs: number; readonly totalBytes: number; readonly bytesPerSecond: number; /** What was found to differ is copied as well. */ readonly isMending?: boolean }

/** One resource in the kernel of one node. */
export interface Replica {
  readonly resource: string;
  minor: number;
  readonly nodeId: number;
  role: 'Primary' | 'Secondary';
  disk: DrbdDisk;
  /** The backing device, while attached. */
  device?: string;
  sizeBytes: number;
  diskOptions: Record<string, string>;
  resourceOptions: Record<string, string>;
  peers: Record<string, Peer>;
  /** The generation that users of the device last saw: after its own disk is gone, only the same may come back under them. */
  exposed?: string;
  /** Mounted or opened by hand. */
  openedBy?: string;
  suspended?: 'quorum';
  readBytes: number;
  writtenBytes: number;
}

export interface Host {
  /** Of the loaded module; empty: not loaded. */
  drbd: string;
  /** The distribution's service runs `adjust` for everything at boot. */
  adjustsAtBoot: boolean;
  /** Text by absolute path. */
  files: Record<string, string>;
  disks: Record<string, Medium>;
  addresses: { readonly interface: string; readonly address: string }[];
  replicas: Record<string, Replica>;
  /** Active logical volumes, `vg0/r0`. */
  active: string[];
  /** What `dmesg` prints, as far as anybody here reads it; gone with the power. */
  kernelLog?: string[];
  /** Of the virtual IP. */
  programs: VirtualIpPrograms;
  /** When empty files below /run were touched, in milliseconds, by path. */
  notes: Record<string, number>;
}

export interface AppliedWrite { readonly id: number; readonly resource: string; readonly node: string; readonly bytes: number; readonly by: string; lostBy?: string }

export interface NodeWorld {
  hosts: Record<string, Host>;
  /** Pairs `a b` (sorted) whose replication line is cut. */
  cutLinks: string[];
  writes: AppliedWrite[];
}

const LVM_CONF = 'devices {\n     global_filter=["r|/dev/zd.*|","r|/dev/rbd.*|"]\n}\n';

export function newHost(name: string, address: string, drbd = '8.4.11', programs?: readonly VirtualIpProgram[]): Host {
  return {
    drbd, adjustsAtBoot: true, disks: {}, replicas: {}, active: [], programs: newPrograms(programs), notes: {},
    files: { '/etc/lvm/lvm.conf': LVM_CONF, '/etc/hostname': `${name}\n` },
    addresses: [{ interface: 'lo', address: '127.0.0.1/8' }, { interface: 'vmbr0', address: `${address}/24` }],
  };
}

export function emptyWorld(): NodeWorld {
  return { hosts: {}, cutLinks: [], writes: [] };
}

export function pairOf(a: string, b: string): string {
  return [a, b].sort().join(' ');
}
