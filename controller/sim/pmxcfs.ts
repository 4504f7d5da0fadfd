// A stand-in of /etc/pve on each node of a simulated cluster, behind the same door as the real one.
// In: operations of one node. Out: files made from the cluster's state, counters and locks as pmxcfs keeps them, refusals
// as recorded (errnos of a held lock, no quorum, a membership being formed, a resync, a restart).
// Must never make up time: timers run on the simulation's clock.
import type { ClusterFiles, FileResult } from '../model/doors.ts';
import { fileText } from './guest-config.ts';
import type { LockEntry } from './pmxcfs-locks.ts';
import { PmxcfsProcess } from './pmxcfs-process.ts';
import { clusterFileTexts } from './pmxcfs-text.ts';
import { COROSYNC_START_MS, isQuorate, membersSeenBy } from './quorum.ts';
import type { Simulation } from './simulation.ts';
import type { GuestState } from './state.ts';

/** How long /etc/pve is away when pmxcfs restarts, and how long writes are refused while members exchange what they missed. */
const RESTART_MS = 2_100;
const RESYNC_MS = 700;
/** A write is one ordered message to all members: recorded 3.3 ms median, 10 ms at most. */
const WRITE_MIN_MS = 1;
const WRITE_SPREAD_MS = 6;
const LOCKS = 'priv/lock';

const refused = (errno: string) => ({ ok: false, errno }) as const;
const done = { ok: true, value: undefined } as const;

export class SimulatedPmxcfs {
  readonly #sim: Simulation;
  readonly #startMs: number;
  readonly #processes = new Map<string, PmxcfsProcess>();
  readonly #locks = new Map<string, LockEntry>();
  readonly #partitions = new Map<string, ReadonlySet<string>>();
  readonly #stamps = new Map<string, { readonly text: string; readonly seconds: number }>();
  /** How far a node's clock is from the simulation's. */
  readonly #skewMs = new Map<string, number>();
  #writes = 0;

  /** @param slower its seconds, by which locks age, pass so many times slower than the simulation's */
  constructor(sim: Simulation, private readonly slower = 1) {
    this.#sim = sim;
    this.#startMs = sim.clock.now();
    for (const node of Object.keys(sim.state.nodes)) if (sim.state.nodes[node]?.power === 'on') this.#start(node, sim.clock.now());
    sim.onPower((node, power) => {
      if (power === 'off') this.#processes.delete(node);
      else this.#start(node, sim.clock.now() + COROSYNC_START_MS);
    });
    sim.corosync.onSettled((node) => this.#settled(node));
  }

  /** /etc/pve as `node` has it. */
  on(node: string): ClusterFiles {
    return {
      read: (path) => Promise.resolve(this.#read(node, path)),
      list: (path) => Promise.resolve(this.#list(node, path)),
      mtime: (path) => Promise.resolve(this.#mtime(node, path)),
      mkdir: (path) => this.#write(node, () => this.#mkdir(node, path), path, 'made'),
      rmdir: (path) => this.#write(node, () => this.#rmdir(node, path), path, 'there'),
      utime: (path, seconds) => this.#write(node, () => this.#utime(node, path, seconds), path, 'there'),
    };
  }

  /** `systemctl restart pve-cluster`: counters and timers begin anew, locks stay. */
  restart(node: string): void {
    if (this.#processes.has(node)) this.#start(node, this.#sim.clock.now() + RESTART_MS);
  }

  /** Sets the node's clock: its new locks are stamped by it, and as a judge it measures with it. */
  jumpClock(node: string, ms: number): void {
    this.#skewMs.set(node, (this.#skewMs.get(node) ?? 0) + ms);
  }

  #start(node: string, mountedAtMs: number): void {
    const process = new PmxcfsProcess(node, mountedAtMs);
    this.#processes.set(node, process);
    this.#partitions.set(node, membersSeenBy(this.#sim.state, node));
    process.timers.restart(this.#locks, this.#secondsOf(node, mountedAtMs));
  }

  #mounted(node: string): PmxcfsProcess | { readonly ok: false; readonly errno: string } {
    const process = this.#processes.get(node);
    if (!process) return refused('ENOTCONN');
    if (this.#sim.clock.now() < process.mountedAtMs) return refused('ENOENT');
    return process;
  }

  /** Who came back gets what it missed; its timers then begin with that data. */
  #settled(node: string): void {
    const process = this.#processes.get(node);
    const before = this.#partitions.get(node) ?? new Set();
    const members = membersSeenBy(this.#sim.state, node);
    this.#partitions.set(node, members);
    if (!process) return;
    process.clinfo += 1;
    if ([...members].every((member) => before.has(member))) return;
    process.resyncUntilMs = this.#sim.clock.now() + RESYNC_MS;
    if (!process.missedWrites || !isQuorate(this.#sim.state, node)) return;
    process.missedWrites = false;
    process.timers.restart(this.#locks, this.#secondsOf(node));
  }

  #read(node: string, path: string): FileResult<string> {
    const process = this.#mounted(node);
    if (!(process instanceof PmxcfsProcess)) return process;
    const { state } = this.#sim;
    if (path.startsWith('.') && isQuorate(state, node)) process.look(state);
    if (path === '.version') return { ok: true, value: process.version(state) };
    if (path === '.vmlist') return { ok: true, value: process.vmlist(state) };
    if (path === '.members') return { ok: true, value: process.members(state) };
    if (this.#lockName(path) !== undefined) return refused(this.#locks.has(this.#lockName(path) ?? '') ? 'EISDIR' : 'ENOENT');
    const text = this.#text(path);
    return text === undefined ? refused('ENOENT') : { ok: true, value: text };
  }

  #text(path: string): string | undefined {
    const { state } = this.#sim;
    const guest = /^nodes\/([^/]+)\/(qemu-server|lxc)\/(\d+)\.conf$/.exec(path);
    if (guest) {
      const found = state.guests[guest[3] ?? ''];
      return found && found.node === guest[1] && folderOf(found) === guest[2] ? fileText(found) : undefined;
    }
    const lrm = /^nodes\/([^/]+)\/lrm_status$/.exec(path);
    if (lrm) return state.ha.lrm[lrm[1] ?? ''] ? JSON.stringify(state.ha.lrm[lrm[1] ?? '']) : undefined;
    return clusterFileTexts(state).get(path);
  }

  #list(node: string, path: string): FileResult<readonly string[]> {
    const process = this.#mounted(node);
    if (!(process instanceof PmxcfsProcess)) return process;
    const prefix = path === '' ? '' : `${path}/`;
    const names = new Set(this.#paths().filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length).split('/')[0] ?? ''));
    return names.size === 0 && path !== '' && path !== LOCKS ? refused('ENOENT') : { ok: true, value: [...names].sort() };
  }

  #paths(): readonly string[] {
    const { state } = this.#sim;
    const guests = Object.values(state.guests).map((guest) => `nodes/${guest.node}/${folderOf(guest)}/${guest.vmid}.conf`);
    const nodes = Object.keys(state.nodes).flatMap((node) => [`nodes/${node}/lrm_status`, `nodes/${node}/qemu-server`, `nodes/${node}/lxc`]);
    return [...clusterFileTexts(state).keys(), ...guests, ...nodes, ...[...this.#locks.keys()].map((name) => `${LOCKS}/${name}`), LOCKS];
  }

  #mtime(node: string, path: string): FileResult<number> {
    const process = this.#mounted(node);
    if (!(process instanceof PmxcfsProcess)) return process;
    const lock = this.#lockName(path);
    if (lock !== undefined) {
      const entry = this.#locks.get(lock);
      return entry ? { ok: true, value: entry.mtime } : refused('ENOENT');
    }
    const text = this.#text(path);
    if (text === undefined) return refused('ENOENT');
    const known = this.#stamps.get(path);
    if (known?.text === text) return { ok: true, value: known.seconds };
    this.#stamps.set(path, { text, seconds: this.#nowSeconds() });
    return { ok: true, value: this.#nowSeconds() };
  }

  /** The kernel looks for the entry first; then the write waits for a membership, and takes its turn among all writes. */
  async #write(node: string, act: () => FileResult<void>, path: string, entry: 'made' | 'there'): Promise<FileResult<void>> {
    const { clock } = this.#sim;
    const lock = this.#lockName(path);
    const process = this.#mounted(node);
    if (!(process instanceof PmxcfsProcess)) return process;
    if (lock === undefined) return refused('EACCES');
    if (this.#locks.has(lock) !== (entry === 'there')) return refused(entry === 'there' ? 'ENOENT' : 'EEXIST');
    const before = await this.#mayWrite(node);
    if (before !== undefined) return refused(before);
    await clock.sleep(WRITE_MIN_MS + this.#sim.random() * WRITE_SPREAD_MS);
    const after = await this.#mayWrite(node);
    if (after !== undefined) return refused(after === 'EACCES' ? 'EPERM' : after);
    return act();
  }

  /** The errno of a write now, or nothing. A write that began while members come or go waits until they have agreed. */
  async #mayWrite(node: string): Promise<string | undefined> {
    const { clock, state } = this.#sim;
    if (!isQuorate(state, node)) return 'EACCES';
    for (;;) {
      const process = this.#processes.get(node);
      if (!process) return 'ENOTCONN';
      if (clock.now() < process.mountedAtMs) return 'ECONNABORTED';
      const formingUntilMs = state.ha.corosync.formingUntilMs[node];
      if (formingUntilMs === undefined || formingUntilMs <= clock.now()) {
        if (!isQuorate(state, node)) return 'EPERM';
        return clock.now() < process.resyncUntilMs ? 'EBUSY' : undefined;
      }
      await clock.sleep(formingUntilMs - clock.now());
    }
  }

  #mkdir(node: string, path: string): FileResult<void> {
    const name = this.#lockName(path) ?? '';
    if (this.#locks.has(name)) return refused('EEXIST');
    this.#put(node, name, { writer: this.#idOf(node), mtime: this.#secondsOf(node), version: this.#writes + 1 });
    return done;
  }

  #rmdir(node: string, path: string): FileResult<void> {
    const name = this.#lockName(path) ?? '';
    if (!this.#locks.has(name)) return refused('ENOENT');
    this.#put(node, name, undefined);
    return done;
  }

  #utime(node: string, path: string, seconds: number): FileResult<void> {
    const name = this.#lockName(path) ?? '';
    const entry = this.#locks.get(name);
    if (!entry) return refused('ENOENT');
    if (seconds === 0) {
      this.#judge(node, name, entry);
      return refused('EACCES');
    }
    if (entry.writer !== this.#idOf(node) || seconds < entry.mtime) return refused('EACCES');
    this.#put(node, name, { writer: entry.writer, mtime: seconds, version: this.#writes + 1 });
    return done;
  }

  /** The member with the lowest id has the say, by its own clock. */
  #judge(node: string, name: string, entry: LockEntry): void {
    const members = this.#members(node).sort((a, b) => this.#idOf(a.node) - this.#idOf(b.node));
    const judge = members[0];
    if (judge?.timers.isExpired(name, entry, this.#secondsOf(judge.node))) this.#put(node, name, undefined);
  }

  /** One write of the database: all members of the quorate part have it at once, the others miss it. */
  #put(node: string, name: string, entry: LockEntry | undefined): void {
    this.#writes += 1;
    if (entry) this.#locks.set(name, entry);
    else this.#locks.delete(name);
    const receivers = new Set(this.#members(node));
    for (const process of this.#processes.values()) {
      if (receivers.has(process)) process.timers.receive(name, entry, this.#secondsOf(process.node));
      else process.missedWrites = true;
    }
  }

  /** Running file systems in the node's part of the cluster. */
  #members(node: string): PmxcfsProcess[] {
    const seen = membersSeenBy(this.#sim.state, node);
    return [...this.#processes.values()].filter((process) => seen.has(process.node) && this.#sim.clock.now() >= process.mountedAtMs && this.#sees(process.node, node));
  }

  #sees(node: string, other: string): boolean {
    return membersSeenBy(this.#sim.state, node).has(other);
  }

  #lockName(path: string): string | undefined {
    return new RegExp(`^${LOCKS}/([^/]+)$`).exec(path)?.[1];
  }

  #idOf(node: string): number {
    return this.#sim.state.nodes[node]?.nodeId ?? Number.POSITIVE_INFINITY;
  }

  #nowSeconds(): number {
    return this.#toSeconds(this.#sim.clock.now());
  }

  #toSeconds(atMs: number): number {
    return Math.floor((this.#startMs + (atMs - this.#startMs) / this.slower) / 1000);
  }

  #secondsOf(node: string, atMs = this.#sim.clock.now()): number {
    return this.#toSeconds(atMs + (this.#skewMs.get(node) ?? 0));
  }
}

function folderOf(guest: GuestState): string {
  return guest.type === 'lxc' ? 'lxc' : 'qemu-server';
}
