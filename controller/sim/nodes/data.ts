// What applications wrote, and where it still is: the oracle of tests that ask whether anything was lost.
// In: writes through a Primary. Out: which copies hold them. A write is lost when no working disk anywhere holds it any more.
import type { Simulation } from '../simulation.ts';
import { backingOf, hostOf } from './devices.ts';
import { slotOf } from './generations.ts';
import { newGeneration } from './new-generation.ts';
import type { AppliedWrite, Host, Medium, Replica } from './state.ts';

/** Every medium of a host, those inside of others too. */
export function* mediaOf(host: Host): Generator<Medium> {
  for (const medium of Object.values(host.disks)) yield* inside(medium);
}

function* inside(medium: Medium): Generator<Medium> {
  yield medium;
  if (medium.label?.kind !== 'physical') return;
  for (const volume of Object.values(medium.label.group?.volumes ?? {})) yield* inside(volume.medium);
}

/** Ids of the writes that the node's own copy of the resource holds; undefined: it has none now. */
export function writesHeldBy(sim: Simulation, resource: string, node: string): ReadonlySet<number> | undefined {
  const replica = hostOf(sim, node).replicas[resource];
  const medium = replica && backingOf(sim, node, replica);
  return medium && !medium.failed ? new Set(medium.writes) : undefined;
}

export function lostWrites(sim: Simulation): readonly AppliedWrite[] {
  return sim.state.below.writes.filter(({ lostBy }) => lostBy !== undefined);
}

/** Writes of the resource that some nodes have and others lack while both can be read: data that went apart. */
export function divergedNodes(sim: Simulation, resource: string): readonly (readonly [string, string])[] {
  const held = Object.keys(sim.state.below.hosts).sort().flatMap((node) => {
    const writes = writesHeldBy(sim, resource, node);
    return writes ? [[node, writes] as const] : [];
  });
  const lacks = (one: ReadonlySet<number>, other: ReadonlySet<number>) => [...one].some((id) => !other.has(id));
  return held.flatMap(([a, first], at) => held.slice(at + 1).flatMap(([b, second]) => (lacks(first, second) && lacks(second, first) ? [[a, b] as const] : [])));
}

/** An application writes through the Primary; false: it could not. */
export function writeThrough(sim: Simulation, resource: string, node: string, bytes: number, by: string): boolean {
  const replica = hostOf(sim, node).replicas[resource];
  if (replica?.role !== 'Primary' || replica.suspended) return false;
  // Neither good data here nor with a peer: an I/O error (may_do_writes in drbd_req.c, 8.4 and 9).
  if (replica.disk !== 'UpToDate' && !Object.entries(replica.peers).some(([name, { connection }]) => connection === 'Connected' && hostOf(sim, name).replicas[resource]?.disk === 'UpToDate')) return false;
  const own = replica.disk === 'UpToDate' || replica.disk === 'Inconsistent' ? backingOf(sim, node, replica) : undefined;
  const peers = Object.entries(replica.peers).map(([name, peer]) => ({ name, peer, medium: peer.connection === 'Connected' ? mediumOfPeer(sim, resource, name) : undefined }));
  if (!own && peers.every(({ medium }) => !medium)) return false;
  if (replica.disk === 'UpToDate') newGeneration(sim, node, replica);
  const id = sim.state.below.writes.length + 1;
  sim.state.below.writes.push({ id, resource, node, bytes, by });
  replica.writtenBytes += bytes;
  own?.writes.push(id);
  for (const { name, peer, medium } of peers) {
    if (medium) {
      medium.writes.push(id);
      peer.sentBytes += bytes;
    } else if (own?.metadata) {
      const slot = slotOf(own.metadata, name);
      slot.outOfSyncBytes = Math.min(replica.sizeBytes, slot.outOfSyncBytes + bytes);
    }
  }
  for (const { name, medium } of peers) if (medium && !own) missedBy(sim, resource, name, node, bytes, replica);
  return true;
}

/** What a diskless Primary writes, its peers mark as missing on its disk. */
function missedBy(sim: Simulation, resource: string, peer: string, node: string, bytes: number, { sizeBytes }: Replica): void {
  const metadata = mediumOfPeer(sim, resource, peer)?.metadata;
  if (!metadata) return;
  const slot = slotOf(metadata, node);
  slot.outOfSyncBytes = Math.min(sizeBytes, slot.outOfSyncBytes + bytes);
}

function mediumOfPeer(sim: Simulation, resource: string, peer: string): Medium | undefined {
  const replica = hostOf(sim, peer).replicas[resource];
  const medium = replica && backingOf(sim, peer, replica);
  return medium && !medium.failed && replica.disk !== 'Diskless' ? medium : undefined;
}

/** What stands first on the device (a physical volume, its group and volumes) was changed on `node`: connected copies follow. */
export function mirrorLabel(sim: Simulation, node: string, replica: Replica): void {
  const from = replica.disk === 'UpToDate' ? node : Object.keys(replica.peers).find((peer) => hostOf(sim, peer).replicas[replica.resource]?.disk === 'UpToDate');
  const origin = from === undefined ? undefined : hostOf(sim, from).replicas[replica.resource];
  const source = from !== undefined && origin ? backingOf(sim, from, origin) : undefined;
  if (!source) return;
  for (const peer of [node, ...Object.keys(replica.peers)]) {
    if (peer === from || (peer !== node && replica.peers[peer]?.connection !== 'Connected')) continue;
    const medium = mediumOfPeer(sim, replica.resource, peer);
    if (medium) copyLabel(source, medium);
  }
  writeThrough(sim, replica.resource, node, 4096, 'lvm');
}

export function copyLabel(from: Medium, to: Medium): void {
  if (from.label === undefined) delete to.label;
  else to.label = structuredClone(from.label);
}

/** Looks which writes of the resource no working disk holds any more, and remembers what made it so. */
export function noteLost(sim: Simulation, cause: string): void {
  const held = new Set<number>();
  for (const host of Object.values(sim.state.below.hosts)) for (const medium of mediaOf(host)) if (!medium.failed) for (const id of medium.writes) held.add(id);
  for (const write of sim.state.below.writes) if (write.lostBy === undefined && !held.has(write.id)) write.lostBy = cause;
}
