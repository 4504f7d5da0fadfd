// Nodes that are namespaces of this machine: a network, files and processes of their own, on a bridge that is in a namespace too.
// In: names. Out: a hand on each, and the product's way in. Nothing of it is seen by, or left behind on, the machine itself.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Ssh, SshResult, Stdin } from '../../controller/model/doors.ts';
import { ConnectionError } from '../../controller/model/doors.ts';
import { parseIp } from '../../controller/virtual-ip/ip.ts';

/** The machine's disks are no part of the nodes: LVM there says what it says of none. */
const NO_DISKS: Readonly<Record<string, string>> = { lvm: '{"report":[]}', lvmconfig: '' };
const NETWORK = '10.77.2';
const HAND_MS = 60_000;

export interface Lab {
  readonly names: readonly string[];
  readonly ssh: Ssh;
  /** Its own address. */
  addressOf(name: string): string;
  /** Whether the kernel of the node has this address now; asks without starting a program, so it can be asked often. */
  has(name: string, address: string): Promise<boolean>;
  /** A shell script on a node, or on the `switch`, which is a client of the address as well. Answers what it printed. */
  sh(name: string, script: string): Promise<string>;
  /** The carrier goes, as with a cable that is pulled. */
  unplug(name: string): Promise<void>;
  /** Nothing gets through any more, and the carrier stays. */
  isolate(name: string): Promise<void>;
  heal(name: string): Promise<void>;
  /** Every process of the node is killed, at once. */
  kill(name: string): Promise<void>;
  start(name: string): Promise<void>;
  close(): Promise<void>;
}

interface Space { readonly process: ChildProcess; readonly pid: number }

export async function openLab(programs: string, names: readonly string[]): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'latido-vip-'));
  const spaces = new Map<string, Space>();
  const addressOf = (name: string) => `${NETWORK}.${names.indexOf(name) + 1}`;
  const secrets: Readonly<Record<string, string>> = { vip: 'secret-1', vip2: 'secret-2' };
  const stats = { calls: 0 };

  const run = async (name: string, argv: readonly string[], { stdin = [], timeoutMs }: { readonly stdin?: Stdin; readonly timeoutMs: number }): Promise<SshResult> => {
    const space = spaces.get(name);
    if (!space) throw new ConnectionError('unreachable', false, `${name} is down`);
    const input = stdin.map((piece) => (typeof piece === 'string' ? piece : secrets[piece.secret] ?? '')).join('');
    return execute(['nsenter', '-t', String(space.pid), '-m', '-n', '-u', '-i', '-p', '--', ...argv], input, timeoutMs);
  };
  const sh = async (name: string, script: string) => {
    const { code, stdout, stderr } = await run(name, ['sh', '-ec', script], { timeoutMs: HAND_MS });
    assert.equal(code, 0, `by hand on ${name}: ${script}\n${stdout}${stderr}`);
    return stdout.trim();
  };
  const open = async (name: string) => {
    const base = join(folder, name);
    await mkdir(base, { recursive: true });
    spaces.set(name, await openSpace(['sh', join(import.meta.dirname, 'node', 'init.sh'), base, name, programs, join(import.meta.dirname, 'node')]));
  };
  const plug = async (name: string) => {
    const at = names.indexOf(name) + 1;
    const node = spaces.get(name)?.pid;
    const [port, end] = [`p${at}`, `q${at}`];
    await sh('switch', `ip link del ${port} 2> /dev/null || true; ip link add ${port} type veth peer name ${end}; ip link set ${port} master lan up`);
    const moved = await execute(['nsenter', '-t', String(spaces.get('switch')?.pid), '-n', '--', 'ip', 'link', 'set', end, 'netns', String(node), 'name', 'vmbr0'], '', HAND_MS);
    assert.equal(moved.code, 0, moved.stderr);
    // The same card as before: the others remember its address.
    await sh(name, `ip link set vmbr0 address 02:00:00:00:02:0${at} up; ip addr add ${addressOf(name)}/24 dev vmbr0`);
  };
  const start = async (name: string) => {
    await open(name);
    await plug(name);
  };
  const kill = async (name: string) => {
    const space = spaces.get(name);
    if (!space) return;
    // A namespace goes on answering for a while after its last process has ended; a machine does not.
    if (spaces.has('switch') && names.includes(name)) await sh('switch', `ip link set p${names.indexOf(name) + 1} nomaster`);
    spaces.delete(name);
    await ended(space);
  };
  const asked: Ssh['run'] = async (node, argv, options) => {
    const report = NO_DISKS[argv[0] ?? ''];
    return report === undefined ? run(node, argv, options) : { code: 0, stdout: report, stderr: '' };
  };
  const lab: Lab = {
    names, sh, start, kill, addressOf,
    has: async (name, address) => {
      const space = spaces.get(name);
      return space !== undefined && hasAddress(space.pid, address);
    },
    ssh: {
      stats, learnNodes: () => {},
      run: (node, argv, options) => {
        stats.calls += 1;
        return asked(node, argv, options);
      },
      runAll: async (node, argvs, options) => {
        stats.calls += 1;
        const results: SshResult[] = [];
        for (const argv of argvs) results.push(await asked(node, argv, options));
        return results;
      },
    },
    unplug: async (name) => void await sh('switch', `ip link set p${names.indexOf(name) + 1} down`),
    isolate: async (name) => void await sh('switch', `ip link set p${names.indexOf(name) + 1} nomaster`),
    heal: async (name) => void await sh('switch', `ip link set p${names.indexOf(name) + 1} master lan up`),
    close: async () => {
      for (const name of [...names, 'switch']) await kill(name);
      await rm(folder, { recursive: true, force: true });
    },
  };
  await open('switch');
  await sh('switch', `ip link add lan type bridge; ip link set lan up; ip addr add ${NETWORK}.250/24 dev lan`);
  for (const name of names) await start(name);
  return lab;
}

/** All of it ends with its first process, and that one with us. */
async function openSpace(argv: readonly string[]): Promise<Space> {
  const child = spawn('unshare', ['-m', '-n', '-u', '-i', '-p', '-f', '--kill-child', '--', ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((ready, failed) => {
    lines.on('line', (line) => { if (line === 'ready') ready(); });
    child.once('exit', () => failed(new Error(`a namespace was not to be had: ${said}`)));
  });
  const children = await execute(['cat', `/proc/${child.pid ?? 0}/task/${child.pid ?? 0}/children`], '', HAND_MS);
  return { process: child, pid: Number(children.stdout.trim().split(' ')[0]) };
}

/** Every process shows the tables of its own network. One that has just been killed shows none. */
async function hasAddress(pid: number, address: string): Promise<boolean> {
  const table = (name: string) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '');
  const ip = parseIp(address);
  if (ip?.family === 6) return (await table('if_inet6')).includes(ip.value.toString(16).padStart(32, '0'));
  return new RegExp(`\\|-- ${address.replaceAll('.', '\\.')}\\n\\s+/32 host LOCAL`).test(await table('fib_trie'));
}

function ended({ process: child, pid }: Space): Promise<void> {
  return new Promise((done) => {
    child.once('exit', () => done());
    process.kill(pid, 'SIGKILL');
  });
}

function execute(argv: readonly string[], input: string, timeoutMs: number): Promise<SshResult> {
  const [program = '', ...words] = argv;
  return new Promise((done, failed) => {
    const child = spawn(program, words, { stdio: 'pipe', timeout: timeoutMs });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    child.once('error', failed);
    child.once('close', (code, signal) => done({ code: code ?? (signal === 'SIGKILL' ? 137 : 143), stdout, stderr }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
