// `latido run`: the daemon. Finds out where the cluster is (from the newest commit, else the last good one), opens it and runs;
// begins again when the commit names another way to it, or on SIGHUP.
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { runDaemon } from '../daemon/loop.ts';
import { parseFiles } from '../manifests/parse.ts';
import type { ClusterSpec, DesiredObject } from '../model/desired.ts';
import type { CommitSource, SourceCommit, Store } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import { bareSource } from '../sources/bare.ts';
import { clusterPath } from '../sources/branch.ts';
import { directorySource } from '../sources/directory.ts';
import { remoteSource } from '../sources/remote.ts';
import { readLastCommit } from '../status/last-commit.ts';
import type { Context, ExitCode, World } from './context.ts';
import { clusterOf, folderOf, readCommitOf } from './manifests.ts';
import { planToJson } from './plan-json.ts';
import type { RunOptions } from './program.ts';
import { renderPlan } from './render-plan.ts';

export async function runCommand(dir: string | undefined, options: RunOptions, context: Context): Promise<ExitCode> {
  const { world } = context;
  if (dir !== undefined && options.repo !== undefined) throw failure('USAGE', 'DIR and --repo exclude each other', { fix: 'leave one of them out' });
  const name = options.cluster ?? (options.repo === undefined ? await nameIn(dir ?? '.', world) : undefined);
  if (name === undefined) throw failure('USAGE', 'with --repo the cluster has to be named', { fix: 'add --cluster NAME' });
  const { store, folder } = world.daemon.store(name, options.state);
  const source = await sourceOf(dir, options, name, store, folder, world);
  return context.interruptible<ExitCode>(async (signal) => {
    while (!signal.aborted) if ((await runOnce(name, source, store, options, signal, context)) === 'stopped') break;
    return 0;
  }, () => 'Left at once. The next start waits for what is still running.\n');
}

async function runOnce(name: string, source: CommitSource, store: Store, options: RunOptions, signal: AbortSignal, { world }: Context): Promise<'stopped' | 'reload'> {
  const cluster = await clusterNow(name, source, store, world);
  const { env, lease, control, supervisor, close } = await world.daemon.open(cluster, options.state === undefined ? {} : { stateDir: options.state });
  const reload = new AbortController();
  const stopHearing = world.daemon.onReload(() => reload.abort(new Error('SIGHUP')));
  try {
    return await runDaemon({
      env, source, lease, control, signal, reload: reload.signal, kindsFor: world.kindsFor, publishPlan: (plan) => ({ plan: planToJson(plan), text: renderPlan(plan, { ...PLAIN, verbose: false }, null) }),
      ...(supervisor ? { supervisor } : {}), options: { intervalMs: options.interval * 1000 },
      isSameCluster: (spec) => wayTo(spec) === wayTo(cluster.spec),
    });
  } finally {
    stopHearing();
    await close();
  }
}

/** Who asks for the plan has a terminal of another width, or none. */
const PLAIN = { width: 100, height: 50, color: false };

/** What `World.open` needs: a commit that changes it has the daemon begin again. */
function wayTo({ endpoints, tls, credentials }: ClusterSpec): string {
  return JSON.stringify([endpoints, tls, credentials]);
}

/** The newest commit's Cluster; the last good one's when the source is away or its Cluster is broken. */
async function clusterNow(name: string, source: CommitSource, store: Store, world: World): Promise<DesiredObject<ClusterSpec>> {
  try {
    return clusterIn(await source.latest(), name, world);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { commit } = await readLastCommit(store);
    if (commit === undefined) throw error;
    return clusterIn(commit, name, world);
  }
}

function clusterIn(commit: SourceCommit, name: string, world: World): DesiredObject<ClusterSpec> {
  const cluster = clusterOf({ parsed: parseFiles(commit.files), revision: commit.revision }, world);
  if (cluster.ref.name === name) return cluster;
  throw failure('SOURCE_UNREADABLE', `${commit.revision} is of the cluster ${cluster.ref.name}, not of ${name}`, { fix: 'name its folder with --path, or the cluster with --cluster' });
}

async function nameIn(dir: string, world: World): Promise<string> {
  return clusterOf(await readCommitOf(dir, undefined), world).ref.name;
}

async function sourceOf(dir: string | undefined, options: RunOptions, cluster: string, store: Store, folder: string, world: World): Promise<CommitSource> {
  const { repo, branch, poll } = options;
  const onTrouble = (why: string) => world.daemon.warn(`the source cannot be watched (${why}); it is asked at each interval`);
  if (repo === undefined) {
    const chosen = options.cluster === undefined ? dir ?? '.' : await folderOf(dir ?? '.', options.cluster);
    return directorySource({ folder: resolve(chosen), path: options.path ?? '', onTrouble });
  }
  const common = { branch, path: clusterPath(cluster, options.path), store };
  if (!isRemote(repo)) {
    await requireRepository(repo);
    return bareSource({ ...common, repository: resolve(repo), onTrouble });
  }
  const { sshKey, knownHosts, gitToken, gitUser, gitCa } = options;
  return remoteSource({
    ...common, url: repo, mirror: join(folder, 'mirror.git'), pollMs: poll * 1000, clock: world.clock, random: world.daemon.random,
    ssh: { ...(sshKey === undefined ? {} : { keyFile: resolve(sshKey) }), ...(knownHosts === undefined ? {} : { knownHostsFile: resolve(knownHosts) }) },
    https: { ...(gitToken === undefined ? {} : { tokenFile: resolve(gitToken) }), ...(gitUser === undefined ? {} : { username: gitUser }), ...(gitCa === undefined ? {} : { caFile: resolve(gitCa) }) },
  });
}

/** `https://…`, `ssh://…` or `git@host:path`; anything else is a path. */
function isRemote(repo: string): boolean {
  return /^[a-z+]+:\/\//i.test(repo) || /^[^/]+@[^/]+:/.test(repo);
}

async function requireRepository(repo: string): Promise<void> {
  const isThere = await readFile(join(repo, 'HEAD')).then(() => true, () => false);
  if (!isThere) throw failure('SOURCE_UNREADABLE', `${repo} is no bare repository`, { fix: `make one with: latido init --server ${repo}; or name a folder: latido run ${basename(repo)}` });
}
