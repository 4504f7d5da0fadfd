import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { failure } from '../model/finding.ts';
import { fileOf, IS_MANIFEST, isHidden, onlyCluster, refuseTooMuch, tooLarge, unreadable } from './file-text.ts';
import type { Limits } from './limits.ts';
import type { SourceFile } from './parse.ts';

export interface FolderOptions {
  /** Links may lead anywhere below this real path. */
  readonly root: string;
  /** Only these, relative to the folder: what git would commit. */
  readonly only?: ReadonlySet<string>;
  readonly limits: Limits;
}

/** Somebody named the root of a file system; walking on would take minutes. */
const ENTRIES_MAX = 200_000;
/** Open files at a time, well below the usual limit of a process. */
const READ_AT_ONCE = 64;

/** All manifests below `folder`; paths start with `folder`. */
export async function readFolder(folder: string, options: FolderOptions): Promise<readonly SourceFile[]> {
  const found: (SourceFile | { readonly path: string; readonly size: number })[] = [];
  const folders = [folder];
  let entries = 0;
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    for (const entry of await entriesOf(at)) {
      if (++entries > ENTRIES_MAX) throw failure('SOURCE_UNREADABLE', `${folder} holds more than ${ENTRIES_MAX} files`, { fix: 'name the folder of one cluster' });
      const path = join(at, entry.name);
      if (isHidden(entry.name)) continue;
      if (entry.isDirectory()) folders.push(path);
      else if (options.only === undefined || options.only.has(relative(folder, path).split(sep).join('/'))) found.push(...await candidate(entry, path, folder, options));
    }
  }
  refuseTooMuch(found.map((file) => ('size' in file ? file.size : 0)), folder, options.limits);
  const files: SourceFile[] = [];
  for (let i = 0; i < found.length; i += READ_AT_ONCE) {
    files.push(...await Promise.all(found.slice(i, i + READ_AT_ONCE).map((file) => ('size' in file ? readOne(file.path, file.size, options.limits) : file))));
  }
  return files;
}

async function candidate(entry: Dirent, path: string, folder: string, options: FolderOptions) {
  if (entry.isSymbolicLink()) return linked(path, folder, options);
  if (!IS_MANIFEST.test(entry.name)) return [];
  // A pipe or device would never end.
  if (!entry.isFile()) return [unreadable(path, 'it is not a plain file')];
  return [{ path, size: (await stat(path)).size }];
}

async function linked(path: string, folder: string, { root }: FolderOptions) {
  const target = await realpath(path).catch(() => undefined);
  const found = target === undefined ? undefined : await stat(target).catch(() => undefined);
  if (found?.isDirectory() === true) return [unreadable(path, 'it is a link to a folder, and such links are not followed')];
  if (!IS_MANIFEST.test(path)) return [];
  if (target === undefined || found === undefined) return [unreadable(path, 'it is a link that leads nowhere')];
  if (!isBelow(target, root)) return [unreadable(path, 'it is a link that leads out of the tree')];
  if (!found.isFile()) return [unreadable(path, 'it is not a plain file')];
  // Its target is a manifest of this folder already: reading it twice would define every object twice.
  const own = await realpath(folder);
  if (isBelow(target, own) && IS_MANIFEST.test(target) && !isHidden(relative(own, target))) return [];
  return [{ path, size: found.size }];
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw failure('SOURCE_UNREADABLE', `${folder} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { fix: 'check the permissions of the folder' });
  }
}

async function readOne(path: string, size: number, limits: Limits): Promise<SourceFile> {
  if (size > limits.fileBytes) return tooLarge(path, limits);
  try {
    return fileOf(path, await readFile(path));
  } catch (error) {
    return unreadable(path, `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** `dir`, or the only `clusters/NAME` in it. */
export async function clusterFolder(dir: string): Promise<string> {
  const clusters = join(dir, 'clusters');
  const entries = await readdir(clusters, { withFileTypes: true }).catch(() => []);
  const name = onlyCluster(entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name), clusters);
  return name === undefined ? dir : join(clusters, name);
}
