// In: operations on a guest's options and disks. Out: the writes that do them: one for all options, one for each disk that is
// copied or destroyed. Pure. Must never destroy a volume without its guards, nor unplug a disk in use without an approval.
import type { SecretRef } from '../../model/secret.ts';
import type { Action, Condition, Hold, Step } from '../../model/step.ts';
import { printSize } from '../../pve/sizes.ts';
import { isDiskSlot } from './disks.ts';
import { guestPath } from './live.ts';
import type { GuestLive } from './live.ts';
import { takesProtectionOff } from './ops.ts';
import type { Op } from './ops.ts';
import { CONFIG_TIMEOUT, copyCost, copyTimeout, holding } from './scope.ts';
import type { Scope } from './scope.ts';

/** A disk grows before its options are written: they carry the size. */
export function growsAndChanges(op: Op, ops: readonly Op[]): boolean {
  return op.op === 'resize' && ops.some((other) => other.op === 'set' && other.option === op.slot);
}

/** One write for all options; what only root may set stands apart, so that it does not take the rest with it. */
export function configSteps(scope: Scope, ops: readonly Op[], node: string, digest: string | undefined): readonly Step[] {
  const now = ops.filter((op) => !needsStop(op));
  const plain = now.filter((op) => (op.op === 'set' && !op.rootOnly) || op.op === 'unset' || op.op === 'attach' || (op.op === 'detach' && !(op.destroy && scope.type === 'qemu')));
  const root = now.filter((op) => op.op === 'set' && op.rootOnly);
  // A protected guest lets go of no disk: the protection goes in a write of its own, first.
  const unprotecting = plain.filter((op) => plain.some((other) => other.op === 'detach' || other.op === 'attach' || (other.op === 'set' && isDiskSlot(scope.type, other.option))) && takesProtectionOff(op));
  // What needs an approval stands apart, so that it does not take the rest with it.
  const unplugging = plain.filter((op) => op.op === 'detach' && op.inUse);
  return [unprotecting, plain.filter((op) => !unprotecting.includes(op) && !unplugging.includes(op)), root, unplugging].flatMap((group) => (group.length === 0 ? [] : [configStep(scope, group, node, digest)]));
}

/** Proxmox makes it only while the guest is stopped; it stays held until somebody stops the guest. */
export function needsStop(op: Op): boolean {
  return 'effect' in op && op.effect === 'stop-start';
}

function configStep(scope: Scope, group: readonly Op[], node: string, digest: string | undefined): Step {
  const params: Record<string, string | SecretRef> = {};
  const gone: string[] = [];
  const names: string[] = [];
  for (const op of group) {
    if (op.op === 'set') { params[op.option] = op.request; names.push(op.option); }
    else if (op.op === 'attach') { params[op.slot] = op.request; names.push(op.slot); }
    else if (op.op === 'unset') gone.push(op.option);
    else if (op.op === 'detach') gone.push(op.slot);
  }
  if (gone.length > 0) params.delete = gone.sort().join(',');
  const full = group.find((op) => op.op === 'attach' && op.full);
  const root = group.find((op) => op.op === 'set' && op.rootOnly);
  const hold: Hold | undefined = full?.op === 'attach' ? { code: 'STORAGE_FULL', reason: full.note ?? `${full.storage ?? 'the storage'} is full`, approvable: false } : unplugHold(group);
  const storages = group.flatMap((op) => (op.op === 'attach' && op.storage ? [`storage/${op.storage}`] : []));
  const path = `${guestPath(scope.type, node, scope.vmid)}/config`;
  return {
    title: [names.length > 0 ? `set ${names.sort().join(', ')}` : '', gone.length > 0 ? `take out ${gone.join(', ')}` : ''].filter((part) => part !== '').join('; '),
    action: { via: 'pve', method: scope.type === 'qemu' ? 'POST' : 'PUT', path, params, node, digest: { path, ...(digest ? { value: digest } : {}) } },
    guards: scope.guards(node), risk: group.some((op) => 'effect' in op && op.effect === 'hotplug') ? 'hotplug' : 'none',
    ...(root?.op === 'set' && root.rootOnly ? { needsRoot: root.rootOnly } : {}),
    locks: [`guest/${scope.vmid}`, ...new Set(storages)], node, timeoutMs: CONFIG_TIMEOUT, ...(hold ? { hold } : {}),
  };
}

/** One line taken out of a manifest would take a disk from under a running guest. */
function unplugHold(group: readonly Op[]): Hold | undefined {
  const slots = group.flatMap((op) => (op.op === 'detach' && op.inUse ? [op.slot] : []));
  return slots.length === 0 ? undefined : { code: 'PRUNE_POLICY', reason: `the guest runs and may be using ${slots.sort().join(', ')}: approve it, or stop the guest first`, approvable: true };
}

export function diskStep(scope: Scope, op: Op, node: string, live: GuestLive, digest: string | undefined): readonly Step[] {
  const base = guestPath(scope.type, node, scope.vmid);
  const withDigest = (path: string): Pick<Extract<Action, { via: 'pve' }>, 'digest'> => ({ digest: { path, ...(digest ? { value: digest } : {}) } });
  if (op.op === 'resize') {
    const action: Action = { via: 'pve', method: 'PUT', path: `${base}/resize`, params: { disk: op.slot, size: printSize(op.to) }, node, ...withDigest(`${base}/config`) };
    return [{ title: `grow ${op.slot} ${op.from > 0 ? `from ${printSize(op.from)} ` : ''}to ${printSize(op.to)}`, action, guards: scope.guards(node), risk: 'none', locks: [`guest/${scope.vmid}`], node, timeoutMs: CONFIG_TIMEOUT }];
  }
  if (op.op === 'move-disk') {
    const [command, key] = scope.type === 'qemu' ? ['move_disk', 'disk'] : ['move_volume', 'volume'];
    const action: Action = { via: 'pve', method: 'POST', path: `${base}/${command}`, params: { [key as string]: op.slot, storage: op.to, delete: 1 }, node, ...withDigest(`${base}/config`) };
    const running = live.guest.status !== 'stopped';
    const refused: Hold | undefined = scope.type === 'lxc' && running ? { code: 'REFUSED', reason: 'a volume of a running container cannot be moved: stop it first', approvable: false } : undefined;
    return [{
      title: `move ${op.slot} from ${op.from} to ${op.to}${running ? ' while it runs' : ''}`, action, guards: scope.guards(node), risk: 'none', cost: copyCost(op.bytes ?? 0),
      locks: [`guest/${scope.vmid}`, `storage/${op.to}`], node, timeoutMs: copyTimeout(op.bytes ?? 0), ...(refused ? { hold: refused } : {}),
    }];
  }
  if (op.op === 'detach' && op.destroy && scope.type === 'qemu') {
    // Not `unlink`, which is the same without a digest: another volume may be in the slot by now.
    const action: Action = { via: 'pve', method: 'POST', path: `${base}/config`, params: { delete: op.slot, force: 1 }, node, ...withDigest(`${base}/config`) };
    const guards: readonly Condition[] = [...scope.guards(node), { is: 'slot-holds', vmid: scope.vmid, slot: op.slot, volume: op.volume }];
    return [{ title: `destroy ${op.slot}: volume ${op.volume}${op.bytes === undefined ? '' : ` (${printSize(op.bytes)})`}`, action, guards, risk: 'data-loss', locks: [`guest/${scope.vmid}`], node, timeoutMs: CONFIG_TIMEOUT, ...holding(unplugHold([op])) }];
  }
  return [];
}
