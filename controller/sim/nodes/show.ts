// What DRBD tells of itself: /proc/drbd, `drbdsetup status`, events2, identifiers. In: replicas. Out: text as the real ones print it.
import type { Simulation } from '../simulation.ts';
import { hostOf } from './devices.ts';
import { isNew, slotOf } from './generations.ts';
import { isQuorate, metadataOf } from './kernel.ts';
import { leftBytes } from './resync.ts';
import type { Metadata, Peer, Replica } from './state.ts';

const VERSION_8 = 'version: 8.4.11 (api:1/proto:86-101)\nsrcversion: F73C670A7EC572DB9CF3E5B \n';
const LINE_MAX = 80;

interface Side { readonly name: string; readonly peer: Peer; readonly role: string; readonly disk: string; readonly outOfSyncKib: number; readonly nodeId: number }

function kib(bytes: number): number {
  return Math.floor(bytes / 1024);
}

function sidesOf(sim: Simulation, node: string, replica: Replica): readonly Side[] {
  const metadata = metadataOf(sim, node, replica);
  return Object.entries(replica.peers).map(([name, peer]) => {
    const other = hostOf(sim, name).replicas[replica.resource];
    const isConnected = peer.connection === 'Connected' && other !== undefined;
    // New metadata call everything different.
    const marked = metadata ? (isNew(metadata.current) ? replica.sizeBytes : slotOf(metadata, name).outOfSyncBytes) : 0;
    return {
      name, peer, nodeId: peer.nodeId, role: isConnected ? other.role : 'Unknown', disk: isConnected ? other.disk : 'DUnknown',
      outOfSyncKib: kib(peer.sync && !peer.replication.startsWith('Verify') ? leftBytes(sim, peer) : marked),
    };
  });
}

function donePercent(sim: Simulation, { sync, ...peer }: Peer): number {
  return sync && sync.totalBytes > 0 ? (1 - leftBytes(sim, { ...peer, sync }) / sync.totalBytes) * 100 : 100;
}

export function procDrbd(sim: Simulation, node: string): string {
  const host = hostOf(sim, node);
  if (!host.drbd.startsWith('8.')) return `version: ${host.drbd} (api:2/proto:118-124)\nGIT-hash: a7afc67e5873f3fedce8d944c89edf87ffb7c116 build by @vm, 2026-11-22 17:15:18\nTransports (api:21): tcp (${host.drbd})\n`;
  const replicas = Object.values(host.replicas).sort((a, b) => a.minor - b.minor);
  return VERSION_8 + replicas.map((replica, at) => procRecord(sim, node, replica, replica.minor - (at === 0 ? replica.minor : replicas[at - 1]?.minor ?? 0) > 1 ? '\n' : '')).join('');
}

function procRecord(sim: Simulation, node: string, replica: Replica, before: string): string {
  const [side] = sidesOf(sim, node, replica);
  const state = connectionWord(side?.peer);
  const protocol = side === undefined || state === 'StandAlone' ? ' ' : side.peer.net['protocol'] ?? 'C';
  const suspended = state === 'StandAlone' || side === undefined || side.peer.connection === 'Connecting' ? (replica.disk === 'Inconsistent' ? 's' : '-') : '-';
  const head = `${before}${String(replica.minor).padStart(2)}: cs:${state} ro:${replica.role}/${side?.role ?? 'Unknown'} ds:${replica.disk}/${side?.disk ?? 'DUnknown'} ${protocol} r----${suspended}\n`;
  const sent = side?.peer;
  const counters = `    ns:${kib(sent?.sentBytes ?? 0)} nr:${kib(sent?.receivedBytes ?? 0)} dw:${kib(replica.writtenBytes)} dr:${kib(replica.readBytes)} al:0 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:${side?.outOfSyncKib ?? 0}\n`;
  return head + counters + (side?.peer.sync ? progress(sim, side.peer) : '');
}

function progress(sim: Simulation, peer: Peer): string {
  const { sync } = peer;
  if (!sync) return '';
  const [percent, left] = [donePercent(sim, peer), leftBytes(sim, peer)];
  const filled = Math.floor(percent / 5);
  const word = peer.replication.startsWith('Verify') ? 'verified' : "sync'ed";
  const seconds = Math.ceil(left / sync.bytesPerSecond);
  const clock = `${Math.floor(seconds / 3600)}:${String(Math.floor(seconds / 60) % 60).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  const speed = kib(sync.bytesPerSecond).toLocaleString('en-US');
  return `\t[${'='.repeat(Math.min(19, filled))}>${'.'.repeat(Math.max(0, 20 - filled - (filled > 19 ? 0 : 1) + 1)).slice(0, 20 - Math.min(19, filled))}] ${word}: ${percent.toFixed(1).padStart(4)}% (${kib(left)}/${kib(sync.totalBytes)})K\n\tfinish: ${clock} speed: ${speed} (${speed}) K/sec\n`;
}

/** 8.4 has one word for connection and replication. */
function connectionWord(peer: Peer | undefined): string {
  if (!peer || peer.connection === 'StandAlone') return 'StandAlone';
  if (peer.connection === 'Connecting') return 'WFConnection';
  return peer.replication === 'Established' || peer.replication === 'Off' ? 'Connected' : peer.replication;
}

export function cstate(sim: Simulation, node: string, replica: Replica): string {
  const sides = sidesOf(sim, node, replica);
  if (replica.nodeId < 0) return `${connectionWord(sides[0]?.peer)}\n`;
  return sides.map(({ peer }) => `${peer.connection === 'Connected' && peer.replication !== 'Established' ? peer.replication : peer.connection}\n`).join('');
}

export function role(sim: Simulation, node: string, replica: Replica): string {
  return replica.nodeId < 0 ? `${replica.role}/${sidesOf(sim, node, replica)[0]?.role ?? 'Unknown'}\n` : `${replica.role}\n`;
}

export function dstate(sim: Simulation, node: string, replica: Replica): string {
  const sides = sidesOf(sim, node, replica).map(({ disk }) => disk);
  return `${[replica.disk, ...(replica.nodeId < 0 && sides.length === 0 ? ['DUnknown'] : sides)].join('/')}\n`;
}

/** One line on 8.4, one for each peer on 9, in the order of node ids. */
export function generationLines(metadata: Metadata, replica: Replica | undefined, peers: readonly string[], is8: boolean, isPeerBad: (peer: string) => boolean): string {
  return peers.map((name) => {
    const slot = slotOf(metadata, name);
    const ids = [metadata.current, slot.bitmap, ...metadata.history].join(':');
    const bit = (is: boolean) => (is ? 1 : 0);
    const isConnected = replica?.peers[name]?.connection === 'Connected';
    const isGood = metadata.isConsistent && !metadata.isOutdated;
    const isFresh = metadata.current.startsWith('000000000000000');
    const isPrimary = replica?.role === 'Primary' || metadata.crashedPrimary;
    const flags = is8 ? [bit(metadata.isConsistent), bit(isGood), bit(isPrimary), bit(isConnected), 0, bit(isConnected && isPeerBad(name)), bit(metadata.crashedPrimary)]
      : [bit(metadata.isConsistent), bit(isGood), bit(isGood), bit(isPrimary), bit(isFresh && !isConnected), 0, 0, bit(isConnected), bit(isFresh && isConnected), 0, 0, bit(!isFresh || isConnected)];
    return `${ids}:${flags.join(':')}\n`;
  }).join('');
}

/** The events of `drbdsetup events2 --now`. */
export function events(sim: Simulation, node: string, replicas: readonly Replica[], isWithStatistics: boolean, stamp: string): string {
  const lines = replicas.flatMap((replica) => {
    const is8 = replica.nodeId < 0;
    const name = `name:${replica.resource}`;
    const statistics = (text: string) => (isWithStatistics ? ` ${text}` : '');
    const sides = sidesOf(sim, node, replica).filter(({ peer }) => !is8 || peer.connection !== 'StandAlone');
    const of = (side: Side) => `peer-node-id:${is8 ? 0 : side.nodeId} conn-name:${is8 ? 'peer' : side.name}`;
    return [
      `exists resource ${name} role:${replica.role} suspended:${replica.suspended ?? 'no'}${is8 ? '' : ' force-io-failures:no'}${statistics('write-ordering:flush')}`,
      ...sides.map((side) => `exists connection ${name} ${of(side)} connection:${side.peer.connection} role:${side.role}${statistics('congested:no')}`),
      `exists device ${name} volume:0 minor:${replica.minor}${is8 ? '' : ` backing_dev:${replica.device ?? 'none'}`} disk:${replica.disk}${is8 ? '' : ` client:no quorum:${isQuorate(replica) ? 'yes' : 'no'}`}${statistics(deviceNumbers(replica, sides[0]?.peer))}`,
      ...sides.map((side) => `exists peer-device ${name} ${of(side)} volume:0 replication:${side.peer.replication} peer-disk:${side.disk}${is8 ? '' : ' peer-client:no'} resync-suspended:no${statistics(peerNumbers(side))}`),
    ];
  });
  return [...lines, 'exists -'].map((line) => `${stamp}${line}\n`).join('');
}

function deviceNumbers(replica: Replica, peer: Peer | undefined): string {
  const isAlone = replica.disk === 'Inconsistent' && peer?.connection !== 'Connected';
  return `size:${kib(replica.sizeBytes)} read:${kib(replica.readBytes)} written:${kib(replica.writtenBytes)} al-writes:0 bm-writes:0 upper-pending:0 lower-pending:0 al-suspended:${isAlone ? 'yes' : 'no'} blocked:no`;
}

function peerNumbers({ peer, outOfSyncKib }: Side): string {
  return `received:${kib(peer.receivedBytes)} sent:${kib(peer.sentBytes)} out-of-sync:${outOfSyncKib} pending:0 unacked:0`;
}

/** `drbdsetup status`, also with --verbose and --statistics. */
export function status(sim: Simulation, node: string, replica: Replica, options: { readonly verbose: boolean; readonly statistics: boolean }): string {
  return replica.nodeId < 0 ? status8(sim, node, replica, options) : status9(sim, node, replica, options);
}

function status8(sim: Simulation, node: string, replica: Replica, { verbose, statistics }: { readonly verbose: boolean; readonly statistics: boolean }): string {
  const [side] = sidesOf(sim, node, replica).filter(({ peer }) => peer.connection !== 'StandAlone');
  const isConnected = side?.peer.connection === 'Connected';
  const isSyncing = side?.peer.sync !== undefined;
  const text = [line(0, [replica.resource, `role:${replica.role}`, ...(verbose ? [`suspended:${replica.suspended ?? 'no'}`] : [])])];
  if (statistics && verbose) text.push('    write-ordering:flush');
  text.push(line(2, [...(verbose ? ['volume:0', `minor:${replica.minor}`] : []), `disk:${replica.disk}`]));
  const numbers = deviceNumbers(replica, side?.peer).split(' ');
  if (statistics) text.push(wrapped(6, verbose ? numbers : numbers.filter((word) => /^(?:read|written):/.test(word))));
  if (!side) return `${text.join('\n')}\n\n`;
  if (!isConnected && !verbose) text.push(line(2, ['peer', `connection:${side.peer.connection}`]));
  else text.push(line(2, ['peer', ...(verbose ? [`connection:${side.peer.connection}`] : []), `role:${side.role}`, ...(verbose && statistics ? ['congested:no'] : [])]));
  if (isConnected || verbose) {
    const done = isSyncing ? [`done:${(side.peer.replication.startsWith('Verify') ? 100 : donePercent(sim, side.peer)).toFixed(2)}`] : [];
    text.push(wrapped(4, [...(verbose ? ['volume:0'] : []), `replication:${side.peer.replication}`, `peer-disk:${side.disk}`, ...done, ...(verbose ? ['resync-suspended:no'] : [])]));
    const counters = peerNumbers(side).split(' ');
    if (statistics) text.push(wrapped(8, verbose ? counters : counters.filter((word) => /^(?:received|sent):/.test(word) || (word.startsWith('out-of-sync:') && !word.endsWith(':0')))));
  }
  return `${text.join('\n')}\n\n`;
}

function status9(sim: Simulation, node: string, replica: Replica, { verbose, statistics }: { readonly verbose: boolean; readonly statistics: boolean }): string {
  const quorum = isQuorate(replica);
  const text = [line(0, [replica.resource, ...(verbose ? [`node-id:${replica.nodeId}`] : []), `role:${replica.role}`, ...(verbose || replica.suspended ? [`suspended:${replica.suspended ?? 'no'}`] : []), ...(verbose ? ['force-io-failures:no'] : [])])];
  if (verbose && statistics) text.push('    write-ordering:flush');
  const client = replica.disk === 'Diskless' ? ['client:no'] : [];
  text.push(line(2, [...(verbose ? ['volume:0', `minor:${replica.minor}`] : []), `disk:${replica.disk}`, ...client, ...(verbose ? [`backing_dev:${replica.device ?? 'none'}`] : []), ...(verbose || !quorum ? [`quorum:${quorum ? 'yes' : 'no'}`] : []), ...(replica.suspended && !verbose ? ['blocked:upper'] : [])]));
  const sides = sidesOf(sim, node, replica);
  if (verbose && statistics) text.push(wrapped(6, deviceNumbers(replica, sides[0]?.peer).split(' ')));
  for (const side of sides) {
    const isConnected = side.peer.connection === 'Connected';
    text.push(wrapped(2, [side.name, ...(verbose ? [`node-id:${side.nodeId}`] : []), ...(verbose || !isConnected ? [`connection:${side.peer.connection}`] : []), ...(verbose || isConnected ? [`role:${side.role}`] : []), ...(verbose && statistics ? ['congested:no', 'ap-in-flight:0', 'rs-in-flight:0'] : [])], 6));
    if (!isConnected && !verbose) continue;
    const done = side.peer.sync ? [`done:${donePercent(sim, side.peer).toFixed(2)}`] : [];
    text.push(wrapped(4, [...(verbose ? ['volume:0'] : []), ...(verbose || side.peer.replication !== 'Established' ? [`replication:${side.peer.replication}`] : []), `peer-disk:${side.disk}`, ...(side.disk === 'Diskless' ? ['peer-client:no'] : []), ...done, ...(verbose ? ['resync-suspended:no'] : [])]));
    if (verbose && statistics) text.push(wrapped(8, peerNumbers(side).split(' ')));
  }
  return `${text.join('\n')}\n\n`;
}

function line(indent: number, words: readonly string[]): string {
  return ' '.repeat(indent) + words.join(' ');
}

/** Broken before the line gets too long; what follows stands further in. */
function wrapped(indent: number, words: readonly string[], deeper = indent === 4 ? 8 : indent): string {
  const lines: string[] = [];
  let current = ' '.repeat(indent);
  let isEmpty = true;
  for (const word of words) {
    if (!isEmpty && current.length + 1 + word.length >= LINE_MAX) {
      lines.push(current);
      current = ' '.repeat(deeper);
      isEmpty = true;
    }
    current += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, current].join('\n');
}

/** `drbdsetup status --json` of DRBD 9, as it lays it out. */
export function statusJson(sim: Simulation, node: string, replicas: readonly Replica[]): string {
  return replicas.length === 0 ? '[\n]\n\n' : `[\n${replicas.map((replica) => resourceJson(sim, node, replica)).join(',\n')}\n]\n\n`;
}

function resourceJson(sim: Simulation, node: string, replica: Replica): string {
  const isSuspended = replica.suspended !== undefined;
  const connections = sidesOf(sim, node, replica).map((side) => connectionJson(sim, side, replica)).join(',\n');
  return `{
  "name": ${JSON.stringify(replica.resource)},
  "node-id": ${replica.nodeId},
  "role": "${replica.role}",
  "suspended": ${isSuspended},
  "suspended-user": false,
  "suspended-no-data": false,
  "suspended-fencing": false,
  "suspended-quorum": ${isSuspended},
  "force-io-failures": false,
  "write-ordering": "flush",
  "devices": [
    {
      "volume": 0,
      "minor": ${replica.minor},
      "disk-state": "${replica.disk}",
      "client": false,
      "quorum": ${isQuorate(replica)},
      "size": ${kib(replica.sizeBytes)},
      "read": ${kib(replica.readBytes)},
      "written": ${kib(replica.writtenBytes)},
      "al-writes": 0,
      "bm-writes": 0,
      "upper-pending": 0,
      "lower-pending": 0
    } ],
  "connections": [${connections === '' ? ' ]' : `\n${connections} ]`}
}`;
}

function connectionJson(sim: Simulation, side: Side, replica: Replica): string {
  const { peer } = side;
  const inSync = replica.sizeBytes === 0 ? 100 : (1 - (side.outOfSyncKib * 1024) / replica.sizeBytes) * 100;
  return `    {
      "peer-node-id": ${side.nodeId},
      "name": ${JSON.stringify(side.name)},
      "connection-state": "${peer.connection}", 
      "congested": false,
      "peer-role": "${side.role}",
      "ap-in-flight": 0,
      "rs-in-flight": 0,
      "peer_devices": [
        {
          "volume": 0,
          "replication-state": "${peer.replication}",
          "peer-disk-state": "${side.disk}",
          "peer-client": false,
          "resync-suspended": "no",
          "received": ${kib(peer.receivedBytes)},
          "sent": ${kib(peer.sentBytes)},
          "out-of-sync": ${side.outOfSyncKib},
          "pending": 0,
          "unacked": 0,
          "has-sync-details": ${peer.sync !== undefined},
          "has-online-verify-details": ${peer.replication.startsWith('Verify')},
          "percent-in-sync": ${inSync.toFixed(2)}${peer.sync ? syncJson(sim, peer) : ''}
        } ]
    }`;
}

function syncJson(sim: Simulation, peer: Peer): string {
  const { sync } = peer;
  if (!sync) return '';
  const elapsedMs = sim.clock.now() - sync.startedAtMs;
  const [left, rate] = [leftBytes(sim, peer), (sync.bytesPerSecond / 2 ** 20).toFixed(2)];
  const sectors = Math.round((sync.totalBytes - left) / 512);
  const isVerify = peer.replication.startsWith('Verify');
  const rows: readonly (readonly [string, string | number])[] = [
    ['rs-total', sync.totalBytes / 512], ['rs-dt-start-ms', elapsedMs], ['rs-paused-ms', 0], ['rs-dt0-ms', elapsedMs], ['rs-db0-sectors', sectors], ['rs-dt1-ms', elapsedMs], ['rs-db1-sectors', sectors],
    ...(isVerify ? [['ov-start-sector', 0], ['ov-stop-sector', -1], ['ov-position', sectors], ['ov-left', Math.round(left / 512)], ['ov-skipped', 0]] as const : [['rs-failed', 0], ['rs-same-csum', 0]] as const),
    ['want', rate], ['db0/dt0 [MiB/s]', rate], ['db1/dt1 [MiB/s]', rate], ['estimated-seconds-to-finish', Math.ceil(left / sync.bytesPerSecond)], ['db/dt [MiB/s]', rate], ['percent-resync-done', donePercent(sim, peer).toFixed(2)],
  ];
  return rows.map(([key, value]) => `,\n          "${key}": ${value}`).join('');
}

