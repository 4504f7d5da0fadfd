// What a daemon of the end-to-end test has to know of the world that its parent made.
import { readFileSync } from 'node:fs';

export interface StageFile {
  /** Where the parent answers for /etc/pve. */
  readonly socket: string;
  /** At `realMs` of the machine the lab's clock stood at `virtualMs`; since then it goes on `speed` times as fast. */
  readonly realMs: number;
  readonly virtualMs: number;
  readonly speed: number;
}

export function readStageFile(): StageFile {
  return JSON.parse(readFileSync(process.env['LATIDO_E2E_WORLD'] ?? '', 'utf8')) as StageFile;
}

/** One operation on `/etc/pve`, as it goes through the socket. */
export type FileRequest =
  | { readonly node: string; readonly op: 'read' | 'list' | 'mtime' | 'mkdir' | 'rmdir'; readonly path: string }
  | { readonly node: string; readonly op: 'utime'; readonly path: string; readonly seconds: number };
