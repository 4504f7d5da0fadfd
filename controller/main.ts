#!/usr/bin/env node
// In: the process. Out: the process, ended with an exit code. The composition root: only here are the real and the simulated world built.
// Must never decide anything about a cluster: it joins what other folders make.
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMANDS } from './cli/commands.ts';
import type { Context, DaemonDoors, Lab, LabOptions, OpenOptions, Simulated, SimulateOptions, World } from './cli/context.ts';
import type { Demo } from './cli/stage.ts';
import { interruptible } from './cli/interrupt.ts';
import { runCli } from './cli/run.ts';
import { terminalOf } from './cli/terminal.ts';
import { loadApiTables, nearestTables, tableVersions } from './env/api-tables.ts';
import { realClock } from './env/clock.ts';
import { createFileStore } from './env/file-store.ts';
import { createMemoryStore } from './env/memory-store.ts';
import { pacedClock } from './env/paced-clock.ts';
import type { LabHost, LabHosts } from './env/lab-host.ts';
import { newToken } from './env/new-token.ts';
import { packageRoot } from './env/package-root.ts';
import { processUsage } from './env/process-usage.ts';
import { createPveClient } from './env/pve-client.ts';
import { writeWhole } from './env/whole-file.ts';
import { startedBy, stateFolder, stateRoot } from './env/state-folder.ts';
import type { SecretsConfig } from './config/schema.ts';
import { createRegistry } from './kinds/index.ts';
import type { ClusterSpec, DesiredObject } from './model/desired.ts';
import type { Lease, Machine, SecretDoor, Ssh } from './model/doors.ts';
import { Failure, failure } from './model/finding.ts';
import { isObject } from './model/json.ts';
import type { Registry } from './model/kind.ts';
import type { FileReaderOptions } from './observe/files.ts';
import type { ApiTables } from './pve/api-tables.ts';
import type { KindsFor } from './reconcile.ts';
import type { StoryStep } from './sim/script.ts';

/** In the state folder; up here, because the command runs before the end of this file is reached. */
const LOCK = 'lock';
const SOCKET = 'control.sock';
/** For a program on a node of the demo that only reads; of the lab's time. */
const LOOK_MS = 60_000;

// A reader that has seen enough (`latido plan | head`) is no failure.
for (const stream of [process.stdout, process.stderr]) stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// A rehearsal is the same whenever it is run.
const REHEARSAL_START_MS = Date.UTC(2026, 0, 5, 8);

const registries = new Map<string, Registry>();
let onLab: Promise<LabHost> | undefined;

const terminal = terminalOf(process, process.env);
const context: Context = { terminal, world: realWorld(), interruptible: interruptible(process, terminal, () => realClock.now()) };
process.exitCode = await runCli(process.argv.slice(2), context, COMMANDS, (process.env['LATIDO_DEBUG'] ?? '') !== '');
// A step that goes on in the cluster, or a round that hangs, must not keep the daemon's process alive.
if (process.argv[2] === 'run') process.exit();

function realWorld(): World {
  const about = aboutPackage();
  return {
    clock: realClock, version: about.version, reportTo: about.reportTo,
    tableVersions: tableVersions(), tables: loadApiTables, kindsFor, readText, writeText,
    async open(cluster, options) {
      const folder = stateFolder(cluster.ref.name, options.stateDir, startedBy(process));
      const release = options.lock ? await lockState(folder) : undefined;
      try {
        const env = await openEnv(cluster, folder, options, 'warn');
        return { env, close: async () => void await Promise.all([env.close(), release?.()]) };
      } catch (error) {
        await release?.();
        throw error;
      }
    },
    secrets: () => secretDoor(), lab, simulate, demo, daemon: daemonDoors(), machine,
  };
}

async function openEnv(cluster: DesiredObject<ClusterSpec>, folder: string, options: OpenOptions, level: 'warn' | 'info') {
  const { createLogger, createRealEnv } = await network();
  const secrets = await secretDoor(options.secrets);
  const log = createLogger({ clock: realClock, level: process.env['LATIDO_DEBUG'] ? 'debug' : level, hide: (text) => secrets.hide(text) });
  // Only the demo and those who try a lab say where a lab's nodes are; every other cluster is reached by OpenSSH.
  const labNodes = process.env['LATIDO_LAB_NODES'];
  return createRealEnv(cluster.spec, { stateDir: folder, log, secrets, clock: pacedClock(realClock, process.env['LATIDO_LAB_SPEED']), ...(labNodes ? { labNodes } : {}), ...(options.environment ? { environment: options.environment } : {}) });
}

/** @param config of the daemon; absent: as the environment says, else the usual configuration file */
async function secretDoor(config?: SecretsConfig): Promise<SecretDoor> {
  const [{ createVault }, { machineSecrets }] = await Promise.all([import('./secrets/vault.ts'), import('./env/secret-files.ts')]);
  return createVault({ machine: machineSecrets({ environment: process.env, ...(config ? { config } : {}) }), random: Math.random });
}

/** Two that write to one cluster from one state folder would undo each other's memory. */
async function lockState(folder: string): Promise<() => Promise<void>> {
  const { createFileLock } = await import('./env/file-lock.ts');
  const lock = createFileLock(join(folder, LOCK));
  const answer = await lock.acquire();
  if (answer.held) return () => lock.release();
  throw failure('STATE_LOCKED', `${answer.by} works on this cluster, with the state folder ${folder}`, { fix: 'wait until it has ended; when it is the daemon, push the commit, or use latido reconcile and latido approve' });
}

function daemonDoors(): DaemonDoors {
  return {
    store(cluster, stateDir) {
      const folder = stateFolder(cluster, stateDir, startedBy(process));
      return { store: createFileStore(folder), folder };
    },
    async open(cluster, options) {
      const folder = stateFolder(cluster.ref.name, options.stateDir, startedBy(process));
      const [{ controlSocket }, { systemdSupervisor }] = await Promise.all([import('./env/control-socket.ts'), import('./env/systemd.ts')]);
      const env = await openEnv(cluster, folder, options, 'info');
      const supervisor = systemdSupervisor(process.env, process.pid, (why) => env.log.warn({}, why));
      return { env, ...(await nodeDoors(cluster.ref.name, folder)), control: controlSocket(join(folder, SOCKET)), login: env.login, ...(supervisor ? { supervisor } : {}), close: () => env.close() };
    },
    async ask({ cluster, stateDir }, request) {
      const { askControl } = await import('./env/control-socket.ts');
      const folder = stateDir !== undefined || cluster !== undefined ? stateFolder(cluster ?? '', stateDir, startedBy(process)) : await onlyDaemon();
      return askControl(join(folder, SOCKET), request);
    },
    onReload(call) {
      process.on('SIGHUP', call);
      return () => process.removeListener('SIGHUP', call);
    },
    ownAddresses: async () => (await labHost())?.ownAddresses() ?? (await import('./env/own-addresses.ts')).ownAddresses(),
    https: {
      check: async (place) => (await import('./env/https-listener.ts')).httpsDoor().check(place),
      listen: async (place, answer) => (await import('./env/https-listener.ts')).httpsDoor().listen(place, answer),
    },
    newToken, usage: processUsage, outbound,
    readSecret: async (place, what) => (await import('./env/secret-place.ts')).readSecret(place, what, process.env),
    warn: (text) => terminal.err(`${text}\n`),
    random: Math.random,
  };
}

/** An answer is short: a status, an id, one page of comments. */
const OUTBOUND_BYTES_MAX = 8 * 2 ** 20;

async function outbound(caFile?: string) {
  const [{ createUndiciTransport }, { createMailer }] = await Promise.all([import('./env/undici-transport.ts'), import('./env/smtp.ts')]);
  const trust = caFile === undefined ? {} : { ca: await readText(caFile) };
  return { transport: createUndiciTransport({ ...trust, answerBytesMax: OUTBOUND_BYTES_MAX }), mailer: createMailer(trust) };
}

/** On a node the lock that all nodes of the cluster see and the files of /etc/pve, elsewhere this machine's lock. Only root may use /etc/pve. */
async function nodeDoors(cluster: string, folder: string): Promise<{ readonly lease: Lease; readonly files?: Pick<FileReaderOptions, 'files' | 'tablesFor'> }> {
  const [{ createFileLock }, { createClusterFiles, isOnNode }] = await Promise.all([import('./env/file-lock.ts'), import('./env/cluster-files.ts')]);
  const local = createFileLock(join(folder, LOCK));
  const simulated = await labHost();
  if (simulated) return { lease: (await import('./env/pmxcfs-lease.ts')).createPmxcfsLease({ ...simulated, cluster, local }) };
  const files = createClusterFiles();
  if (process.getuid?.() !== 0 || !(await isOnNode(files))) return { lease: local };
  const { createPmxcfsLease } = await import('./env/pmxcfs-lease.ts');
  return { lease: createPmxcfsLease({ files, clock: realClock, cluster, local }), files: { files, tablesFor } };
}

/** The node of a lab on which we are said to be. */
function labHost(): Promise<LabHost | undefined> {
  const { LATIDO_LAB_NODES: socket = '', LATIDO_LAB_NODE: node = '' } = process.env;
  if (socket === '' || node === '') return Promise.resolve(undefined);
  onLab ??= import('./env/lab-host.ts').then(({ openLabHost }) => openLabHost(socket, node, realClock));
  return onLab;
}

/** Files are read only as a version that we carry would write them. */
function tablesFor(release: string): ApiTables | undefined {
  const { tables, note } = nearestTables(release);
  return note === undefined ? tables : undefined;
}

/** The state folder of the one daemon that runs below the usual place. */
async function onlyDaemon(): Promise<string> {
  const root = stateRoot(startedBy(process));
  const names = await readdir(root).catch(() => []);
  const found = (await Promise.all(names.map(async (name) => ((await stat(join(root, name, SOCKET)).then((file) => file.isSocket(), () => false)) ? [name] : [])))).flat().sort();
  const [name, another] = found;
  if (name === undefined) throw failure('DAEMON_ABSENT', `no daemon runs below ${root}`, { fix: 'start it with: latido run; or name its state folder with --state' });
  if (another !== undefined) throw failure('USAGE', `several daemons are known: ${found.join(', ')}`, { fix: 'name one with --cluster' });
  return join(root, name);
}

async function machine(): Promise<Machine> {
  const { thisMachine } = await import('./env/machine.ts');
  return thisMachine(process.env, LOCK);
}

/** Loaded when it is asked for: HTTP and the log take longer to load than all that `latido explain` needs. */
async function network() {
  const [{ createLogger }, { createRealEnv }] = await Promise.all([import('./env/log.ts'), import('./env/world.ts')]);
  return { createLogger, createRealEnv };
}

/** One registry for a version: its schemas are compiled once. */
function kindsFor(release: string): ReturnType<KindsFor> {
  const { tables, note } = nearestTables(release);
  const kinds = registries.get(tables.version) ?? createRegistry(tables);
  registries.set(tables.version, kinds);
  return { version: tables.version, kinds, ...(note === undefined ? {} : { note }) };
}

/** The simulator is loaded when it is asked for: a plan of a real cluster starts faster without it. */
async function lab(options: LabOptions): Promise<Lab> {
  const { savedVersion, startLab } = await import('./sim/lab.ts');
  const file = options.state;
  const text = file === undefined ? undefined : await readText(file).catch(() => undefined);
  const steps = options.script === undefined ? [] : await storyOf(options.script);
  const [{ play }, { nodeHosts }] = await Promise.all([import('./sim/script.ts'), import('./sim/node-host.ts')]);
  const folder = await mkdtemp(join(tmpdir(), 'latido-lab-'));
  const nodes = join(folder, 'nodes.sock');
  let nodesOfLab: { readonly ssh: Ssh; readonly hosts: LabHosts } | undefined;
  const cleanUp = () => rm(folder, { recursive: true, force: true });
  try {
    const served = await startLab({ ...options, ...(options.live === undefined ? {} : { cluster: await liveCluster(options.live) }) }, {
      script: (sim) => {
        nodesOfLab = { ssh: sim.ssh, hosts: nodeHosts(sim, options.speed, realClock) };
        void play(sim, steps);
      },
      tables: loadApiTables((text === undefined ? undefined : savedVersion(text)) ?? options.pveVersion),
      now: () => realClock.now(),
      load: () => Promise.resolve(text),
      save: file === undefined ? undefined : (content) => writeText(file, content),
      every: (ms, run) => {
        const timer = setInterval(run, ms);
        return () => clearInterval(timer);
      },
    });
    const { serveLabNodes } = await import('./env/lab-nodes.ts');
    const shutNodes = nodesOfLab && await serveLabNodes(nodes, nodesOfLab.ssh, nodesOfLab.hosts);
    return { ...served, nodes, close: async () => void await Promise.all([served.close(), shutNodes?.().then(cleanUp)]) };
  } catch (error) {
    await cleanUp();
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw failure('USAGE', `port ${(error as { port?: number }).port ?? options.port} is in use`, { fix: 'latido lab --port 0 takes free ones' });
    throw error;
  }
}

/** A fresh folder of its own for each demo; it stays, so that a person can look at the repositories afterwards. */
async function demo({ speed }: { readonly speed: number }): Promise<Demo> {
  const [{ stageSimulation, serveStage, byHand, tasksDone, cutLine, healLine, write, isConnected, STAGE_TOKEN, DEMO_PERSON }, { nodeHosts }, { createRepository, configure }, { startProcess }, { programOf }, { serveLabNodes }] = await Promise.all([
    import('./sim/stage.ts'), import('./sim/node-host.ts'), import('./env/git-repository.ts'), import('./env/latido-process.ts'), import('./cli/init-server.ts'), import('./env/lab-nodes.ts'),
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'latido-demo-'));
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, `${STAGE_TOKEN}\n`, { mode: 0o600 });
  const startMs = realClock.now();
  const sim = stageSimulation({ tables: loadApiTables(tableVersions().at(-1) ?? ''), startMs });
  const served = await serveStage(sim, speed);
  const hosts = nodeHosts(sim, speed, realClock);
  const program = programOf(process);
  const server = join(folder, 'infra.git');
  const socket = join(folder, 'nodes.sock');
  const shutNodes = await serveLabNodes(socket, sim.ssh, hosts);
  const environment = { LATIDO_LAB_SPEED: String(speed), LATIDO_LAB_NODES: socket };
  return {
    folder, server, environment, program,
    repository: await createRepository(join(folder, 'work'), server, environment), manifests: await demoManifests(),
    configureServer: (key, value) => configure(server, key, value),
    start: (words, node) => startProcess([...program, ...words], { cwd: folder, logFile: join(folder, `${node ?? 'daemon'}.log`), environment: { ...environment, ...(node === undefined ? {} : { LATIDO_LAB_NODE: node }) } }),
    writeConfig: (name, text) => writeText(join(folder, name), text),
    stage: {
      access: { endpoints: served.endpoints.map(({ url }) => url), fingerprint: served.fingerprint, tokenFile },
      powerOff: (node) => sim.powerOff(node), powerOn: (node) => sim.powerOn(node),
      cutLink: (a, b) => cutLine(sim, a, b), healLink: (a, b) => healLine(sim, a, b), write: (resource, node, bytes) => write(sim, resource, node, bytes), isConnected: (resource) => isConnected(sim, resource),
      look: async (node, argv) => (await sim.ssh.run(node, argv, { timeoutMs: LOOK_MS })).stdout,
      byHand: (method, path, params) => byHand(sim, method, path, params, DEMO_PERSON),
      guest: (vmid) => {
        const guest = sim.state.guests[vmid];
        return guest && { node: guest.node, running: guest.process !== undefined };
      },
      tasksDone: (type, vmid) => tasksDone(sim, type, vmid),
      addresses: (node) => hosts.addresses(node),
      log: (from) => {
        const [nowMs, virtualMs] = [realClock.now(), sim.clock.now() - startMs];
        return sim.log.lines().slice(from).map((text) => ({ text, at: nowMs - (virtualMs - Number.parseFloat(text) * 1000) / speed }));
      },
    },
    close: async () => void await Promise.all([shutNodes?.(), served.close()]),
  };
}

async function demoManifests(): Promise<Readonly<Record<string, string>>> {
  const folder = join(packageRoot(), 'clusters', 'unq-lab');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)));
}

/** A story from a file; throws Failure with every mistake in it. */
async function storyOf(file: string): Promise<readonly StoryStep[]> {
  const [{ parseStory }, { parse }] = await Promise.all([import('./sim/script-parse.ts'), import('yaml')]);
  const text = await readText(file);
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw failure('MANIFEST_SYNTAX', `${file}: ${error instanceof Error ? error.message.split('\n')[0] ?? '' : String(error)}`);
  }
  const { steps, findings } = parseStory(value);
  if (findings.length > 0) throw new Failure(...findings.map((finding) => ({ ...finding, fact: `${file}: ${finding.fact}` })));
  return steps;
}

async function simulate(options: SimulateOptions): Promise<Simulated> {
  const [{ Simulation }, { play, jumpingClock }, { labCluster }, { troubleOf }, { LAB_TOKEN }] = await Promise.all([
    import('./sim/simulation.ts'), import('./sim/script.ts'), import('./sim/lab.ts'), import('./sim/trouble.ts'), import('./sim/cluster-spec.ts'),
  ]);
  const cluster = options.live === undefined ? labCluster(options.shape, 0) : await liveCluster(options.live);
  const sim = new Simulation({ seed: options.seed, tables: nearestTables(options.pveVersion).tables, startMs: REHEARSAL_START_MS, cluster });
  const nodes = Object.keys(sim.state.nodes);
  const told = options.script === undefined ? troubleOf(options.trouble, options.seed, nodes) : { text: options.script, steps: await storyOf(options.script) };
  const story = play(sim, told.steps);
  const clock = jumpingClock(sim.clock, story);
  const random = () => sim.random();
  const log = (await network()).createLogger({ clock, level: 'silent' });
  const pve = createPveClient({ endpoints: nodes.map((name) => `https://${name}:8006`), credentials: { token: `${LAB_TOKEN.id}=${LAB_TOKEN.secret}` }, transport: sim.transport(), clock, random });
  const [{ createVault }, { INVENTED }] = await Promise.all([import('./secrets/vault.ts'), import('./secrets/invented.ts')]);
  return { env: { pve, ssh: sim.ssh, clock, random, log, store: createMemoryStore(), secrets: createVault({ machine: INVENTED, random }) }, trouble: told.text, run: (work) => sim.clock.run(work), log: () => sim.log.lines() };
}

async function liveCluster(file: string) {
  const { parseLive } = await import('./sim/live-file.ts');
  return parseLive(await readText(file), file);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw failure('USAGE', `${file} could not be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

/** Atomically, for its owner alone. */
async function writeText(file: string, text: string | Iterable<string>): Promise<void> {
  try {
    await writeWhole(file, text, 0o600);
  } catch (error) {
    throw failure('USAGE', `${file} could not be written: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

function aboutPackage(): { readonly version: string; readonly reportTo: string | undefined } {
  const json: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
  const fields = isObject(json) ? json : {};
  const bugs = isObject(fields['bugs']) ? fields['bugs']['url'] : fields['bugs'];
  return { version: typeof fields['version'] === 'string' ? fields['version'] : '0', reportTo: typeof bugs === 'string' ? bugs : undefined };
}
