// A store that forgets: for rehearsals and tests, where a crash is simulated by keeping or dropping it.
import type { Store } from '../model/doors.ts';
import { checkedName, checkedLine } from './store-names.ts';

export interface MemoryStore extends Store {
  /** The files as they are now, by name. */
  snapshot(): Readonly<Record<string, string>>;
}

export function createMemoryStore(initial: Readonly<Record<string, string>> = {}): MemoryStore {
  const files = new Map(Object.entries(initial));
  return {
    read: async (name) => files.get(checkedName(name)),
    write: async (name, text) => void files.set(checkedName(name), text),
    append: async (name, line) => {
      const before = files.get(checkedName(name)) ?? '';
      const gap = before === '' || before.endsWith('\n') ? '' : '\n';
      files.set(name, `${before}${gap}${checkedLine(line)}\n`);
    },
    snapshot: () => Object.fromEntries([...files].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
