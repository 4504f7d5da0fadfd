// In: a repository, a revision, a folder [I/O: git, reading only]. Out: the manifests of one commit, straight from the objects.
// Must never touch the work tree or the index, nor hand a revision or path to git that git could take for an option.
import { posix } from 'node:path';
import { simpleGit } from 'simple-git';
import type { SimpleGit } from 'simple-git';
import { failure } from '../model/finding.ts';
import type { Failure } from '../model/finding.ts';
import { fileOf, IS_MANIFEST, isHidden, onlyCluster, refuseTooMuch, tooLarge, unreadable } from './file-text.ts';
import type { Limits } from './limits.ts';
import type { SourceFile } from './parse.ts';

export interface Commit {
  readonly repoDir: string;
  readonly id: string;
  /** `main@sha1:…`; `sha1:…` when no branch or tag was named. */
  readonly name: string;
}

export interface WorkTree {
  readonly top: string;
  /** The folder below `top`, `` for `top` itself. */
  readonly prefix: string;
  readonly hasHead: boolean;
  /** Whether a manifest below the folder differs from HEAD, or is new. */
  readonly changed: boolean;
}

interface Entry { readonly mode: string; readonly id: string; readonly size: number; readonly path: string }

/** Git answers in milliseconds unless it hangs on a dead network disk. */
const GIT_SILENT_MS = 60_000;
/** As long as a path may be on Linux. */
const LINK_BYTES_MAX = 4096;
/** Each costs up to three calls of git. */
const LINKS_MAX = 200;
// Inside of a receiving hook new objects lie in a quarantine folder that only these name. All else that git takes from
// the environment (GIT_DIR …) would lead it to another repository than the one that is meant, and is left behind.
const KEPT_ENVIRONMENT = ['GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_QUARANTINE_PATH'];

export async function openCommit(repoDir: string, revision: string): Promise<Commit> {
  // oxlint-disable-next-line no-control-regex -- a revision comes from outside
  if (/^-|[\u0000-\u0020\u007f:]/.test(revision) || revision === '') throw failure('SOURCE_UNREADABLE', `"${revision}" is not the name of a commit`, { fix: 'name a branch, a tag or a commit id' });
  const id = await git(repoDir, ['rev-parse', '--verify', `${revision}^{commit}`]).catch((error: unknown) => {
    throw gitFailure(error, `${repoDir} has no commit "${revision}"`, 'name a branch, a tag or a commit id that was fetched');
  });
  const label = (await git(repoDir, ['rev-parse', '--abbrev-ref', revision]).catch(() => '')).replace(/^HEAD$/, '');
  return { repoDir, id, name: `${label === '' ? '' : `${label}@`}${id.length === 64 ? 'sha256' : 'sha1'}:${id}` };
}

/** The manifests below `folder`; `shownAs` takes its place in the paths. */
export async function readTree(commit: Commit, folder: string, shownAs: string, limits: Limits): Promise<readonly SourceFile[]> {
  const show = (path: string): string => posix.join(shownAs, path);
  const entries = (await listTree(commit, treeOf(commit, folder))).filter((entry) => !isHidden(entry.path));
  const plain = entries.filter((entry) => entry.mode.startsWith('100') && IS_MANIFEST.test(entry.path));
  const links = entries.filter((entry) => entry.mode === '120000');
  const submodules = entries.filter((entry) => entry.mode === '160000');
  refuseTooMuch(plain.map((entry) => Math.min(entry.size, limits.fileBytes)), show(''), limits);
  const small = plain.filter((entry) => entry.size <= limits.fileBytes);
  const blobs = await readBlobs(commit, [...small, ...links.filter((link) => link.size <= LINK_BYTES_MAX)]);
  const text = (entry: Entry, path: string): SourceFile => fileOf(show(path), blobs.get(entry.id) ?? new Uint8Array());
  return [
    ...small.map((entry) => text(entry, entry.path)),
    ...plain.filter((entry) => entry.size > limits.fileBytes).map((entry) => tooLarge(show(entry.path), limits)),
    ...submodules.map((entry) => unreadable(show(entry.path), 'it is a submodule, and those are not read')),
    ...await readLinks(commit, folder, links.map((link) => ({ ...link, target: blobs.get(link.id)?.toString() ?? '' })), show, limits),
  ];
}

async function readLinks(commit: Commit, folder: string, links: readonly (Entry & { readonly target: string })[], show: (path: string) => string, limits: Limits): Promise<readonly SourceFile[]> {
  if (links.length > LINKS_MAX) throw failure('SOURCE_UNREADABLE', `${commit.name} holds ${links.length} links, more than the ${LINKS_MAX} that are looked at`, { fix: 'name the folder of one cluster' });
  const files: SourceFile[] = [];
  for (const link of links) {
    const manifest = IS_MANIFEST.test(link.path);
    const target = posix.normalize(posix.join(folder, posix.dirname(link.path), link.target));
    const leaves = link.target === '' || posix.isAbsolute(link.target) || target === '..' || target.startsWith('../');
    // A link to outside may be a link to a folder: nobody can tell from the commit, so every one of them is said.
    if (leaves) files.push(unreadable(show(link.path), 'it is a link that leads out of the tree'));
    else {
      const entry = (await listTree(commit, commit.id, target)).find(({ path }) => path === target);
      if (entry === undefined && (await git(commit.repoDir, ['ls-tree', '--full-tree', '--name-only', '-z', commit.id, '--', target])) === '') {
        if (manifest) files.push(unreadable(show(link.path), 'it is a link that leads nowhere'));
      } else if (entry === undefined) files.push(unreadable(show(link.path), 'it is a link to a folder, and such links are not followed'));
      else if (!manifest) continue;
      else if (!entry.mode.startsWith('100')) files.push(unreadable(show(link.path), 'it is a link to a link, and such links are not followed'));
      // Its target is a manifest of this folder already: reading it twice would define every object twice.
      else if (IS_MANIFEST.test(target) && isInside(target, folder) && !isHidden(posix.relative(folder, target))) continue;
      else if (entry.size > limits.fileBytes) files.push(tooLarge(show(link.path), limits));
      else files.push(fileOf(show(link.path), (await readBlobs(commit, [entry])).get(entry.id) ?? new Uint8Array()));
    }
  }
  return files;
}

function isInside(path: string, folder: string): boolean {
  return folder === '' || path.startsWith(`${folder}/`);
}

/** `ls-tree` of a tree: everything below it, or what stands at `path`. */
async function listTree(commit: Commit, tree: string, path?: string): Promise<readonly Entry[]> {
  const listed = await git(commit.repoDir, ['ls-tree', '-r', '-z', '-l', '--full-tree', tree, ...(path === undefined ? [] : ['--', path])]).catch((error: unknown) => {
    throw gitFailure(error, `the commit ${commit.name} has no folder "${tree.slice(tree.indexOf(':') + 1)}"`, 'name a folder that is in that commit');
  });
  return listed.split('\0').flatMap((line) => {
    const match = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(line);
    return match ? [{ mode: match[1] ?? '', id: match[2] ?? '', size: match[3] === '-' ? 0 : Number(match[3]), path: match[4] ?? '' }] : [];
  });
}

function treeOf(commit: Commit, folder: string): string {
  return folder === '' ? commit.id : `${commit.id}:${folder}`;
}

/** One process for all: `ID blob SIZE`, newline, the bytes, newline, for each id asked on its input. */
async function readBlobs(commit: Commit, entries: readonly Entry[]): Promise<ReadonlyMap<string, Buffer>> {
  const ids = [...new Set(entries.map((entry) => entry.id))];
  const blobs = new Map<string, Buffer>();
  if (ids.length === 0) return blobs;
  const out: unknown = await open(commit.repoDir, ids.map((id) => `${id}\n`).join('')).binaryCatFile(['--batch']).catch((error: unknown) => {
    throw gitFailure(error, `the files of ${commit.name} cannot be read`, 'run git fsck in the repository');
  });
  const bytes = Buffer.isBuffer(out) ? out : Buffer.alloc(0);
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\n', at);
    const match = /^([0-9a-f]+) blob (\d+)$/.exec(bytes.toString('latin1', at, end));
    if (match === null) break;
    const size = Number(match[2]);
    blobs.set(match[1] ?? '', bytes.subarray(end + 1, end + 1 + size));
    at = end + 1 + size + 1;
  }
  const lost = ids.find((id) => !blobs.has(id));
  if (lost !== undefined) throw failure('SOURCE_UNREADABLE', `the repository lacks the object ${lost} of ${commit.name}`, { fix: 'fetch the whole commit: a partial or damaged clone will not do' });
  return blobs;
}

/** `subdir` in a clean form, or the only `clusters/NAME` in it. */
export async function clusterTree(commit: Commit, subdir: string): Promise<string> {
  const folder = posix.normalize(subdir === '' ? '.' : subdir).replace(/\/$/, '').replace(/^\.$/, '');
  if (folder === '..' || folder.startsWith('../') || posix.isAbsolute(folder)) throw failure('SOURCE_UNREADABLE', `"${subdir}" is not a folder of the repository`, { fix: 'name it as seen from the root of the repository' });
  const clusters = posix.join(folder, 'clusters');
  const listed = await git(commit.repoDir, ['ls-tree', '-d', '-z', '--name-only', '--full-tree', `${commit.id}:${clusters}`]).catch(() => '');
  const name = onlyCluster(listed.split('\0').filter((one) => one !== ''), clusters);
  return name === undefined ? folder : posix.join(clusters, name);
}

/** How git sees a folder on disk; nothing when it lies in no repository, or git is not installed. */
export async function workTree(folder: string): Promise<WorkTree | undefined> {
  const top = await git(folder, ['rev-parse', '--show-toplevel']).catch((error: unknown) => {
    // Somebody else's repository: git refuses to look, and so the files would pass for files without git.
    if (/safe\.directory/.test(messageOf(error))) throw gitFailure(error, `git refuses to read the repository of ${folder}`, 'run as its owner, or add it to safe.directory');
    return '';
  });
  if (top === '') return undefined;
  const prefix = (await git(folder, ['rev-parse', '--show-prefix'])).replace(/\/$/, '');
  const hasHead = await git(folder, ['rev-parse', '--verify', '--quiet', 'HEAD']).then((id) => id !== '', () => false);
  const status = await git(folder, ['status', '--porcelain=v1', '-z', '--untracked-files=all', '--', '.']);
  return { top, prefix, hasHead, changed: status.split('\0').some((line) => IS_MANIFEST.test(line)) };
}

export async function isBelowHead(commit: Commit, prefix: string): Promise<boolean> {
  return prefix === '' || git(commit.repoDir, ['cat-file', '-t', `${commit.id}:${prefix}`]).then((type) => type === 'tree', () => false);
}

/** What git would commit, relative to the folder: ignored files are not manifests. */
export async function listWorkTree(folder: string): Promise<ReadonlySet<string>> {
  return new Set((await git(folder, ['ls-files', '-z', '--cached', '--others', '--exclude-standard'])).split('\0').filter((path) => path !== ''));
}

/** As `Commit.name`; before the first commit only the branch. */
export async function headName(folder: string): Promise<string> {
  const branch = await git(folder, ['symbolic-ref', '--short', '-q', 'HEAD']).catch(() => '');
  return openCommit(folder, 'HEAD').then((commit) => commit.name, () => branch);
}

async function git(dir: string, args: readonly string[]): Promise<string> {
  return (await open(dir).raw([...args])).replace(/\n$/, '');
}

function open(dir: string, input?: string): SimpleGit {
  try {
    // Whoever may push can push a replacement for any object as well; a commit is read as it was signed and named.
    return simpleGit({ baseDir: dir, config: ['core.useReplaceRefs=false'], allowEnvironment: KEPT_ENVIRONMENT, timeout: { block: GIT_SILENT_MS }, ...(input === undefined ? {} : { input: () => input }) });
  } catch (error) {
    throw gitFailure(error, `${dir} is not a folder that can be read`, 'name the folder of a git repository');
  }
}

function gitFailure(error: unknown, fact: string, fix: string): Failure {
  const said = messageOf(error).split('\n').find((line) => line.trim() !== '')?.trim().slice(0, 200);
  return failure('SOURCE_UNREADABLE', said === undefined ? fact : `${fact} (${said})`, { fix });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
