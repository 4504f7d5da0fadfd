// pve-ha-crm on every node: who is the master, and the master's rounds.
// In: the state, quorum and time. Out: the manager's lock held by one, its status written, its decisions carried out.
// Must never decide about services: crm.ts does.
import { isObject } from '../../model/json.ts';
import { touch } from '../guest-config.ts';
import { isQuorate, membersSeenBy } from '../quorum.ts';
import type { Simulation } from '../simulation.ts';
import type { Beats } from './beats.ts';
import { crmRound, type CrmEffect } from './crm.ts';
import { dropLeftoverLock } from './guest-actions.ts';
import { sidOf } from './intercept.ts';
import { acquireLock, isStale, LOCK_LIFETIME_MS } from './locks.ts';
import { haResources, type CrmMemory } from './state.ts';

const PERIOD_MS = 10_000;
const WAITING_PERIOD_MS = 5_000;
/** A slave asks for the lock this often. */
const RETRY_MS = 1_000;
/** The master gives up its lock after this many rounds without any service. */
const IDLE_ROUNDS_MAX = 90;
/** Since this version guests that are not HA's count as load of their node. */
const COUNTS_OTHERS_FROM = 9.2;

export class CrmDaemons {
  readonly #sim: Simulation;
  readonly #beats: Beats;
  readonly #runs: (node: string) => boolean;
  readonly #isIdle: () => boolean;
  #uids = 0;

  constructor(sim: Simulation, beats: Beats, runs: (node: string) => boolean, isIdle: () => boolean) {
    this.#sim = sim;
    this.#beats = beats;
    this.#runs = runs;
    this.#isIdle = isIdle;
  }

  start(node: string): void {
    const daemon = `crm ${node}`;
    if (!this.#beats.isSet(daemon)) this.#beats.set(daemon, this.#beats.next(daemon, PERIOD_MS), () => this.#round(node));
  }

  memoryOf(node: string): CrmMemory {
    return (this.#sim.state.ha.crms[node] ??= { state: 'wait_for_quorum', lastOnlineMs: {}, idleRounds: 0 });
  }

  /** An orderly end: the next master need not wait for the lock to age. */
  leave(node: string): void {
    const memory = this.#sim.state.ha.crms[node];
    if (memory?.state === 'master') this.#releaseLock(memory);
  }

  #round(node: string): void {
    if (!this.#runs(node)) return;
    const memory = this.memoryOf(node);
    const nowMs = this.#sim.clock.now();
    this.#changeState(node, memory);
    if (memory.state === 'master') this.#manage(node, memory);
    if (!this.#isIdle()) this.#beats.set(`crm ${node}`, this.#nextRound(node, memory, nowMs), () => this.#round(node));
  }

  /** A slave asks for the manager's lock all the time; only the moment at which it can get it matters. */
  #nextRound(node: string, memory: CrmMemory, nowMs: number): number {
    const regular = this.#beats.next(`crm ${node}`, memory.state === 'wait_for_quorum' ? WAITING_PERIOD_MS : PERIOD_MS);
    const lock = this.#sim.state.ha.managerLock;
    if (memory.state === 'master' || !lock) return regular;
    return Math.min(regular, Math.max(nowMs + RETRY_MS, lock.renewedMs + LOCK_LIFETIME_MS));
  }

  #changeState(node: string, memory: CrmMemory): void {
    const before = memory.state;
    memory.state = this.#nextState(node, memory);
    if (memory.state === before) return;
    if (memory.state === 'master') memory.lastOnlineMs = {};
    this.#sim.log.write(node, `crm: status change ${before} => ${memory.state}`);
  }

  #nextState(node: string, memory: CrmMemory): CrmMemory['state'] {
    const mayWork = this.#mayWork(node, memory);
    switch (memory.state) {
      case 'wait_for_quorum': return !mayWork ? 'wait_for_quorum' : this.#lock(node, memory) ? 'master' : 'slave';
      case 'slave': return !mayWork ? 'wait_for_quorum' : this.#lock(node, memory) ? 'master' : 'slave';
      case 'lost_manager_lock': return mayWork && this.#lock(node, memory) ? 'master' : 'wait_for_quorum';
      case 'master':
        if (!this.#lock(node, memory)) return 'lost_manager_lock';
        if (!this.#hasNoService() || ++memory.idleRounds <= IDLE_ROUNDS_MAX) return 'master';
        this.#releaseLock(memory);
        return 'wait_for_quorum';
    }
  }

  #mayWork(node: string, memory: CrmMemory): boolean {
    const { ha } = this.#sim.state;
    if (!isQuorate(this.#sim.state, node)) return false;
    if (Object.values(ha.manager.service_status).some((service) => service.node === node && service.state === 'fence')) return false;
    return memory.state === 'master' || memory.state === 'lost_manager_lock' || !this.#hasNoService() || ha.commands.length > 0;
  }

  #hasNoService(): boolean {
    const { ha } = this.#sim.state;
    return Object.keys(ha.resources).length === 0 && Object.keys(ha.manager.service_status).length === 0 && !ha.manager.disarm;
  }

  #lock(node: string, memory: CrmMemory): boolean {
    const { ha } = this.#sim.state;
    const nowMs = this.#sim.clock.now();
    const lock = acquireLock(ha.managerLock, { holder: node, nowMs, quorate: isQuorate(this.#sim.state, node), lockedMs: memory.lockedMs });
    if (!lock) return false;
    ha.managerLock = lock;
    memory.lockedMs = nowMs;
    return true;
  }

  #releaseLock(memory: CrmMemory): void {
    memory.idleRounds = 0;
    memory.state = 'wait_for_quorum';
    delete memory.lockedMs;
    delete this.#sim.state.ha.managerLock;
  }

  #manage(node: string, memory: CrmMemory): void {
    const { state, clock, log } = this.#sim;
    const { ha } = state;
    const outcome = crmRound({
      nowMs: clock.now(), self: node, ha, online: membersSeenBy(state, node), configured: Object.keys(state.nodes),
      resources: haResources(ha, (vmid) => state.guests[String(vmid)]?.node), canTakeLock: (dead) => isStale(ha.agentLocks[dead], clock.now()),
      newUid: () => newUid(++this.#uids), others: this.#others(), rebalanceOnStart: this.#rebalanceOnStart(),
    }, memory.lastOnlineMs);
    ha.commands = [];
    ha.manager = outcome.manager;
    for (const line of outcome.log) log.write(node, `crm: ${line}`);
    for (const effect of outcome.effects) this.#carryOut(node, effect);
  }

  #others(): Record<string, number> {
    const counts: Record<string, number> = {};
    if (Number.parseFloat(this.#sim.tables.version) < COUNTS_OTHERS_FROM) return counts;
    const { guests, ha } = this.#sim.state;
    for (const guest of Object.values(guests)) {
      if (guest.process && !ha.manager.service_status[sidOf(guest.type, guest.vmid)]) counts[guest.node] = (counts[guest.node] ?? 0) + 1;
    }
    return counts;
  }

  #rebalanceOnStart(): boolean {
    const crs = this.#sim.state.options['crs'];
    return isObject(crs) && Number(crs['ha-rebalance-on-start'] ?? 0) === 1;
  }

  #carryOut(master: string, effect: CrmEffect): void {
    const { state, clock, log } = this.#sim;
    switch (effect.do) {
      case 'take-agent-lock':
        state.ha.agentLocks[effect.node] = { holder: master, renewedMs: clock.now() };
        return;
      case 'move-config': {
        const guest = state.guests[effect.sid.split(':')[1] ?? ''];
        if (!guest) return;
        const dropped = dropLeftoverLock(guest);
        if (dropped !== undefined) log.write(master, `crm: removed leftover lock '${dropped}' from recovered service '${effect.sid}' to allow its start.`);
        if (guest.process) log.write(master, `crm: ${effect.sid} still runs on '${effect.from}': fencing did not keep its promise`);
        guest.node = effect.to;
        delete guest.process;
        touch(guest);
        return;
      }
      case 'request-state': {
        const section = state.ha.resources[effect.sid];
        if (section) section['state'] = effect.state;
      }
    }
  }
}

/** 22 characters, as md5 in base 64; never twice. */
function newUid(count: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const mixed = (count * 2654435761) % 2 ** 32;
  const scattered = Array.from({ length: 16 }, (_none, at) => alphabet[((mixed >>> ((at % 5) * 5)) + at * 7) & 63] ?? 'A').join('');
  return scattered + count.toString(36).padStart(6, '0');
}
