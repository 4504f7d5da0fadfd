// What every store demands of its callers.

/** Plain names only: no separators, no `..`, no hidden files (those are the store's own). */
export function checkedName(name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/.test(name)) throw new RangeError(`${JSON.stringify(name)} is no name of a state file`);
  return name;
}

export function checkedLine(line: string): string {
  if (line.includes('\n')) throw new RangeError('a line that is appended has no line breaks');
  return line;
}
