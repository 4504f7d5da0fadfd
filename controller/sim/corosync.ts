// The cluster network: links, power and votes, and the time corosync needs to agree on who is there.
// In: power and link changes. Out: each node's membership, when it has settled.
// Must never let a node learn of a loss before its token timeout is over.
import { COROSYNC_START_MS, isLinked, isQuorate, lossDelayMs, membersSeenBy } from './quorum.ts';
import type { Simulation } from './simulation.ts';

/** A link that is back: all members joined again (recorded 2.0–2.8 s). */
const JOIN_MS = 2_800;
const BOOT_JOIN_MS = 100;

export class Corosync {
  readonly #sim: Simulation;
  readonly #round = new Map<string, number>();
  readonly #settledWatchers: ((node: string) => void)[] = [];
  readonly #linkWatchers: (() => void)[] = [];

  constructor(sim: Simulation) {
    this.#sim = sim;
    for (const node of Object.keys(sim.state.nodes)) sim.state.ha.corosync.members[node] = this.#partition(node);
    sim.onPower((node, power) => (power === 'off' ? this.#lost(node) : this.#booted(node)));
  }

  /** The node keeps its power and its clients, but no other node hears it. */
  cut(node: string): void {
    const { corosync } = this.#sim.state.ha;
    if (!corosync.cut[node]) {
      corosync.cut[node] = true;
      corosync.lostAtMs[node] = this.#sim.clock.now();
      this.#sim.log.write(node, 'cluster network cut');
      this.#look();
    }
    for (const watcher of this.#linkWatchers) watcher();
  }

  heal(node: string): void {
    const { corosync } = this.#sim.state.ha;
    if (corosync.cut[node]) {
      delete corosync.cut[node];
      delete corosync.lostAtMs[node];
      this.#sim.log.write(node, 'cluster network back');
      this.#look();
    }
    for (const watcher of this.#linkWatchers) watcher();
  }

  /** The server of the third vote: votes change at once, but nobody's membership does. */
  setQnetd(power: 'on' | 'off'): void {
    this.#sim.state.ha.corosync.qnetd = power;
    this.#sim.log.write('qnetd', `power ${power}`);
  }

  /** Told when a node has agreed on a new membership. */
  onSettled(watcher: (node: string) => void): void {
    this.#settledWatchers.push(watcher);
  }

  /** Told when links between nodes may have been cut or mended, before anybody has noticed. */
  onLinks(watcher: () => void): void {
    this.#linkWatchers.push(watcher);
  }

  #lost(node: string): void {
    const { corosync } = this.#sim.state.ha;
    corosync.lostAtMs[node] = this.#sim.clock.now();
    corosync.members[node] = [];
    delete corosync.formingUntilMs[node];
    this.#look();
  }

  #booted(node: string): void {
    const { corosync } = this.#sim.state.ha;
    const bootedAtMs = this.#sim.clock.now();
    corosync.bootedAtMs[node] = bootedAtMs;
    corosync.members[node] = [];
    corosync.shownQuorate[node] = 0;
    this.#sim.clock.after(COROSYNC_START_MS, () => {
      if (corosync.bootedAtMs[node] !== bootedAtMs || this.#sim.state.nodes[node]?.power !== 'on') return;
      delete corosync.lostAtMs[node];
      this.#look(BOOT_JOIN_MS);
    }, { background: true, label: `corosync of ${node} starts` });
  }

  /** Every node whose partition is not what it thinks forms a new one. */
  #look(joinMs = JOIN_MS): void {
    const { clock, state } = this.#sim;
    for (const node of Object.keys(state.nodes)) {
      if (!this.#runs(node)) continue;
      const now = this.#partition(node);
      const before = membersSeenBy(state, node);
      const round = (this.#round.get(node) ?? 0) + 1;
      this.#round.set(node, round);
      const isLoss = [...before].some((member) => !now.includes(member));
      if (!isLoss && now.length === before.size) {
        delete state.ha.corosync.formingUntilMs[node];
        continue;
      }
      const delayMs = isLoss ? lossDelayMs(before.size) : joinMs;
      state.ha.corosync.formingUntilMs[node] = clock.now() + delayMs;
      clock.after(delayMs, () => this.#settle(node, round), { background: true, label: `membership of ${node}` });
    }
  }

  #settle(node: string, round: number): void {
    const { state, log } = this.#sim;
    if (this.#round.get(node) !== round || !this.#runs(node)) return;
    const { corosync } = state.ha;
    corosync.members[node] = this.#partition(node);
    delete corosync.formingUntilMs[node];
    corosync.shownQuorate[node] = isQuorate(state, node) ? 1 : 0;
    log.write(node, `members: ${corosync.members[node].join(' ')}${isQuorate(state, node) ? '' : ' (no quorum)'}`);
    for (const watcher of this.#settledWatchers) watcher(node);
  }

  #runs(node: string): boolean {
    const { state, clock } = this.#sim;
    const bootedAtMs = state.ha.corosync.bootedAtMs[node];
    return state.nodes[node]?.power === 'on' && (bootedAtMs === undefined || clock.now() >= bootedAtMs + COROSYNC_START_MS);
  }

  #partition(node: string): string[] {
    const { state } = this.#sim;
    if (!this.#runs(node)) return [];
    return Object.keys(state.nodes).filter((other) => this.#runs(other) && isLinked(state, node, other));
  }
}
