// The world of the end-to-end test: a lab over HTTPS, /etc/pve for its nodes, a bare repository behind a real sshd, and latido as processes.
// In: a speed. Out: all of it, running, in one temporary folder.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import { openJournal, type OpenStep } from '../../controller/apply/journal.ts';
import { loadApiTables } from '../../controller/env/api-tables.ts';
import { realClock } from '../../controller/env/clock.ts';
import { askControl, controlSocket } from '../../controller/env/control-socket.ts';
import { createFileStore } from '../../controller/env/file-store.ts';
import type { ClusterFiles, FileResult } from '../../controller/model/doors.ts';
import type { JsonObject } from '../../controller/model/json.ts';
import { startLab } from '../../controller/sim/lab.ts';
import { SimulatedPmxcfs } from '../../controller/sim/pmxcfs.ts';
import type { Simulation } from '../../controller/sim/simulation.ts';
import { startSshd } from '../sources/sshd.ts';
import { makePrograms } from './program.ts';
import type { FileRequest, StageFile } from './stage-file.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
/** Conditions are asked so often; nothing depends on it but the time that the test takes. */
const POLL_MS = 50;

export interface Pushed { readonly code: number; /** What the hook said, without `remote:`. */ readonly remote: string; readonly startedMs: number; readonly endedMs: number }

export interface Daemon {
  readonly name: string;
  readonly state: string;
  /** Starts the process anew with the same state folder. */
  start(): void;
  kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGHUP'): void;
  /** The exit code; undefined after a kill. */
  ended(): Promise<number | undefined>;
  readonly pid: number | undefined;
  /** Undefined when none answers. */
  ask(request: JsonObject): Promise<JsonObject | undefined>;
  /** Of all processes so far. */
  log(): string;
  journal(): Promise<{ readonly open: readonly OpenStep[]; readonly torn: number }>;
}

export interface Stage {
  readonly sim: Simulation;
  /** /etc/pve as a node has it. */
  readonly files: (node: string) => ClusterFiles;
  readonly endpoints: readonly string[];
  readonly fingerprint: string;
  readonly tokenFile: string;
  readonly bare: string;
  /** Of everything: what the daemons, git and the hook wrote lies below. */
  readonly dir: string;
  /** The value of the secret `web/password`, which the daemons find in a file of their own. */
  readonly secret: string;
  readonly work: string;
  readonly speed: number;
  daemon(name: string, node: string, source: 'direct' | 'ssh'): Daemon;
  /** Another command of latido, in real time. */
  latido(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }>;
  write(files: Readonly<Record<string, string>>): void;
  commit(...args: readonly string[]): Promise<string>;
  push(...args: readonly string[]): Promise<Pushed>;
  /** Resolves when it is so; the limit is for machines that do much else. @throws naming `what` */
  until<T>(what: string, condition: () => T | undefined | false | Promise<T | undefined | false>): Promise<T>;
  close(): Promise<void>;
}

const NODES = ['pve1', 'pve2', 'pve3'];
const LIMIT_MS = 120_000;

export async function openStage(speed: number): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'latido-e2e-'));
  const path = (...names: readonly string[]) => join(dir, ...names);
  const programs = await makePrograms(path('latido'));
  const { lab, sim } = await openLab(speed);
  const tokenFile = path('token');
  writeFileSync(tokenFile, `${lab.token}\n`, { mode: 0o600 });
  const secret = 'correct-horse battery/staple+7';
  writeFileSync(path('secrets.yaml'), `web/password: ${secret}\n`, { mode: 0o600 });
  const pmxcfs = new SimulatedPmxcfs(sim);
  const stopFiles = await controlSocket(path('pve.sock')).listen(async (request) => (await operate(pmxcfs, request as unknown as FileRequest)) as unknown as JsonObject);
  const stageFile: StageFile = { socket: path('pve.sock'), realMs: realClock.now(), virtualMs: sim.clock.now(), speed };
  writeFileSync(path('world.json'), JSON.stringify(stageFile));
  const sshd = await startSshd(path('ssh'));
  const bare = path('infra.git');
  const work = path('work');
  const identity = { GIT_AUTHOR_NAME: 'ana', GIT_AUTHOR_EMAIL: 'ana@example.org', GIT_COMMITTER_NAME: 'ana', GIT_COMMITTER_EMAIL: 'ana@example.org' };
  const env = { PATH: process.env['PATH'], HOME: dir, LC_ALL: 'C', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', GIT_SSH_COMMAND: sshd.command, ...identity };
  const git = (args: readonly string[]) => execa('git', [...args], { cwd: work, reject: false, all: true, extendEnv: false, env });
  const daemons: StartedDaemon[] = [];

  const latido: Stage['latido'] = async (...args) => {
    const { exitCode, all } = await execa(process.execPath, [programs.latido, ...args], { cwd: ROOT, reject: false, all: true, stdin: 'ignore', extendEnv: false, env: { PATH: process.env['PATH'], HOME: dir, LATIDO_SECRETS_FILE: path('secrets.yaml') } });
    return { code: exitCode ?? -1, out: all };
  };
  const made = await latido('init', '--server', bare);
  if (made.code !== 0) throw new Error(made.out);
  mkdirSync(work);
  await git(['init', '-q', '-b', 'main']);
  await git(['remote', 'add', 'origin', sshd.url(bare)]);

  return {
    sim, dir, secret, files: (node) => pmxcfs.on(node), endpoints: lab.endpoints.map(({ url }) => url), fingerprint: lab.fingerprint, tokenFile, bare, work, speed, latido,
    daemon(name, node, source) {
      const state = path(`state-${name}`);
      const repository = source === 'direct' ? ['--repo', bare] : ['--repo', sshd.url(bare), '--ssh-key', sshd.keyFile, '--known-hosts', sshd.knownHostsFile];
      const daemon = new StartedDaemon(name, state, [programs.daemon, 'run', ...repository, '--cluster', 'lab', '--state', state], { HOME: dir, LATIDO_E2E_WORLD: path('world.json'), LATIDO_E2E_NODE: node, LATIDO_SECRETS_FILE: path('secrets.yaml') });
      daemons.push(daemon);
      return daemon;
    },
    write(files) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(work, name)), { recursive: true });
        writeFileSync(join(work, name), text);
      }
    },
    async commit(...args) {
      await git(['add', '-A']);
      const { exitCode, all } = await git(['commit', '-q', '-m', 'change', ...args]);
      if (exitCode !== 0) throw new Error(`git commit: ${all}`);
      return (await git(['rev-parse', 'HEAD'])).stdout;
    },
    async push(...args) {
      const startedMs = realClock.now();
      const { exitCode, stderr } = await git(['push', 'origin', 'main', ...args]);
      const remote = stderr.split('\n').filter((line) => line.startsWith('remote:')).map((line) => line.replace(/^remote: ?/, '').trimEnd()).join('\n');
      return { code: exitCode ?? -1, remote: exitCode === 0 || remote !== '' ? remote : stderr, startedMs, endedMs: realClock.now() };
    },
    until,
    async close() {
      for (const daemon of daemons) daemon.kill('SIGKILL');
      await Promise.all(daemons.map((daemon) => daemon.ended()));
      await sshd.close();
      await stopFiles?.();
      await lab.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function openLab(speed: number) {
  let sim: Simulation | undefined;
  const shape = {
    name: 'lab', qdevice: false, nodes: NODES.map((name) => ({ name })), bridges: ['vmbr0'], media: [],
    storages: [{ id: 'local', shared: false }, { id: 'shared', shared: true }],
  };
  const lab = await startLab({ shape, guests: 0, port: 0, speed, seed: 1 }, {
    tables: loadApiTables('9.2'), now: () => realClock.now(), load: () => Promise.resolve(undefined), save: undefined, every: () => () => undefined,
    script: (running) => { sim = running; },
  });
  if (sim === undefined) throw new Error('the lab has no simulation');
  return { lab, sim };
}

function operate(pmxcfs: SimulatedPmxcfs, request: FileRequest): Promise<FileResult<unknown>> {
  const files = pmxcfs.on(request.node);
  return request.op === 'utime' ? files.utime(request.path, request.seconds) : files[request.op](request.path);
}

class StartedDaemon implements Daemon {
  #process: ResultPromise | undefined;
  #log = '';

  constructor(readonly name: string, readonly state: string, private readonly args: readonly string[], private readonly env: Readonly<Record<string, string>>) {}

  start(): void {
    const child = execa(process.execPath, [...this.args], {
      cwd: ROOT, reject: false, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', buffer: false, extendEnv: false, env: { PATH: process.env['PATH'], ...this.env },
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => { this.#log += part.toString('utf8'); });
    this.#process = child as unknown as ResultPromise;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGHUP'): void {
    this.#process?.kill(signal);
  }

  async ended(): Promise<number | undefined> {
    return (await this.#process)?.exitCode;
  }

  ask(request: JsonObject): Promise<JsonObject | undefined> {
    return askControl(join(this.state, 'control.sock'), request).catch(() => undefined);
  }

  log(): string {
    return this.#log;
  }

  journal(): Promise<{ readonly open: readonly OpenStep[]; readonly torn: number }> {
    return openJournal(createFileStore(this.state));
  }
}

async function until<T>(what: string, condition: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const deadline = realClock.now() + LIMIT_MS;
  while (realClock.now() < deadline) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    await realClock.sleep(POLL_MS);
  }
  throw new Error(`it did not come to this: ${what}`);
}

/** The text of a file, or nothing. */
export function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
