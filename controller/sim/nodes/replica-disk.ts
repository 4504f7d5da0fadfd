// The disk below a replica: attached, let go, failed, outdated, grown. In: what drbdsetup is told, disks that die. Out: disk states,
// and what the peers mark.
// Must never give users of a Primary other data than they saw last.
import type { Simulation } from '../simulation.ts';
import { backingOf, mediumAt } from './devices.ts';
import { bare, slotOf, withBit } from './generations.ts';
import { agree } from './handshake.ts';
import { hasDisk, isEager, metadataOf, peersOf, Refused, settleDisk } from './kernel.ts';
import { usableBytes } from './metadata.ts';
import { newGeneration } from './new-generation.ts';
import { startSync, stopSyncs } from './resync.ts';
import type { Medium, Metadata, Replica } from './state.ts';

/** What the activity log covers of a crashed Primary's last writes. */
export const ACTIVITY_LOG_BYTES = 24 * 2 ** 20;

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

export function outdate(sim: Simulation, node: string, replica: Replica): void {
  if (replica.role === 'Primary') throw new Refused(11, 'State change failed: (-7) State change was refused by peer node');
  if (replica.disk === 'UpToDate') settleDisk(sim, node, replica, 'Outdated');
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
