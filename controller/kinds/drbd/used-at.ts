// In: a step of a guest. Out: the node on which it opens, makes or destroys the guest's data, or nothing. Pure.
import { isObject } from '../../model/json.ts';
import type { Step } from '../../model/step.ts';

const OF_DATA = /\/(?:status\/(?:start|resume|reboot)|resize|move_disk|move_volume|unlink|template|clone|migrate)$/;
const MAKES = /^\/nodes\/[^/]+\/(?:qemu|lxc)$/;
const GUEST = /^\/nodes\/[^/]+\/(?:qemu|lxc)\/\d+$/;
const HA = /^\/cluster\/ha\/resources(?:\/[^/]+)?$/;

/** @param storages of the guest: a new disk names one of them */
export function usedAt(step: Step, storages: readonly string[]): string | undefined {
  return usesData(step, storages) ? step.node ?? guestNode(step) : undefined;
}

function usesData({ action, risk }: Step, storages: readonly string[]): boolean {
  if (action.via !== 'pve') return false;
  // A guest that is stopped to be started again has to be able to start.
  if (risk === 'restart' || OF_DATA.test(action.path)) return true;
  if (action.method === 'POST' && MAKES.test(action.path)) return true;
  if (action.method === 'DELETE') return GUEST.test(action.path);
  const params = isObject(action.params) ? action.params : {};
  if (HA.test(action.path)) return (params.state ?? (action.method === 'POST' ? 'started' : undefined)) === 'started';
  return Object.values(params).some((value) => storages.some((storage) => String(value).startsWith(`${storage}:`)));
}

function guestNode({ action, guards }: Step): string | undefined {
  const own = action.via === 'pve' ? action.node : undefined;
  return own ?? guards.flatMap((guard) => (guard.is === 'guest-is' ? [guard.node] : []))[0];
}
