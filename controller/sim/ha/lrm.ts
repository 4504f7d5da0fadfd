// One round of a node's local resource manager, as plain computation.
// In: what the process remembers, the manager's status, whether it may have the node's lock. Out: its new state and the
// commands it starts now.
// Must never work without the lock: that is what lets the others recover its services.
import { EXIT } from './crm-services.ts';
import type { HaResource, LrmMemory, LrmWorker, ManagerStatus, ServiceStatus } from './state.ts';

/** Rounds without a service before the LRM gives its lock back. */
const IDLE_ROUNDS_MAX = 60;

export interface LrmView {
  readonly nowMs: number;
  readonly node: string;
  readonly quorate: boolean;
  readonly manager: ManagerStatus;
  /** Renews or takes the lock; false: it cannot be had. Feeds the watchdog when it is. */
  readonly lock: () => boolean;
  readonly release: () => void;
}

export function newLrm(): LrmMemory {
  return { state: 'wait_for_agent_lock', mode: 'active', results: {}, restartTries: {}, workers: {}, idleRounds: 0 };
}

/** The mode that the manager asks for; a shutdown under way decides for itself. */
export function readMode(memory: LrmMemory, view: LrmView): void {
  if (memory.shutdown) return;
  if (view.manager.node_request?.[view.node]?.maintenance) memory.mode = 'maintenance';
  else if (view.manager.disarm) memory.mode = 'disarm';
  else if (memory.mode === 'maintenance' || memory.mode === 'disarm') memory.mode = 'active';
}

export function changeLrmState(memory: LrmMemory, view: LrmView): void {
  readMode(memory, view);
  const fenced = isFenceRequested(view);
  switch (memory.state) {
    case 'wait_for_agent_lock':
      if (memory.mode !== 'disarm' && !fenced && activeServices(view) > 0 && view.quorate && view.lock()) memory.state = 'active';
      return;
    case 'lost_agent_lock':
      if (!fenced && view.quorate && view.lock()) memory.state = 'active';
      return;
    case 'active': return whenActive(memory, view, fenced);
    case 'maintenance': return whenMaintenance(memory, view, fenced);
  }
}

function whenActive(memory: LrmMemory, view: LrmView, fenced: boolean): void {
  if (fenced || !view.lock()) memory.state = 'lost_agent_lock';
  else if (memory.mode === 'maintenance') memory.state = 'maintenance';
  else if (memory.mode === 'disarm' && isIdle(memory)) goIdle(memory, view);
  else if (hasServices(view) || !isIdle(memory)) memory.idleRounds = 0;
  else if (++memory.idleRounds > IDLE_ROUNDS_MAX) goIdle(memory, view);
}

function whenMaintenance(memory: LrmMemory, view: LrmView, fenced: boolean): void {
  const busy = activeServices(view) > 0 || !isIdle(memory);
  if (fenced) memory.state = 'lost_agent_lock';
  else if (memory.mode === 'disarm' && !busy) goIdle(memory, view);
  else if (busy) memory.state = view.lock() ? 'maintenance' : 'lost_agent_lock';
  else if (memory.mode !== 'maintenance') memory.state = view.lock() ? 'active' : 'lost_agent_lock';
}

function goIdle(memory: LrmMemory, view: LrmView): void {
  view.release();
  memory.idleRounds = 0;
  memory.state = 'wait_for_agent_lock';
}

function isIdle(memory: LrmMemory): boolean {
  return Object.keys(memory.workers).length === 0;
}

/** The node's own services in `fence`, or the node itself: it must let go of its lock. */
function isFenceRequested(view: LrmView): boolean {
  return view.manager.node_status[view.node] === 'fence' || Object.values(view.manager.service_status).some((one) => one.node === view.node && one.state === 'fence');
}

function hasServices(view: LrmView): boolean {
  return Object.values(view.manager.service_status).some((one) => one.node === view.node);
}

export function activeServices(view: Pick<LrmView, 'manager' | 'node'>): number {
  return Object.values(view.manager.service_status).filter((one) => isActive(one) && (one.node === view.node || one.target === view.node)).length;
}

function isActive(service: ServiceStatus): boolean {
  return !['stopped', 'freeze', 'error', 'request_start'].includes(service.state);
}

/** Queues what the services on this node ask for, and answers the commands to start now. */
export function workersToStart(memory: LrmMemory, view: LrmView): LrmWorker[] {
  for (const sid of Object.keys(memory.restartTries)) if (!view.manager.service_status[sid]) delete memory.restartTries[sid];
  for (const [sid, service] of Object.entries(view.manager.service_status)) if (service.node === view.node) queue(memory, sid, service);
  const starting = Object.values(memory.workers).filter((worker) => !worker.started).sort((a, b) => (a.sid < b.sid ? -1 : 1));
  for (const worker of starting) worker.started = true;
  return starting;
}

function queue(memory: LrmMemory, sid: string, service: ServiceStatus): void {
  if (service.uid === undefined || service.state === 'recovery' || service.state === 'freeze' || service.state === 'request_start' || service.state === 'fence') return;
  // `stopped` is repeated for ever: it also protects when no manager is there to read results.
  if (service.state !== 'stopped' && memory.results[service.uid]) return;
  if (memory.workers[sid]?.started) return;
  memory.workers[sid] = {
    sid, uid: service.uid, command: service.state, started: false,
    ...(service.target === undefined ? {} : { target: service.target }), ...(service.timeout === undefined ? {} : { timeout: service.timeout }),
  };
}

/** Records what a command came to; a failed start is tried again here before the manager hears of it. */
export function workerEnded(memory: LrmMemory, worker: LrmWorker, exitCode: number, resource: HaResource | undefined): void {
  delete memory.workers[worker.sid];
  if (worker.uid === undefined) return;
  if (worker.command === 'started' && exitCode === EXIT.error) {
    const tries = memory.restartTries[worker.sid] ?? 0;
    if (tries < (resource?.maxRestart ?? 0)) {
      memory.restartTries[worker.sid] = tries + 1;
      return;
    }
  }
  if (worker.command === 'started') memory.restartTries[worker.sid] = 0;
  memory.results[worker.uid] = { sid: worker.sid, state: worker.command, exit_code: exitCode };
}

/** Before the results are written: those of orders that the manager has replaced meanwhile interest nobody. */
export function forgetResults(memory: LrmMemory, manager: ManagerStatus): void {
  const valid = new Set(Object.values(manager.service_status).map((service) => service.uid));
  memory.results = Object.fromEntries(Object.entries(memory.results).filter(([uid]) => valid.has(uid)));
}
