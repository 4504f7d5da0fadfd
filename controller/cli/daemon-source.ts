// In: `source` of the configuration. Out: where commits come from, and the cluster that the newest one names.
// Must never follow another cluster than the one configured.
import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { DaemonConfig, SourceConfig } from '../config/schema.ts';
import { parseFiles } from '../manifests/parse.ts';
import type { ClusterSpec, DesiredObject } from '../model/desired.ts';
import type { CommitSource, SourceCommit, Store } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import { bareSource } from '../sources/bare.ts';
import { clusterPath } from '../sources/branch.ts';
import { directorySource } from '../sources/directory.ts';
import { remoteSource } from '../sources/remote.ts';
import type { Access } from '../sources/remote-access.ts';
import { readLastCommit } from '../status/last-commit.ts';
import type { World } from './context.ts';
import { given } from './daemon-config.ts';
import { clusterOf } from './manifests.ts';

/** Where a source may keep things: what was seen last, and the copy of a remote repository. */
export interface SourceFolder { readonly store: Store; readonly folder: string }

/** A host that is asked more often than every few seconds would slow down those who push to it. */
const POLL_SECONDS = 60;

/** @throws Failure SOURCE_UNREADABLE when there is nothing to follow at that place */
export async function sourceOf({ cluster, source }: DaemonConfig, { store, folder }: SourceFolder, world: World): Promise<CommitSource> {
  const { repository, directory } = source;
  const onTrouble = (why: string) => world.daemon.warn(`the source cannot be watched (${why}); it is asked at each interval`);
  if (repository === undefined) return directorySource({ ...await folderIn(resolve(directory ?? ''), source.path, cluster), onTrouble });
  const common = { branch: source.branch ?? 'main', path: clusterPath(cluster, source.path), store, ...given({ signers: source.signers }) };
  if (!isRemote(repository)) {
    await requireRepository(repository);
    return bareSource({ ...common, repository: resolve(repository), onTrouble });
  }
  return remoteSource({
    ...common, ...accessOf(source), url: repository, mirror: join(folder, 'mirror.git'), pollMs: (source.pollSeconds ?? POLL_SECONDS) * 1000,
    clock: world.clock, random: world.daemon.random,
  });
}

/** The newest commit's Cluster; the last good one's when the source is away or its Cluster is broken. */
export async function clusterNow(name: string, source: CommitSource, store: Store, world: World): Promise<DesiredObject<ClusterSpec>> {
  try {
    return clusterIn(await source.latest(), name, world);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { commit } = await readLastCommit(store);
    if (commit === undefined) throw error;
    return clusterIn(commit, name, world);
  }
}

export function clusterIn(commit: SourceCommit, name: string, world: World): DesiredObject<ClusterSpec> {
  const cluster = clusterOf({ parsed: parseFiles(commit.files), revision: commit.revision }, world);
  if (cluster.ref.name === name) return cluster;
  throw failure('SOURCE_UNREADABLE', `${commit.revision} is of the cluster ${cluster.ref.name}, not of ${name}`, { fix: 'name its folder with path, or the cluster with cluster' });
}

/** `https://…`, `ssh://…` or `git@host:path`; anything else is a path. */
export function isRemote(repository: string): boolean {
  return /^[a-z+]+:\/\//i.test(repository) || /^[^/]+@[^/]+:/.test(repository);
}

/** Without a path `clusters/NAME` where there is one, else the folder itself. */
async function folderIn(directory: string, path: string | undefined, cluster: string): Promise<{ readonly folder: string; readonly path: string }> {
  const usual = join('clusters', cluster);
  const isThere = path === undefined && await stat(join(directory, usual)).then((found) => found.isDirectory(), () => false);
  return { folder: directory, path: path ?? (isThere ? usual : '') };
}

function accessOf({ ssh, https }: SourceConfig): Access {
  const token = https?.token;
  return {
    ssh: given({ keyFile: ssh?.key, knownHostsFile: ssh?.knownHosts }),
    https: { ...given({ username: https?.user, caFile: https?.ca }), ...(token === undefined ? {} : 'file' in token ? { tokenFile: token.file } : { tokenEnv: token.env }) },
  };
}

async function requireRepository(repository: string): Promise<void> {
  const isThere = await readFile(join(repository, 'HEAD')).then(() => true, () => false);
  if (!isThere) throw failure('SOURCE_UNREADABLE', `${repository} is no bare repository`, { fix: `make one with: latido init --server ${repository}; or name a folder: latido run ${basename(repository)}` });
}
