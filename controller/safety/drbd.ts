// In: what nodes told of their DRBD, LVM and addresses. Out: nothing when a condition holds, else the reason as a sentence. Pure.
// A node that did not tell is a reason.
import type { Facts } from '../model/facts.ts';
import type { NodeStorageFact, PeerFact, ReplicaFact } from '../model/node-facts.ts';
import type { Condition } from '../model/step.ts';
import { generationsText, generationTowards, isNewGeneration, lineage, splitsOf } from './generations.ts';

type Known = Pick<Facts, 'storageNodes'>;
type Of<Is extends Condition['is']> = Extract<Condition, { is: Is }>;

/** Why the node's word cannot be had, or nothing. */
export function untold(node: string, known: Known): string | undefined {
  const fact = known.storageNodes?.get(node);
  if (!fact) return `${node} was not asked over ssh`;
  return fact.unread === undefined ? undefined : `${node}: ${fact.unread}`;
}

function replicas(resource: string, nodes: readonly string[], known: Known): readonly (readonly [node: string, replica: ReplicaFact])[] | string {
  const found: (readonly [string, ReplicaFact])[] = [];
  for (const node of nodes) {
    const why = untold(node, known);
    if (why !== undefined) return why;
    const replica = known.storageNodes?.get(node)?.replicas.get(resource);
    if (!replica) return `${node} has no resource ${resource}`;
    if (!replica.isUp) return `${resource} is down on ${node}`;
    found.push([node, replica]);
  }
  return found;
}

export function notConnected({ resource, nodes }: Pick<Of<'drbd-connected'>, 'resource' | 'nodes'>, known: Known): string | undefined {
  const found = replicas(resource, nodes, known);
  if (typeof found === 'string') return found;
  for (const [node, replica] of found) {
    for (const other of nodes) {
      if (other === node) continue;
      const peer = replica.peers.find(({ name }) => name === other);
      if (!peer || peer.connection !== 'Connected') return `${resource} on ${node} is ${peer?.connection ?? 'not connected'} to ${other}`;
    }
  }
  return undefined;
}

/** The reason why not every replica is a good and equal copy. */
export function notInSync(condition: Pick<Of<'drbd-in-sync'>, 'resource' | 'nodes'>, known: Known): string | undefined {
  const apart = split(condition, known) ?? notConnected(condition, known);
  if (apart !== undefined) return apart;
  const found = replicas(condition.resource, condition.nodes, known);
  if (typeof found === 'string') return found;
  for (const [node, replica] of found) {
    if (replica.disk !== 'UpToDate') return `${condition.resource} on ${node} is ${replica.disk}${progress(replica)}`;
    // Peers that are not asked about hold no data: they only vote.
    const behind = replica.peers.filter(({ name }) => condition.nodes.includes(name)).find((peer) => peer.disk !== 'UpToDate' || peer.outOfSyncBytes > 0 || !isSteady(peer));
    if (behind) return `${condition.resource}: ${behind.name} is ${behind.disk}, ${behind.replication}${behind.outOfSyncBytes > 0 ? `, ${behind.outOfSyncBytes} bytes out of sync` : ''}${behind.donePercent === undefined ? '' : `, ${Math.floor(behind.donePercent)} % done`}`;
  }
  return undefined;
}

/** Copies that are being compared are as equal as before. */
function isSteady({ replication }: PeerFact): boolean {
  return replication === 'Established' || replication === 'VerifyS' || replication === 'VerifyT';
}

function progress({ peers }: ReplicaFact): string {
  const [peer] = peers.filter(({ donePercent }) => donePercent !== undefined);
  return peer?.donePercent === undefined ? '' : `, ${Math.floor(peer.donePercent)} % done`;
}

export function notNew({ resource, nodes }: Of<'drbd-new'>, known: Known): string | undefined {
  const found = replicas(resource, nodes, known);
  if (typeof found === 'string') return found;
  for (const [node, replica] of found) {
    if (replica.generations.length === 0) return `${resource} on ${node} has no metadata that could be read`;
    if (replica.generations.some((one) => !isNewGeneration(one))) return `${resource} on ${node} holds data already`;
  }
  return undefined;
}

export function otherRole({ resource, node, role }: Of<'drbd-role'>, known: Known): string | undefined {
  const found = replicas(resource, [node], known);
  if (typeof found === 'string') return found;
  const [[, replica] = []] = found;
  return replica?.role === role ? undefined : `${resource} on ${node} is ${replica?.role ?? 'Unknown'}`;
}

export function notUpToDate({ resource, node }: Of<'drbd-uptodate'>, known: Known): string | undefined {
  const found = replicas(resource, [node], known);
  if (typeof found === 'string') return found;
  const [[, replica] = []] = found;
  return replica?.disk === 'UpToDate' ? undefined : `${resource} on ${node} is ${replica?.disk ?? 'Diskless'}`;
}

/** A Secondary cannot be opened; one that has no good copy in reach, its own or a peer's, answers errors. */
export function unusable({ resource, node, promotes = false }: Of<'drbd-usable'>, known: Known): string | undefined {
  const found = replicas(resource, [node], known);
  if (typeof found === 'string') return found;
  const [[, replica] = []] = found;
  if (replica?.role !== 'Primary' && !promotes) return `${resource} on ${node} is ${replica?.role ?? 'Unknown'}, and only a Primary can be opened`;
  if (replica?.suspended !== undefined) return `writes to ${resource} wait on ${node}: ${replica.suspended}`;
  const reaches = replica?.disk === 'UpToDate' || replica?.peers.some(({ connection, disk }) => connection === 'Connected' && disk === 'UpToDate');
  return reaches ? undefined : `${resource} on ${node} is ${replica?.disk ?? 'Diskless'}, and no UpToDate copy is in reach`;
}

/** A node that cannot tell may be the other half of a split brain. */
export function split({ resource, nodes }: Pick<Of<'drbd-not-split'>, 'resource' | 'nodes'>, known: Known): string | undefined {
  for (const node of nodes) {
    const why = untold(node, known);
    if (why !== undefined) return why;
  }
  const [found] = splitsOf(resource, nodes, known.storageNodes);
  if (found) return `${resource} is split: ${found.nodes.join(' and ')} have written apart from each other (event ${found.id})`;
  const sorted = [...nodes].sort();
  for (const [at, a] of sorted.entries()) {
    for (const b of sorted.slice(at + 1)) {
      const first = generationTowards(known.storageNodes?.get(a), resource, b);
      const second = generationTowards(known.storageNodes?.get(b), resource, a);
      if (first && second && lineage(first, second) === 'unrelated') return `${resource} on ${a} and on ${b} are unrelated data`;
    }
  }
  return undefined;
}

export function otherGenerations({ resource, generations }: Of<'drbd-generations'>, known: Known): string | undefined {
  for (const [node, planned] of Object.entries(generations)) {
    const why = untold(node, known);
    if (why !== undefined) return why;
    if (generationsText(known.storageNodes?.get(node), resource) !== planned) return `${resource} on ${node} has changed since it was planned on`;
  }
  return undefined;
}

export function volumeThere({ node, group, volume }: Of<'volume-absent'>, known: Known): string | undefined {
  return untold(node, known) ?? (volumeOf(known.storageNodes?.get(node), group, volume) ? `${node} has a logical volume ${group}/${volume} already` : undefined);
}

export function otherLogicalVolume({ node, group, volume, uuid }: Of<'volume-is'>, known: Known): string | undefined {
  const why = untold(node, known);
  if (why !== undefined) return why;
  const found = volumeOf(known.storageNodes?.get(node), group, volume);
  if (!found) return `${node} has no logical volume ${group}/${volume}`;
  return found.uuid === uuid ? undefined : `${group}/${volume} on ${node} is another one than was planned on`;
}

export function groupUsed({ node, group }: Of<'group-unused'>, known: Known): string | undefined {
  const used = known.storageNodes?.get(node)?.volumes.filter((volume) => volume.group === group && (volume.active || volume.open)) ?? [];
  return untold(node, known) ?? (used[0] ? `${group}/${used[0].name} is in use on ${node}` : undefined);
}

export function addressElsewhere({ address, nodes, by }: Of<'address-held'>, known: Known): string | undefined {
  const holders: string[] = [];
  for (const node of nodes) {
    const why = untold(node, known);
    if (why !== undefined) return why;
    if (known.storageNodes?.get(node)?.addresses.some((one) => bare(one.address) === bare(address))) holders.push(node);
  }
  if (holders.length !== 1) return holders.length === 0 ? `no node has ${address}` : `${holders.join(' and ')} both have ${address}`;
  return by === undefined || holders[0] === by ? undefined : `${address} is on ${holders[0]}`;
}

function volumeOf(node: NodeStorageFact | undefined, group: string, volume: string) {
  return node?.volumes.find((one) => one.group === group && one.name === volume);
}

function bare(address: string): string {
  return address.split('/')[0] ?? address;
}
