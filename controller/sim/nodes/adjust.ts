// `drbdadm adjust`, `up`: which commands bring the kernel to what the file says. In: one resource. Out: commands in order, to be
// shown or done. Doing one is the same as what drbdsetup or drbdmeta would do alone.
import type { Simulation } from '../simulation.ts';
import type { Configured } from './config.ts';
import { hostOf, mediumAt } from './devices.ts';
import { disconnect, lose, look } from './connections.ts';
import { checkQuorum, isYes, Refused } from './kernel.ts';
import { ACTIVITY_LOG_BYTES, attach, detach } from './replica-disk.ts';
import type { Host, Peer, Replica } from './state.ts';

/** One command of drbdsetup or drbdmeta: as it is shown, and done. */
export interface Command {
  readonly line: string;
  /** What it prints. Throws Refused, or Failed with what it printed before it ended. */
  run(): string;
  /** What the kernel's refusals are told of. */
  readonly subject: string;
}

/** A program of its own ended badly after it said why; nothing more is said when `isSilent`. */
export class Failed extends Error {
  constructor(readonly code: number, readonly text: string, readonly isSilent = false) {
    super(text);
  }
}

export class Adjuster {
  readonly #sim: Simulation;
  readonly #node: string;
  readonly #host: Host;
  readonly #wanted: Configured;
  readonly #setup: string;
  readonly #is8: boolean;

  constructor(sim: Simulation, node: string, wanted: Configured) {
    this.#sim = sim;
    this.#node = node;
    this.#host = hostOf(sim, node);
    this.#wanted = wanted;
    this.#is8 = this.#host.drbd.startsWith('8.');
    this.#setup = this.#is8 ? 'drbdsetup-84' : 'drbdsetup';
  }

  get #replica(): Replica | undefined {
    return this.#host.replicas[this.#wanted.name];
  }

  commands(): readonly Command[] {
    const { minor, self, peers, options } = this.#wanted;
    const replica = this.#replica;
    const isNew = replica === undefined;
    const found: Command[] = isNew ? [this.newResource(), this.newMinor()] : [];
    if (replica && !isSame(replica.resourceOptions, options)) found.push(this.#resourceOptions());
    if (replica && replica.minor !== minor) found.push(this.detach(), this.#command(`del-minor ${replica.minor}`, String(replica.minor), () => ''), this.newMinor());
    const isMoved = replica?.device !== undefined && self.disk !== undefined && replica.device !== self.disk;
    const isDiskless = self.disk === undefined || self.disk === 'none';
    if (isMoved && replica?.minor === minor) found.push(this.detach());
    const gone = Object.keys(replica?.peers ?? {}).filter((peer) => !peers.some((one) => one.name === peer));
    for (const peer of gone) found.push(this.#delPeer(peer));
    if (!this.#is8) for (const peer of peers) if (!replica?.peers[peer.name]) found.push(this.#newPeer(peer.name), this.#newPath(peer.name));
    if (!isDiskless && (!replica?.device || isMoved || replica.minor !== minor)) found.push(this.applyLog(), this.attach());
    else if (replica?.device !== undefined && !isSame(replica.diskOptions, this.#wanted.disk)) found.push(this.#diskOptions());
    const moved = peers.filter((peer) => {
      const there = replica?.peers[peer.name];
      return there !== undefined && (there.remote !== peer.address || there.local !== self.address);
    });
    for (const peer of moved) if (replica?.peers[peer.name]?.connection !== 'StandAlone') found.push(this.disconnect(peer.name));
    if (!this.#is8) {
      for (const peer of moved) found.push(this.#path('del-path', replica?.peers[peer.name]?.local ?? '', replica?.peers[peer.name]?.remote ?? '', peer.name));
      for (const peer of moved) found.push(this.#newPath(peer.name));
    }
    for (const peer of peers) {
      const there = replica?.peers[peer.name];
      if (there === undefined || there.connection === 'StandAlone' || moved.includes(peer)) {
        if (!this.#is8 && there && !isSame(there.net, this.#wanted.net)) found.push(this.#netOptions(peer.name));
        found.push(this.connect(peer.name, false));
      } else if (!isSame(there.net, this.#wanted.net)) found.push(this.#netOptions(peer.name));
    }
    return found;
  }

  /** `up` makes everything anew, whatever is there. */
  bringUp(): readonly Command[] {
    const { peers, self } = this.#wanted;
    const isDiskless = self.disk === undefined || self.disk === 'none';
    if (this.#is8) return [this.newResource(), this.newMinor(), this.applyLog(), this.attach(), ...peers.map((peer) => this.connect(peer.name, false))];
    return [this.newResource(), this.newMinor(), ...peers.flatMap((peer) => [this.#newPeer(peer.name), this.#newPath(peer.name)]), ...(isDiskless ? [] : [this.applyLog(), this.attach()]), ...peers.map((peer) => this.connect(peer.name, false))];
  }

  #command(rest: string, subject: string, run: () => string | void): Command {
    return { line: `${this.#setup} ${rest}`, subject, run: () => run() ?? '' };
  }

  #have(): Replica {
    const replica = this.#replica;
    if (!replica) throw new Refused(10, 'Failure: (127) Device minor not allocated', ['unknown minor']);
    return replica;
  }

  newResource(): Command {
    const { name, self, options, minor } = this.#wanted;
    const id = this.#is8 ? '' : ` ${self.nodeId ?? 0}`;
    return this.#command(`new-resource ${name}${id}${written(options)}`, name, () => {
      this.#host.replicas[name] ??= {
        resource: name, minor, nodeId: this.#is8 ? -1 : self.nodeId ?? 0, role: 'Secondary', disk: 'Diskless', sizeBytes: 0, diskOptions: {}, resourceOptions: { ...options }, peers: {}, readBytes: 0, writtenBytes: 0,
      };
    });
  }

  newMinor(): Command {
    const { name, minor } = this.#wanted;
    return this.#command(`new-minor ${name} ${minor} 0`, this.#is8 ? '??' : name, () => {
      const replica = this.#have();
      if (!this.#is8 && replica.minor === minor && (replica.device !== undefined || Object.keys(replica.peers).length > 0)) {
        throw new Failed(10, `new-minor ${name} ${minor} 0: sysfs node '/sys/devices/virtual/block/drbd${minor}' (already? still?) exists\n${name}: Failure: (161) Minor or volume exists already (delete it first)`);
      }
      replica.minor = minor;
    });
  }

  #resourceOptions(): Command {
    const { name, options } = this.#wanted;
    return this.#command(`resource-options ${name} --set-defaults${written(options)}`, name, () => {
      const replica = this.#have();
      replica.resourceOptions = { ...options };
      checkQuorum(this.#sim, this.#node, replica);
    });
  }

  applyLog(): Command {
    const { minor, self } = this.#wanted;
    const device = self.disk ?? '';
    const line = `drbdmeta ${minor} ${this.#is8 ? 'v08' : 'v09'} ${device} internal apply-al`;
    return { line, subject: '', run: () => {
      const replica = this.#replica;
      if (replica?.device === device) throw new Failed(20, `Device '${minor}' is configured!`);
      if (Object.values(this.#host.replicas).some((other) => other !== replica && other.device === device)) throw new Failed(20, `open(${device}) failed: Device or resource busy\nOperation canceled.`);
      const medium = mediumAt(this.#sim, this.#node, device);
      if (!medium) throw new Failed(20, `open(${device}) failed: No such file or directory`);
      if (medium.failed) throw new Failed(10, `pread(5,...,4096,${medium.sizeBytes - 4096}) in v0${this.#is8 ? 8 : 9}_md_disk_to_cpu failed: Input/output error`);
      if (!medium.metadata) throw new Failed(1, 'No valid meta data found', true);
      return medium.metadata.clean || !medium.metadata.crashedPrimary ? '' : `Marked additional ${ACTIVITY_LOG_BYTES / 2 ** 20} MB as out-of-sync based on AL.\n`;
    } };
  }

  attach(): Command {
    const { minor, self, disk } = this.#wanted;
    const device = self.disk ?? '';
    return this.#command(`attach ${minor} ${device} ${device} internal${this.#is8 ? written(disk) : ''}`, String(minor), () => {
      const replica = this.#have();
      replica.diskOptions = { ...disk };
      attach(this.#sim, this.#node, replica, device);
    });
  }

  #diskOptions(): Command {
    const { minor, disk } = this.#wanted;
    return this.#command(`disk-options ${minor} --set-defaults${written(disk)}`, String(minor), () => { this.#have().diskOptions = { ...disk }; });
  }

  detach(): Command {
    const minor = this.#replica?.minor ?? this.#wanted.minor;
    return this.#command(`detach ${minor}`, String(minor), () => detach(this.#sim, this.#node, this.#have()));
  }

  #idOf(name: string): number {
    return this.#wanted.peers.find((peer) => peer.name === name)?.nodeId ?? hostOf(this.#sim, name).replicas[this.#wanted.name]?.nodeId ?? 0;
  }

  #addresses(name: string): readonly [string, string] {
    const peer = this.#wanted.peers.find((one) => one.name === name);
    return [this.#wanted.self.address ?? '', peer?.address ?? ''];
  }

  #entry(name: string): Peer {
    const [local, remote] = this.#addresses(name);
    return (this.#have().peers[name] ??= { nodeId: this.#idOf(name), connection: 'StandAlone', replication: 'Off', local, remote, net: { ...this.#wanted.net }, sentBytes: 0, receivedBytes: 0 });
  }

  #newPeer(name: string): Command {
    return this.#command(`new-peer ${this.#wanted.name} ${this.#idOf(name)} --_name=${name}${written(this.#wanted.net, 'protocol')}`, this.#wanted.name, () => { this.#entry(name); });
  }

  #newPath(name: string): Command {
    const [local, remote] = this.#addresses(name);
    return this.#path('new-path', local, remote, name);
  }

  #path(what: 'new-path' | 'del-path', local: string, remote: string, name: string): Command {
    return this.#command(`${what} ${this.#wanted.name} ${this.#idOf(name)} ipv4:${local} ipv4:${remote}`, this.#wanted.name, () => {
      if (what === 'new-path') Object.assign(this.#entry(name), { local, remote });
    });
  }

  #delPeer(name: string): Command {
    const replica = this.#replica;
    return this.#command(this.#is8 ? `disconnect ipv4:${replica?.peers[name]?.local} ipv4:${replica?.peers[name]?.remote}` : `del-peer ${this.#wanted.name} ${this.#idOf(name)}`, this.#wanted.name, () => {
      const found = this.#have();
      disconnect(this.#sim, this.#node, found, name);
      delete found.peers[name];
    });
  }

  connect(name: string, discardMyData: boolean): Command {
    const { name: resource, net } = this.#wanted;
    const [local, remote] = this.#addresses(name);
    const discard = discardMyData ? ' --discard-my-data' : '';
    const rest = this.#is8 ? `connect ${resource} ipv4:${local} ipv4:${remote}${written(net)}${discard}` : `connect ${resource} ${this.#idOf(name)}${discard}`;
    return this.#command(rest, resource, () => {
      const replica = this.#have();
      if ((replica.peers[name]?.connection ?? 'StandAlone') !== 'StandAlone') {
        throw this.#is8 ? new Refused(10, 'Failure: (102) Local address(port) already in use.') : new Refused(10, 'Failure: (125) Device has a net-config (use disconnect first)');
      }
      const peer = this.#entry(name);
      if (isYes(net['allow-two-primaries']) && net['protocol'] !== undefined && net['protocol'] !== 'C') throw new Refused(10, 'Failure: (139) Protocol C required');
      Object.assign(peer, { local, remote, connection: 'Connecting', replication: 'Off', ...(this.#is8 ? { net: { ...net } } : {}) });
      if (discardMyData) peer.discardMyData = true;
      look(this.#sim, resource);
    });
  }

  disconnect(name: string): Command {
    const [local, remote] = [this.#replica?.peers[name]?.local ?? this.#addresses(name)[0], this.#replica?.peers[name]?.remote ?? this.#addresses(name)[1]];
    const rest = this.#is8 ? `disconnect ipv4:${local} ipv4:${remote}` : `disconnect ${this.#wanted.name} ${this.#idOf(name)}`;
    return this.#command(rest, this.#is8 ? '??' : this.#wanted.name, () => {
      const replica = this.#replica;
      const peer = replica?.peers[name];
      if (this.#is8 && (!peer || peer.connection === 'StandAlone')) throw new Refused(10, 'Failure: (162) Invalid configuration request', ['unknown connection']);
      if (!replica) throw new Refused(10, 'Failure: (158) Unknown resource', ['unknown resource']);
      if (peer) disconnect(this.#sim, this.#node, replica, name);
      if (this.#is8) lose(this.#sim, this.#node, replica, name, 'StandAlone');
    });
  }

  #netOptions(name: string): Command {
    const { net, name: resource } = this.#wanted;
    const { local = '', remote = '' } = this.#replica?.peers[name] ?? {};
    const rest = this.#is8 ? `net-options ipv4:${local} ipv4:${remote} --set-defaults${written(net)}` : `net-options ${resource} ${this.#idOf(name)} --set-defaults --_name=${name}${written(net, 'protocol')}`;
    return this.#command(rest, this.#is8 ? '??' : resource, () => {
      const replica = this.#have();
      const other = hostOf(this.#sim, name).replicas[resource];
      if (isYes(net['allow-two-primaries']) && (net['protocol'] ?? 'C') !== 'C') throw new Refused(10, 'Failure: (139) Protocol C required');
      const isTwo = replica.role === 'Primary' && other?.role === 'Primary' && replica.peers[name]?.connection === 'Connected';
      if (isTwo && !isYes(net['allow-two-primaries'])) throw new Refused(10, 'Failure: (164) Can not clear allow_two_primaries as long as\nthere a primaries on both sides');
      this.#entry(name).net = { ...net };
    });
  }
}

/** ` --a=b` for each option; the one that is named last comes last. */
function written(options: Readonly<Record<string, string>>, last?: string): string {
  const names = Object.keys(options).filter((name) => name !== last);
  return [...names, ...(last !== undefined && options[last] !== undefined ? [last] : [])].map((name) => ` --${name}=${options[name]}`).join('');
}

function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => (a[key] ?? DEFAULTS[key]) === (b[key] ?? DEFAULTS[key]));
}

/** What is not written is this. */
const DEFAULTS: Readonly<Record<string, string>> = {
  'protocol': 'C', 'allow-two-primaries': 'no', 'after-sb-0pri': 'disconnect', 'after-sb-1pri': 'disconnect', 'after-sb-2pri': 'disconnect', 'fencing': 'dont-care', 'on-io-error': 'detach', 'quorum': 'off', 'on-no-quorum': 'suspend-io', 'auto-promote': 'yes',
};
