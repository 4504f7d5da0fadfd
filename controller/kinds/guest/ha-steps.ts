// In: operations on a guest that the HA manager has, or is to have. Out: the steps, each followed by a wait for what the manager
// does in its rounds. Pure. Must never start, stop or move such a guest past the HA manager.
import { sidOf } from '../../model/facts.ts';
import type { Action, Condition, Hold, Risk, Step } from '../../model/step.ts';
import type { GuestLive } from './live.ts';
import type { Op } from './ops.ts';
import { HA_TIMEOUT, MINUTE } from './scope.ts';
import type { Scope } from './scope.ts';

export function haSteps(scope: Scope, op: Op, node: string, live: GuestLive): readonly Step[] {
  const sid = sidOf(scope.type, scope.vmid);
  const locks = [`guest/${scope.vmid}`, 'file/ha'];
  const guards = scope.guards(node);
  if (op.op === 'ha-create') {
    return [
      { title: `make it an HA resource (${op.state})`, action: { via: 'pve', method: 'POST', path: '/cluster/ha/resources', params: { sid, ...op.params } }, guards, risk: 'none', locks, timeoutMs: MINUTE },
      ...waitForHa(sid, op.state, scope.vmid),
    ];
  }
  if (op.op === 'ha-update') {
    const path = `/cluster/ha/resources/${sid}`;
    const stateChanges = 'state' in op.params;
    return [
      { title: `change the HA resource (${op.fields.map((field) => field.path.replace(/^ha\./, '')).sort().join(', ')})`, action: { via: 'pve', method: 'PUT', path, params: op.params, ...haDigest(live) }, guards, risk: stateChanges && op.state !== 'started' ? 'downtime' : 'none', locks, timeoutMs: MINUTE },
      ...(stateChanges ? waitForHa(sid, op.state, scope.vmid) : []),
    ];
  }
  if (op.op === 'ha-remove') return haRemoveSteps(scope, node);
  return [];
}

/** One file holds all HA resources, and each row of their list tells its digest. */
function haDigest({ ha }: GuestLive): Pick<Extract<Action, { via: 'pve' }>, 'digest'> {
  return ha?.digest === undefined ? {} : { digest: { path: '/cluster/ha/resources', value: ha.digest } };
}

/** Until its next round the HA manager starts again what somebody stops, so that nothing follows before it has let go. */
export function haRemoveSteps(scope: Scope, node: string): readonly Step[] {
  const sid = sidOf(scope.type, scope.vmid);
  const purge = scope.tables.method('DELETE', '/cluster/ha/resources/{sid}')?.params.has('purge') === true;
  return [
    { title: 'take it out of HA; it goes on running', action: { via: 'pve', method: 'DELETE', path: `/cluster/ha/resources/${sid}`, params: purge ? { purge: 1 } : {} }, guards: scope.guards(node), risk: 'none', locks: [`guest/${scope.vmid}`, 'file/ha'], timeoutMs: MINUTE },
    { title: 'wait until the HA manager has let go of it', action: { via: 'wait', until: { is: 'ha-absent', sid } }, guards: [], risk: 'none', locks: [`guest/${scope.vmid}`], timeoutMs: HA_TIMEOUT },
  ];
}

const HA_SETTLED: Readonly<Record<string, readonly string[]>> = { started: ['started'], stopped: ['stopped'], disabled: ['stopped', 'disabled'], ignored: [] };

function waitForHa(sid: string, state: string, vmid: number): readonly Step[] {
  const states = HA_SETTLED[state] ?? [];
  if (states.length === 0) return [];
  const wait = (title: string, until: Condition): Step => ({ title, action: { via: 'wait', until }, guards: [], risk: 'none', locks: [`guest/${vmid}`], timeoutMs: HA_TIMEOUT });
  return [
    wait(`wait until the HA manager has it ${state}`, { is: 'ha-state', sid, states }),
    wait(`wait until it is ${state === 'started' ? 'running' : 'stopped'}`, { is: 'guest-status', vmid, status: state === 'started' ? 'running' : 'stopped' }),
  ];
}

/** What it works on already (a recovery, a fence, another move) it would refuse to move, or move twice. */
export const HA_AT_REST: readonly string[] = ['started', 'stopped', 'disabled'];

export function haUnsettled({ ha }: GuestLive): Hold | undefined {
  const state = ha?.crmState ?? 'unknown';
  return HA_AT_REST.includes(state) ? undefined : { code: 'BUSY', reason: `the HA manager has it in state ${state}: it is asked when that is over`, approvable: false };
}

export function isManaged({ ha }: GuestLive): boolean {
  return ha !== undefined && ha.state !== 'ignored';
}

/** An HA guest is stopped and started by the HA manager, or it would take the stop for a crash. */
export function haRestart(scope: Scope, title: string, node: string, live: GuestLive): readonly Step[] {
  const sid = sidOf(scope.type, scope.vmid);
  const set = (state: string, name: string, risk: Risk): Step => ({ title: name, action: { via: 'pve', method: 'PUT', path: `/cluster/ha/resources/${sid}`, params: { state }, ...haDigest(live) }, guards: scope.guards(node), risk, locks: [`guest/${scope.vmid}`, 'file/ha'], timeoutMs: MINUTE });
  // One restart, counted once: a limit between the stop and the start would leave the guest stopped.
  return [set('stopped', `${title}: stop it through the HA manager`, 'restart'), ...waitForHa(sid, 'stopped', scope.vmid), set('started', `${title}: start it through the HA manager`, 'none'), ...waitForHa(sid, 'started', scope.vmid)];
}
