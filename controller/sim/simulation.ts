// In: a literal description of a cluster, a seed and the API tables of one version. Out: that cluster behind the
// Transport door: requests are answered as the real one does, in virtual time.
// Must never touch the network, a file, a real clock or real randomness.
import { ConnectionError, type HttpRequest, type HttpResponse, type Transport } from '../model/doors.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import { initialState, type ClusterSpec } from './cluster-spec.ts';
import { answer } from './api/router.ts';
import { tell } from './last-told.ts';
import { SimLog } from './log.ts';
import { seededRandom } from './random.ts';
import { Corosync } from './corosync.ts';
import { HaDaemons } from './ha/daemons.ts';
import { makeResources } from './nodes/spec.ts';
import { SimulatedSsh } from './nodes/ssh.ts';
import { watchNodes } from './nodes/world.ts';
import { startGuestsAtBoot } from './outages.ts';
import { isProxyUp } from './quorum.ts';
import { noFaults, type FaultPlan } from './script.ts';
import type { ClusterState } from './state.ts';
import { RunningTasks } from './tasks.ts';
import { LockTable } from './locks.ts';
import { timings, type TaskTimings } from './timings.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly tables: ApiTables;
  readonly startMs: number;
  readonly cluster: ClusterSpec;
  readonly speed?: Partial<TaskTimings>;
}

export class Simulation {
  readonly clock: VirtualClock;
  readonly state: ClusterState;
  readonly log: SimLog;
  readonly tables: ApiTables;
  readonly timings: TaskTimings;
  readonly running = new RunningTasks();
  readonly locks: LockTable;
  readonly seed: number;
  /** Links between the nodes, and who has agreed on being a member. */
  readonly corosync: Corosync;
  /** The HA manager's processes; `command` is what only `ha-manager crm-command` can ask. */
  readonly ha: HaDaemons;
  /** Commands on the nodes, as root. */
  readonly ssh: SimulatedSsh;
  faults: FaultPlan = noFaults();
  readonly #random: () => number;
  readonly #powerWatchers: ((node: string, power: 'on' | 'off') => void)[] = [];

  constructor(options: SimulationOptions) {
    this.seed = options.seed;
    this.clock = new VirtualClock(options.startMs);
    this.tables = options.tables;
    this.timings = timings(options.speed);
    this.state = initialState(options.cluster, options.tables.version, options.startMs);
    this.log = new SimLog(this.clock);
    this.locks = new LockTable(this.clock);
    this.#random = seededRandom(options.seed);
    this.corosync = new Corosync(this);
    this.ha = new HaDaemons(this);
    watchNodes(this);
    this.ssh = new SimulatedSsh(this);
    makeResources(this, options.cluster.drbd ?? []);
    startGuestsAtBoot(this);
  }

  /** In [0, 1), the same sequence for the same seed. */
  random(): number {
    return this.#random();
  }

  /** One request to the pveproxy of `node`; rejects with ConnectionError when there is nobody to answer. */
  async handle(node: string, request: HttpRequest): Promise<HttpResponse> {
    const state = this.state.nodes[node];
    if (!state || state.power === 'off' || state.network === 'down') throw new ConnectionError('unreachable', false, `connect EHOSTUNREACH ${node}:8006`);
    if (!isProxyUp(this.state, node, this.clock.now())) throw new ConnectionError('refused', false, `connect ECONNREFUSED ${node}:8006`);
    const fault = this.faults.onRequest(node, request);
    if (fault?.do === 'break') {
      if (fault.afterMs) await this.clock.sleep(fault.afterMs);
      throw fault.error;
    }
    if (fault?.do === 'answer') return fault.response;
    if (fault?.do === 'delay') await this.clock.sleep(fault.ms);
    const bootedAt = state.startedAtMs;
    const response = await answer(this, node, request);
    if (fault?.do === 'answer-late') await this.clock.sleep(fault.ms);
    const gone = !this.isUp(node) || state.startedAtMs !== bootedAt;
    if (gone || fault?.do === 'lose-answer') throw new ConnectionError('closed', true, 'socket hang up');
    return response;
  }

  /** Endpoints are `https://<name or address>[:port]`. */
  transport(): Transport {
    return {
      send: (endpoint, request, timeoutMs, signal) => this.#send(endpoint, request, timeoutMs, signal),
      close: () => Promise.resolve(),
    };
  }

  isUp(node: string): boolean {
    const state = this.state.nodes[node];
    return state?.power === 'on' && state.network === 'up';
  }

  /** The power goes: its guests and tasks are gone in that instant, its local state stays. */
  powerOff(node: string): void {
    const state = this.state.nodes[node];
    if (!state || state.power === 'off') return;
    state.power = 'off';
    this.log.write(node, 'power off');
    tell(this.state, node, this.clock.now());
    for (const guest of Object.values(this.state.guests)) if (guest.node === node) delete guest.process;
    this.running.loseNode(this, node);
    this.locks.loseNode(node);
    for (const watcher of this.#powerWatchers) watcher(node, 'off');
  }

  powerOn(node: string): void {
    const state = this.state.nodes[node];
    if (!state || state.power === 'on') return;
    state.power = 'on';
    state.startedAtMs = this.clock.now();
    this.log.write(node, 'power on');
    for (const watcher of this.#powerWatchers) watcher(node, 'on');
  }

  /** Told after each change of a node's power. */
  onPower(watcher: (node: string, power: 'on' | 'off') => void): void {
    this.#powerWatchers.push(watcher);
  }

  async #send(endpoint: string, request: HttpRequest, timeoutMs: number, signal?: AbortSignal): Promise<HttpResponse> {
    const host = new URL(endpoint).hostname;
    const node = Object.values(this.state.nodes).find((one) => one.name === host || one.address === host);
    if (!node) throw new ConnectionError('unreachable', false, `getaddrinfo ENOTFOUND ${host}`);
    let giveUp: (why: Error) => void = () => undefined;
    const limit = new Promise<never>((_resolve, reject) => { giveUp = reject; });
    const stop = () => giveUp(signal?.reason instanceof Error ? signal.reason : new ConnectionError('closed', true, 'aborted'));
    const cancel = this.clock.after(timeoutMs, () => giveUp(new ConnectionError('timeout', true, `no answer from ${host} within ${timeoutMs} ms`)), { label: `answer of ${host}` });
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    const exchange = this.clock.sleep(this.timings.latencyMs).then(() => this.handle(node.name, request));
    try {
      return await Promise.race([exchange, limit]);
    } finally {
      exchange.catch(() => undefined);
      limit.catch(() => undefined);
      signal?.removeEventListener('abort', stop);
      cancel();
    }
  }
}
