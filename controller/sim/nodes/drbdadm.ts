// `drbdadm`: reads the files, and has drbdsetup and drbdmeta do the rest. In: its words. Out: what it prints, and its exit code.
import type { Simulation } from '../simulation.ts';
import { Adjuster, Failed } from './adjust.ts';
import type { Command } from './adjust.ts';
import { readConfig } from './config.ts';
import type { Config, Configured } from './config.ts';
import { hostOf, mediumAt } from './devices.ts';
import { disconnect, look } from './connections.ts';
import { demote, promote, Refused } from './kernel.ts';
import { declareEqual, newCurrent } from './new-generation.ts';
import { detach, outdate, resize } from './replica-disk.ts';
import { invalidate } from './resync.ts';
import { verify } from './verify.ts';
import { bitmapBytes, newMetadata } from './metadata.ts';
import { cstate, dstate, generationLines, role, status } from './show.ts';
import type { Output, Run } from './output.ts';
import type { Replica } from './state.ts';

/** Options that each command takes; a leading `=`: with a value. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  'adjust': ['--dry-run', '-d'], 'up': [], 'down': [], 'create-md': ['--force', '=--max-peers'], 'dump-md': [], 'wipe-md': [], 'primary': ['--force'], 'secondary': [], 'connect': ['--discard-my-data'], 'disconnect': [],
  'attach': [], 'detach': [], 'resize': ['--assume-clean', '=--size'], 'get-gi': [], 'show-gi': [], 'sh-nop': [], 'verify': ['=--start', '=--stop'], 'new-current-uuid': ['--clear-bitmap'],
  'role': [], 'cstate': [], 'dstate': [], 'status': [], 'outdate': [], 'invalidate': ['=--reset-bitmap'], 'sh-resources': [], 'sh-dev': [], 'sh-ll-dev': [], 'sh-minor': [], 'dump': [],
};

interface Words { readonly command: string; readonly flags: ReadonlySet<string>; readonly values: ReadonlyMap<string, string>; readonly names: readonly string[]; readonly isDry: boolean; readonly configFile?: string; readonly testFile?: string }

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

function wordsOf(words: readonly string[]): Words | string {
  const [flags, values, names] = [new Set<string>(), new Map<string, string>(), [] as string[]];
  let [command, configFile, testFile]: (string | undefined)[] = [];
  let isDry = false;
  let isBackend = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!isBackend && (word === '-d' || word === '--dry-run')) isDry = true;
    else if (!isBackend && command === undefined && ['-c', '--config-file'].includes(word)) configFile = words[at += 1];
    else if (!isBackend && command === undefined && ['-t', '--config-to-test'].includes(word)) testFile = words[at += 1];
    else if (word === '--') isBackend = command === undefined;
    else if (word.startsWith('-')) {
      const [name = '', value] = word.split('=');
      const known = command === undefined ? undefined : OPTIONS[command];
      if (known && !known.includes(name) && !known.includes(`=${name}`)) return `drbdadm: unrecognized option '${word}'\ntry 'drbdadm help ${command}'`;
      if (!known && !isBackend) return `drbdadm: unrecognized option '${word}'\ntry 'drbdadm help'`;
      if (value === undefined) flags.add(name);
      else values.set(name, value);
    } else if (command === undefined) {
      if (!OPTIONS[word]) return `drbdadm: Unknown command '${word}'`;
      command = word;
    } else names.push(word);
  }
  if (command === undefined) return '\nUSAGE: drbdadm COMMAND [OPTION...] {all|RESOURCE...}\n';
  // What stands before the command goes to drbdsetup or drbdmeta as it is.
  const passed = command === 'wipe-md' ? ['--force'] : [];
  const wrong = [...flags, ...values.keys()].find((name) => ![...(OPTIONS[command] ?? []), ...passed].some((one) => one.replace('=', '') === name));
  if (wrong !== undefined) return `drbdsetup: unrecognized option '${wrong}'`;
  return { command, flags, values, names, isDry, ...(configFile === undefined ? {} : { configFile }), ...(testFile === undefined ? {} : { testFile }) };
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
  readonly #is8: boolean;

  constructor(sim: Simulation, { node, output }: Run, words: Words, { wanted, peers }: Target) {
    this.#sim = sim;
    this.#node = node;
    this.#output = output;
    this.#words = words;
    this.#wanted = wanted;
    this.#peers = peers;
    this.#adjuster = new Adjuster(sim, node, wanted);
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
      case 'get-gi': return this.#generations();
      case 'create-md': return this.#createMetadata();
      case 'dump-md': return this.#dumpMetadata();
      case 'wipe-md': return this.#wipeMetadata();
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

  get #md(): string {
    return `${this.#wanted.minor} ${this.#is8 ? 'v08' : 'v09'} ${this.#device} internal`;
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

  #generations(): number {
    const medium = mediumAt(this.#sim, this.#node, this.#replica?.device ?? this.#device);
    const metadata = medium?.metadata;
    if (metadata) return this.#say(generationLines(metadata, this.#replica, this.#wanted.peers.map(({ name }) => name), this.#is8, (peer) => hostOf(this.#sim, peer).replicas[this.#wanted.name]?.disk !== 'UpToDate'));
    this.#output.err(medium ? 'No valid meta data found\n' : `open(${this.#device}) failed: No such file or directory\nCommand 'drbdmeta ${this.#md} get-gi' terminated with exit code 20\n`);
    return medium ? 1 : 20;
  }

  #down(): number {
    return this.#do({ line: `${this.#setup} down ${this.#wanted.name}`, subject: this.#wanted.name, run: () => {
      bringDown(this.#sim, this.#node, this.#wanted.name, this.#is8);
      return '';
    } });
  }

  #busy(what: string, isForced: boolean): number {
    const last = isForced ? '*** confirmation forced via --force option ***\n' : 'stdin not a TTY, not waiting for confirmation\nOperation canceled.\n';
    const stale = isForced ? `# Output might be stale, since minor ${this.#wanted.minor} is attached\nDevice '${this.#wanted.minor}' is configured!\n` : '';
    this.#output.err(`open(${this.#device}) failed: Device or resource busy\n\nExclusive open failed. Do it anyways?\n${last}${stale}Command 'drbdmeta ${this.#md} ${what}${isForced ? ' --force' : ''}' terminated with exit code 20\n`);
    return 20;
  }

  #isAttached(): boolean {
    return Object.values(hostOf(this.#sim, this.#node).replicas).some(({ device }) => device === this.#device);
  }

  #noDevice(what: string): number {
    this.#output.err(`open(${this.#device}) failed: No such file or directory\nCommand 'drbdmeta ${this.#md} ${what}' terminated with exit code 20\n`);
    return 20;
  }

  #createMetadata(): number {
    const maxPeers = this.#is8 ? 1 : Number(this.#words.values.get('--max-peers') ?? Math.max(1, this.#wanted.peers.length));
    const isForced = this.#words.flags.has('--force');
    if (this.#isAttached()) return this.#busy(this.#is8 ? 'create-md' : `create-md ${maxPeers}`, isForced);
    const medium = mediumAt(this.#sim, this.#node, this.#device);
    if (!medium) return this.#noDevice('create-md');
    const style = `v0${this.#is8 ? 8 : 9}`;
    if (medium.metadata) {
      this.#output.out(`You want me to create a ${style} style flexible-size internal meta data block.\nThere appears to be a ${medium.metadata.version} flexible-size internal meta data block\nalready in place on ${this.#device} at byte offset ${medium.sizeBytes - 4096}\n\nDo you really want to overwrite the existing meta-data?\n`);
      if (!isForced) return this.#refusedByHand();
      this.#output.out('*** confirmation forced via --force option ***\n');
    } else if (medium.label !== undefined && !isForced) {
      const what = medium.label.kind === 'physical' ? 'LVM2 PV signature' : `${medium.label.type} filesystem`;
      this.#output.out(`md_offset ${medium.sizeBytes - 4096}\n\nFound ${what}\n\n ==> This might destroy existing data! <==\n\nDo you want to proceed?\n`);
      return this.#refusedByHand();
    }
    medium.metadata = newMetadata(hostOf(this.#sim, this.#node).drbd, maxPeers);
    this.#output.out(`initializing bitmap (${bitmapBytes(medium.sizeBytes, maxPeers) / 1024} KB) to all zero\ninitializing activity log\nWriting meta data...\nNew drbd meta data block successfully created.\n`);
    return 0;
  }

  #refusedByHand(): number {
    this.#output.err('stdin not a TTY, not waiting for confirmation\nOperation cancelled.\n');
    return 1;
  }

  #dumpMetadata(): number {
    if (this.#isAttached()) return this.#busy('dump-md', false);
    const medium = mediumAt(this.#sim, this.#node, this.#device);
    if (!medium) return this.#noDevice('dump-md');
    if (medium.failed) {
      this.#output.err(`pread(5,...,4096,${medium.sizeBytes - 4096}) in v08_md_disk_to_cpu failed: Input/output error\nCommand 'drbdmeta ${this.#md} dump-md' terminated with exit code 10\n`);
      return 10;
    }
    const { metadata } = medium;
    if (!metadata?.clean) {
      this.#output.err(metadata ? 'Found meta data is "unclean", please apply-al first\n' : 'No valid meta data found\n');
      return 1;
    }
    this.#output.out(`# DRBD meta data dump\n# ${this.#node}> drbdmeta ${this.#md} dump-md\n#\n\nversion "${metadata.version}";\n\n${metadata.version === 'v09' ? `max-peers ${metadata.maxPeers};\n` : ''}# md_size_sect 160\ncurrent-uuid 0x${metadata.current};\n`);
    return 0;
  }

  #wipeMetadata(): number {
    if (this.#isAttached()) return this.#busy('wipe-md', this.#words.flags.has('--force'));
    const medium = mediumAt(this.#sim, this.#node, this.#device);
    if (!medium) return this.#noDevice('wipe-md');
    if (!medium.metadata) {
      this.#output.err('There appears to be no drbd meta data to wipe out?\n');
      return 0;
    }
    this.#output.out('\nDo you really want to wipe out the DRBD meta data?\n');
    if (!this.#words.flags.has('--force')) return this.#refusedByHand();
    delete medium.metadata;
    this.#output.out('*** confirmation forced via --force option ***\nWiping meta data...\nDRBD meta data block successfully wiped out.\n');
    return 0;
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

/** `--start` counts sectors. */
function bytesAt(sectors: string | undefined): number | undefined {
  return sectors === undefined ? undefined : Number(sectors.replace(/s$/, '')) * 512;
}
