// Several daemons of one cluster, one a node, with the lease of /etc/pve: the one that has it works, the others stand by. A
// node's power takes its daemon with it; a node without network reaches nobody. What must never happen is noted at each write.
import { runDaemon } from '../../controller/daemon/loop.ts';
import type { DaemonParts } from '../../controller/daemon/loop.ts';
import type { DaemonOptions } from '../../controller/daemon/options.ts';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { MemoryStore } from '../../controller/env/memory-store.ts';
import { createPmxcfsLease } from '../../controller/env/pmxcfs-lease.ts';
import type { PmxcfsLease } from '../../controller/env/pmxcfs-lease.ts';
import { ConnectionError } from '../../controller/model/doors.ts';
import type { HttpRequest, Lease, Transport } from '../../controller/model/doors.ts';
import { SimulatedPmxcfs } from '../../controller/sim/pmxcfs.ts';
import { isQuorate } from '../../controller/sim/quorum.ts';
import { Mortal } from '../harness/mortal.ts';
import { kindsFor, World } from '../harness/world.ts';
import type { WorldOptions } from '../harness/world.ts';
import { FakeSource, leaseOf, lines, sourceOf } from './daemon-world.ts';

/** A write that went out may be so much older than what it does: the answer of the lease, and the way. */
const ON_THE_WAY_MS = 4_000;

/** What daemons follow that are told to. */
export const ADDRESS = '10.0.0.50';
const PATIENCE_MS = 60_000;

/** A guest that latido did not make. */
export const STRANGER = 900;

interface Member { readonly node: string; readonly mortal: Mortal; readonly lease: PmxcfsLease; readonly stop: AbortController }

export class Fleet {
  readonly world: World;
  readonly pmxcfs: SimulatedPmxcfs;
  readonly source = new FakeSource();
  readonly stores = new Map<string, MemoryStore>();
  readonly violations = new Set<string>();
  /** Asked of each write that deletes: whether some commit in force may still want it. */
  wants: (vmid: number) => boolean = () => false;
  /** No request gets out of any node. */
  isApiDown = false;
  /** Each request is lost so often. */
  lossRate = 0;
  /** The nodes that have the cluster's address, when the daemons are told to follow it. */
  addressOn: readonly string[] | undefined;
  readonly #members = new Map<string, Member>();

  constructor(readonly nodes: readonly string[], private readonly options: Partial<DaemonOptions> = {}, world: WorldOptions = {}) {
    this.world = new World({ nodes: nodes.map((name) => ({ name })), guests: [{ vmid: STRANGER, name: 'somebody-elses', node: nodes[0] ?? '', config: { memory: '512' } }] }, world);
    this.pmxcfs = new SimulatedPmxcfs(this.world.sim);
    for (const node of nodes) this.stores.set(node, createMemoryStore());
    this.world.sim.onPower((node, power) => { if (power === 'off') this.kill(node); });
  }

  get sim() {
    return this.world.sim;
  }

  start(node: string): void {
    if (this.#members.has(node) || this.sim.state.nodes[node]?.power !== 'on') return;
    const { clock } = this.sim;
    const stop = new AbortController();
    const lease = createPmxcfsLease({ files: this.pmxcfs.on(node), clock, cluster: 'lab', local: this.#machine(node, () => member) });
    const mortal: Mortal = new Mortal({ envOf: (transport, store) => this.world.envOf(transport, store), transport: () => this.#transport(node, () => member) }, this.store(node));
    const member: Member = { node, mortal, lease, stop };
    this.#members.set(node, member);
    void runDaemon({ env: mortal.env, source: sourceOf(mortal, this.source), lease: leaseOf(mortal, lease), kindsFor, signal: stop.signal, ...this.#follow(node), options: { hintsMs: 0, ...this.options } })
      .catch((error: unknown) => this.violations.add(`the daemon of ${node} ended: ${String(error)}`)).then(() => this.#gone(member));
  }

  #follow(node: string): Pick<DaemonParts, 'follow'> {
    return this.addressOn === undefined ? {} : { follow: { address: ADDRESS, patienceMs: PATIENCE_MS, ownAddresses: () => Promise.resolve(this.addressOn?.includes(node) === true ? ['127.0.0.1', ADDRESS] : ['127.0.0.1']) } };
  }

  /** `kill -9`, or the node's power. */
  kill(node: string): void {
    const member = this.#members.get(node);
    if (!member) return;
    this.#gone(member);
    member.mortal.kill();
  }

  /** As systemd stops it. */
  async stop(node: string): Promise<void> {
    const member = this.#members.get(node);
    member?.stop.abort();
    for (let waited = 0; waited < 120 && this.#members.get(node) === member; waited += 5) await this.sim.clock.advance(5_000);
  }

  #gone(member: Member): void {
    if (this.#members.get(member.node) === member) this.#members.delete(member.node);
  }

  isRunning(node: string): boolean {
    return this.#members.has(node);
  }

  /** The nodes whose daemons may act now; never two. */
  acting(): readonly string[] {
    return [...this.#members.values()].filter(({ lease }) => lease.isFresh()).map(({ node }) => node);
  }

  store(node: string): MemoryStore {
    return this.stores.get(node) ?? createMemoryStore();
  }

  #machine(node: string, self: () => Member): Lease {
    return {
      acquire: async () => (this.#members.get(node) === self() ? { held: true } : { held: false, by: 'another process' }),
      renew: async () => this.#members.get(node) === self(), release: async () => undefined,
    };
  }

  #transport(node: string, self: () => Member): Transport {
    const through = this.world.transport();
    return {
      send: async (endpoint, request, timeoutMs, signal) => {
        const isHome = new URL(endpoint).hostname === node;
        if (this.isApiDown || (!isHome && this.sim.state.nodes[node]?.network === 'down')) throw new ConnectionError('unreachable', false, 'no route to host');
        if (this.lossRate > 0 && this.sim.random() < this.lossRate) throw new ConnectionError('closed', request.method !== 'GET', 'connection reset');
        if (request.method !== 'GET') this.#see(self(), request);
        return through.send(endpoint, request, timeoutMs, signal);
      },
      close: () => through.close(),
    };
  }

  /** What holds of each write of each daemon, in the moment in which it goes out. */
  #see({ node, lease }: Member, { method, url, body = '' }: HttpRequest): void {
    const path = url.replace(/^\/api2\/json/, '').split('?')[0] ?? '';
    const forbid = (why: string) => this.violations.add(`${why}: ${node} sends ${method} ${path} ${body} at ${this.sim.clock.now()}`);
    if (!lease.isFresh()) forbid('the lease is not fresh');
    const others = this.acting().filter((other) => other !== node);
    if (others.length > 0) forbid(`${others.join(' and ')} may act as well`);
    if (this.#quorumLostMs() > ON_THE_WAY_MS) forbid('no part of the cluster is quorate');
    const last = lines(this.store(node), 'journal.jsonl').filter((entry) => (entry as { event: string }).event === 'started').slice(-16) as readonly { readonly method: string; readonly path: string }[];
    if (!last.some((entry) => entry.method === method && entry.path === path)) forbid('the journal does not announce it');
    const vmid = /^\/nodes\/[^/]+\/(?:qemu|lxc)\/(\d+)/.exec(path)?.[1];
    const guest = vmid === undefined ? undefined : this.sim.state.guests[vmid];
    if (!guest) return;
    if (!String(guest.config['tags'] ?? '').split(';').includes('latido')) forbid('the guest is of somebody else');
    if (method === 'DELETE' && this.wants(guest.vmid)) forbid('a commit wants it');
  }

  #quorumLostAt: number | undefined;

  #quorumLostMs(): number {
    if (this.nodes.some((node) => isQuorate(this.sim.state, node))) this.#quorumLostAt = undefined;
    else this.#quorumLostAt ??= this.sim.clock.now();
    return this.#quorumLostAt === undefined ? 0 : this.sim.clock.now() - this.#quorumLostAt;
  }

  pass(seconds: number): Promise<void> {
    return this.sim.clock.advance(seconds * 1000);
  }
}
