// What one node tells over ssh: its DRBD replicas, its LVM, its addresses. Units are bytes; words are DRBD 9's, also for 8.4.

/** DRBD's connection states; 8.4 says WFConnection for Connecting. */
export type DrbdConnection = 'StandAlone' | 'Disconnecting' | 'Unconnected' | 'Timeout' | 'BrokenPipe' | 'NetworkFailure' | 'ProtocolError' | 'TearDown' | 'Connecting' | 'Connected';
export type DrbdDisk = 'Diskless' | 'Attaching' | 'Detaching' | 'Failed' | 'Negotiating' | 'Inconsistent' | 'Outdated' | 'DUnknown' | 'Consistent' | 'UpToDate';
export type DrbdRole = 'Primary' | 'Secondary' | 'Unknown';
export type DrbdReplication =
  | 'Off' | 'Established' | 'StartingSyncS' | 'StartingSyncT' | 'WFBitMapS' | 'WFBitMapT' | 'WFSyncUUID' | 'SyncSource' | 'SyncTarget' | 'PausedSyncS' | 'PausedSyncT' | 'VerifyS' | 'VerifyT' | 'Ahead' | 'Behind';

/** Generation identifiers towards one peer, as 16 hexadecimal digits each, without the lowest bit, which only says Primary. */
export interface Generation {
  /** The peer's node name; absent on 8.4, which has one. */
  readonly peer?: string;
  readonly current: string;
  /** `0000000000000000`: none. */
  readonly bitmap: string;
  /** The lowest bit of `current`: it is Primary, or was when it went down. */
  readonly isPrimary?: true;
  /** The lowest bit of `bitmap`: it was Primary when it lost this peer. */
  readonly wasPrimary?: true;
  readonly history: readonly string[];
}

export interface PeerFact {
  /** Its node; from the configuration on 8.4, whose status says only `peer`. */
  readonly name: string;
  readonly connection: DrbdConnection;
  readonly role: DrbdRole;
  readonly disk: DrbdDisk;
  readonly replication: DrbdReplication;
  readonly outOfSyncBytes: number;
  /** Percent of a resync or verify that is done. */
  readonly donePercent?: number;
  readonly secondsLeft?: number;
}

/** One resource as one node has it. */
export interface ReplicaFact {
  readonly resource: string;
  /** Configured in the kernel. */
  readonly isUp: boolean;
  readonly minor?: number;
  readonly role: DrbdRole;
  readonly disk: DrbdDisk;
  /** What can be used of it; absent while it has no disk. */
  readonly sizeBytes?: number;
  readonly peers: readonly PeerFact[];
  /** Empty when it has no metadata, or they could not be read (`metadata` tells which). */
  readonly generations: readonly Generation[];
  readonly metadata: 'present' | 'absent' | 'unknown';
  /** Commands that `drbdadm adjust` would run: the drift of the kernel from the file; undefined: it could not say. */
  readonly adjust?: readonly string[];
  /** DRBD 9 with quorum configured. */
  readonly quorum?: boolean;
  /** I/O waits: `quorum`, `no-data`, `fencing`, `user`. */
  readonly suspended?: string;
}

/** One comparison of the copies that was begun on this node for a schedule. Clocks are the node's own, but for `dueMs`. */
export interface VerifyFact {
  /** The moment for which it was due. */
  readonly dueMs: number;
  readonly begunMs: number;
  /** Absent: nobody noted its end. */
  readonly endedMs?: number;
  /** Bytes that differed, by peer (empty: the only one, of 8.4). Absent: it runs, or was broken off. */
  readonly found?: ReadonlyMap<string, number>;
}

export interface VolumeGroupFact { readonly name: string; readonly uuid: string; readonly sizeBytes: number; readonly freeBytes: number; readonly extentBytes: number }
export interface LogicalVolumeFact { readonly group: string; readonly name: string; readonly uuid: string; readonly sizeBytes: number; readonly active: boolean; readonly open: boolean; readonly tags: readonly string[] }
export interface PhysicalVolumeFact { readonly device: string; readonly group: string; readonly uuid: string; readonly sizeBytes: number; readonly freeBytes: number }
export interface AddressFact { readonly interface: string; /** With its prefix: `192.168.22.41/24`. */ readonly address: string }

export interface NodeStorageFact {
  readonly node: string;
  /** Why it told nothing, or not all: what follows is then not the whole truth. */
  readonly unread?: string;
  /** `8.4.11`, `9.2.18`; absent: the module is not loaded. */
  readonly drbdVersion?: string;
  /** Resources that are configured in a file or in the kernel, by name. */
  readonly replicas: ReadonlyMap<string, ReplicaFact>;
  /** Text of `/etc/drbd.d/NAME.res` by NAME. */
  readonly resFiles: ReadonlyMap<string, string>;
  /** Why `drbdadm` refuses the whole configuration. */
  readonly configTrouble?: string;
  /** Comparisons by resource; absent: they were not asked, because no file names a checksum, or could not be read. */
  readonly verifies?: ReadonlyMap<string, VerifyFact>;
  readonly groups: readonly VolumeGroupFact[];
  readonly volumes: readonly LogicalVolumeFact[];
  readonly physical: readonly PhysicalVolumeFact[];
  /** `devices/global_filter` as LVM has it now; absent: none. */
  readonly lvmFilter?: string;
  readonly addresses: readonly AddressFact[];
  readonly virtualIp?: VirtualIpNodeFact;
}

export type VrrpState = 'MASTER' | 'BACKUP' | 'FAULT' | 'STOP';

export interface KeepalivedFact {
  readonly running: boolean;
  readonly enabled: boolean;
  /** latido wrote its files after it had read them last: it goes by older ones. */
  readonly isBehind?: true;
  /** `/etc/keepalived/keepalived.conf`, without passwords; absent: there is none. */
  readonly main?: string;
  /** Our own parts of it by the name of their VirtualIP, without passwords. */
  readonly parts: ReadonlyMap<string, string>;
  /** What keepalived noted last of each instance that we configured, and when, in milliseconds since the epoch. */
  readonly states: ReadonlyMap<string, { readonly state: VrrpState; readonly since: number }>;
}

export interface HeartbeatFact {
  readonly running: boolean;
  readonly enabled: boolean;
  readonly isBehind?: true;
  /** `ha.cf`, `haresources` and `authkeys`, without keys. */
  readonly files: ReadonlyMap<string, string>;
  readonly resources?: 'none' | 'local' | 'foreign' | 'all' | 'transition';
  readonly peers: ReadonlyMap<string, 'active' | 'dead'>;
}

/** The programs that can keep the cluster's address, as this node has them; absent: not installed. */
export interface VirtualIpNodeFact { readonly keepalived?: KeepalivedFact; readonly heartbeat?: HeartbeatFact }
