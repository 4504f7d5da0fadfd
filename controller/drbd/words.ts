// DRBD's words for its states, old and new, as one vocabulary. A word that we do not know is the least that can be trusted. Pure.
import type { DrbdConnection, DrbdDisk, DrbdReplication, DrbdRole } from '../model/node-facts.ts';

const CONNECTIONS: readonly DrbdConnection[] = ['StandAlone', 'Disconnecting', 'Unconnected', 'Timeout', 'BrokenPipe', 'NetworkFailure', 'ProtocolError', 'TearDown', 'Connecting', 'Connected'];
const DISKS: readonly DrbdDisk[] = ['Diskless', 'Attaching', 'Detaching', 'Failed', 'Negotiating', 'Inconsistent', 'Outdated', 'DUnknown', 'Consistent', 'UpToDate'];
const REPLICATIONS: readonly DrbdReplication[] = ['Off', 'Established', 'StartingSyncS', 'StartingSyncT', 'WFBitMapS', 'WFBitMapT', 'WFSyncUUID', 'SyncSource', 'SyncTarget', 'PausedSyncS', 'PausedSyncT', 'VerifyS', 'VerifyT', 'Ahead', 'Behind'];

/** 8.4 has one word for connection and replication: what replicates is connected. */
export function asConnection(word: string | undefined): DrbdConnection {
  if (word === 'WFConnection' || word === 'WFReportParams') return 'Connecting';
  if (word !== undefined && REPLICATIONS.slice(1).includes(word as DrbdReplication)) return 'Connected';
  return CONNECTIONS.find((known) => known === word) ?? 'Unconnected';
}

export function asReplication(word: string | undefined): DrbdReplication {
  return word === 'Connected' ? 'Established' : REPLICATIONS.find((known) => known === word) ?? 'Off';
}

export function asDisk(word: string | undefined): DrbdDisk {
  return DISKS.find((known) => known === word) ?? 'DUnknown';
}

export function asRole(word: string | undefined): DrbdRole {
  return word === 'Primary' || word === 'Secondary' ? word : 'Unknown';
}
