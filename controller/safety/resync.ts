// In: the copies of a resource. Out: the resync that runs, in words. Pure.
import type { PeerFact, ReplicaFact } from '../model/node-facts.ts';

/** A copy of a resource, as its node tells of it. */
interface Told { readonly node: string; readonly replica: ReplicaFact | undefined }

/** `b is being resynchronised from a: 41 % done, about 3 min left`. */
export function resyncText(copies: readonly Told[]): string | undefined {
  for (const { node, replica } of copies) {
    const source = replica?.peers.find(({ replication }) => replication === 'SyncTarget' || replication === 'PausedSyncT');
    if (source) return progressText(node, source.name, source);
  }
  return undefined;
}

/** @param seen what either side says of the other */
export function progressText(target: string, source: string, { donePercent, secondsLeft, replication }: PeerFact): string {
  const left = secondsLeft === undefined ? '' : `, about ${secondsLeft < 90 ? `${Math.ceil(secondsLeft)} s` : `${Math.ceil(secondsLeft / 60)} min`} left`;
  return `${target} is being resynchronised from ${source}${donePercent === undefined ? '' : `: ${Math.floor(donePercent)} % done`}${left}${replication.startsWith('Paused') ? ' (paused)' : ''}`;
}
