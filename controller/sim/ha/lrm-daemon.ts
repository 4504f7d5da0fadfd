// pve-ha-lrm on every node: its rounds, its workers, its lock and the watchdog behind it.
// In: the state, quorum and time. Out: guests started, stopped and moved; results written; a node reset when its lock is lost.
// Must never decide what a service needs: lrm.ts does.
import { isObject } from '../../model/json.ts';
import { isQuorate } from '../quorum.ts';
import type { Simulation } from '../simulation.ts';
import type { Beats } from './beats.ts';
import { EXIT } from './crm-services.ts';
import { execute } from './guest-actions.ts';
import { acquireLock } from './locks.ts';
import { activeServices, changeLrmState, newLrm, forgetResults, workerEnded, workersToStart, type LrmView } from './lrm.ts';
import { haResource, type HaResource, type LrmMemory, type LrmMode, type LrmStatus, type LrmWorker } from './state.ts';

const PERIOD_MS = 10_000;
const IDLE_PERIOD_MS = 5_000;
/** The LRM looks at its workers once a second, and writes its results after this long even when some still run. */
const WORKERS_POLL_MS = 1_000;
const WORKERS_WAIT_MS = 8_000;
/** A node whose LRM cannot renew its lock resets itself. */
const WATCHDOG_MS = 60_000;

export class LrmDaemons {
  readonly #sim: Simulation;
  readonly #beats: Beats;
  readonly #runs: (node: string) => boolean;
  readonly #isIdle: () => boolean;
  readonly #departures = new Map<string, () => void>();
  /** Of which a worker has ended since their results were last looked through. */
  readonly #reported = new WeakSet<LrmMemory>();

  constructor(sim: Simulation, beats: Beats, runs: (node: string) => boolean, isIdle: () => boolean) {
    this.#sim = sim;
    this.#beats = beats;
    this.#runs = runs;
    this.#isIdle = isIdle;
  }

  start(node: string): void {
    const daemon = `lrm ${node}`;
    if (!this.#beats.isSet(daemon)) this.#beats.set(daemon, this.#beats.next(daemon, IDLE_PERIOD_MS), () => this.#round(node));
  }

  /** The process begins: its first writing says that it is there. */
  begin(node: string): void {
    this.#write(node, this.#memoryOf(node));
  }

  /** The process is gone with its node; who waited for its orderly end need not any more. */
  lose(node: string): void {
    this.#departures.get(node)?.();
    this.#departures.delete(node);
  }

  /** What the node's LRM last wrote. An idle one writes every five seconds although nothing runs here to do it. */
  status(node: string): LrmStatus | undefined {
    const written = this.#sim.state.ha.lrm[node];
    if (this.#beats.isSet(`lrm ${node}`) || !this.#runs(node) || !isQuorate(this.#sim.state, node)) return written;
    const idle = written ?? { state: 'wait_for_agent_lock' as const, mode: 'active' as const, results: {} };
    return { ...idle, timestamp: Math.floor(this.#beats.last(`lrm ${node}`, IDLE_PERIOD_MS) / 1000) };
  }

  /** Asks the LRM to end; resolves when it has let its services go as the shutdown policy says. */
  shutDown(node: string, kind: 'shutdown' | 'reboot'): Promise<void> {
    const memory = this.#memoryOf(node);
    memory.shutdown = kind;
    memory.mode = memory.mode === 'maintenance' ? 'maintenance' : this.#shutdownMode(kind);
    if (memory.mode !== 'maintenance') this.#queueStops(node, memory);
    this.#write(node, memory);
    return new Promise((resolve) => {
      this.#departures.set(node, resolve);
      this.#beats.set(`lrm ${node}`, this.#sim.clock.now(), () => this.#round(node));
    });
  }

  #shutdownMode(kind: 'shutdown' | 'reboot'): LrmMode {
    const ha = this.#sim.state.options['ha'];
    const policy = isObject(ha) ? ha['shutdown_policy'] : undefined;
    switch (policy) {
      case 'migrate': return 'maintenance';
      case 'freeze': return 'restart';
      case 'failover': return 'shutdown';
      default: return kind === 'reboot' ? 'restart' : 'shutdown';
    }
  }

  #queueStops(node: string, memory: LrmMemory): void {
    for (const [sid, service] of Object.entries(this.#sim.state.ha.manager.service_status)) {
      if (service.node === node && !memory.workers[sid]?.started) memory.workers[sid] = { sid, command: 'request_stop', started: false };
    }
  }

  #memoryOf(node: string): LrmMemory {
    return (this.#sim.state.ha.lrms[node] ??= newLrm());
  }

  #resource(sid: string): HaResource | undefined {
    const { ha, guests } = this.#sim.state;
    return haResource(ha, sid, (vmid) => guests[String(vmid)]?.node);
  }

  #round(node: string): void {
    if (!this.#runs(node)) return;
    const memory = this.#memoryOf(node);
    const before = memory.state;
    const view: LrmView = {
      nowMs: this.#sim.clock.now(), node, quorate: isQuorate(this.#sim.state, node), manager: this.#sim.state.ha.manager,
      lock: () => this.#lock(node, memory), release: () => this.#release(node, memory),
    };
    changeLrmState(memory, view);
    if (memory.state !== before) this.#sim.log.write(node, `lrm: status change ${before} => ${memory.state}`);
    if (memory.state === 'lost_agent_lock') this.#watch(node, memory);
    else if (memory.state !== 'wait_for_agent_lock') this.#startWorkers(node, memory, view);
    this.#finish(node, memory, view.nowMs);
  }

  #lock(node: string, memory: LrmMemory): boolean {
    const { ha } = this.#sim.state;
    const nowMs = this.#sim.clock.now();
    const lock = acquireLock(ha.agentLocks[node], { holder: node, nowMs, quorate: isQuorate(this.#sim.state, node), lockedMs: memory.lockedMs });
    if (!lock) return false;
    ha.agentLocks[node] = lock;
    memory.lockedMs = nowMs;
    memory.watchdogMs = nowMs;
    return true;
  }

  #release(node: string, memory: LrmMemory): void {
    const { ha } = this.#sim.state;
    if (ha.agentLocks[node]?.holder === node) delete ha.agentLocks[node];
    delete memory.lockedMs;
    delete memory.watchdogMs;
  }

  #startWorkers(node: string, memory: LrmMemory, view: LrmView): void {
    if (memory.state === 'maintenance' && activeServices(view) === 0 && Object.keys(memory.workers).length === 0) this.#release(node, memory);
    const starting = memory.shutdown && memory.state === 'active' ? Object.values(memory.workers).filter((worker) => !worker.started) : workersToStart(memory, view);
    for (const worker of starting) {
      worker.started = true;
      void this.#work(node, memory, worker);
    }
  }

  async #work(node: string, memory: LrmMemory, worker: LrmWorker): Promise<void> {
    const resource = this.#resource(worker.sid);
    const exitCode = resource ? await execute(this.#sim, node, worker, resource) : EXIT.error;
    // The process that asked may be gone with its node, and another be there in its place.
    if (this.#sim.state.ha.lrms[node] !== memory) return;
    workerEnded(memory, worker, exitCode, this.#resource(worker.sid));
    this.#reported.add(memory);
  }

  /** Waits for the round's workers, a second at a time, then writes the status and goes to sleep. */
  #finish(node: string, memory: LrmMemory, startMs: number): void {
    const nowMs = this.#sim.clock.now();
    const busy = Object.values(memory.workers).some((worker) => worker.started);
    if (busy && nowMs - startMs <= WORKERS_WAIT_MS) {
      this.#beats.set(`lrm ${node}`, nowMs + WORKERS_POLL_MS, () => {
        if (this.#runs(node)) this.#finish(node, memory, startMs);
      });
      return;
    }
    if (this.#departs(node, memory)) return;
    this.#write(node, memory);
    if (this.#isIdle()) return;
    const period = memory.state === 'active' ? PERIOD_MS : IDLE_PERIOD_MS;
    this.#beats.set(`lrm ${node}`, Math.max(nowMs, startMs + period), () => this.#round(node));
  }

  /** Whether an LRM that was asked to end has ended. */
  #departs(node: string, memory: LrmMemory): boolean {
    if (!memory.shutdown || Object.keys(memory.workers).length > 0) return false;
    const left = activeServices({ manager: this.#sim.state.ha.manager, node });
    if (memory.state !== 'wait_for_agent_lock' && memory.mode !== 'shutdown' && left > 0) return false;
    this.#release(node, memory);
    this.#write(node, memory);
    this.lose(node);
    return true;
  }

  #write(node: string, memory: LrmMemory): void {
    if (this.#reported.delete(memory)) forgetResults(memory, this.#sim.state.ha.manager);
    if (!isQuorate(this.#sim.state, node)) return;
    this.#sim.state.ha.lrm[node] = { state: memory.state, mode: memory.mode, results: { ...memory.results }, timestamp: Math.floor(this.#sim.clock.now() / 1000) };
  }

  /** The open watchdog resets a node whose lock is lost: its guests must be gone before others may start them. */
  #watch(node: string, memory: LrmMemory): void {
    const fedMs = memory.watchdogMs;
    if (fedMs === undefined) return;
    this.#beats.set(`watchdog ${node}`, fedMs + WATCHDOG_MS, () => {
      if (this.#sim.state.ha.lrms[node] !== memory || memory.watchdogMs !== fedMs) return;
      this.#sim.log.write(node, 'watchdog expired: the node resets itself');
      this.#sim.powerOff(node);
      this.#sim.powerOn(node);
    });
  }
}
