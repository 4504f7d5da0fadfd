// The door to the nodes themselves: OpenSSH, one multiplexed connection per node; what runs on this node runs here.
// In: a node and a command. Out: its exit code and both outputs.
// Must never hand a word to a shell unquoted, trust a host key that was not known before, ask a person, or run a command twice.
import { randomBytes } from 'node:crypto';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { ConnectionError } from '../model/doors.ts';
import type { Ssh, SshResult, Stdin } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import { Gate } from './gate.ts';
import { batchLine, batchResults } from './shell-batch.ts';
import { shellLine } from './shell-line.ts';

export interface SshOptions {
  readonly user?: string;
  readonly port?: number;
  /** Private key; absent: those that ssh itself finds. */
  readonly key?: string;
  /** Absent: the user's own and the machine's, which on a node know all nodes. */
  readonly knownHosts?: string;
  /** Addresses by node; what the cluster tells is used for the others. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** True on a node: commands for it need no ssh. */
  readonly isLocal?: (node: string) => boolean | Promise<boolean>;
}

/** sshd lets ten sessions share a connection (MaxSessions). */
const PER_NODE = 8;
const IN_ALL = 64;
const CONNECT_MS = 15_000;
/** Reports of LVM and DRBD of a large node are far below this. */
const OUTPUT_MAX = 16 * 1024 * 1024;
const KEEP_SECONDS = 300;

export interface SshDoor extends Ssh { close(): Promise<void> }

/** Makes nothing before the first command. */
export function createSsh(options: SshOptions): SshDoor {
  let folder: Promise<string> | undefined;
  // Short: the path of a socket has 108 bytes.
  const ownFolder = () => (folder ??= mkdtemp(join(tmpdir(), 'latido-ssh-')));
  const gate = new Gate(PER_NODE, IN_ALL);
  // No program can print it by chance, nor somebody else on purpose.
  const boundary = `latido-${randomBytes(16).toString('hex')}`;
  const addresses = new Map(Object.entries(options.addresses ?? {}));
  const connected = new Map<string, Promise<void>>();
  const stats = { calls: 0 };
  const numbers = new Map<string, number>();
  // A socket for each node, even where two have one address: who answered for one must not answer for another.
  const socket = async (node: string) => {
    if (!numbers.has(node)) numbers.set(node, numbers.size);
    return join(await ownFolder(), String(numbers.get(node)));
  };
  const args = async (node: string) => [...commonArgs(options, await socket(node), node), '--', addresses.get(node) ?? node];

  /** A connection that cannot be made had no effect; what breaks later may have had one. */
  const connect = (node: string): Promise<void> => {
    const known = connected.get(node);
    if (known) return known;
    const made = Promise.all([args(node), socket(node)]).then(([words, path]) => master(words, `${path}.log`)).catch((error: unknown) => {
      connected.delete(node);
      throw error;
    });
    connected.set(node, made);
    return made;
  };

  /** One session on the connection of a node; the other side's shell reads the line. */
  const over = async (node: string, line: string, input: string, timeoutMs: number): Promise<SshResult> => {
    await connect(node);
    const result = await inTime(execa('ssh', ['-o', 'ControlMaster=no', ...await args(node), line], how(input, timeoutMs)), timeoutMs, node);
    // 255 is ssh's own word for a connection that broke; no program that we run ends with it.
    if (result.exitCode === 255 && !result.timedOut) {
      connected.delete(node);
      throw new ConnectionError('closed', true, `ssh to ${node}: ${lastLine(result.stderr)}`);
    }
    return ended(result, node);
  };
  const isLocal = async (node: string) => (options.isLocal ?? isThisNode)(node);

  return {
    stats,
    learnNodes: (told) => {
      for (const [node, address] of Object.entries(told)) if (!Object.hasOwn(options.addresses ?? {}, node)) addresses.set(node, address);
    },
    run: (node, argv, { stdin, timeoutMs }) => gate.through(node, async () => {
      const input = plain(stdin ?? []);
      stats.calls += 1;
      return await isLocal(node) ? here(node, argv, input, timeoutMs) : over(node, shellLine(argv), input, timeoutMs);
    }),
    runAll: (node, argvs, { timeoutMs }) => gate.through(node, async () => {
      if (argvs.length === 0) return [];
      stats.calls += 1;
      if (await isLocal(node)) return hereInTurn(node, argvs, timeoutMs);
      const { stdout, stderr } = await over(node, batchLine(argvs, boundary), '', timeoutMs);
      const results = batchResults(stdout, stderr, boundary, argvs.length);
      if (!results) throw new ConnectionError('closed', true, `ssh to ${node}: its shell ended before the last command: ${lastLine(stderr)}`);
      return results;
    }),
    async close() {
      if (folder === undefined) return;
      await Promise.all([...connected.keys()].map(async (node) => execa('ssh', ['-O', 'exit', ...await args(node)], how('', CONNECT_MS))));
      await rm(await folder, { recursive: true, force: true });
    },
  };
}

/** A machine that only shares its name with a node has no /etc/pve. */
async function isThisNode(node: string): Promise<boolean> {
  return hostname() === node && (await access('/etc/pve/.version').then(() => true, () => false));
}

/** What a program reads; throws when a secret was not put in its place. */
export function plain(stdin: Stdin): string {
  return stdin.map((piece) => {
    if (typeof piece !== 'string') throw failure('SECRET_MISSING', `the secret ${piece.secret} cannot be had`, { fix: 'nothing was sent; tell latido where its secrets are' });
    return piece;
  }).join('');
}

function commonArgs({ user = 'root', port, key, knownHosts }: SshOptions, socket: string, node: string): readonly string[] {
  const option = (name: string, value: string) => ['-o', `${name}=${value}`];
  return [
    '-T', '-l', user, ...(port === undefined ? [] : ['-p', String(port)]),
    ...(key === undefined ? [] : [...option('IdentityFile', quotedFile(key)), ...option('IdentitiesOnly', 'yes')]),
    ...(knownHosts === undefined ? [] : option('UserKnownHostsFile', quotedFile(knownHosts))),
    // The nodes of a cluster know each other by their names, whatever address is used.
    ...option('HostKeyAlias', node), ...option('StrictHostKeyChecking', 'yes'), ...option('BatchMode', 'yes'), ...option('UpdateHostKeys', 'no'),
    ...option('ConnectTimeout', String(CONNECT_MS / 1000)), ...option('ServerAliveInterval', '10'), ...option('ServerAliveCountMax', '3'),
    ...option('ControlPath', socket),
    ...option('ClearAllForwardings', 'yes'), ...option('LogLevel', 'ERROR'), ...option('SendEnv', '-*'),
  ];
}

/** ssh splits the names of files at spaces and replaces `%x` in them. */
function quotedFile(file: string): string {
  return `"${file.replaceAll('%', '%%')}"`;
}

/** The connection that the others share; it outlives its first command, so its words go to a file and not to a pipe that would stay open. */
async function master(args: readonly string[], log: string): Promise<void> {
  const how = { reject: false, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore', timeout: CONNECT_MS * 2 } as const;
  const result = await execa('ssh', ['-E', log, '-o', 'ControlMaster=yes', '-o', `ControlPersist=${KEEP_SECONDS}`, ...args, shellLine(['true'])], how);
  if (result.exitCode === 0) return;
  const why = result.timedOut ? 'no answer' : lastLine(await readFile(log, 'utf8').catch(() => ''));
  throw new ConnectionError(/refused/i.test(why) ? 'refused' : 'unreachable', false, `ssh to ${args.at(-1) ?? ''}: ${why}`);
}

async function here(node: string, [program = '', ...words]: readonly string[], input: string, timeoutMs: number): Promise<SshResult> {
  return ended(await execa(program, words, how(input, timeoutMs)), node);
}

async function hereInTurn(node: string, argvs: readonly (readonly string[])[], timeoutMs: number): Promise<readonly SshResult[]> {
  const started = performance.now();
  const results: SshResult[] = [];
  for (const argv of argvs) {
    const leftMs = Math.floor(timeoutMs - (performance.now() - started));
    if (leftMs <= 0) throw tooLate(node);
    results.push(await here(node, argv, '', leftMs));
  }
  return results;
}

/** A shared connection holds the outputs of a command until it ends on the other side, so its end cannot be waited for. */
async function inTime<T>(command: Promise<T>, timeoutMs: number, node: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate(node)), timeoutMs);
  });
  try {
    return await Promise.race([command, late]);
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(node: string): ConnectionError {
  return new ConnectionError('timeout', true, `${node}: the command did not end in its time`);
}

function how(input: string, timeoutMs: number) {
  return {
    input, timeout: timeoutMs, reject: false, maxBuffer: OUTPUT_MAX, stripFinalNewline: false, forceKillAfterDelay: 2_000,
    // The programs' words must be those that we know, whatever language the machine speaks.
    env: { LC_ALL: 'C' },
  } as const;
}

interface Ended { readonly exitCode?: number; readonly signal?: string; readonly stdout: string; readonly stderr: string; readonly timedOut: boolean; readonly isMaxBuffer: boolean; readonly code?: string }

function ended(result: Ended, node: string): SshResult {
  const { stdout, stderr } = result;
  if (result.timedOut) throw tooLate(node);
  if (result.isMaxBuffer) throw new ConnectionError('closed', true, `${node}: the command printed more than ${OUTPUT_MAX} bytes`);
  if (result.exitCode !== undefined) return { code: result.exitCode, stdout, stderr };
  if (result.code === 'ENOENT') return { code: 127, stdout, stderr: 'command not found' };
  return { code: 128, stdout, stderr: `${stderr}ended by ${result.signal ?? 'nobody knows what'}` };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() || 'it said nothing';
}
