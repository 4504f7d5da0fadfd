// `drbdmeta` below `drbdadm`: metadata on disks made, shown, wiped, and its generations told. In: one resource. Out: what is printed,
// and the exit code.
// Must never overwrite metadata unless forced: it asks, and nobody answers.
import type { Simulation } from '../simulation.ts';
import type { Configured } from './config.ts';
import { hostOf, mediumAt } from './devices.ts';
import type { Words } from './drbdadm-words.ts';
import { bitmapBytes, newMetadata } from './metadata.ts';
import type { Output, Run } from './output.ts';
import { generationLines } from './show.ts';
import type { Replica } from './state.ts';

export class Meta {
  readonly #sim: Simulation;
  readonly #node: string;
  readonly #output: Output;
  readonly #words: Words;
  readonly #wanted: Configured;
  readonly #is8: boolean;

  constructor(sim: Simulation, { node, output }: Run, words: Words, wanted: Configured) {
    this.#sim = sim;
    this.#node = node;
    this.#output = output;
    this.#words = words;
    this.#wanted = wanted;
    this.#is8 = hostOf(sim, node).drbd.startsWith('8.');
  }

  generations(): number {
    const medium = mediumAt(this.#sim, this.#node, this.#replica?.device ?? this.#device);
    const metadata = medium?.metadata;
    if (metadata) return this.#say(generationLines(metadata, this.#replica, this.#wanted.peers.map(({ name }) => name), this.#is8, (peer) => hostOf(this.#sim, peer).replicas[this.#wanted.name]?.disk !== 'UpToDate'));
    this.#output.err(medium ? 'No valid meta data found\n' : `open(${this.#device}) failed: No such file or directory\nCommand 'drbdmeta ${this.#md} get-gi' terminated with exit code 20\n`);
    return medium ? 1 : 20;
  }

  createMetadata(): number {
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

  dumpMetadata(): number {
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

  wipeMetadata(): number {
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

  get #replica(): Replica | undefined {
    return hostOf(this.#sim, this.#node).replicas[this.#wanted.name];
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

  #refusedByHand(): number {
    this.#output.err('stdin not a TTY, not waiting for confirmation\nOperation cancelled.\n');
    return 1;
  }
}
