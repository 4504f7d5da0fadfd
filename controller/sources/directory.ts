// In: a folder on this machine, for trying things. Out: its manifests as they are; watched.
// Must never read what is not a manifest, nor write.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { watch } from 'chokidar';
import type { CommitSource, SourceCommit } from '../model/doors.ts';
import { IS_MANIFEST } from '../manifests/file-text.ts';
import { readDirectory } from '../manifests/source.ts';

export interface DirectoryOptions {
  readonly folder: string;
  /** Below the folder; `` is the folder itself, or the only one below its `clusters`. */
  readonly path: string;
  readonly onTrouble?: (why: string) => void;
}

export function directorySource({ folder, path, onTrouble }: DirectoryOptions): CommitSource {
  const dir = join(folder, path);
  return {
    async latest() {
      const { revision, files } = await readDirectory(dir);
      return { id: digestOf(files), revision, files };
    },
    watch(onChange) {
      const watcher = watch(dir, { ignored: (file, stats) => stats?.isFile() === true && !IS_MANIFEST.test(file) });
      const look = () => void (watcher.closed || onChange());
      watcher.on('all', look).on('ready', look).on('error', (error) => onTrouble?.(error instanceof Error ? error.message : String(error)));
      return () => void watcher.close();
    },
  };
}

function digestOf(files: SourceCommit['files']): string {
  const hash = createHash('sha256');
  // Lengths keep two different trees from running into the same bytes.
  for (const { path, text, unreadable = '' } of files) hash.update(`${path.length} ${text.length} ${unreadable.length}\n${path}${text}${unreadable}`);
  return hash.digest('hex');
}
