// In: a number of guests and a path (`api`, or `files`: /etc/pve). Out: what the idle daemon costs, and how soon it hears of a change.
// The lab is a process of its own; /etc/pve is a folder of real files, as pmxcfs would show them.
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runDaemon } from '../../controller/daemon/loop.ts';
import { loadApiTables, nearestTables } from '../../controller/env/api-tables.ts';
import { realClock } from '../../controller/env/clock.ts';
import { createClusterFiles } from '../../controller/env/cluster-files.ts';
import { createFileStore } from '../../controller/env/file-store.ts';
import { createRealEnv } from '../../controller/env/world.ts';
import { createRegistry } from '../../controller/kinds/index.ts';
import type { CommitSource, Lease } from '../../controller/model/doors.ts';
import { SimulatedPmxcfs } from '../../controller/sim/pmxcfs.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import { writeInventory } from '../../controller/status/inventory.ts';
import { clusterOf, haResourcesOf, manifestsOf, memoriesOf, NODES } from './fleet.ts';
import { withLab } from './scenes.ts';

export interface DaemonFigures {
  readonly path: 'api' | 'files';
  readonly guests: number;
  /** Of one core, between full looks. */
  readonly idlePercent: number;
  readonly residentBytes: number;
  /** Calls of the API in the idle time. */
  readonly calls: number;
  readonly idleSeconds: number;
  readonly firstRoundMs: number;
  /** From a write into /etc/pve to the event that tells of it. */
  readonly noticedMs?: number;
}

const IDLE_MS = 60_000;
const TABLES = '9.2';

export async function daemonFigures(guests: number, path: DaemonFigures['path']): Promise<DaemonFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'latido-bench-'));
  try {
    return await withLab(guests, 'unchanged', async (lab, counts) => {
      const pve = path === 'files' ? await clusterFolder(join(folder, 'pve'), guests) : undefined;
      const state = join(folder, 'state');
      await writeInventory(createFileStore(state), memoriesOf(guests));
      const cluster = ['apiVersion: latido/v1', 'kind: Cluster', 'metadata: { name: bench }', `spec: { endpoints: ${JSON.stringify(lab.endpoints)} }`, ''].join('\n');
      const source: CommitSource = {
        latest: () => Promise.resolve({ id: '1'.repeat(40), revision: 'main@sha1:1111111', files: manifestsOf(guests, cluster).map(({ file, text }) => ({ path: file, text })) }),
        watch: () => () => undefined,
      };
      const lines: string[] = [];
      const log = { debug: () => undefined, info: (fields: object, text: string) => void lines.push(`${String((fields as { event?: string }).event)} ${text}`), warn: () => undefined, error: () => undefined };
      const env = await createRealEnv({ endpoints: lab.endpoints, tls: { fingerprint: lab.fingerprint }, credentials: { tokenEnv: 'LATIDO_BENCH_TOKEN' } }, { stateDir: state, log, environment: { LATIDO_BENCH_TOKEN: lab.token } });
      const kinds = createRegistry(loadApiTables(TABLES));
      const stop = new AbortController();
      const startedAt = realClock.now();
      const running = runDaemon({
        env, source, lease: LEASE, signal: stop.signal, kindsFor: () => ({ version: TABLES, kinds }),
        ...(pve === undefined ? {} : { files: { files: createClusterFiles(pve), tablesFor: (release: string) => nearestTables(release).tables } }),
      });
      await until(() => lines.some((line) => line.startsWith('in-sync')));
      const firstRoundMs = realClock.now() - startedAt;
      await realClock.sleep(5_000);
      globalThis.gc?.();
      const [before, used] = [await counts(), process.cpuUsage()];
      await realClock.sleep(IDLE_MS);
      const { user, system } = process.cpuUsage(used);
      const after = await counts();
      const residentBytes = process.memoryUsage().rss;
      const noticedMs = pve === undefined ? undefined : await notice(pve, lines);
      stop.abort();
      await running;
      await env.close();
      return {
        path, guests, idlePercent: (user + system) / 1000 / IDLE_MS * 100, residentBytes, calls: after.calls - before.calls, idleSeconds: IDLE_MS / 1000, firstRoundMs,
        ...(noticedMs === undefined ? {} : { noticedMs }),
      };
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const LEASE: Lease = { acquire: () => Promise.resolve({ held: true }), renew: () => Promise.resolve(true), release: () => Promise.resolve() };

/** The files of the same cluster as the lab's. */
async function clusterFolder(folder: string, guests: number): Promise<string> {
  const sim = new Simulation({ seed: 1, tables: loadApiTables(TABLES), startMs: realClock.now(), cluster: clusterOf(guests, 'unchanged') });
  for (const sid of haResourcesOf(guests, 'unchanged')) sim.state.ha.resources[sid] = { state: 'started' };
  const files = new SimulatedPmxcfs(sim).on('pve1');
  const named = ['.version', '.vmlist', '.members', 'storage.cfg', 'user.cfg', 'datacenter.cfg', 'jobs.cfg', 'ha/resources.cfg', 'ha/rules.cfg', 'ha/groups.cfg'];
  const configs = await Promise.all(NODES.flatMap((node) => ['qemu-server', 'lxc'].map(async (kind) => {
    const names = await files.list(`nodes/${node}/${kind}`);
    return names.ok ? names.value.map((name) => `nodes/${node}/${kind}/${name}`) : [];
  })));
  for (const path of [...named, ...configs.flat()]) {
    const text = await files.read(path);
    if (text.ok) await put(join(folder, path), text.value);
  }
  return folder;
}

/** As pmxcfs does: the file, then the counters. */
async function notice(folder: string, lines: readonly string[]): Promise<number> {
  const list = JSON.parse(await readFile(join(folder, '.vmlist'), 'utf8')) as { version: number; ids: Record<string, { node: string; type: string; version: number }> };
  const [vmid, guest] = Object.entries(list.ids).find(([, { type }]) => type === 'qemu') ?? [];
  if (vmid === undefined || guest === undefined) throw new Error('no guest to change');
  const version = JSON.parse(await readFile(join(folder, '.version'), 'utf8')) as { vmlist: number };
  const path = join(folder, `nodes/${guest.node}/qemu-server/${vmid}.conf`);
  const before = lines.length;
  const startedAt = realClock.now();
  await put(path, (await readFile(path, 'utf8')).replace(/^cores: .*$/m, 'cores: 7'));
  guest.version += 100_000;
  version.vmlist += 100_000;
  await put(join(folder, '.vmlist'), JSON.stringify({ ...list, version: version.vmlist }));
  await put(join(folder, '.version'), JSON.stringify(version));
  await until(() => lines.slice(before).some((line) => line.startsWith('drift')));
  return realClock.now() - startedAt;
}

async function put(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > 300_000) throw new Error('the daemon did not come to it');
    await realClock.sleep(20);
  }
}
