// In: a node, and what the nodes told of their DRBD. Out: why it may not be drained or taken down now, or nothing. Pure.
// Every resource counts, whoever made it; a node that keeps silent is a reason.
import type { Facts } from '../model/facts.ts';
import type { PeerFact, ReplicaFact } from '../model/node-facts.ts';
import type { Hold } from '../model/step.ts';
import { untold } from './drbd.ts';
import { splitsOf } from './generations.ts';
import { progressText } from './resync.ts';

type Known = Pick<Facts, 'storageNodes'>;

/** Never take down the last good copy, nor what a resync reads from, nor one side of a split brain. */
export function indispensable(node: string, known: Known): Hold | undefined {
  const mirrors = [...known.storageNodes?.values() ?? []].some((fact) => fact.node === node || [...fact.replicas.values()].some(({ peers }) => peers.some(({ name }) => name === node)));
  if (!mirrors) return undefined;
  const silent = untold(node, known);
  if (silent !== undefined) return { code: 'UNKNOWN', reason: `nobody knows whether ${node} has the last good copy of anything: ${silent}`, approvable: false };
  const replicas = [...known.storageNodes?.get(node)?.replicas.values() ?? []].sort((a, b) => (a.resource < b.resource ? -1 : 1));
  for (const check of [divided, read, lone]) {
    for (const replica of replicas) {
      const hold = check(node, replica, known);
      if (hold) return hold;
    }
  }
  return undefined;
}

function divided(node: string, { resource }: ReplicaFact, known: Known): Hold | undefined {
  const telling = [...known.storageNodes ?? []].filter(([, { replicas }]) => replicas.has(resource)).map(([name]) => name);
  const event = splitsOf(resource, telling, known.storageNodes).find(({ nodes }) => nodes.includes(node));
  return event && { code: 'SPLIT_BRAIN', reason: `${resource} is split, and ${node} is one side of it (event ${event.id})`, approvable: false };
}

const IS_SOURCE: ReadonlySet<PeerFact['replication']> = new Set(['StartingSyncS', 'WFBitMapS', 'SyncSource', 'PausedSyncS', 'Ahead']);

function read(node: string, { resource, peers }: ReplicaFact, known: Known): Hold | undefined {
  const target = peers.find(({ replication }) => IS_SOURCE.has(replication));
  if (!target) return undefined;
  // Version 8.4 tells how long it takes on the target alone.
  const seen = known.storageNodes?.get(target.name)?.replicas.get(resource)?.peers.find(({ name }) => name === node);
  return { code: 'RESYNC', reason: `${resource}: ${progressText(target.name, node, seen?.secondsLeft === undefined ? target : seen)}`, approvable: false };
}

function lone(node: string, { resource, isUp, disk, peers }: ReplicaFact): Hold | undefined {
  if (!isUp || disk !== 'UpToDate' || peers.some((peer) => isEqual(peer))) return undefined;
  const others = peers.map(({ name, connection, disk: other, outOfSyncBytes }) => `${name} is ${connection === 'Connected' ? other : connection}${outOfSyncBytes > 0 ? `, ${outOfSyncBytes} bytes out of sync` : ''}`);
  return { code: 'LAST_COPY', reason: `${node} has the last good copy of ${resource}${others.length === 0 ? '' : `: ${others.join(', ')}`}`, approvable: false };
}

/** What the other side says of itself counts only while both see each other. */
function isEqual({ connection, disk, outOfSyncBytes, replication }: PeerFact): boolean {
  return connection === 'Connected' && disk === 'UpToDate' && outOfSyncBytes === 0 && /^(?:Established|VerifyS|VerifyT)$/.test(replication);
}
