// The pve-ha-crm and pve-ha-lrm processes of every node, run by the virtual clock.
// In: the simulated cluster's state, power and quorum. Out: the rounds of the manager and of the LRMs, and what they do
// to guests.
// Must never decide anything itself: crm.ts and lrm.ts do; here are only time, locks and guests.
import { isObject } from '../../model/json.ts';
import { touch } from '../guest-config.ts';
import { isQuorate, membersSeenBy } from '../quorum.ts';
import type { Simulation } from '../simulation.ts';
import { crmRound, type CrmEffect } from './crm.ts';
import { EXIT } from './crm-services.ts';
import { dropLeftoverLock, execute } from './guest-actions.ts';
import { sidOf } from './intercept.ts';
import { acquireLock, isStale, LOCK_LIFETIME_MS } from './locks.ts';
import { activeServices, changeLrmState, newLrm, workerEnded, workersToStart, type LrmView } from './lrm.ts';
import { haResources, type CrmMemory, type HaResource, type LrmMemory, type LrmMode, type LrmStatus, type LrmWorker } from './state.ts';

const CRM_PERIOD_MS = 10_000;
const LRM_PERIOD_MS = 10_000;
const LRM_IDLE_PERIOD_MS = 5_000;
/** The LRM looks at its workers once a second, and writes its results after this long even when some still run. */
const WORKERS_POLL_MS = 1_000;
const WORKERS_WAIT_MS = 8_000;
/** A node whose LRM cannot renew its lock resets itself. */
const WATCHDOG_MS = 60_000;
/** The master gives up its lock after this many rounds without any service. */
const IDLE_ROUNDS_MAX = 90;
/** From power on until the HA daemons run (recorded: the LRM's first status 10–11 s after). */
export const DAEMONS_START_MS = 10_500;

export class HaDaemons {
  readonly #sim: Simulation;
  readonly #timers = new Map<string, () => void>();
  readonly #phaseMs = new Map<string, number>();
  readonly #departures = new Map<string, () => void>();
  #uids = 0;

  constructor(sim: Simulation) {
    this.#sim = sim;
    for (const node of Object.keys(sim.state.nodes)) this.#phases(node);
    sim.onPower((node, power) => (power === 'off' ? this.#stop(node) : this.#startLater(node)));
    // Whoever writes the state without a request (a test, a story) is noticed like a change of the files: within a round.
    sim.clock.every(CRM_PERIOD_MS, () => (this.#isIdle() ? undefined : this.wake()), { background: true, label: 'HA daemons look at their files' });
  }

  /** Something changed that the daemons look at; without anything to manage they sleep, to cost nothing. */
  wake(): void {
    for (const node of Object.values(this.#sim.state.nodes)) {
      if (this.#runs(node.name)) this.#arm(node.name);
    }
  }

  /** When in its period each daemon of the node acts; a seed decides otherwise. For stories that must meet a recording. */
  setBeat(node: string, beat: { readonly crmMs?: number; readonly lrmMs?: number }): void {
    const now = this.#sim.clock.now();
    if (beat.crmMs !== undefined) this.#phaseMs.set(`crm ${node}`, (now + beat.crmMs) % CRM_PERIOD_MS);
    if (beat.lrmMs !== undefined) this.#phaseMs.set(`lrm ${node}`, (now + beat.lrmMs) % LRM_IDLE_PERIOD_MS);
  }

  /** Makes the node the master, as if it had been for long: it holds the lock. */
  seatMaster(node: string): void {
    const { ha } = this.#sim.state;
    const nowMs = this.#sim.clock.now();
    for (const crm of Object.values(ha.crms)) crm.state = 'slave';
    ha.crms[node] = { state: 'master', lastOnlineMs: {}, idleRounds: 0, lockedMs: nowMs };
    ha.managerLock = { holder: node, renewedMs: nowMs };
    this.wake();
  }

  /** Queues a line for the master, as `ha-manager crm-command` does. */
  command(line: string): void {
    this.#sim.state.ha.commands.push(line);
    this.wake();
  }

  /** What the node's LRM last wrote. An idle one writes every five seconds although nothing runs here to do it. */
  lrmStatus(node: string): LrmStatus | undefined {
    const written = this.#sim.state.ha.lrm[node];
    if (this.#timers.has(`lrm ${node}`) || !this.#runs(node) || !isQuorate(this.#sim.state, node)) return written;
    const phase = this.#phaseMs.get(`lrm ${node}`) ?? 0;
    const nowMs = this.#sim.clock.now();
    const beatMs = nowMs - ((((nowMs - phase) % LRM_IDLE_PERIOD_MS) + LRM_IDLE_PERIOD_MS) % LRM_IDLE_PERIOD_MS);
    const idle = written ?? { state: 'wait_for_agent_lock' as const, mode: 'active' as const, results: {} };
    return { ...idle, timestamp: Math.floor(beatMs / 1000) };
  }

  /** Asks the node's LRM to end orderly; resolves when it has let its services go as the shutdown policy says. */
  shutDown(node: string, kind: 'shutdown' | 'reboot'): Promise<void> {
    const memory = this.#lrm(node);
    memory.shutdown = kind;
    memory.mode = memory.mode === 'maintenance' ? 'maintenance' : this.#shutdownMode(kind);
    if (memory.mode !== 'maintenance') this.#queueStops(node, memory);
    this.#writeStatus(node, memory);
    return new Promise((resolve) => {
      this.#departures.set(node, resolve);
      this.#rearm(`lrm ${node}`, this.#sim.clock.now(), () => this.#lrmRound(node));
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

  #phases(node: string): void {
    this.#phaseMs.set(`crm ${node}`, Math.floor(this.#sim.random() * CRM_PERIOD_MS));
    this.#phaseMs.set(`lrm ${node}`, Math.floor(this.#sim.random() * LRM_IDLE_PERIOD_MS));
  }

  #runs(node: string): boolean {
    const bootedAtMs = this.#sim.state.ha.corosync.bootedAtMs[node];
    return this.#sim.state.nodes[node]?.power === 'on' && (bootedAtMs === undefined || this.#sim.clock.now() >= bootedAtMs + DAEMONS_START_MS);
  }

  #arm(node: string): void {
    if (!this.#timers.has(`crm ${node}`)) this.#rearm(`crm ${node}`, this.#aligned(`crm ${node}`, CRM_PERIOD_MS), () => this.#crmRound(node));
    if (!this.#timers.has(`lrm ${node}`)) this.#rearm(`lrm ${node}`, this.#aligned(`lrm ${node}`, LRM_IDLE_PERIOD_MS), () => this.#lrmRound(node));
  }

  /** The next instant of this daemon's own beat: the daemons of a cluster do not tick together. */
  #aligned(daemon: string, periodMs: number): number {
    const phase = this.#phaseMs.get(daemon) ?? 0;
    const now = this.#sim.clock.now();
    return now + periodMs - ((((now - phase) % periodMs) + periodMs) % periodMs);
  }

  #rearm(daemon: string, atMs: number, run: () => void): void {
    this.#timers.get(daemon)?.();
    this.#timers.set(daemon, this.#sim.clock.at(atMs, () => {
      this.#timers.delete(daemon);
      run();
    }, { background: true, label: daemon }));
  }

  #stop(node: string): void {
    for (const kind of ['crm', 'lrm']) {
      this.#timers.get(`${kind} ${node}`)?.();
      this.#timers.delete(`${kind} ${node}`);
    }
    delete this.#sim.state.ha.crms[node];
    delete this.#sim.state.ha.lrms[node];
    this.#departures.get(node)?.();
    this.#departures.delete(node);
  }

  #startLater(node: string): void {
    const bootedAtMs = this.#sim.clock.now();
    this.#sim.clock.after(DAEMONS_START_MS, () => {
      if (!this.#runs(node) || this.#sim.state.ha.corosync.bootedAtMs[node] !== bootedAtMs) return;
      this.#crm(node);
      this.#writeStatus(node, this.#lrm(node));
      if (!this.#isIdle()) this.#arm(node);
    }, { background: true, label: `HA daemons of ${node} start` });
  }

  #crm(node: string): CrmMemory {
    return (this.#sim.state.ha.crms[node] ??= { state: 'wait_for_quorum', lastOnlineMs: {}, idleRounds: 0 });
  }

  #lrm(node: string): LrmMemory {
    return (this.#sim.state.ha.lrms[node] ??= newLrm());
  }

  #isIdle(): boolean {
    const { ha } = this.#sim.state;
    const nothing = Object.keys(ha.resources).length === 0 && Object.keys(ha.manager.service_status).length === 0 && ha.commands.length === 0;
    const requested = Object.values(ha.manager.node_request ?? {}).some((request) => request.maintenance) || ha.manager.disarm !== undefined
      || Object.values(ha.manager.node_status).includes('maintenance');
    const awake = Object.values(ha.crms).some((crm) => crm.state === 'master') || Object.values(ha.lrms).some((lrm) => lrm.state !== 'wait_for_agent_lock' || lrm.shutdown);
    return nothing && !requested && !awake;
  }

  #resources(): Record<string, HaResource> {
    const { state } = this.#sim;
    return haResources(state.ha, (vmid) => state.guests[String(vmid)]?.node);
  }

  #crmRound(node: string): void {
    if (!this.#runs(node)) return;
    const memory = this.#crm(node);
    const nowMs = this.#sim.clock.now();
    this.#changeCrmState(node, memory);
    if (memory.state === 'master') this.#manage(node, memory);
    if (this.#isIdle()) return;
    this.#rearm(`crm ${node}`, this.#nextCrm(node, memory, nowMs), () => this.#crmRound(node));
  }

  /** A slave asks for the manager's lock all the time; only the instant at which it can get it matters. */
  #nextCrm(node: string, memory: CrmMemory, nowMs: number): number {
    const regular = this.#aligned(`crm ${node}`, memory.state === 'wait_for_quorum' ? CRM_PERIOD_MS / 2 : CRM_PERIOD_MS);
    const lock = this.#sim.state.ha.managerLock;
    if (memory.state === 'master' || !lock) return regular;
    return Math.min(regular, Math.max(nowMs + 1000, lock.renewedMs + LOCK_LIFETIME_MS));
  }

  #changeCrmState(node: string, memory: CrmMemory): void {
    const canWork = this.#canBeActive(node, memory);
    const hasLock = () => this.#lockManager(node, memory);
    const before = memory.state;
    switch (memory.state) {
      case 'wait_for_quorum':
        if (canWork) memory.state = hasLock() ? 'master' : 'slave';
        break;
      case 'slave':
        if (!canWork) memory.state = 'wait_for_quorum';
        else if (hasLock()) memory.state = 'master';
        break;
      case 'lost_manager_lock':
        memory.state = canWork && hasLock() ? 'master' : 'wait_for_quorum';
        break;
      case 'master':
        if (!hasLock()) memory.state = 'lost_manager_lock';
        else if (this.#hasNoService() && ++memory.idleRounds > IDLE_ROUNDS_MAX) this.#goIdle(memory);
        break;
    }
    if (memory.state === before) return;
    if (memory.state === 'master') memory.lastOnlineMs = {};
    this.#sim.log.write(node, `crm: status change ${before} => ${memory.state}`);
  }

  #canBeActive(node: string, memory: CrmMemory): boolean {
    const { ha } = this.#sim.state;
    if (!isQuorate(this.#sim.state, node)) return false;
    if (Object.values(ha.manager.service_status).some((service) => service.node === node && service.state === 'fence')) return false;
    return memory.state === 'master' || memory.state === 'lost_manager_lock' || !this.#hasNoService() || ha.commands.length > 0;
  }

  #hasNoService(): boolean {
    const { ha } = this.#sim.state;
    return Object.keys(ha.resources).length === 0 && Object.keys(ha.manager.service_status).length === 0 && !ha.manager.disarm;
  }

  #goIdle(memory: CrmMemory): void {
    memory.idleRounds = 0;
    memory.state = 'wait_for_quorum';
    delete memory.lockedMs;
    delete this.#sim.state.ha.managerLock;
  }

  #lockManager(node: string, memory: CrmMemory): boolean {
    const { ha } = this.#sim.state;
    const nowMs = this.#sim.clock.now();
    const lock = acquireLock(ha.managerLock, { holder: node, nowMs, quorate: isQuorate(this.#sim.state, node), ...(memory.lockedMs === undefined ? {} : { lockedMs: memory.lockedMs }) });
    if (!lock) return false;
    ha.managerLock = lock;
    memory.lockedMs = nowMs;
    return true;
  }

  #manage(node: string, memory: CrmMemory): void {
    const { state, clock } = this.#sim;
    const { ha } = state;
    const outcome = crmRound({
      nowMs: clock.now(), self: node, ha, online: membersSeenBy(state, node), configured: Object.keys(state.nodes),
      resources: this.#resources(), canTakeLock: (dead) => isStale(ha.agentLocks[dead], clock.now()), newUid: () => this.#newUid(),
      rebalanceOnStart: this.#rebalanceOnStart(), others: this.#others(),
    }, memory.lastOnlineMs);
    ha.commands = [];
    ha.manager = outcome.manager;
    for (const line of outcome.log) this.#sim.log.write(node, `crm: ${line}`);
    for (const effect of outcome.effects) this.#apply(node, effect);
  }

  #others(): Record<string, number> {
    const counts: Record<string, number> = {};
    if (Number.parseFloat(this.#sim.tables.version) < 9.2) return counts;
    for (const guest of Object.values(this.#sim.state.guests)) {
      if (guest.process && !this.#sim.state.ha.manager.service_status[sidOf(guest.type, guest.vmid)]) counts[guest.node] = (counts[guest.node] ?? 0) + 1;
    }
    return counts;
  }

  #rebalanceOnStart(): boolean {
    const crs = this.#sim.state.options['crs'];
    return isObject(crs) && Number(crs['ha-rebalance-on-start'] ?? 0) === 1;
  }

  #apply(master: string, effect: CrmEffect): void {
    const { state, clock } = this.#sim;
    switch (effect.do) {
      case 'take-agent-lock':
        state.ha.agentLocks[effect.node] = { holder: master, renewedMs: clock.now() };
        return;
      case 'move-config': {
        const guest = state.guests[effect.sid.split(':')[1] ?? ''];
        if (!guest) return;
        const dropped = dropLeftoverLock(guest);
        if (dropped !== undefined) this.#sim.log.write(master, `crm: removed leftover lock '${dropped}' from recovered service '${effect.sid}' to allow its start.`);
        guest.node = effect.to;
        touch(guest);
        return;
      }
      case 'request-state': {
        const section = state.ha.resources[effect.sid];
        if (section) section['state'] = effect.state;
      }
    }
  }

  /** Like md5_base64: 22 characters. */
  #newUid(): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    let uid = '';
    for (let value = ++this.#uids * 2654435761 % 2 ** 32, at = 0; at < 22; at += 1) {
      uid += alphabet[(value >>> (at % 5) * 5) + at * 7 & 63] ?? 'A';
    }
    return uid.slice(0, 16) + this.#uids.toString(36).padStart(6, '0');
  }

  #view(node: string, memory: LrmMemory): LrmView {
    const { state, clock } = this.#sim;
    return {
      nowMs: clock.now(), node, quorate: isQuorate(state, node), manager: state.ha.manager,
      lock: () => this.#lockAgent(node, memory), release: () => this.#releaseAgent(node, memory),
    };
  }

  #lockAgent(node: string, memory: LrmMemory): boolean {
    const { ha } = this.#sim.state;
    const nowMs = this.#sim.clock.now();
    const lock = acquireLock(ha.agentLocks[node], { holder: node, nowMs, quorate: isQuorate(this.#sim.state, node), ...(memory.lockedMs === undefined ? {} : { lockedMs: memory.lockedMs }) });
    if (!lock) return false;
    ha.agentLocks[node] = lock;
    memory.lockedMs = nowMs;
    memory.watchdogMs = nowMs;
    return true;
  }

  #releaseAgent(node: string, memory: LrmMemory): void {
    const { ha } = this.#sim.state;
    if (ha.agentLocks[node]?.holder === node) delete ha.agentLocks[node];
    delete memory.lockedMs;
    delete memory.watchdogMs;
  }

  #lrmRound(node: string): void {
    if (!this.#runs(node)) return;
    const memory = this.#lrm(node);
    const startMs = this.#sim.clock.now();
    const view = this.#view(node, memory);
    const before = memory.state;
    changeLrmState(memory, view);
    if (memory.state !== before) this.#sim.log.write(node, `lrm: status change ${before} => ${memory.state}`);
    if (memory.state === 'lost_agent_lock') this.#watch(node, memory);
    else if (memory.state !== 'wait_for_agent_lock') this.#startWorkers(node, memory, view);
    this.#finishLrmRound(node, memory, startMs);
  }

  #startWorkers(node: string, memory: LrmMemory, view: LrmView): void {
    if (memory.state === 'maintenance' && activeServices(view) === 0 && Object.keys(memory.workers).length === 0) this.#releaseAgent(node, memory);
    const starting = memory.shutdown && memory.state === 'active' ? Object.values(memory.workers).filter((worker) => !worker.started) : workersToStart(memory, view);
    for (const worker of starting) {
      worker.started = true;
      void this.#work(node, memory, worker);
    }
  }

  async #work(node: string, memory: LrmMemory, worker: LrmWorker): Promise<void> {
    const resource = this.#resources()[worker.sid];
    const exitCode = resource ? await execute(this.#sim, node, worker, resource) : EXIT.error;
    // The process that asked may be gone with its node, and another be there in its place.
    if (this.#sim.state.ha.lrms[node] !== memory) return;
    workerEnded(memory, worker, exitCode, this.#sim.state.ha.manager, this.#resources()[worker.sid]);
  }

  /** Waits for the round's workers, a second at a time, then writes the status and goes to sleep. */
  #finishLrmRound(node: string, memory: LrmMemory, startMs: number): void {
    const nowMs = this.#sim.clock.now();
    const busy = Object.values(memory.workers).some((worker) => worker.started);
    if (busy && nowMs - startMs <= WORKERS_WAIT_MS) {
      this.#rearm(`lrm ${node}`, nowMs + WORKERS_POLL_MS, () => {
        if (this.#runs(node)) this.#finishLrmRound(node, memory, startMs);
      });
      return;
    }
    if (this.#departs(node, memory)) return;
    this.#writeStatus(node, memory);
    if (this.#isIdle()) return;
    const isActive = memory.state === 'active';
    const next = Math.max(nowMs, startMs + (isActive ? LRM_PERIOD_MS : LRM_IDLE_PERIOD_MS));
    this.#rearm(`lrm ${node}`, next, () => this.#lrmRound(node));
  }

  /** Whether an LRM that was asked to end has ended. */
  #departs(node: string, memory: LrmMemory): boolean {
    if (!memory.shutdown || Object.keys(memory.workers).length > 0) return false;
    const left = activeServices({ manager: this.#sim.state.ha.manager, node });
    const mayGo = memory.state === 'wait_for_agent_lock' || memory.mode === 'shutdown' || left === 0;
    if (!mayGo) return false;
    this.#releaseAgent(node, memory);
    const crm = this.#sim.state.ha.crms[node];
    if (crm?.state === 'master') this.#goIdle(crm);
    this.#writeStatus(node, memory);
    this.#departures.get(node)?.();
    this.#departures.delete(node);
    return true;
  }

  #writeStatus(node: string, memory: LrmMemory): void {
    if (!isQuorate(this.#sim.state, node)) return;
    this.#sim.state.ha.lrm[node] = { state: memory.state, mode: memory.mode, results: { ...memory.results }, timestamp: Math.floor(this.#sim.clock.now() / 1000) };
  }

  /** The open watchdog resets a node whose lock is lost: its guests must be gone before others may start them. */
  #watch(node: string, memory: LrmMemory): void {
    const fedMs = memory.watchdogMs;
    if (fedMs === undefined) return;
    this.#rearm(`watchdog ${node}`, fedMs + WATCHDOG_MS, () => {
      if (this.#sim.state.ha.lrms[node] !== memory || memory.watchdogMs !== fedMs) return;
      this.#sim.log.write(node, 'watchdog expired: the node resets itself');
      this.#sim.powerOff(node);
      this.#sim.powerOn(node);
    });
  }
}
