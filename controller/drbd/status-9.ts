// What DRBD 9 tells of its resources: `drbdsetup status --json`. Unknown keys are passed by, missing ones are unknown. Pure.
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { PeerFact } from '../model/node-facts.ts';
import type { KernelReplica } from './status-8.ts';
import { asConnection, asDisk, asReplication, asRole } from './words.ts';

const KIB = 1024;

/** Undefined: it is no such text. */
export function parseStatus9(text: string): readonly KernelReplica[] | undefined {
  const value = jsonOf(text);
  return Array.isArray(value) ? (value as readonly Json[]).flatMap((row) => (isObject(row) && typeof row.name === 'string' ? [replica(row.name, row)] : [])) : undefined;
}

function replica(resource: string, row: JsonObject): KernelReplica {
  const [device = {}] = rowsOf(row.devices);
  const size = numberOf(device.size);
  const minor = numberOf(device.minor);
  const reasons = ['user', 'no-data', 'fencing', 'quorum'].filter((reason) => row[`suspended-${reason}`] === true);
  return {
    resource, role: asRole(textOf(row.role)), disk: asDisk(textOf(device['disk-state'])),
    ...(minor === undefined ? {} : { minor }),
    ...(size === undefined || size === 0 ? {} : { sizeBytes: size * KIB }),
    ...(reasons.length > 0 ? { suspended: reasons.join(', ') } : {}),
    ...(typeof device.quorum === 'boolean' ? { quorum: device.quorum } : {}),
    peers: rowsOf(row.connections).map(peer),
  };
}

function peer(row: JsonObject): PeerFact {
  const [device = {}] = rowsOf(row['peer_devices']);
  const done = numberOf(device['percent-resync-done']) ?? (device['has-sync-details'] === true ? numberOf(device['percent-in-sync']) : undefined);
  const left = numberOf(device['estimated-seconds-to-finish']);
  return {
    name: textOf(row.name) ?? '', connection: asConnection(textOf(row['connection-state'])), role: asRole(textOf(row['peer-role'])),
    disk: asDisk(textOf(device['peer-disk-state'])), replication: asReplication(textOf(device['replication-state'])),
    outOfSyncBytes: (numberOf(device['out-of-sync']) ?? 0) * KIB,
    ...(done === undefined ? {} : { donePercent: done }), ...(left === undefined ? {} : { secondsLeft: left }),
  };
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function rowsOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((row): row is JsonObject => isObject(row)) : [];
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
