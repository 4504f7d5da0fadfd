// `drbdadm`: reads the files, and has drbdsetup and drbdmeta do the rest. In: its words. Out: what it prints, and its exit code.
import type { Simulation } from '../simulation.ts';
import { Adjuster, Failed } from './adjust.ts';
import type { Command } from './adjust.ts';
import { readConfig } from './config.ts';
import type { Config, Configured } from './config.ts';
import { hostOf, mediumAt } from './devices.ts';
import { bytesAt, wordsOf } from './drbdadm-words.ts';
import type { Words } from './drbdadm-words.ts';
import { Meta } from './drbdmeta.ts';
import { disconnect, look } from './connections.ts';
import { demote, promote, Refused } from './kernel.ts';
import { declareEqual, newCurrent } from './new-generation.ts';
import { detach, outdate, resize } from './replica-disk.ts';
import { invalidate } from './resync.ts';
import { verify } from './verify.ts';
import { cstate, dstate, role, status } from './show.ts';
import type { Output, Run } from './output.ts';
import type { Replica } from './state.ts';

export function drbdadm(sim: Simulation, words: readonly string[], run: Run): number {
  const host = hostOf(sim, run.node);
  if (words[0] === '--version' || words[0] === '-V') {
    const code = host.drbd === '' ? '0x000000' : `0x${host.drbd.split('.').map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`;
    run.output.out(`DRBDADM_API_VERSION=${host.drbd.startsWith('9') ? 2 : 1}\nDRBD_KERNEL_VERSION_CODE=${code}\n${host.drbd.startsWith('9') ? `DRBD_KERNEL_VERSION=${host.drbd}\n` : ''}DRBDADM_VERSION_CODE=0x091600\nDRBDADM_VERSION=9.22.0\n`);
    return 0;
  }
  const parsed = wordsOf(words);
  if (typeof parsed === 'string') {
    run.output.err(`${parsed}\n`);
    return 1;
  }
  const config = readConfig(host, run.node, parsed.testFile !== undefined ? { path: parsed.testFile, isOnly: false } : parsed.configFile !== undefined ? { path: parsed.configFile, isOnly: true } : undefined);
  if (config.trouble !== undefined) {
    run.output.err(`${config.trouble}\n`);
    return 10;
  }
  if (parsed.command === 'sh-nop') return 0;
  if (parsed.command === 'sh-resources') {
    run.output.out(config.here.length === 0 ? '' : `${config.here.map(({ name }) => name).join(' ')}\n`);
    return 0;
  }
  return forEach(sim, parsed, config, run);
}

interface Target { readonly wanted: Configured; readonly peers: readonly string[] }

function forEach(sim: Simulation, words: Words, config: Config, run: Run): number {
  const names = words.names.length === 0 && words.command === 'status' ? ['all'] : words.names;
  if (names.length === 0) {
    run.output.err(`drbdadm: missing argument: ${words.command} needs a resource name\n`);
    return 1;
  }
  if (names.includes('all') && config.here.length === 0 && words.command !== 'status') {
    run.output.err(`WARN: no normal resources defined for this host (${run.node})!?\nMisspelled name of the local machine with the 'on' keyword ?\n`);
    return words.command === 'adjust' ? 0 : 1;
  }
  let worst = 0;
  for (const name of names) {
    const [, resource = name, peer] = /^([^:/]+)(?::([^/]+))?(?:\/\d+)?$/.exec(name) ?? [];
    const found = name === 'all' ? config.here : config.here.filter((one) => one.name === resource);
    if (found.length === 0 && name !== 'all') {
      run.output.err(`'${resource}' not defined in your config (for this host).\n`);
      return 1;
    }
    for (const wanted of found) {
      const code = new Admin(sim, run, words, { wanted, peers: wanted.peers.map((one) => one.name).filter((one) => peer === undefined || one === peer) }).go();
      if (code !== 0 && (worst === 0 || code > worst)) worst = code;
      if (code !== 0 && names.length === 1 && name !== 'all') return code;
    }
  }
  return worst;
}

class Admin {
  readonly #sim: Simulation;
  readonly #node: string;
  readonly #output: Output;
  readonly #words: Words;
  readonly #wanted: Configured;
  readonly #peers: readonly string[];
  readonly #adjuster: Adjuster;
  readonly #meta: Meta;
  readonly #is8: boolean;

  constructor(sim: Simulation, run: Run, words: Words, { wanted, peers }: Target) {
    const { node, output } = run;
    this.#sim = sim;
    this.#node = node;
    this.#output = output;
    this.#words = words;
    this.#wanted = wanted;
    this.#peers = peers;
    this.#adjuster = new Adjuster(sim, node, wanted);
    this.#meta = new Meta(sim, run, words, wanted);
    this.#is8 = hostOf(sim, node).drbd.startsWith('8.');
  }

  go(): number {
    const { flags, values, command } = this.#words;
    switch (command) {
      case 'adjust': return this.#steps(this.#adjuster.commands());
      case 'up': return this.#steps(this.#adjuster.bringUp());
      case 'attach': return this.#each([this.#adjuster.applyLog(), this.#adjuster.attach()]);
      case 'detach': return this.#kernel(`detach ${this.#wanted.minor}`, 'minor', (replica) => detach(this.#sim, this.#node, replica));
      case 'connect': return this.#each(this.#peers.map((peer) => this.#adjuster.connect(peer, flags.has('--discard-my-data'))));
      case 'disconnect': return this.#each(this.#peers.map((peer) => this.#adjuster.disconnect(peer)));
      case 'primary': return this.#kernel(`primary ${this.#subject}${flags.has('--force') ? ' --force' : ''}`, 'subject', (replica) => promote(this.#sim, this.#node, replica, flags.has('--force')));
      case 'secondary': return this.#kernel(`secondary ${this.#subject}`, 'subject', (replica) => demote(this.#sim, this.#node, replica));
      case 'outdate': return this.#kernel(`outdate ${this.#wanted.minor}`, 'minor', (replica) => outdate(this.#sim, this.#node, replica));
      case 'down': return this.#down();
      case 'resize': return this.#kernel(`resize ${this.#wanted.minor}${[...flags, ...[...values].map(([key, value]) => `${key}=${value}`)].map((one) => ` ${one}`).join('')}`, 'minor', (replica) => this.#resize(replica));
      case 'new-current-uuid': return this.#kernel(`new-current-uuid ${this.#wanted.minor}${flags.has('--clear-bitmap') ? ' --clear-bitmap' : ''}`, 'minor', (replica) => (flags.has('--clear-bitmap') ? declareEqual : newCurrent)(this.#sim, this.#node, replica));
      case 'verify': return this.#kernel(this.#is8 ? `verify ${this.#wanted.minor}` : `verify ${this.#wanted.name}`, 'minor', (replica) => verify(this.#sim, this.#node, replica, this.#peers, bytesAt(values.get('--start'))));
      case 'invalidate': return this.#kernel(this.#is8 ? `invalidate ${this.#wanted.minor}` : `invalidate ${this.#wanted.name}`, 'minor', (replica) => invalidate(this.#sim, this.#node, replica, this.#peers, values.get('--reset-bitmap') === 'no'));
      case 'role': return this.#told('role', role);
      case 'cstate': return this.#told('cstate', cstate);
      case 'dstate': return this.#told('dstate', dstate);
      case 'status': return this.#status();
      case 'get-gi': return this.#meta.generations();
      case 'create-md': return this.#meta.createMetadata();
      case 'dump-md': return this.#meta.dumpMetadata();
      case 'wipe-md': return this.#meta.wipeMetadata();
      case 'sh-dev': return this.#say(`/dev/drbd${this.#wanted.minor}\n`);
      case 'sh-ll-dev': return this.#say(`${this.#wanted.self.disk ?? 'none'}\n`);
      case 'sh-minor': return this.#say(`${this.#wanted.minor}\n`);
      case 'dump': return this.#say(`# resource ${this.#wanted.name} on ${this.#node}: not ignored, not stacked\n`);
      default:
        this.#output.err(`drbdadm: ${command} is not simulated\n`);
        return 1;
    }
  }

  get #replica(): Replica | undefined {
    return hostOf(this.#sim, this.#node).replicas[this.#wanted.name];
  }

  get #subject(): string {
    return this.#is8 ? String(this.#wanted.minor) : this.#wanted.name;
  }

  get #setup(): string {
    return this.#is8 ? 'drbdsetup-84' : 'drbdsetup';
  }

  get #device(): string {
    return this.#wanted.self.disk ?? 'none';
  }

  #say(text: string): number {
    this.#output.out(text);
    return 0;
  }

  /** The steps before one that fails stay done. */
  #steps(commands: readonly Command[]): number {
    if (!this.#words.isDry) return this.#each(commands) === 0 ? 0 : 1;
    for (const { line } of commands) this.#output.out(`${line}\n`);
    return 0;
  }

  #each(commands: readonly Command[]): number {
    for (const command of commands) {
      const code = this.#do(command);
      if (code !== 0) return code;
    }
    return 0;
  }

  #do({ line, subject, run }: Command): number {
    try {
      this.#output.err(run());
      return 0;
    } catch (error) {
      if (error instanceof Failed) {
        this.#output.err(`${error.text}\n`);
        if (!error.isSilent) this.#output.err(`Command '${line}' terminated with exit code ${error.code}\n`);
        return error.code;
      }
      if (!(error instanceof Refused)) throw error;
      this.#output.err(`${subject}: ${error.message}\n${error.info.length > 0 ? `additional info from kernel:\n${error.info.join('\n')}\n` : ''}Command '${line}' terminated with exit code ${error.code}\n`);
      return error.code;
    }
  }

  #kernel(rest: string, of: 'minor' | 'subject', act: (replica: Replica) => void): number {
    return this.#do({ line: `${this.#setup} ${rest}`, subject: of === 'minor' ? String(this.#wanted.minor) : this.#subject, run: () => {
      act(this.#present());
      return '';
    } });
  }

  #present(): Replica {
    const replica = this.#replica;
    if (replica) return replica;
    throw this.#is8 ? new Refused(10, 'Failure: (127) Device minor not allocated', ['unknown minor']) : new Refused(10, 'Failure: (158) Unknown resource', ['unknown resource']);
  }

  #resize(replica: Replica): void {
    const size = this.#words.values.get('--size');
    if (resize(this.#sim, this.#node, replica, this.#words.flags.has('--assume-clean')) || size === undefined) return;
    throw new Refused(10, 'Failure: (111) Low.dev. smaller than requested DRBD-dev. size.');
  }

  #told(what: string, text: (sim: Simulation, node: string, replica: Replica) => string): number {
    const replica = this.#replica;
    if (replica) return this.#say(text(this.#sim, this.#node, replica));
    if (what === 'dstate') {
      const metadata = mediumAt(this.#sim, this.#node, this.#device)?.metadata;
      return this.#say(metadata ? `${metadata.isConsistent ? (metadata.isOutdated ? 'Outdated' : 'Consistent') : 'Inconsistent'}\n` : 'Diskless\n');
    }
    return this.#kernel(`${what} ${this.#subject}`, 'subject', () => undefined);
  }

  #status(): number {
    const replica = this.#replica;
    if (replica) return this.#say(status(this.#sim, this.#node, replica, { verbose: false, statistics: false }));
    this.#output.err(`${this.#wanted.name}: No such resource\n`);
    if (!this.#is8) this.#output.out('# No currently configured DRBD found.\n');
    this.#output.err(`Command '${this.#setup} status ${this.#wanted.name}' terminated with exit code 10\n`);
    return 10;
  }

  #down(): number {
    return this.#do({ line: `${this.#setup} down ${this.#wanted.name}`, subject: this.#wanted.name, run: () => {
      bringDown(this.#sim, this.#node, this.#wanted.name, this.#is8);
      return '';
    } });
  }
}

/** Out of the kernel: role, connections, disk, minor. */
export function bringDown(sim: Simulation, node: string, name: string, is8: boolean): void {
  const replica = hostOf(sim, node).replicas[name];
  if (!replica) return;
  try {
    demote(sim, node, replica);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw is8 ? new Refused(error.code, error.message, ['failed to demote']) : error;
  }
  for (const peer of Object.keys(replica.peers)) disconnect(sim, node, replica, peer);
  if (replica.device !== undefined) detach(sim, node, replica);
  delete hostOf(sim, node).replicas[name];
  look(sim, name);
}
