// The real cluster file system: /etc/pve, served by pmxcfs.
// In: paths relative to it. Out: what the kernel answers, refusals as the names of their errnos.
// Must never throw for a refusal: no quorum, a lost lock and a restarting pmxcfs are ordinary answers.
import { mkdir, readdir, readFile, rmdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterFiles } from '../model/doors.ts';
import { settled } from './file-result.ts';

export const CLUSTER_FILES_ROOT = '/etc/pve';

/** Locks may be read by root and by nobody else. */
const LOCK_MODE = 0o700;

export function createClusterFiles(root: string = CLUSTER_FILES_ROOT): ClusterFiles {
  const at = (path: string) => join(root, path);
  return {
    read: (path) => settled(readFile(at(path), 'utf8')),
    list: (path) => settled(readdir(at(path)).then((names) => names.sort())),
    mtime: (path) => settled(stat(at(path)).then((stats) => Math.floor(stats.mtimeMs / 1000))),
    mkdir: (path) => settled(mkdir(at(path), { mode: LOCK_MODE }).then(() => undefined)),
    rmdir: (path) => settled(rmdir(at(path))),
    utime: (path, mtimeSeconds) => settled(utimes(at(path), 0, mtimeSeconds)),
  };
}

/** Whether this machine is a node: only pmxcfs has this file. */
export async function isOnNode(files: ClusterFiles): Promise<boolean> {
  return (await files.read('.version')).ok;
}
