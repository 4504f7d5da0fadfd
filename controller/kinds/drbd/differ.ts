// In: good copies of a resource that are not equal. Out: what that is and what cures it, in words. Pure.
import type { Copy } from './scene.ts';
import { differencesOf, differencesText } from './verify-text.ts';

/** Both call themselves UpToDate and rest: DRBD marked blocks (a comparison found them, or a write went astray), and copies them at no time by itself. */
export function differText(name: string, copies: readonly Copy[], isRepaired: boolean): string | undefined {
  const found = differencesOf(copies);
  if (found.length === 0) return undefined;
  const cure = isRepaired ? 'which verify.repair makes equal' : `and nothing makes them equal by itself: write repair: true below verify of DrbdResource/${name}, or make it Primary on the node whose copy is right and Secondary where it is wrong, and run there ${byHand(name, copies)}`;
  return `${differencesText(found)}, although all are UpToDate, ${cure}`;
}

/** 8.4 copies marked blocks when both meet again; 9 does so without letting go. */
function byHand(name: string, copies: readonly Copy[]): string {
  const isOld = copies.some(({ fact }) => fact.drbdVersion?.startsWith('8.'));
  return isOld ? `drbdadm disconnect ${name} and drbdadm connect ${name}` : `drbdadm invalidate --reset-bitmap=no ${name}`;
}
