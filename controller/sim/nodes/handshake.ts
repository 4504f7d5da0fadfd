// Two connected disks compare their generations: copy what has to be copied, or part.
// Must never let data disappear without data.ts noticing it.
import type { Simulation } from '../simulation.ts';
import { part } from './connections.ts';
import { hostOf } from './devices.ts';
import { bare, bySplitBrainPolicy, compare, isNew, slotOf } from './generations.ts';
import type { Contender } from './generations.ts';
import { metadataOf, settleDisk } from './kernel.ts';
import { startSync } from './resync.ts';
import type { Metadata, Peer, Replica } from './state.ts';

/** Two connected disks compare their generations and copy what has to be copied, or part. */
export function agree(sim: Simulation, resource: string, a: string, b: string, peer: Peer): void {
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
