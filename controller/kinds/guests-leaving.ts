// In: what the same plan does before. Out: the guests that it destroys, with their disks. Pure.
// Must never count on what no approval lifts.
import type { KindContext } from '../model/kind.ts';
import type { Hold, Step } from '../model/step.ts';

const GUEST = /^\/nodes\/[^/]+\/(?:qemu|lxc)\/(\d+)$/;

/** By VMID; with the hold that has to be lifted before. */
export function guestsLeaving({ ahead }: KindContext): ReadonlyMap<number, Hold | undefined> {
  return new Map([...ahead?.values() ?? []].flatMap((steps) => {
    const vmid = steps.flatMap((step) => destroyed(step) ?? [])[0];
    const holds = steps.flatMap(({ hold }) => hold ?? []);
    return vmid === undefined || holds.some(({ approvable }) => !approvable) ? [] : [[vmid, holds[0]] as const];
  }));
}

function destroyed({ action }: Step): number | undefined {
  const [, vmid] = action.via === 'pve' && action.method === 'DELETE' ? GUEST.exec(action.path) ?? [] : [];
  return vmid === undefined ? undefined : Number(vmid);
}
