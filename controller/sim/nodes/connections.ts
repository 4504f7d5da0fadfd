// Connections between replicas: who looks for whom, meets, is missed or let go. In: links, power, what drbdsetup is told. Out:
// connection states, in time.
import type { Simulation } from '../simulation.ts';
import { writeThrough } from './data.ts';
import { hostOf, openerOf } from './devices.ts';
import { agree } from './handshake.ts';
import { checkQuorum, hasDisk, isEager, isLinked, isYes, peerOf } from './kernel.ts';
import { newGeneration } from './new-generation.ts';
import { stopSync } from './resync.ts';
import type { Replica } from './state.ts';

/** A lost link is noticed when a ping is not answered (recorded 7–21 s). */
const NOTICE_MS = 8_000;
/** Two nodes that look for each other have met. */
const MEET_MS = 600;
/** A healed link: the next try to connect (recorded up to 9 s). */
const RETRY_MS = 5_000;

/** Every pair that looks for each other meets after a while; every pair that cannot hear each other notices after a while. */
export function look(sim: Simulation, resource: string, delayMs = MEET_MS): void {
  const nodes = Object.keys(sim.state.below.hosts).filter((node) => hostOf(sim, node).replicas[resource]).sort();
  for (const node of nodes) {
    const replica = hostOf(sim, node).replicas[resource];
    for (const [name, peer] of Object.entries(replica?.peers ?? {})) {
      if (replica && peer.connection === 'Connected' && !isHeard(sim, node, name, resource)) {
        sim.clock.after(NOTICE_MS, () => { if (hostOf(sim, node).replicas[resource] === replica && replica.peers[name]?.connection === 'Connected' && !isHeard(sim, node, name, resource)) lose(sim, node, replica, name); }, { background: true, label: `drbd ${resource}: ${node} misses ${name}` });
      }
      if (peer.connection === 'Connecting' && node < name && seekEachOther(sim, resource, node, name)) {
        sim.clock.after(delayMs, () => { if (seekEachOther(sim, resource, node, name)) meet(sim, resource, node, name); }, { background: true, label: `drbd ${resource}: ${node} meets ${name}` });
      }
    }
  }
}

/** Whoever looks for each other has met: where nothing should wait for it. */
export function meetNow(sim: Simulation, resource: string): void {
  const nodes = Object.keys(sim.state.below.hosts).filter((node) => hostOf(sim, node).replicas[resource]).sort();
  for (const [at, a] of nodes.entries()) for (const b of nodes.slice(at + 1)) if (seekEachOther(sim, resource, a, b)) meet(sim, resource, a, b);
}

/** After a link was healed. */
export function lookAfterHeal(sim: Simulation): void {
  for (const resource of allResources(sim)) look(sim, resource, RETRY_MS);
}

export function allResources(sim: Simulation): readonly string[] {
  return [...new Set(Object.values(sim.state.below.hosts).flatMap(({ replicas }) => Object.keys(replicas)))].sort();
}

function isHeard(sim: Simulation, node: string, name: string, resource: string): boolean {
  return isLinked(sim, node, name) && hostOf(sim, name).replicas[resource]?.peers[node]?.connection === 'Connected' && hostOf(sim, node).replicas[resource]?.peers[name]?.connection === 'Connected';
}

function seekEachOther(sim: Simulation, resource: string, a: string, b: string): boolean {
  const [first, second] = [hostOf(sim, a).replicas[resource]?.peers[b], hostOf(sim, b).replicas[resource]?.peers[a]];
  return isLinked(sim, a, b) && first?.connection === 'Connecting' && second?.connection === 'Connecting' && first.remote === second.local && second.remote === first.local;
}

/** The other one is not heard any more. */
export function lose(sim: Simulation, node: string, replica: Replica, name: string, as: 'Connecting' | 'StandAlone' = 'Connecting'): void {
  const peer = replica.peers[name];
  if (!peer) return;
  const wasConnected = peer.connection === 'Connected';
  stopSync(sim, node, replica, name);
  peer.connection = as;
  peer.replication = 'Off';
  delete peer.discardMyData;
  if (!wasConnected) return;
  sim.log.write(node, `drbd ${replica.resource}: lost ${name}`);
  if (replica.role === 'Primary' && replica.disk === 'UpToDate' && isEager(replica)) newGeneration(sim, node, replica);
  checkQuorum(sim, node, replica);
  letGuestsWrite(sim, node, replica);
  // The other side of a cut finds out by itself; it may be gone.
  look(sim, replica.resource);
}

const GUEST_WRITES_BYTES = 64 * 1024;

/** Guests that run on it go on writing. */
export function letGuestsWrite(sim: Simulation, node: string, replica: Replica): void {
  const opener = replica.role === 'Primary' ? openerOf(sim, node, replica) : undefined;
  if (opener !== undefined && /\/(?:vm|base|subvol)-\d+-/.test(opener)) writeThrough(sim, replica.resource, node, GUEST_WRITES_BYTES, opener);
}

/** In order, told to the other side at once. */
export function disconnect(sim: Simulation, node: string, replica: Replica, name: string): void {
  const wasConnected = replica.peers[name]?.connection === 'Connected';
  lose(sim, node, replica, name, 'StandAlone');
  const other = wasConnected && isLinked(sim, node, name) ? peerOf(sim, name, replica) : undefined;
  if (other?.peers[node]?.connection === 'Connected') lose(sim, name, other, node);
}

function meet(sim: Simulation, resource: string, a: string, b: string): void {
  const [first, second] = [hostOf(sim, a).replicas[resource], hostOf(sim, b).replicas[resource]];
  const [mine, theirs] = [first?.peers[b], second?.peers[a]];
  if (!first || !second || !mine || !theirs) return;
  const isTwo = first.role === 'Primary' && second.role === 'Primary';
  const refusal = ['protocol', 'cram-hmac-alg', 'shared-secret'].find((option) => (mine.net[option] ?? '') !== (theirs.net[option] ?? ''));
  if (refusal !== undefined || (isTwo && !isYes(mine.net['allow-two-primaries']))) return part(sim, resource, a, b, refusal === undefined ? 'both are Primary' : `different ${refusal}`);
  for (const peer of [mine, theirs]) Object.assign(peer, { connection: 'Connected', replication: 'Established' });
  sim.log.write(a, `drbd ${resource}: connected to ${b}`);
  if (hasDisk(first) && hasDisk(second)) agree(sim, resource, a, b, mine);
  for (const [node, replica] of [[a, first], [b, second]] as const) checkQuorum(sim, node, replica);
  delete mine.discardMyData;
  delete theirs.discardMyData;
}

/** Both give up the connection. */
export function part(sim: Simulation, resource: string, a: string, b: string, why: string): void {
  sim.log.write(a, `drbd ${resource}: ${why}: ${a} and ${b} part`);
  for (const [node, name] of [[a, b], [b, a]] as const) {
    const replica = hostOf(sim, node).replicas[resource];
    if (replica) lose(sim, node, replica, name, 'StandAlone');
  }
}
