// What drbdadm reads: the files of /etc/drbd.d on one node. Out: its resources, or drbdadm's own words on what is wrong with them.
// Must never pass over an option that drbdadm does not know: it refuses every command then.
import { parseResFile } from '../../drbd/res-file.ts';
import type { ResFile, ResHost } from '../../drbd/res-file.ts';
import type { Host } from './state.ts';

const FOLDER = '/etc/drbd.d/';
const KNOWN: Readonly<Record<string, string>> = {
  net: 'protocol timeout max-epoch-size max-buffers unplug-watermark connect-int ping-int sndbuf-size rcvbuf-size ko-count allow-two-primaries cram-hmac-alg shared-secret after-sb-0pri after-sb-1pri after-sb-2pri always-asbp rr-conflict ping-timeout data-integrity-alg tcp-cork on-congestion congestion-fill congestion-extents csums-alg csums-after-crash-only verify-alg use-rle socket-check-timeout',
  disk: 'size max-bio-bvecs on-io-error fencing disk-barrier disk-flushes disk-drain md-flushes resync-rate resync-after al-extents al-updates discard-zeroes-if-aligned disable-write-same c-plan-ahead c-delay-target c-fill-target c-max-rate c-min-rate disk-timeout read-balancing rs-discard-granularity',
  options: 'cpu-mask on-no-data-accessible',
  handlers: 'pri-on-incon-degr pri-lost-after-sb pri-lost initial-split-brain split-brain before-resync-target after-resync-target before-resync-source out-of-sync quorum-lost local-io-error fence-peer unfence-peer disconnected',
  startup: 'wfc-timeout degr-wfc-timeout outdated-wfc-timeout wait-after-sb become-primary-on stacked-timeouts',
};
/** Only from DRBD 9 on. */
const KNOWN_9: Readonly<Record<string, string>> = {
  net: '_name transport load-balance-paths rdma-ctrl-rcvbuf-size rdma-ctrl-sndbuf-size tls tls-keyring tls-privkey tls-certificate fencing', options: 'auto-promote peer-ack-window peer-ack-delay twopc-timeout twopc-retry-timeout auto-promote-timeout max-io-depth quorum on-no-quorum quorum-minimum-redundancy on-suspended-primary-outdated',
};
/** The order in which adjust names them. */
const ORDER: Readonly<Record<string, readonly string[]>> = Object.fromEntries(Object.entries(KNOWN).map(([section, words]) => [section, [...words.split(' '), ...(KNOWN_9[section]?.split(' ') ?? [])]]));

const FENCINGS = ['dont-care', 'resource-only', 'resource-and-stonith'];
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  'net.protocol': ['A', 'B', 'C'], 'net.allow-two-primaries': ['yes', 'no'], 'disk.fencing': FENCINGS, 'net.fencing': FENCINGS, 'disk.on-io-error': ['pass_on', 'call-local-io-error', 'detach'],
  'net.after-sb-0pri': ['disconnect', 'discard-younger-primary', 'discard-older-primary', 'discard-zero-changes', 'discard-least-changes', 'discard-local', 'discard-remote'],
  'net.after-sb-1pri': ['disconnect', 'consensus', 'discard-secondary', 'call-pri-lost-after-sb', 'violently-as0p'],
  'net.after-sb-2pri': ['disconnect', 'call-pri-lost-after-sb', 'violently-as0p'], 'options.on-no-quorum': ['io-error', 'suspend-io'], 'options.auto-promote': ['yes', 'no'],
};

export interface Configured {
  readonly name: string;
  readonly file: string;
  readonly self: ResHost;
  readonly peers: readonly ResHost[];
  readonly minor: number;
  readonly net: Readonly<Record<string, string>>;
  readonly disk: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
}

export interface Config { readonly here: readonly Configured[]; readonly elsewhere: readonly string[]; readonly trouble?: string }

/** The same texts are read again and again, at each command: what the host's last ones said. */
const lastRead = new WeakMap<Host, { readonly of: string; readonly config: Config }>();

/** @param only read this text in place of the installed files; `besides`: together with them */
export function readConfig(host: Host, node: string, candidate?: { readonly path: string; readonly isOnly: boolean }): Config {
  const installed = Object.keys(host.files).filter((path) => path.startsWith(FOLDER) && path.endsWith('.res')).sort();
  const paths = candidate === undefined ? installed : candidate.isOnly ? [candidate.path] : [...installed, candidate.path];
  const of = JSON.stringify([host.drbd, node, ...paths.flatMap((path) => [path, host.files[path]])]);
  const known = lastRead.get(host);
  if (known?.of === of) return known.config;
  const config = configIn(host, node, paths);
  lastRead.set(host, { of, config });
  return config;
}

function configIn(host: Host, node: string, paths: readonly string[]): Config {
  const found: (ResFile & { readonly file: string })[] = [];
  for (const path of paths) {
    const text = host.files[path];
    if (text === undefined) return bad(`Can not open '${path}'.`);
    const shown = path.replace('/etc/', '');
    const [, first = ''] = /^(?:\s|#[^\n]*\n)*([^\s{};]+)/.exec(text) ?? [];
    if (first !== '' && !['global', 'common', 'resource', 'skip', 'include'].includes(first)) {
      const words = host.drbd.startsWith('8.') ? "'global | common | resource | skip | include' expected," : "'global | common | resource | skip | include |\n\trequire-drbd-module-version-{eq,ne,gt,ge,lt,le}' expected,";
      return bad(`${shown}:${lineOf(text, first)}: Parse error: ${words}\n\tbut got '${first}'`);
    }
    const files = parseResFile(text);
    if (typeof files === 'string') return bad(`${shown}:${text.split('\n').length}: Parse error: ${files}`);
    for (const file of files) {
      const wrong = wrongOption(host.drbd, file, text, shown);
      if (wrong !== undefined) return bad(wrong);
      found.push({ ...file, file: path });
    }
  }
  const twice = found.find((one, at) => found.findIndex(({ name }) => name === one.name) < at);
  if (twice) return bad(`${twice.file.replace('/etc/', '')}:1: conflicting use of resource name '${twice.name}' ...`);
  const conflict = conflictOf(host, found);
  if (conflict !== undefined) return bad(conflict);
  const here = found.flatMap((file) => configuredAt(file, node, host.drbd));
  return { here, elsewhere: found.map(({ name }) => name).filter((name) => !here.some((one) => one.name === name)) };
}

function bad(trouble: string): Config {
  return { here: [], elsewhere: [], trouble };
}

function lineOf(text: string, word: string): number {
  return text.slice(0, Math.max(0, text.indexOf(word))).split('\n').length;
}

function wrongOption(drbd: string, { options }: ResFile, text: string, shown: string): string | undefined {
  for (const [key, value] of options) {
    const [section = '', name = ''] = key.split('.');
    const words = [KNOWN[section] ?? '', drbd.startsWith('8.') ? '' : KNOWN_9[section] ?? ''].join(' ').split(' ');
    if (!words.includes(name)) return `${shown}:${lineOf(text, name)}: Parse error: '${words.slice(0, 4).join(' | ')} | ...' expected,\n\tbut got '${name}'`;
    if (key === 'net.protocol' && !['A', 'B', 'C'].includes(value)) return `unknown protocol '${value}', should be one of A,B,C`;
    const choices = CHOICES[key];
    if (choices && !choices.includes(value)) return `${shown}:${lineOf(text, name)}: Parse error: '${choices.join(' | ')}' expected,\n\tbut got '${value}'`;
  }
  return undefined;
}

/** Minors and addresses are each of one resource only. */
function conflictOf(host: Host, files: readonly (ResFile & { readonly file: string })[]): string | undefined {
  const first = new Map<string, string>();
  for (const file of files) {
    for (const one of file.hosts) {
      for (const [what, used, word] of [[`device-minor`, `device-minor:${one.name}:${one.minor}`, `drbd${one.minor}`], ['IP', one.address, one.address]] as const) {
        if (used === undefined || (what === 'device-minor' && one.minor === undefined)) continue;
        const place = `${file.file.replace('/etc/', '')}:${lineOf(host.files[file.file] ?? '', String(word))}`;
        const before = first.get(`${what} ${used}`);
        if (before !== undefined) return `${place}: conflicting use of ${what} '${used}' ...\n${before}: ${what} '${used}' first used here.`;
        first.set(`${what} ${used}`, place);
      }
    }
  }
  return undefined;
}

function configuredAt(file: ResFile & { readonly file: string }, node: string, drbd: string): readonly Configured[] {
  const self = file.hosts.find(({ name }) => name === node);
  if (!self) return [];
  const section = (wanted: string) => Object.fromEntries(ORDER[wanted]?.flatMap((name) => {
    const value = file.options.get(`${wanted}.${name}`);
    return value === undefined ? [] : [[name, value]];
  }) ?? []);
  const peers = file.hosts.filter(({ name }) => name !== node);
  return [{ name: file.name, file: file.file, self, peers: drbd.startsWith('8.') ? peers.slice(0, 1) : peers, minor: self.minor ?? 0, net: section('net'), disk: section('disk'), options: section('options') }];
}
