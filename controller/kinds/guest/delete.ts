// In: a guest that left Git and carries our mark. Out: the steps that end it, in reverse order of making it. Pure.
// Its disks are kept unless its last manifest said `reclaim: delete`: then it is stopped and released, not destroyed.
import type { Change, FieldChange } from '../../model/change.ts';
import type { GuestType } from '../../model/facts.ts';
import type { KindContext, Steps } from '../../model/kind.ts';
import type { Hold, Step } from '../../model/step.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { printSize } from '../../pve/sizes.ts';
import { guestPath } from './live.ts';
import type { GuestLive } from './live.ts';
import { volumes } from './migration.ts';
import type { Volume } from './migration.ts';
import { splitTags } from './ops.ts';
import type { GuestSpec } from './spec.ts';
import { haRemoveSteps } from './ha-steps.ts';
import { scopeOf } from './scope.ts';
import type { Scope } from './scope.ts';
import { shutdownStep } from './steps.ts';

/** Remembered of a manifest that wanted its volumes destroyed with it. */
export const RECLAIM_DELETE = 'reclaim=delete';
const DELETE_TIMEOUT = 30 * 60_000;

export function deleteFields(type: GuestType, live: GuestLive, destroy: boolean): readonly FieldChange[] {
  const kept = volumes(type, live).filter((volume) => !volume.cdrom);
  return kept.map((volume) => ({ path: `config.${volume.slot}`, from: `${volume.volume}${volume.bytes > 0 ? `,size=${printSize(volume.bytes)}` : ''}`, to: destroy ? undefined : 'kept', effect: 'live' as const, ...(destroy ? { note: 'the volume is destroyed' } : {}) }));
}

export function deleteSteps(tables: ApiTables, type: GuestType, change: Change<GuestSpec, GuestLive>, context: KindContext): Steps {
  if (change.observed.state !== 'present') return { steps: [] };
  const { live, identity, digest } = change.observed;
  const node = live.guest.node;
  const scope = scopeOf(tables, type, live.guest, context.mark);
  const destroy = change.subject.memory?.fields.includes(RECLAIM_DELETE) === true;
  const steps = [
    ...(live.ha ? haRemoveSteps(scope, node) : []),
    ...(live.guest.status === 'stopped' ? [] : [shutdownStep(scope, node)]),
    destroy ? destroyStep(scope, live, identity, digest) : releaseStep(scope, live, context.mark, digest),
  ];
  // A guest that may not be destroyed is not stopped for it either.
  const hold: Hold | undefined = destroy && Number(live.config.protection ?? 0) === 1 ? { code: 'REFUSED', reason: 'it is protected: take `protection` off first', approvable: false } : undefined;
  return {
    steps: hold ? steps.map((step) => ({ ...step, hold })) : steps,
    notes: destroy ? purgeNotes(live.guest.vmid, context) : ['its manifest never said `reclaim: delete`, so it is stopped and released, and its disks stay'],
  };
}

/** Destroying purges: Proxmox takes the VMID out of every job that names it. */
function purgeNotes(vmid: number, { facts }: KindContext): readonly string[] {
  const jobs = [...facts.backupJobs].filter(([, job]) => String(job.vmid ?? '').split(',').includes(String(vmid))).map(([id]) => id).sort();
  return jobs.length === 0 ? [] : [`Proxmox also takes it out of ${jobs.length === 1 ? 'the backup job' : 'the backup jobs'} ${jobs.join(', ')}`];
}

function named(volume: Volume): string {
  return volume.bytes > 0 ? `${volume.volume} (${printSize(volume.bytes)})` : volume.volume;
}

function destroyStep(scope: Scope, live: GuestLive, identity: string | undefined, digest: string | undefined): Step {
  const { node, vmid } = live.guest;
  const doomed = volumes(scope.type, live).filter((volume) => !volume.cdrom);
  const text = doomed.map(named).join(', ');
  return {
    title: `destroy it${doomed.length > 0 ? ` and its volumes ${text}` : ''}`,
    action: { via: 'pve', method: 'DELETE', path: guestPath(scope.type, node, vmid), params: { purge: 1, 'destroy-unreferenced-disks': 0 }, node },
    guards: [
      ...scope.guards(node), { is: 'guest-status', vmid, status: 'stopped' },
      ...(identity === undefined ? [] : [{ is: 'guest-identity' as const, vmid, identity }]), ...(digest === undefined ? [] : [{ is: 'guest-unchanged' as const, vmid, digest }]),
    ], risk: 'data-loss', locks: [`guest/${vmid}`], node, timeoutMs: DELETE_TIMEOUT,
  };
}

function releaseStep(scope: Scope, live: GuestLive, mark: string, digest: string | undefined): Step {
  const { node, vmid } = live.guest;
  const path = `${guestPath(scope.type, node, vmid)}/config`;
  const tags = splitTags(live.config.tags).filter((tag) => tag !== mark).join(';');
  return {
    title: 'release it: take our mark off and leave it stopped', action: { via: 'pve', method: 'PUT', path, params: tags === '' ? { delete: 'tags' } : { tags }, node, digest: { path, ...(digest === undefined ? {} : { value: digest }) } },
    guards: scope.guards(node), risk: 'none', locks: [`guest/${vmid}`], node, timeoutMs: 60_000,
  };
}
