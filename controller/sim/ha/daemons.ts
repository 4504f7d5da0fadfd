// The HA daemons of every node, run by the virtual clock: when they start, sleep, wake and go.
// In: the simulated cluster's state and power. Out: their rounds; the door for whoever asks something of the manager.
// Must never decide anything itself: crm.ts and lrm.ts do.
import type { Simulation } from '../simulation.ts';
import { Beats } from './beats.ts';
import { CrmDaemons } from './crm-daemon.ts';
import { LrmDaemons } from './lrm-daemon.ts';
import type { LrmStatus } from './state.ts';

const CRM_PERIOD_MS = 10_000;
const LRM_IDLE_PERIOD_MS = 5_000;
/** From power on until the HA daemons run (recorded: the LRM's first status 10–11 s after). */
export const DAEMONS_START_MS = 10_500;

export class HaDaemons {
  readonly #sim: Simulation;
  readonly #beats: Beats;
  readonly #crms: CrmDaemons;
  readonly #lrms: LrmDaemons;

  constructor(sim: Simulation) {
    this.#sim = sim;
    this.#beats = new Beats(sim.clock);
    const runs = (node: string) => this.#runs(node);
    const isIdle = () => this.#isIdle();
    this.#crms = new CrmDaemons(sim, this.#beats, runs, isIdle);
    this.#lrms = new LrmDaemons(sim, this.#beats, runs, isIdle);
    for (const node of Object.keys(sim.state.nodes)) {
      this.#beats.setPhase(`crm ${node}`, Math.floor(sim.random() * CRM_PERIOD_MS));
      this.#beats.setPhase(`lrm ${node}`, Math.floor(sim.random() * LRM_IDLE_PERIOD_MS));
    }
    sim.onPower((node, power) => (power === 'off' ? this.#lose(node) : this.#startLater(node)));
    // Whoever writes the state without a request (a test, a story) is noticed like a change of the files: within a round.
    sim.clock.every(CRM_PERIOD_MS, () => (this.#isIdle() ? undefined : this.wake()), { background: true, label: 'HA daemons look at their files' });
  }

  /** Something changed that the daemons look at; without anything to manage they sleep, to cost nothing. */
  wake(): void {
    for (const node of Object.keys(this.#sim.state.nodes)) if (this.#runs(node)) this.#start(node);
  }

  /** Queues a line for the master, as `ha-manager crm-command` does. */
  command(line: string): void {
    this.#sim.state.ha.commands.push(line);
    this.wake();
  }

  lrmStatus(node: string): LrmStatus | undefined {
    return this.#lrms.status(node);
  }

  /** Asks the node's daemons to end orderly; resolves when its services are as the shutdown policy wants them. */
  async shutDown(node: string, kind: 'shutdown' | 'reboot'): Promise<void> {
    await this.#lrms.shutDown(node, kind);
    this.#crms.leave(node);
  }

  /** When in its period each daemon of the node acts, counted from now; a seed decides otherwise. For stories that must meet a recording. */
  setBeat(node: string, beat: { readonly crmMs?: number; readonly lrmMs?: number }): void {
    const nowMs = this.#sim.clock.now();
    if (beat.crmMs !== undefined) this.#beats.setPhase(`crm ${node}`, (nowMs + beat.crmMs) % CRM_PERIOD_MS);
    if (beat.lrmMs !== undefined) this.#beats.setPhase(`lrm ${node}`, (nowMs + beat.lrmMs) % LRM_IDLE_PERIOD_MS);
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

  #runs(node: string): boolean {
    const bootedAtMs = this.#sim.state.ha.corosync.bootedAtMs[node];
    return this.#sim.state.nodes[node]?.power === 'on' && (bootedAtMs === undefined || this.#sim.clock.now() >= bootedAtMs + DAEMONS_START_MS);
  }

  #start(node: string): void {
    this.#crms.start(node);
    this.#lrms.start(node);
  }

  #startLater(node: string): void {
    const bootedAtMs = this.#sim.clock.now();
    this.#sim.clock.after(DAEMONS_START_MS, () => {
      if (!this.#runs(node) || this.#sim.state.ha.corosync.bootedAtMs[node] !== bootedAtMs) return;
      this.#crms.memoryOf(node);
      this.#lrms.begin(node);
      if (!this.#isIdle()) this.#start(node);
    }, { background: true, label: `HA daemons of ${node} start` });
  }

  #lose(node: string): void {
    for (const daemon of ['crm', 'lrm', 'watchdog']) this.#beats.clear(`${daemon} ${node}`);
    delete this.#sim.state.ha.crms[node];
    delete this.#sim.state.ha.lrms[node];
    this.#lrms.lose(node);
  }

  /** Nothing to manage, and nobody who still holds a lock or a mode because of something managed before. */
  #isIdle(): boolean {
    const { ha } = this.#sim.state;
    if (Object.keys(ha.resources).length > 0 || Object.keys(ha.manager.service_status).length > 0 || ha.commands.length > 0) return false;
    if (ha.manager.disarm || Object.values(ha.manager.node_request ?? {}).some((request) => request.maintenance) || Object.values(ha.manager.node_status).includes('maintenance')) return false;
    return !Object.values(ha.crms).some((crm) => crm.state === 'master') && !Object.values(ha.lrms).some((lrm) => lrm.state !== 'wait_for_agent_lock' || lrm.shutdown);
  }
}
