// In: a folder and the name of a cluster. Out: its commit, parsed; and the Cluster document, which says where the cluster is.
// Must never connect anywhere.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readSource } from '../manifests/source.ts';
import { parseFiles, type ManifestDocument } from '../manifests/parse.ts';
import { declaredVersion, validate, type Validation } from '../manifests/validate.ts';
import type { ClusterSpec, DesiredObject } from '../model/desired.ts';
import { Failure, failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { Commit } from '../reconcile.ts';
import type { World } from './context.ts';

export interface ReadCommit extends Commit { readonly folder: string; readonly files: number }

/** Of the world, what checking a commit takes. */
export type VersionedWorld = Pick<World, 'kindsFor' | 'tableVersions'>;

export async function readCommitOf(dir: string, cluster: string | undefined): Promise<ReadCommit> {
  const folder = cluster === undefined ? dir : await folderOf(dir, cluster);
  const source = await readSource(folder);
  return { folder, files: source.files.length, revision: source.revision, parsed: parseFiles(source.files) };
}

/** `clusters/NAME` below the folder, or the folder that has this name itself. */
export async function folderOf(dir: string, cluster: string): Promise<string> {
  const below = join(dir, 'clusters', cluster);
  const isFolder = (path: string) => stat(path).then((found) => found.isDirectory(), () => false);
  if (await isFolder(below)) return below;
  if (join(dir).split('/').at(-1) === cluster) return dir;
  throw failure('SOURCE_UNREADABLE', `there is no folder ${below}`, { fix: 'name a folder below clusters/ with --cluster' });
}

/** Checked against the version that the Cluster names, else the newest we know. */
export function validateCommit(commit: Commit, world: VersionedWorld): Validation & { readonly version: string } {
  const { version, kinds } = world.kindsFor(versionOf(commit, world));
  return { ...validate(commit.parsed, commit.revision, kinds), version };
}

/** What the Cluster names, else the newest we know. */
export function versionOf(commit: Commit, world: VersionedWorld): string {
  return declaredVersion(commit.parsed) ?? world.tableVersions.at(-1) ?? '';
}

/**
 * The Cluster alone: what else is written is checked against the version that the cluster really runs, once it has told.
 * Throws Failure with all that is wrong with it.
 */
export function clusterOf(commit: Commit, world: VersionedWorld): DesiredObject<ClusterSpec> {
  const documents = commit.parsed.documents.filter(isCluster);
  const { kinds } = world.kindsFor(versionOf(commit, world));
  const { desired, findings } = validate({ documents, findings: commit.parsed.findings }, commit.revision, kinds);
  if (!desired) throw new Failure(...findings);
  return desired.cluster;
}

function isCluster(document: ManifestDocument): boolean {
  return isObject(document.value) && document.value['kind'] === 'Cluster';
}
