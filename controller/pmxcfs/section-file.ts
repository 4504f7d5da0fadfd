// Files of sections: `type: id`, then indented options, a blank line between (storage.cfg, jobs.cfg, ha/*.cfg).
// In: their text. Out: the sections in their order, options still as text. Nothing: a line that is none of these.

export interface FileSection {
  readonly type: string;
  readonly id: string;
  /** Values by name, in the order in which they stand; a flag may have none. */
  readonly options: readonly (readonly [name: string, value: string | undefined])[];
}

export function parseSections(text: string): readonly FileSection[] | undefined {
  const sections: { readonly type: string; readonly id: string; readonly options: (readonly [string, string | undefined])[] }[] = [];
  let isOpen = false;
  for (const line of text.split('\n')) {
    if (/^\s*#/.test(line)) continue;
    const [, type, id] = /^(\S+):\s*(\S+)\s*$/.exec(line) ?? [];
    const [, name, value] = /^\s+(\S+)(?:\s+(.*\S))?\s*$/.exec(line) ?? [];
    if (line === '') isOpen = false;
    else if (isOpen && name !== undefined) sections.at(-1)?.options.push([name, value]);
    else if (!isOpen && type !== undefined && id !== undefined) {
      sections.push({ type, id, options: [] });
      isOpen = true;
    } else return undefined;
  }
  return sections;
}
