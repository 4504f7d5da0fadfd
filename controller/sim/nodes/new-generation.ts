// When DRBD begins another generation of the data, and who of the connected copies takes part in it.
import { randomHex } from '../random.ts';
import type { Simulation } from '../simulation.ts';
import { bare, isNew, NONE, slotOf, withBit } from './generations.ts';
import { hasDisk, isLinked, metadataOf, peerOf, peersOf, Refused, settleDisk } from './kernel.ts';
import type { Replica } from './state.ts';

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
