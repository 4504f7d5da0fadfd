// In: every command that a controller sends to a node, its journal, and the simulated kernels in that moment. Out: what must never
// have happened. Knows nothing of plans: only what the last commit said and what a person decided in it.
import { commandText } from '../../../controller/model/command.ts';
import { ConnectionError } from '../../../controller/model/doors.ts';
import type { Ssh, SshResult, Store } from '../../../controller/model/doors.ts';
import { underNodeLock } from '../../../controller/observe/node-lock.ts';
import { lostWrites } from '../../../controller/sim/nodes/data.ts';
import { backingOf } from '../../../controller/sim/nodes/devices.ts';
import * as drbdScripts from '../../../controller/drbd/scripts.ts';
import * as addressScripts from '../../../controller/virtual-ip/scripts.ts';
import { isQuorate, membersSeenBy } from '../../../controller/sim/quorum.ts';
import type { Simulation } from '../../../controller/sim/simulation.ts';
import type { Wanted } from './commits.ts';

/** Facts are read just before a step; what happened since then nobody could see. */
const SIGHT_MS = 4_000;
const LOCK = underNodeLock([]);
const READS = /^(?:true|cat|grep|uname|ip|vgs|lvs|pvs|lvm fullreport|lvmconfig|drbdsetup (?:status|events2|show)|drbdadm (?:sh-nop|adjust -d|get-gi|dump-md))\b/;
/** Scripts whose names say that they only read. */
const READ_SCRIPTS: readonly unknown[] = Object.entries({ ...drbdScripts, ...addressScripts }).filter(([name]) => name.startsWith('READ_')).map(([, text]) => text);
const NEW = /^0{15}[045]$/;

type Trouble = readonly string[];
interface Moment { readonly at: number; readonly troubles: ReadonlySet<string> }

export class Watch {
  readonly violations: string[] = [];
  sim: Simulation | undefined;
  /** Nodes that nobody reaches over ssh for now. */
  readonly away = new Set<string>();
  #wanted: readonly Wanted[] = [];
  /** Every decision that was ever in Git, `r0 pve1 1a2b3c4d-5e6f7a8b`. */
  readonly #decided = new Set<string>();
  /** Resources that left Git when their file said that they may be destroyed. */
  readonly #leftToDestroy = new Set<string>();
  /** Ways in which data may go that are not ours: by person, by policy, by a disk. */
  readonly #policies = new Set<string>();
  #moments: Moment[] = [];
  #open = new Set<string>();
  #lost = 0;

  /** That it really was there: commands in all, decisions carried out, promotions. */
  readonly counted = { commands: 0, resolved: 0, promoted: 0 };

  commits(wanted: readonly Wanted[]): void {
    for (const before of this.#wanted) if (!wanted.some(({ name }) => name === before.name) && before.reclaim === 'delete') this.#leftToDestroy.add(before.name);
    this.#wanted = wanted;
    for (const { name, decision, policies } of wanted) {
      this.#leftToDestroy.delete(name);
      if (decision) this.#decided.add(`${name} ${decision.discard} ${decision.event}`);
      if (policies) this.#policies.add(name);
    }
  }

  ssh(through: Ssh): Ssh {
    const locked = (argv: readonly string[]) => argv.slice(0, LOCK.length).join('\0') === LOCK.join('\0');
    const before = (node: string, argv: readonly string[]) => {
      const isLocked = locked(argv);
      const command = isLocked ? argv.slice(LOCK.length) : argv;
      if (this.away.has(node)) throw new ConnectionError('unreachable', false, `ssh: connect to host ${node} port 22: Connection timed out`);
      if (isLocked ? command.join(' ') !== 'true' : !isRead(command)) this.#before(node, command, isLocked);
      return command;
    };
    return {
      run: async (node, argv, options) => {
        const command = before(node, argv);
        const result: SshResult = await through.run(node, argv, options);
        if (locked(argv) && command.join(' ') !== 'true') this.afterwards(`${commandText(command)} on ${node}`);
        this.#look();
        return result;
      },
      runAll: async (node, argvs, options) => {
        for (const argv of argvs) before(node, argv);
        const results = await through.runAll(node, argvs, options);
        this.#look();
        return results;
      },
      learnNodes: (addresses) => through.learnNodes(addresses),
      stats: through.stats,
    };
  }

  store(through: Store): Store {
    return {
      read: (name) => through.read(name),
      write: (name, text) => through.write(name, text),
      append: async (name, line) => {
        await through.append(name, line);
        if (name !== 'journal.jsonl') return;
        const entry = JSON.parse(line) as { event: string; node?: string; path?: string; method?: string };
        if (entry.event === 'started' && entry.method === 'SSH') this.#open.add(`${entry.node} ${entry.path}`);
      },
    };
  }

  /** Another controller: what a dead one announced is not announced any more. */
  forget(): void {
    this.#open.clear();
  }

  /** Data that was lost since the last look, and not by what a person or the manifest's own policies chose. */
  afterwards(when: string): void {
    const { sim } = this;
    if (!sim) return;
    const lost = lostWrites(sim);
    for (const { id, resource, lostBy = '' } of lost.slice(this.#lost)) {
      const overwritten = /^the resync of (\S+) from \S+ overwrote it on (\S+)$/.exec(lostBy);
      const isChosen = overwritten && ([...this.#decided].some((one) => one.startsWith(`${resource} ${overwritten[2]} `)) || this.#policies.has(resource));
      if (isChosen || lostBy.startsWith('the disk of ') || this.#leftToDestroy.has(resource)) continue;
      this.violations.push(`write ${id} of ${resource} was lost (${lostBy}), seen after ${when}`);
    }
    this.#lost = lost.length;
  }

  #before(node: string, command: readonly string[], isLocked: boolean): void {
    const { sim } = this;
    if (!sim) return;
    const text = commandText(command);
    this.counted.commands += 1;
    if (command.includes('--discard-my-data')) this.counted.resolved += 1;
    if (command.includes('primary')) this.counted.promoted += 1;
    const key = `${node} ${text}`;
    if (!isLocked) this.#forbid(node, text, ['it does not hold the lock of the node']);
    if (!this.#open.delete(key)) this.#forbid(node, text, ['the journal did not announce it']);
    // It counts only if it was so all the time in which it could have been seen.
    this.#look();
    const since = sim.clock.now() - SIGHT_MS;
    // Nothing comes of a command for a node that is off.
    if (!sim.isUp(node)) return;
    const recent = this.#moments.filter(({ at }) => at >= since);
    this.#forbid(node, text, this.#wrongs(sim, node, command).filter((one) => recent.every(({ troubles }) => troubles.has(one))));
    this.#forbid(node, text, this.#unlawful(sim, node, command, recent));
  }

  #forbid(node: string, text: string, reasons: Trouble): void {
    for (const reason of reasons) this.violations.push(`${text} on ${node}: ${reason}`);
  }

  /** What is wrong with each replica and with the cluster now, as sentences that are compared over time. */
  #look(): void {
    const { sim } = this;
    if (!sim) return;
    const now = sim.clock.now();
    const troubles = new Set<string>();
    const resources = this.#resourcesOf(sim);
    for (const node of Object.keys(sim.state.below.hosts)) {
      if (!isInQuorum(sim, node)) troubles.add(notQuorate(node));
      for (const resource of resources) for (const one of [...unfit(sim, node, resource), ...lastGood(sim, node, resource)]) troubles.add(one);
    }
    for (const resource of resources) for (const one of [...notNew(sim, resource), ...splitNow(sim, resource)]) troubles.add(one);
    this.#moments = [...this.#moments.filter(({ at }) => at >= now - SIGHT_MS * 2), { at: now, troubles }];
  }

  #resourcesOf(sim: Simulation): readonly string[] {
    return [...new Set(Object.values(sim.state.below.hosts).flatMap(({ replicas }) => Object.keys(replicas)))];
  }

  #wrongs(sim: Simulation, node: string, command: readonly string[]): Trouble {
    const words = command.filter((word) => word !== '--' && word !== '--force');
    const [program = '', verb = ''] = words;
    const quorum = isInQuorum(sim, node) ? [] : [notQuorate(node)];
    const resource = resourceIn(sim, command);
    if (resource === undefined) return quorum;
    const last = this.#leftToDestroy.has(resource) ? [] : lastGood(sim, node, resource);
    if (program === 'lvremove') return [...quorum, ...last];
    switch (verb) {
      case 'primary': return [...quorum, ...(command.includes('--force') ? notNew(sim, resource) : unfit(sim, node, resource))];
      case '--clear-bitmap': case 'new-current-uuid': return [...quorum, ...notNew(sim, resource)];
      case 'down': case 'detach': case 'wipe-md': case 'create-md': return [...quorum, ...last];
      case 'connect': return [...quorum, ...(command.includes('--discard-my-data') ? last : splitUndecided(sim, resource, this.#wanted))];
      case 'adjust': return [...quorum, ...splitUndecided(sim, resource, this.#wanted)];
      default: return quorum;
    }
  }

  /** What Git never said. */
  #unlawful(sim: Simulation, node: string, command: readonly string[], recent: readonly Moment[]): Trouble {
    const resource = resourceIn(sim, command);
    if (resource === undefined) return [];
    if ((command[0] === 'lvremove' || command.includes('wipe-md')) && !this.#leftToDestroy.has(resource)) return ['no manifest allows its data to be destroyed'];
    if (!command.includes('--discard-my-data')) return [];
    const decision = this.#wanted.find(({ name }) => name === resource)?.decision;
    const isSeen = recent.some(({ troubles }) => [...troubles].some((one) => one.startsWith(`${resource} is split`) && one.endsWith(` ${decision?.event}`)));
    return decision?.discard === node && isSeen ? [] : [`Git names ${decision ? `${decision.discard} for ${decision.event}` : 'nobody'}, and there is ${splitNow(sim, resource).join(', ') || 'no split brain'}`];
  }
}

const notQuorate = (node: string): string => `no quorate part of the cluster has ${node}`;

/** A node that has just started hears of the others later than they of it. */
function isInQuorum({ state }: Simulation, node: string): boolean {
  return Object.keys(state.nodes).some((one) => isQuorate(state, one) && membersSeenBy(state, one).has(node));
}

function isRead(command: readonly string[]): boolean {
  return command[0] === 'sh' ? READ_SCRIPTS.includes(command[2]) : READS.test(command.join(' '));
}

function resourceIn(sim: Simulation, command: readonly string[]): string | undefined {
  const names = Object.values(sim.state.below.hosts).flatMap(({ replicas, files }) => [...Object.keys(replicas), ...Object.keys(files).flatMap((path) => /^\/etc\/drbd\.d\/(.+)\.res$/.exec(path)?.[1] ?? [])]);
  return command.flatMap((word) => word.replace(/\/0$/, '').replace(/^.*\//, '')).findLast((word) => names.includes(word));
}

/** Why the node may not become Primary. */
function unfit(sim: Simulation, node: string, resource: string): Trouble {
  const replica = sim.state.below.hosts[node]?.replicas[resource];
  if (!replica) return [];
  const apart = Object.entries(replica.peers).filter(([name, { connection }]) => connection !== 'Connected' && holdsData(sim, name, resource)).map(([name]) => name);
  return [
    ...(replica.disk === 'UpToDate' ? [] : [`${resource} on ${node} is not UpToDate`]),
    ...apart.map((name) => `${resource} on ${node} does not hear ${name}, which may be Primary`),
  ];
}

function holdsData(sim: Simulation, node: string, resource: string): boolean {
  return /disk \/dev/.test(sim.state.below.hosts[node]?.files[`/etc/drbd.d/${resource}.res`]?.split(`on ${node} `)[1]?.split('}')[0] ?? '');
}

/** The node has the only UpToDate copy of something that was written. */
function lastGood(sim: Simulation, node: string, resource: string): Trouble {
  const { hosts, writes } = sim.state.below;
  const own = hosts[node]?.replicas[resource];
  const medium = own && backingOf(sim, node, own);
  if (!own || own.disk !== 'UpToDate' || !medium?.metadata || NEW.test(medium.metadata.current)) return [];
  if (!writes.some((write) => write.resource === resource && medium.writes.includes(write.id))) return [];
  const isElsewhere = Object.entries(hosts).some(([other, host]) => other !== node && host.replicas[resource]?.disk === 'UpToDate');
  return isElsewhere ? [] : [`${node} has the only UpToDate copy of ${resource}`];
}

function notNew(sim: Simulation, resource: string): Trouble {
  return Object.entries(sim.state.below.hosts).flatMap(([node, host]) => {
    const replica = host.replicas[resource];
    const current = replica && backingOf(sim, node, replica)?.metadata?.current;
    return current === undefined || NEW.test(current) ? [] : [`${resource} on ${node} holds data already`];
  });
}

/** Pairs of nodes whose generations went apart, by DRBD's own rule, each with its event. */
function splitNow(sim: Simulation, resource: string): Trouble {
  const bare = (id: string) => id.slice(0, 15) + (Number.parseInt(id.slice(15), 16) & 14).toString(16).toUpperCase();
  const sides = Object.entries(sim.state.below.hosts).sort().flatMap(([node, host]) => {
    const replica = host.replicas[resource];
    const metadata = replica && backingOf(sim, node, replica)?.metadata;
    return metadata ? [{ node, current: bare(metadata.current), bitmapOf: (peer: string) => bare(metadata.peers[peer]?.bitmap ?? '0000000000000000') }] : [];
  });
  return sides.flatMap((a, at) => sides.slice(at + 1).flatMap((b) => {
    const [mine, theirs] = [a.bitmapOf(b.node), b.bitmapOf(a.node)];
    return a.current !== b.current && mine === theirs && !/^0+$/.test(mine) ? [`${resource} is split: ${a.node} ${b.node} ${`${a.current.slice(0, 8)}-${b.current.slice(0, 8)}`.toLowerCase()}`] : [];
  }));
}

/** A connection between sides that went apart lets DRBD's policies choose, so a person decides first. */
function splitUndecided(sim: Simulation, resource: string, wanted: readonly Wanted[]): Trouble {
  const decision = wanted.find(({ name }) => name === resource)?.decision;
  return splitNow(sim, resource).filter((one) => !one.endsWith(` ${decision?.event}`));
}
