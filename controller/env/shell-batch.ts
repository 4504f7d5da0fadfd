// Several commands as one line for a POSIX shell, and what it printed taken apart again. Pure.
// In: commands, and a boundary that none of them can know. Out: the line; from both outputs, what each printed, byte for byte, and its exit code.
// Must never let one command change what the next one finds: each has a shell process of its own, and nothing to read.
import type { SshResult } from '../model/doors.ts';
import { shellLine } from './shell-line.ts';

/** @param boundary letters, digits and dashes */
export function batchLine(argvs: readonly (readonly string[])[], boundary: string): string {
  // The newline before the boundary is the frame's own, so an output that does not end in one stays as it is.
  return argvs.map((argv) => `(${shellLine(argv)}) < /dev/null; printf '\\n%s %s\\n' ${boundary} "$?"; printf '\\n%s\\n' ${boundary} >&2`).join('; ');
}

/** Undefined: the shell ended before its last command did. */
export function batchResults(stdout: string, stderr: string, boundary: string, count: number): readonly SshResult[] | undefined {
  const pieces = stdout.split(`\n${boundary} `);
  const said = stderr.split(`\n${boundary}\n`);
  if (pieces.length !== count + 1 || said.length !== count + 1) return undefined;
  const results: SshResult[] = [];
  let [text = ''] = pieces;
  for (const [at, piece] of pieces.slice(1).entries()) {
    const [, code, next] = /^(\d+)\n(.*)$/s.exec(piece) ?? [];
    if (code === undefined || next === undefined) return undefined;
    results.push({ code: Number(code), stdout: text, stderr: said[at] ?? '' });
    text = next;
  }
  return results;
}
