// Copying from one replica to another, in time. In: who copies to whom. Out: the target holds what its source held, and both say so.
// Must never let data disappear without data.ts noticing it.
import { randomHex } from '../random.ts';
import type { Simulation } from '../simulation.ts';
import { copyLabel, noteLost } from './data.ts';
import { backingOf, hostOf } from './devices.ts';
import { bare, isNew, NONE, pushHistory, slotOf, syncId, withBit } from './generations.ts';
import { agree } from './handshake.ts';
import { hasDisk, metadataOf, peerOf, peersOf, Refused, settleDisk } from './kernel.ts';
import type { Metadata, Peer, Replica } from './state.ts';
import { breakOff, copyRot } from './verify.ts';

const BYTES_PER_SECOND = 100 * 2 ** 20;
const SYNC_LEAST_MS = 400;

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
export function stopSync(sim: Simulation, node: string, replica: Replica, name: string): void {
  const peer = replica.peers[name];
  if (!peer?.sync) return;
  const left = leftBytes(sim, peer);
  breakOff(peer, left, replica.sizeBytes);
  const metadata = metadataOf(sim, node, replica);
  if (metadata && !peer.replication.startsWith('Verify')) slotOf(metadata, name).outOfSyncBytes = left;
  delete peer.sync;
}

export function stopSyncs(sim: Simulation, node: string, replica: Replica): void {
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
