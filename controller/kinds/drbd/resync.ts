// In: the copies of a resource. Out: the resync that runs, in words. Pure.
import type { Copy } from './scene.ts';

/** `b is being resynchronised from a: 41 % done, about 3 min left`. */
export function resyncText(copies: readonly Copy[]): string | undefined {
  for (const { node, replica } of copies) {
    for (const peer of replica?.peers ?? []) {
      if (!/^(?:Sync|PausedSync)Target$/.test(peer.replication)) continue;
      const left = peer.secondsLeft === undefined ? '' : `, about ${peer.secondsLeft < 90 ? `${Math.ceil(peer.secondsLeft)} s` : `${Math.ceil(peer.secondsLeft / 60)} min`} left`;
      return `${node} is being resynchronised from ${peer.name}${peer.donePercent === undefined ? '' : `: ${Math.floor(peer.donePercent)} % done`}${left}${peer.replication.startsWith('Paused') ? ' (paused)' : ''}`;
    }
  }
  return undefined;
}
