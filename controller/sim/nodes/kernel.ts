// DRBD in the kernels of the nodes: what a replica and its peers are now, roles, and the quorum that DRBD 9 has. Disks, connections,
// handshakes and resyncs have files of their own beside this one.
// In: what drbdsetup is told. Out: the replicas' states. Refusals are Refused with the kernel's words.
import type { Simulation } from '../simulation.ts';
import { backingOf, hostOf, openerOf } from './devices.ts';
import { bare, NONE, withBit } from './generations.ts';
import { newGeneration } from './new-generation.ts';
import { startSync } from './resync.ts';
import { pairOf } from './state.ts';
import type { Metadata, Peer, Replica } from './state.ts';

/** The kernel's no: `State change failed: (-1) …`, `Failure: (102) …`. */
export class Refused extends Error {
  constructor(readonly code: number, message: string, readonly info: readonly string[] = []) {
    super(message);
  }
}

export function isLinked(sim: Simulation, a: string, b: string): boolean {
  const { nodes, below } = sim.state;
  return nodes[a]?.power === 'on' && nodes[b]?.power === 'on' && !below.cutLinks.includes(pairOf(a, b));
}

export function metadataOf(sim: Simulation, node: string, replica: Replica): Metadata | undefined {
  return backingOf(sim, node, replica)?.metadata;
}

export function peerOf(sim: Simulation, node: string, { resource }: Replica): Replica | undefined {
  return hostOf(sim, node).replicas[resource];
}

export function* peersOf(sim: Simulation, replica: Replica, connection: Peer['connection']): Generator<readonly [name: string, peer: Peer, other: Replica]> {
  for (const [name, peer] of Object.entries(replica.peers)) {
    const other = peer.connection === connection ? peerOf(sim, name, replica) : undefined;
    if (other) yield [name, peer, other];
  }
}

export function hasDisk(replica: Replica | undefined): boolean {
  return replica !== undefined && replica.disk !== 'Diskless' && replica.disk !== 'Failed';
}

export function settleDisk(sim: Simulation, node: string, replica: Replica, disk: 'UpToDate' | 'Inconsistent' | 'Outdated'): void {
  replica.disk = disk;
  const metadata = metadataOf(sim, node, replica);
  if (!metadata) return;
  metadata.isConsistent = disk !== 'Inconsistent';
  metadata.isOutdated = disk === 'Outdated';
}

/** 8.4 begins a generation when a Primary is alone, 9 only with the first write (recorded: a promotion without one left no trace). */
export function isEager({ nodeId }: Replica): boolean {
  return nodeId < 0;
}

export function isYes(value: string | undefined): boolean {
  return value === 'yes';
}

export function promote(sim: Simulation, node: string, replica: Replica, force: boolean): void {
  if (replica.role === 'Primary') return;
  const peers = [...peersOf(sim, replica, 'Connected')];
  if (peers.some(([, peer, other]) => other.role === 'Primary' && !isYes(peer.net['allow-two-primaries']))) throw new Refused(11, 'State change failed: (-1) Multiple primaries not allowed by config');
  const metadata = metadataOf(sim, node, replica);
  const isGood = replica.disk === 'UpToDate' || peers.some(([, , other]) => other.disk === 'UpToDate');
  const isForced = !isGood && force && metadata !== undefined && ['Inconsistent', 'Outdated', 'Consistent'].includes(replica.disk);
  if (!isGood && !isForced) throw new Refused(17, 'State change failed: (-2) Need access to UpToDate data');
  replica.role = 'Primary';
  if (isForced) settleDisk(sim, node, replica, 'UpToDate');
  if (replica.disk === 'Diskless') for (const [name, , other] of peers) if (other.disk === 'UpToDate') replica.exposed = bare(metadataOf(sim, name, other)?.current ?? NONE);
  const isApart = Object.entries(replica.peers).some(([name, peer]) => peer.connection !== 'Connected' || !hasDisk(peerOf(sim, name, replica)));
  if (metadata && (isForced || (isApart && isEager(replica)))) newGeneration(sim, node, replica, isForced);
  // DRBD 9 says in the identifier only who made it.
  if (metadata && replica.nodeId < 0) metadata.current = withBit(metadata.current, true);
  sim.log.write(node, `drbd ${replica.resource}: Primary`);
  if (isForced) for (const [name, , other] of peers) if (hasDisk(other)) startSync(sim, replica.resource, node, name, true);
  checkQuorum(sim, node, replica);
}

export function demote(sim: Simulation, node: string, replica: Replica): void {
  if (replica.role === 'Secondary') return;
  const opener = openerOf(sim, node, replica);
  if (opener !== undefined) throw new Refused(11, 'State change failed: (-12) Device is held open by someone', replica.nodeId < 0 ? [] : [`drbd${replica.minor} opened by ${opener}`]);
  replica.role = 'Secondary';
  delete replica.suspended;
  const metadata = metadataOf(sim, node, replica);
  if (metadata) metadata.current = withBit(metadata.current, false);
  sim.log.write(node, `drbd ${replica.resource}: Secondary`);
}

export function isQuorate(replica: Replica): boolean {
  const wanted = replica.resourceOptions['quorum'] ?? 'off';
  if (wanted === 'off') return true;
  const all = Object.keys(replica.peers).length + 1;
  const here = Object.values(replica.peers).filter(({ connection }) => connection === 'Connected').length + 1;
  return here >= (wanted === 'majority' ? Math.floor(all / 2) + 1 : wanted === 'all' ? all : Number(wanted));
}

export function checkQuorum(sim: Simulation, node: string, replica: Replica): void {
  const waits = replica.role === 'Primary' && !isQuorate(replica) && replica.resourceOptions['on-no-quorum'] !== 'io-error';
  if (waits === (replica.suspended !== undefined)) return;
  if (waits) replica.suspended = 'quorum';
  else delete replica.suspended;
  sim.log.write(node, `drbd ${replica.resource}: ${waits ? 'writes wait for quorum' : 'writes go on'}`);
}
