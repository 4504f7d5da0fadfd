// In: a folder, or a repository and a revision [I/O: git, files]. Out: the manifests' text, and which commit it is.
// Must never write, follow a link out of the tree, or mix two commits; what cannot be read is said, never left out.
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failure } from '../model/finding.ts';
import { compareText } from '../model/ref.ts';
import { clusterFolder, readFolder } from './folder.ts';
import { clusterTree, headName, isBelowHead, listWorkTree, openCommit, readTree, workTree } from './git-tree.ts';
import { LIMITS } from './limits.ts';
import type { Limits } from './limits.ts';
import type { SourceFile } from './parse.ts';

export interface Source {
  /** `main@sha1:…`, with ` + uncommitted` when files differ from it, or `dir` without git. */
  readonly revision: string;
  /** The whole commit id, when the files are exactly that commit's. */
  readonly commit?: string;
  /** Sorted by path. */
  readonly files: readonly SourceFile[];
}

/** The manifests below a folder as they are on disk. Throws Failure SOURCE_UNREADABLE. */
export async function readDirectory(dir: string, limits: Limits = LIMITS): Promise<Source> {
  const folder = await clusterFolder(await existing(dir));
  const files = await readFolder(folder, { root: await realpath(folder), limits });
  return { revision: 'dir', files: sorted(files) };
}

/**
 * The manifests of exactly one commit; needs no work tree, so a bare repository will do.
 * @param revision a branch, tag, `HEAD` or commit id
 * @param subdir below the repository's root, `` for the root; `clusters/NAME` is chosen when it is the only one
 */
export async function readCommit(repoDir: string, revision: string, subdir = '', limits: Limits = LIMITS): Promise<Source> {
  const commit = await openCommit(repoDir, revision);
  const folder = await clusterTree(commit, subdir);
  return { revision: commit.name, commit: commit.id, files: sorted(await readTree(commit, folder, folder, limits)) };
}

/** What a person means by a folder: its commit when nothing below it has changed since, otherwise the files as they are. */
export async function readSource(dir: string, limits: Limits = LIMITS): Promise<Source> {
  const folder = await clusterFolder(await existing(dir));
  const tree = await workTree(folder);
  if (tree === undefined) return readDirectory(folder, limits);
  if (tree.hasHead && !tree.changed) {
    const commit = await openCommit(folder, 'HEAD');
    // A folder that git ignores is clean, and still not in the commit.
    if (await isBelowHead(commit, tree.prefix)) {
      return { revision: commit.name, commit: commit.id, files: sorted(await readTree(commit, tree.prefix, folder, limits)) };
    }
    return readDirectory(folder, limits);
  }
  const files = await readFolder(folder, { root: await realpath(tree.top), only: await listWorkTree(folder), limits });
  return { revision: `${await headName(folder)} + uncommitted`, files: sorted(files) };
}

async function existing(dir: string): Promise<string> {
  const found = await stat(dir).catch(() => undefined);
  if (found?.isDirectory() !== true) throw failure('SOURCE_UNREADABLE', `${dir} is not a folder that can be read`, { fix: 'name the folder that holds the manifests' });
  return join(dir);
}

function sorted(files: readonly SourceFile[]): readonly SourceFile[] {
  return [...files].sort((a, b) => compareText(a.path, b.path));
}
