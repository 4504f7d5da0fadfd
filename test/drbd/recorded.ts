// Sessions recorded on real machines: what was run where, what it printed and how it ended.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, 'recorded');

export interface Recorded { readonly file: string; readonly node: string; readonly command: string; readonly output: string; readonly exit: number }

export function recorded(folder: string): readonly Recorded[] {
  return readdirSync(join(ROOT, folder)).sort().flatMap((name) => sessionsOf(`${folder}/${name}`, readFileSync(join(ROOT, folder, name), 'utf8')));
}

function sessionsOf(file: string, text: string): readonly Recorded[] {
  return text.split(/^(?=# \[)/m).flatMap((part) => {
    const head = /^# \[(\w+)\] \$ (.*)\n/.exec(part);
    const exit = /^# exit (\d+)$/m.exec(part);
    if (!head || !exit) return [];
    return [{ file, node: head[1] ?? '', command: (head[2] ?? '').replace(/\s+#.*$/, '').trim(), output: part.slice(head[0].length, exit.index), exit: Number(exit[1]) }];
  });
}

/** The outputs of one command, in the order of the story. */
export function outputs(folder: string, command: string, within?: string): readonly Recorded[] {
  return recorded(folder).filter((one) => one.command === command && (within === undefined || one.file.includes(within)));
}
