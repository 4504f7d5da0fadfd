// The state machine of one HA service, as the master steps it.
// In: the round so far and a service. Out: its next state, with what it carries from one state to the next.
// Must never decide on its own that a node is dead: it asks for a fence and waits.
import { selectNode, type Affinity, type Preference } from './affinity.ts';
import type { CrmEffect, CrmWorld } from './crm.ts';
import { FENCE_DELAY_MS, isOfflineFor } from './crm-nodes.ts';
import type { HaResource, LrmMode, LrmResult, ManagerStatus, ServiceState, ServiceStatus } from './state.ts';

/** What a round works on: the draft of the new status and what it has decided so far. */
export interface CrmRound {
  readonly world: CrmWorld;
  readonly manager: ManagerStatus;
  readonly lastOnlineMs: Record<string, number>;
  readonly results: Readonly<Record<string, LrmResult>>;
  readonly modes: Readonly<Record<string, LrmMode>>;
  readonly affinity: Affinity;
  readonly effects: CrmEffect[];
  readonly log: string[];
  readonly locksTaken: Set<string>;
}

/** The exit codes of the LRM's workers. */
export const EXIT = { success: 0, error: 1, wrongNode: 3, tryAgain: 8, ignored: 9 } as const;

interface Step { readonly round: CrmRound; readonly sid: string; readonly service: ServiceStatus; readonly resource: Pick<HaResource, 'type' | 'state' | 'node' | 'maxRelocate' | 'failback'>; readonly result?: LrmResult }

const UNCONFIGURED = { type: 'vm', state: 'disabled', maxRelocate: 1, failback: true } as const;

export function nextState(round: CrmRound, sid: string): void {
  const service = round.manager.service_status[sid];
  if (!service) return;
  const result = service.uid === undefined ? undefined : round.results[service.uid];
  const step: Step = { round, sid, service, resource: round.world.resources[sid] ?? UNCONFIGURED, ...(result ? { result } : {}) };
  act(step);
  freezeForRestart(step);
}

function act(step: Step): void {
  switch (step.service.state) {
    case 'stopped': return fromStopped(step);
    case 'request_start': return fromRequestStart(step);
    case 'started': return fromStarted(step);
    case 'migrate':
    case 'relocate':
    case 'request_start_balance': return fromMoving(step);
    case 'request_stop': return fromRequestStop(step);
    case 'freeze': return fromFreeze(step);
    case 'error': return fromError(step);
    case 'recovery': return fromRecovery(step);
    case 'fence': return;
  }
}

/** Everything but the node, the failures and the way home from maintenance belongs to one state only. */
function change(step: Step, state: ServiceState, more: Partial<ServiceStatus> = {}): void {
  const { round, sid, service } = step;
  round.log.push(`service '${sid}': state changed from '${service.state}' to '${state}'${described(more)}`);
  round.manager.service_status[sid] = {
    state, node: service.node,
    ...(service.failed_nodes ? { failed_nodes: service.failed_nodes } : {}),
    ...(service.maintenance_node === undefined ? {} : { maintenance_node: service.maintenance_node }),
    ...more, uid: round.world.newUid(),
  };
}

function described(more: Partial<ServiceStatus>): string {
  const parts = Object.entries(more).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key} = ${String(value)}`);
  return parts.length === 0 ? '' : `  (${parts.join(', ')})`;
}

function nodeStateOf(step: Step, node: string): string {
  return step.round.manager.node_status[node] ?? 'unknown';
}

function isOnline(step: Step, node: string): boolean {
  return nodeStateOf(step, node) === 'online';
}

function isLost(step: Step): boolean {
  return isOfflineFor(FENCE_DELAY_MS, step.service.node, step.round.manager, step.round.lastOnlineMs, step.round.world.nowMs);
}

function select(step: Step, preference: Preference): string | undefined {
  const { round } = step;
  const online = new Set(Object.keys(round.manager.node_status).filter((node) => round.manager.node_status[node] === 'online'));
  return selectNode(step.sid, preference, { affinity: round.affinity, services: round.manager.service_status, online, failback: step.resource.failback, others: round.world.others });
}

function fromStopped(step: Step): void {
  const { round, service, resource } = step;
  if (resource.node !== undefined && resource.node !== service.node) {
    round.log.push(`fixup service '${step.sid}' location (${service.node} => ${resource.node})`);
    service.node = resource.node;
  }
  if (service.cmd && obeyMove(step, service.cmd)) return;
  delete service.cmd;
  if (resource.state === 'disabled') return;
  if (nodeStateOf(step, service.node) !== 'maintenance' && isLost(step)) return change(step, 'fence');
  if (resource.state === 'started') change(step, 'request_start');
}

/** Whether the command moved the service on; `stop` is nothing to a stopped service. */
function obeyMove(step: Step, [verb, target]: readonly string[]): boolean {
  if ((verb !== 'migrate' && verb !== 'relocate') || target === undefined) return false;
  const { round, sid, service } = step;
  if (!isOnline(step, target)) {
    round.log.push(`ignore service '${sid}' ${verb} request - node '${target}' not online`);
    return false;
  }
  if (service.node === target) {
    round.log.push(`ignore service '${sid}' ${verb} request - service already on node '${target}'`);
    return false;
  }
  change(step, verb, { target });
  return true;
}

function fromRequestStart(step: Step): void {
  const best = step.round.world.rebalanceOnStart ? select(step, 'best-score') : undefined;
  if (best !== undefined && best !== step.service.node) return change(step, 'request_start_balance', { target: best });
  change(step, 'started');
}

function fromStarted(step: Step): void {
  const { service, resource } = step;
  if (!isOnline(step, service.node)) {
    if (isLost(step) && nodeStateOf(step, service.node) !== 'maintenance') return change(step, 'fence');
    if (nodeStateOf(step, service.node) !== 'maintenance') return;
    service.maintenance_node = service.node;
  }
  if (resource.state === 'disabled' || resource.state === 'stopped') return change(step, 'request_stop');
  if (service.cmd) return obeyStarted(step, service.cmd);
  const preference = judge(step);
  if (preference !== undefined) settleOn(step, preference);
}

function obeyStarted(step: Step, cmd: readonly string[]): void {
  const { round, sid, service } = step;
  delete service.cmd;
  if (cmd[0] === 'stop') {
    change(step, 'request_stop', { timeout: cmd[1] ?? '0' });
    round.effects.push({ do: 'request-state', sid, state: 'stopped' });
    return;
  }
  obeyMove(step, cmd);
}

/** What the LRM's result means for where the service should be; nothing: it is in error now. */
function judge(step: Step): Preference | undefined {
  const { round, sid, service, resource, result } = step;
  if (!result) return 'none';
  if (result.exit_code === EXIT.success) {
    delete service.failed_nodes;
    service.running = 1;
    return 'none';
  }
  delete service.running;
  service.failed_nodes = [...(service.failed_nodes ?? []), service.node];
  const canTryElsewhere = result.exit_code === EXIT.error || result.exit_code === EXIT.wrongNode;
  if (canTryElsewhere && service.failed_nodes.length <= resource.maxRelocate) {
    round.log.push(`starting service ${sid} on node '${service.node}' failed, relocating service.`);
    return 'try-next';
  }
  round.log.push(`recovery policy for service ${sid} failed, entering error state. Failed nodes: ${service.failed_nodes.join(', ')}`);
  change(step, 'error');
  return undefined;
}

function settleOn(step: Step, preference: Preference): void {
  const { round, sid, service, resource, result } = step;
  const node = select(step, preference);
  if (node !== undefined && node !== service.node) {
    forgetMaintenance(step, node);
    const verb = resource.type === 'vm' ? 'migrate' : 'relocate';
    round.log.push(`${verb} service '${sid}' to node '${node}'${verb === 'migrate' ? ' (running)' : ''}`);
    return change(step, verb, { target: node });
  }
  if (service.maintenance_node === service.node && isOnline(step, service.node)) delete service.maintenance_node;
  // A new uid makes the LRM look again, so a guest that went down by itself is started again.
  if (result) service.uid = round.world.newUid();
}

function forgetMaintenance(step: Step, node: string): void {
  const home = step.service.maintenance_node;
  if (home === undefined) return;
  if (node === home || step.service.node !== home) delete step.service.maintenance_node;
}

function fromMoving(step: Step): void {
  const { round, sid, service, resource, result } = step;
  const then = resource.state === 'started' ? 'started' : 'request_stop';
  if (result) {
    switch (result.exit_code) {
      case EXIT.success: return change(step, then, { node: service.target ?? service.node });
      case EXIT.ignored: return change(step, then);
      case EXIT.wrongNode:
        round.log.push(`service '${sid}' - migration failed: service registered on wrong node!`);
        return change(step, 'error');
      default:
        round.log.push(`service '${sid}' - migration failed (exit code ${result.exit_code})`);
        return change(step, then);
    }
  }
  if (isLost(step)) change(step, 'fence');
}

function fromRequestStop(step: Step): void {
  if (step.result) return change(step, step.result.exit_code === EXIT.success ? 'stopped' : 'error');
  if (isLost(step)) change(step, 'fence');
}

function fromFreeze(step: Step): void {
  if (step.round.modes[step.service.node] === 'active') change(step, step.resource.state === 'started' ? 'started' : 'request_stop');
}

function fromError(step: Step): void {
  if (step.resource.state !== 'disabled') return;
  delete step.service.failed_nodes;
  change(step, 'stopped');
}

function fromRecovery(step: Step): void {
  const { round, sid, service, resource } = step;
  const target = select(step, 'best-score');
  if (target === undefined) {
    if (resource.state === 'disabled') {
      delete service.failed_nodes;
      return change(step, 'stopped');
    }
    round.log.push(`recovering service '${sid}' from fenced node '${service.node}' failed, no recovery node found`);
    return;
  }
  round.log.push(`recover service '${sid}' from fenced node '${service.node}' to node '${target}'`);
  round.effects.push({ do: 'move-config', sid, from: service.node, to: target });
  change(step, resource.state === 'started' ? 'started' : 'request_stop', { node: target });
}

/** An LRM that restarts orderly leaves its services as they are until it is back. */
function freezeForRestart(step: Step): void {
  const service = step.round.manager.service_status[step.sid];
  if (!service || step.round.modes[service.node] !== 'restart') return;
  if (service.state !== 'started' && service.state !== 'stopped' && service.state !== 'request_stop') return;
  change({ ...step, service }, 'freeze');
}
