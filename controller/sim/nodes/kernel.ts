// DRBD in the kernels of the nodes: roles, disks, connections, and who copies what to whom when two meet.
// In: what drbdsetup is told, links and power. Out: the replicas' states, in time. Refusals are Refused with the kernel's words.
// Must never let data disappear without data.ts noticing it.
import type { Simulation } from '../simulation.ts';
import { backingOf, hostOf, mediumAt, openerOf } from './devices.ts';
import { copyLabel, noteLost, writeThrough } from './data.ts';
import { bare, bySplitBrainPolicy, compare, isNew, NONE, pushHistory, slotOf, syncId, withBit } from './generations.ts';
import type { Contender } from './generations.ts';
import { usableBytes } from './metadata.ts';
import { breakOff, copyRot } from './verify.ts';
import { pairOf } from './state.ts';
import type { Medium, Metadata, Peer, Replica } from './state.ts';
import { randomHex } from '../random.ts';

/** A lost link is noticed when a ping is not answered (recorded 7–21 s). */
const NOTICE_MS = 8_000;
/** Two nodes that look for each other have met. */
const MEET_MS = 600;
/** A healed link: the next try to connect (recorded up to 9 s). */
const RETRY_MS = 5_000;
const BYTES_PER_SECOND = 100 * 2 ** 20;
const SYNC_LEAST_MS = 400;
/** What the activity log covers of a crashed Primary's last writes. */
export const ACTIVITY_LOG_BYTES = 24 * 2 ** 20;

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

function peerOf(sim: Simulation, node: string, { resource }: Replica): Replica | undefined {
  return hostOf(sim, node).replicas[resource];
}

export function* peersOf(sim: Simulation, replica: Replica, connection: Peer['connection']): Generator<readonly [name: string, peer: Peer, other: Replica]> {
  for (const [name, peer] of Object.entries(replica.peers)) {
    const other = peer.connection === connection ? peerOf(sim, name, replica) : undefined;
    if (other) yield [name, peer, other];
  }
}

// Roles

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

/** 8.4 begins a generation when a Primary is alone, 9 only with the first write (recorded: a promotion without one left no trace). */
function isEager({ nodeId }: Replica): boolean {
  return nodeId < 0;
}

/** What is written from now on is another generation of the data than what absent peers have. */
export function newGeneration(sim: Simulation, node: string, replica: Replica, always = false): void {
  const metadata = metadataOf(sim, node, replica);
  const absent = Object.keys(replica.peers).filter((name) => replica.peers[name]?.connection !== 'Connected' || !isLinked(sim, node, name) || !hasDisk(peerOf(sim, name, replica)));
  if (!metadata || (!always && !absent.some((name) => slotOf(metadata, name).bitmap === NONE))) return;
  const before = metadata.current;
  metadata.current = withBit(randomHex(() => sim.random(), 16).toUpperCase(), replica.role === 'Primary');
  for (const name of always ? Object.keys(replica.peers) : absent) if (always || slotOf(metadata, name).bitmap === NONE) slotOf(metadata, name).bitmap = before;
  if (always) return;
  // Connected copies get the same writes, so they are of the same generation.
  for (const [name, , other] of peersOf(sim, replica, 'Connected')) {
    if (other.disk === 'Diskless' && isLinked(sim, node, name)) other.exposed = bare(metadata.current);
    const theirs = metadataOf(sim, name, other);
    if (!theirs || other.disk !== 'UpToDate' || absent.includes(name)) continue;
    theirs.current = withBit(metadata.current, other.role === 'Primary');
    for (const gone of absent) if (gone in other.peers && slotOf(theirs, gone).bitmap === NONE) slotOf(theirs, gone).bitmap = withBit(before, other.role === 'Primary');
  }
}

/** `new-current-uuid --clear-bitmap`: the copies are declared equal. */
export function declareEqual(sim: Simulation, node: string, replica: Replica): void {
  const own = metadataOf(sim, node, replica);
  if (!own) throw new Refused(10, 'Failure: (126) Device is diskless');
  const id = withBit(randomHex(() => sim.random(), 16).toUpperCase(), false);
  const peers = [...peersOf(sim, replica, 'Connected')];
  const isSkip = isNew(own.current) && peers.length > 0;
  for (const [name, side] of [[node, replica] as const, ...peers.map(([peer, , other]) => [peer, other] as const)]) {
    const metadata = metadataOf(sim, name, side);
    if (!metadata) continue;
    metadata.current = withBit(id, side.role === 'Primary');
    if (isSkip) metadata.history = [NONE, NONE];
    for (const [other, { connection }] of Object.entries(side.peers)) if (connection === 'Connected') metadata.peers[other] = { bitmap: NONE, outOfSyncBytes: 0 };
    if (isSkip) settleDisk(sim, name, side, 'UpToDate');
  }
  // Two new disks hold the same nothing; whatever else they hold stays as different as it was, and only a reader would notice.
}

/** A new generation without a peer that it could be told to. */
export function newCurrent(sim: Simulation, node: string, replica: Replica): void {
  newGeneration(sim, node, replica, true);
}

// Disks

export function attach(sim: Simulation, node: string, replica: Replica, device: string): void {
  const medium = mediumAt(sim, node, device);
  const metadata = medium?.metadata;
  if (!medium || !metadata) throw new Refused(10, 'Failure: (119) No valid meta-data signature found.');
  if (isOtherData(sim, replica, metadata)) throw new Refused(10, 'Failure: (150) Can only attach to the data we lost last (see kernel log).');
  if (!metadata.clean) applyLog(metadata, Object.keys(replica.peers), medium);
  metadata.clean = true;
  metadata.current = withBit(metadata.current, false);
  replica.device = device;
  replica.sizeBytes = metadata.effectiveBytes > 0 ? Math.min(metadata.effectiveBytes, usableBytes(medium.sizeBytes, metadata.maxPeers)) : usableBytes(medium.sizeBytes, metadata.maxPeers);
  metadata.effectiveBytes = replica.sizeBytes;
  replica.disk = !metadata.isConsistent ? 'Inconsistent' : metadata.isOutdated ? 'Outdated' : 'UpToDate';
  // What comes back to a Primary that went on over the network is old until its peer says otherwise.
  if (replica.disk === 'UpToDate' && replica.role === 'Primary') replica.disk = 'Consistent';
  for (const [name, peer, other] of peersOf(sim, replica, 'Connected')) if (hasDisk(other)) agree(sim, replica.resource, node, name, peer);
  if (replica.disk === 'Consistent') replica.disk = 'UpToDate';
  if (replica.role === 'Primary' && replica.disk === 'UpToDate') metadata.current = withBit(metadata.current, true);
}

/** Users of a Primary that has no good data left are not given other data than they saw. */
function isOtherData(sim: Simulation, replica: Replica, { current }: Metadata): boolean {
  if (replica.role !== 'Primary' || replica.exposed === undefined || replica.exposed === bare(current)) return false;
  return ![...peersOf(sim, replica, 'Connected')].some(([, , other]) => other.disk === 'UpToDate');
}

function applyLog(metadata: Metadata, peers: readonly string[], medium: Medium): void {
  if (!metadata.crashedPrimary) return;
  for (const peer of peers) {
    const slot = slotOf(metadata, peer);
    slot.outOfSyncBytes = Math.min(medium.sizeBytes, slot.outOfSyncBytes + ACTIVITY_LOG_BYTES);
  }
}

export function detach(sim: Simulation, node: string, replica: Replica): void {
  if (replica.device === undefined) return;
  const isElsewhere = [...peersOf(sim, replica, 'Connected')].some(([, , other]) => other.disk === 'UpToDate');
  if (replica.role === 'Primary' && !isElsewhere) throw new Refused(17, 'State change failed: (-2) Need access to UpToDate data');
  dropDisk(sim, node, replica);
}

/** Its own disk answers no more, or is let go. */
export function dropDisk(sim: Simulation, node: string, replica: Replica): void {
  stopSyncs(sim, node, replica);
  const metadata = metadataOf(sim, node, replica);
  if (metadata) {
    metadata.clean = true;
    if (replica.disk !== 'Inconsistent') replica.exposed = bare(metadata.current);
  }
  replica.disk = 'Diskless';
  delete replica.device;
  for (const [name, , other] of peersOf(sim, replica, 'Connected')) if ((other.role === 'Primary' || replica.role === 'Primary') && other.disk === 'UpToDate' && isEager(other)) newGeneration(sim, name, other);
}

function settleDisk(sim: Simulation, node: string, replica: Replica, disk: 'UpToDate' | 'Inconsistent' | 'Outdated'): void {
  replica.disk = disk;
  const metadata = metadataOf(sim, node, replica);
  if (!metadata) return;
  metadata.isConsistent = disk !== 'Inconsistent';
  metadata.isOutdated = disk === 'Outdated';
}

export function outdate(sim: Simulation, node: string, replica: Replica): void {
  if (replica.role === 'Primary') throw new Refused(11, 'State change failed: (-7) State change was refused by peer node');
  if (replica.disk === 'UpToDate') settleDisk(sim, node, replica, 'Outdated');
}

function hasDisk(replica: Replica | undefined): boolean {
  return replica !== undefined && replica.disk !== 'Diskless' && replica.disk !== 'Failed';
}

// Connections

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
function part(sim: Simulation, resource: string, a: string, b: string, why: string): void {
  sim.log.write(a, `drbd ${resource}: ${why}: ${a} and ${b} part`);
  for (const [node, name] of [[a, b], [b, a]] as const) {
    const replica = hostOf(sim, node).replicas[resource];
    if (replica) lose(sim, node, replica, name, 'StandAlone');
  }
}

/** Two connected disks compare their generations and copy what has to be copied, or part. */
function agree(sim: Simulation, resource: string, a: string, b: string, peer: Peer): void {
  const [first, second] = [hostOf(sim, a).replicas[resource], hostOf(sim, b).replicas[resource]];
  const [mine, theirs] = [first && metadataOf(sim, a, first), second && metadataOf(sim, b, second)];
  if (!first || !second || !mine || !theirs) return;
  const met = first.peers[b]?.connection === 'Connected';
  // A size is agreed on when they meet: the least of both.
  if (met) agreeOnSize(sim, [[a, first], [b, second]]);
  // DRBD 9: who is being copied to by another talks of its data once that has ended.
  if (isTarget(first) || isTarget(second)) return;
  let verdict = compare({ name: a, metadata: mine }, { name: b, metadata: theirs }) as number;
  if (verdict === -1000) return part(sim, resource, a, b, 'unrelated data');
  // One crashed as Primary and the other went on without writing: what is in use now is what counts.
  if (bare(mine.current) === bare(theirs.current) && verdict !== 0 && first.role !== second.role) verdict = first.role === 'Primary' ? 1 : -1;
  const isBad = (replica: Replica) => replica.disk === 'Inconsistent';
  if (isBad(first) !== isBad(second)) {
    const isWhole = Math.abs(verdict) === 2 || verdict === -100;
    verdict = (isBad(first) ? -1 : 1) * (isWhole ? 2 : 1);
  }
  if (Math.abs(verdict) === 100) {
    const side = (name: string, other: string, replica: Replica, metadata: Metadata): Contender => ({ role: replica.role, bitmap: slotOf(metadata, other).bitmap, changedBytes: slotOf(metadata, other).outOfSyncBytes, isFirst: name < other });
    const isMine = peer.discardMyData ?? hostOf(sim, a).replicas[resource]?.peers[b]?.discardMyData;
    const isTheirs = second.peers[a]?.discardMyData;
    const byHand = isMine !== isTheirs ? (isMine ? -1 : 1) : undefined;
    const decided = bySplitBrainPolicy(peer.net, side(a, b, first, mine), side(b, a, second, theirs)) ?? byHand;
    if (decided === undefined) return part(sim, resource, a, b, 'split brain');
    sim.log.write(a, `drbd ${resource}: split brain solved, ${decided > 0 ? b : a} is overwritten`);
    verdict = decided * (verdict === -100 ? 2 : 1);
  }
  if (verdict === 0) return equal(sim, [[a, b, first, mine], [b, a, second, theirs]]);
  const [source, target] = verdict > 0 ? [a, b] : [b, a];
  const [from, to] = verdict > 0 ? [first, second] : [second, first];
  if (from.disk === 'Inconsistent') return part(sim, resource, a, b, `${source} should be copied and is Inconsistent`);
  if (to.role === 'Primary' && to.disk === 'UpToDate') return part(sim, resource, a, b, `${target} should be overwritten and is Primary`);
  startSync(sim, resource, source, target, Math.abs(verdict) === 2);
}

function isTarget({ peers }: Replica): boolean {
  return Object.values(peers).some(({ replication, connection }) => connection === 'Connected' && replication === 'SyncTarget');
}

function equal(sim: Simulation, sides: readonly (readonly [node: string, peer: string, replica: Replica, metadata: Metadata])[]): void {
  const isGood = sides.some(([, , { disk }]) => disk === 'UpToDate');
  for (const [node, peer, replica, metadata] of sides) {
    if (isGood && replica.disk === 'Outdated') settleDisk(sim, node, replica, 'UpToDate');
    if (isNew(metadata.current)) continue;
    // Of two equal generations nothing is copied, whatever was found to differ.
    if (!slotOf(metadata, peer).isCompared) slotOf(metadata, peer).outOfSyncBytes = 0;
    metadata.crashedPrimary = false;
  }
}

function agreeOnSize(sim: Simulation, sides: readonly (readonly [string, Replica])[]): void {
  const least = Math.min(...sides.map(([, { sizeBytes }]) => sizeBytes));
  for (const [node, replica] of sides) {
    replica.sizeBytes = least;
    const metadata = metadataOf(sim, node, replica);
    if (metadata) metadata.effectiveBytes = least;
  }
}

// Copying

export function startSync(sim: Simulation, resource: string, source: string, target: string, isWhole: boolean): void {
  const [from, to] = [hostOf(sim, source).replicas[resource], hostOf(sim, target).replicas[resource]];
  const [mine, theirs] = [from && metadataOf(sim, source, from), to && metadataOf(sim, target, to)];
  const [there, back] = [from?.peers[target], to?.peers[source]];
  const media = from && to ? [backingOf(sim, source, from), backingOf(sim, target, to)] as const : undefined;
  if (!from || !to || !mine || !theirs || !there || !back || !media?.[0] || !media[1]) return;
  const [a, b] = [slotOf(mine, target), slotOf(theirs, source)];
  const isMending = isWhole || a.isCompared === true || b.isCompared === true;
  const totalBytes = isWhole ? from.sizeBytes : Math.min(from.sizeBytes, isMending ? Math.max(a.outOfSyncBytes, b.outOfSyncBytes) : a.outOfSyncBytes + b.outOfSyncBytes);
  const before = a.bitmap;
  a.bitmap = syncId(before, withBit(randomHex(() => sim.random(), 16).toUpperCase(), false));
  if (before !== NONE && (from.nodeId < 0 || !isNew(before))) pushHistory(mine, before);
  theirs.current = bare(a.bitmap);
  for (const slot of [a, b]) slot.outOfSyncBytes = totalBytes;
  b.bitmap = NONE;
  settleDisk(sim, target, to, 'Inconsistent');
  const kept = new Set(media[0].writes);
  media[1].writes = media[1].writes.filter((id) => kept.has(id));
  noteLost(sim, `the resync of ${resource} from ${source} overwrote it on ${target}`);
  const sync = { startedAtMs: sim.clock.now(), totalBytes, bytesPerSecond: rateOf(to), ...(isMending ? { isMending } : {}) };
  Object.assign(there, { replication: 'SyncSource', sync });
  Object.assign(back, { replication: 'SyncTarget', sync: { ...sync } });
  sim.log.write(source, `drbd ${resource}: copies ${Math.round(totalBytes / 1024)} KiB to ${target}`);
  const isStill = () => hostOf(sim, source).replicas[resource] === from && there.sync === sync && back.replication === 'SyncTarget';
  sim.clock.after(Math.max(SYNC_LEAST_MS, (totalBytes / sync.bytesPerSecond) * 1000), () => { if (isStill()) endSync(sim, resource, source, target); }, { background: true, label: `drbd ${resource}: resync to ${target}` });
}

function endSync(sim: Simulation, resource: string, source: string, target: string): void {
  const [from, to] = [hostOf(sim, source).replicas[resource], hostOf(sim, target).replicas[resource]];
  const [media, other] = [from && backingOf(sim, source, from), to && backingOf(sim, target, to)];
  const [there, back] = [from?.peers[target], to?.peers[source]];
  if (!from || !to || !media?.metadata || !other?.metadata || !there || !back) return;
  const [mine, theirs] = [media.metadata, other.metadata];
  const bytes = there.sync?.totalBytes ?? 0;
  there.sentBytes += bytes;
  back.receivedBytes += bytes;
  from.readBytes += bytes;
  to.writtenBytes += bytes;
  // A first copy leaves no trace at its source on DRBD 9.
  const id = slotOf(mine, target).bitmap;
  if (from.nodeId < 0 || mine.history[0] !== NONE) pushHistory(mine, id);
  mine.peers[target] = { bitmap: NONE, outOfSyncBytes: 0 };
  theirs.history = [bare(id), mine.history[mine.history[0] === id ? 1 : 0]];
  theirs.current = withBit(mine.current, to.role === 'Primary');
  theirs.peers[source] = { bitmap: NONE, outOfSyncBytes: 0 };
  for (const metadata of [mine, theirs]) metadata.crashedPrimary = false;
  other.writes = [...media.writes];
  copyLabel(media, other);
  if (there.sync?.isMending) copyRot(media, other);
  settleDisk(sim, target, to, 'UpToDate');
  for (const peer of [there, back]) {
    peer.replication = 'Established';
    delete peer.sync;
  }
  inSyncWithAll(sim, target, to, theirs);
  sim.log.write(target, `drbd ${resource}: in sync with ${source}`);
  for (const [name, peer, third] of peersOf(sim, to, 'Connected')) if (name !== source && hasDisk(third) && peer.replication === 'Established') agree(sim, resource, target, name, peer);
}

/** Connected copies of the very same generation have nothing left to tell each other. */
function inSyncWithAll(sim: Simulation, node: string, replica: Replica, metadata: Metadata): void {
  for (const [name, peer, other] of peersOf(sim, replica, 'Connected')) {
    const theirs = metadataOf(sim, name, other);
    if (!theirs || other.disk !== 'UpToDate' || peer.sync || bare(theirs.current) !== bare(metadata.current)) continue;
    for (const slot of [slotOf(metadata, name), slotOf(theirs, node)]) if (!slot.isCompared) slot.outOfSyncBytes = 0;
  }
}

/** What is left to be copied stays marked. */
function stopSync(sim: Simulation, node: string, replica: Replica, name: string): void {
  const peer = replica.peers[name];
  if (!peer?.sync) return;
  const left = leftBytes(sim, peer);
  breakOff(peer, left, replica.sizeBytes);
  const metadata = metadataOf(sim, node, replica);
  if (metadata && !peer.replication.startsWith('Verify')) slotOf(metadata, name).outOfSyncBytes = left;
  delete peer.sync;
}

function stopSyncs(sim: Simulation, node: string, replica: Replica): void {
  for (const [name, peer] of Object.entries(replica.peers)) {
    if (!peer.sync) continue;
    stopSync(sim, node, replica, name);
    const other = peerOf(sim, name, replica);
    if (other) stopSync(sim, name, other, node);
    for (const side of [peer, other?.peers[node]]) if (side?.connection === 'Connected') side.replication = 'Established';
  }
}

/** What a resync or a verify still has before it. */
export function leftBytes(sim: Simulation, { sync }: Peer): number {
  if (!sync) return 0;
  return Math.max(0, Math.round((sync.totalBytes - ((sim.clock.now() - sync.startedAtMs) / 1000) * sync.bytesPerSecond) / 4096) * 4096);
}

function rateOf({ diskOptions }: Replica): number {
  const [, number, unit = ''] = /^(\d+)([kKMG]?)$/.exec(diskOptions['resync-rate'] ?? '') ?? [];
  if (number === undefined) return BYTES_PER_SECOND;
  return Math.min(BYTES_PER_SECOND, Number(number) * ({ k: 2 ** 10, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit] ?? 2 ** 10));
}

/** Every block that is marked is copied anew from the peer; 9 may be told to mark nothing besides. */
export function invalidate(sim: Simulation, node: string, replica: Replica, names: readonly string[], isMarkedOnly: boolean): void {
  const source = [...peersOf(sim, replica, 'Connected')].find(([name, peer, other]) => names.includes(name) && other.disk === 'UpToDate' && peer.replication === 'Established');
  if (!source) throw new Refused(17, 'State change failed: (-2) Need access to UpToDate data');
  startSync(sim, replica.resource, source[0], node, !isMarkedOnly);
}

/** All disks have grown: the device does too. False: there is nothing to gain, and that is no error. */
export function resize(sim: Simulation, node: string, replica: Replica, assumeClean: boolean): boolean {
  const peers = [...peersOf(sim, replica, 'Connected')];
  if (Object.values(replica.peers).some(({ replication }) => /^(?:Sync|PausedSync|WF)/.test(replication))) throw new Refused(10, 'Failure: (130) Resize not allowed during resync.');
  if (Object.values(replica.peers).some(({ connection }) => connection !== 'Connected')) return false;
  const sides = [[node, replica] as const, ...peers.map(([name, , other]) => [name, other] as const)].filter(([, side]) => hasDisk(side));
  const sizeBytes = Math.min(...sides.map(([name, side]) => {
    const medium = backingOf(sim, name, side);
    return usableBytes(medium?.sizeBytes ?? 0, medium?.metadata?.maxPeers ?? 1);
  }));
  if (sizeBytes <= replica.sizeBytes) return false;
  const grownBytes = sizeBytes - replica.sizeBytes;
  for (const [name, side] of sides) {
    side.sizeBytes = sizeBytes;
    const metadata = metadataOf(sim, name, side);
    if (!metadata) continue;
    metadata.effectiveBytes = sizeBytes;
    if (!assumeClean) for (const [other] of sides) if (other !== name) slotOf(metadata, other).outOfSyncBytes += grownBytes / 2;
  }
  // Recorded: on 8.4 the node that was told becomes the target, on 9 the source.
  if (!assumeClean) for (const [name] of peers) startSync(sim, replica.resource, replica.nodeId < 0 ? name : node, replica.nodeId < 0 ? node : name, false);
  return true;
}

// Quorum, which DRBD 9 has

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

export function isYes(value: string | undefined): boolean {
  return value === 'yes';
}
