// What DRBD 8.4 tells of its resources: `drbdsetup events2 --now --statistics`, and /proc/drbd for what the former leaves out
// (a StandAlone connection, how far a resync is). In: both texts. Out: replicas in the words of DRBD 9. Pure.
import type { DrbdConnection, DrbdDisk, DrbdReplication, DrbdRole, PeerFact } from '../model/node-facts.ts';
import { asConnection, asDisk, asReplication, asRole } from './words.ts';

export interface KernelReplica {
  readonly resource: string;
  readonly minor?: number;
  readonly role: DrbdRole;
  readonly disk: DrbdDisk;
  readonly sizeBytes?: number;
  readonly suspended?: string;
  readonly quorum?: boolean;
  readonly peers: readonly PeerFact[];
}

const KIB = 1024;

/** @param peerOf the one peer of a resource, from its file: the kernel says only `peer` */
export function parseStatus8(events: string, proc: string, peerOf: (resource: string) => string | undefined): readonly KernelReplica[] {
  const lines = events.split('\n').map(fieldsOf);
  const kernel = parseProc(proc);
  return lines.filter(({ what }) => what === 'resource').flatMap(({ fields }) => {
    const name = fields.get('name');
    if (name === undefined) return [];
    const of = (what: string) => lines.find((line) => line.what === what && line.fields.get('name') === name)?.fields;
    const [device, connection, peerDevice] = [of('device'), of('connection'), of('peer-device')];
    const minor = numberOf(device?.get('minor'));
    const record = minor === undefined ? undefined : kernel.get(minor);
    const size = numberOf(device?.get('size'));
    const peer = peerOf(name);
    const suspended = fields.get('suspended');
    return [{
      resource: name, ...(minor === undefined ? {} : { minor }), role: asRole(fields.get('role')), disk: asDisk(device?.get('disk')),
      ...(size === undefined || size === 0 ? {} : { sizeBytes: size * KIB }),
      ...(suspended === undefined || suspended === 'no' ? {} : { suspended }),
      peers: peer === undefined ? [] : [{
        name: peer,
        connection: connection ? asConnection(connection.get('connection')) : record?.connection ?? 'StandAlone',
        role: asRole(connection?.get('role')), disk: asDisk(peerDevice?.get('peer-disk') ?? record?.peerDisk),
        replication: peerDevice ? asReplication(peerDevice.get('replication')) : 'Off',
        outOfSyncBytes: (numberOf(peerDevice?.get('out-of-sync')) ?? record?.outOfSyncKib ?? 0) * KIB,
        ...(record?.donePercent === undefined ? {} : { donePercent: record.donePercent }),
        ...(record?.secondsLeft === undefined ? {} : { secondsLeft: record.secondsLeft }),
      }],
    }];
  });
}

function fieldsOf(line: string): { readonly what: string; readonly fields: ReadonlyMap<string, string> } {
  const words = line.trim().split(/\s+/);
  const at = words.indexOf('exists');
  const fields = words.slice(at + 2).flatMap((word): (readonly [string, string])[] => {
    const colon = word.indexOf(':');
    return colon < 1 ? [] : [[word.slice(0, colon), word.slice(colon + 1)]];
  });
  return { what: at < 0 ? '' : words[at + 1] ?? '', fields: new Map(fields) };
}

interface ProcRecord {
  readonly connection: DrbdConnection;
  readonly replication: DrbdReplication;
  readonly peerDisk: string;
  readonly outOfSyncKib: number;
  readonly donePercent?: number;
  readonly secondsLeft?: number;
}

function parseProc(text: string): ReadonlyMap<number, ProcRecord> {
  const records = text.split(/^(?=[ \t]*\d+: cs:)/m);
  return new Map(records.flatMap((record): (readonly [number, ProcRecord])[] => {
    const head = /^\s*(\d+): cs:(\S+)(?: ro:\S+ ds:[^\s/]*\/(\S+))?/.exec(record);
    if (!head) return [];
    const [, minor, state = '', peerDisk = 'DUnknown'] = head;
    const done = /(?:sync'ed|verified):\s*([\d.]+)%/.exec(record)?.[1];
    const [, hours, minutes, seconds] = /finish: (\d+):(\d+):(\d+)/.exec(record) ?? [];
    return [[Number(minor), {
      // In one word: the replication where there is a connection, else the connection.
      connection: asConnection(state), replication: asReplication(state), peerDisk, outOfSyncKib: numberOf(/\boos:(\d+)/.exec(record)?.[1]) ?? 0,
      ...(done === undefined ? {} : { donePercent: Number(done) }),
      ...(hours === undefined ? {} : { secondsLeft: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) }),
    }]];
  }));
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
