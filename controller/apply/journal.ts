// In: what the executor is about to do, and did. Out: lines of `journal.jsonl`, each durable before the effect it
// announces. Readable after a crash in the middle of any write: a torn last line is passed by and reported.
import type { Store } from '../model/doors.ts';
import { isObject } from '../model/json.ts';

export type Entry =
  | { readonly event: 'started'; readonly at: number; readonly plan: string; readonly step: string; readonly title: string; readonly method: string; readonly path: string; readonly node?: string; readonly vmid?: number }
  | { readonly event: 'posted'; readonly at: number; readonly step: string; readonly upid: string }
  | { readonly event: 'finished'; readonly at: number; readonly step: string; readonly result: 'done' | 'failed' | 'unsettled'; readonly why?: string }
  | { readonly event: 'settled'; readonly at: number; readonly step: string; readonly how: string };

/** A step that was started and of which nobody wrote down the end. */
export interface OpenStep { readonly step: string; readonly title: string; readonly path: string; readonly node?: string; readonly vmid?: number; readonly upid?: string }

const NAME = 'journal.jsonl';
const VERSION = 1;
/** Older entries are dropped when the journal is opened and has more; the open ones are always kept. */
const ENTRIES_MAX = 2_000;

export interface Journal {
  write(entry: Entry): Promise<void>;
  readonly open: readonly OpenStep[];
  /** Lines that could not be read. */
  readonly torn: number;
}

export async function openJournal(store: Store): Promise<Journal> {
  const text = (await store.read(NAME)) ?? '';
  const lines = text.split('\n').filter((line) => line !== '');
  const entries = lines.flatMap((line) => parseEntry(line) ?? []);
  const torn = lines.length - entries.length;
  const open = openSteps(entries);
  // A torn line would glue itself to the next one: the file is made whole before anything is appended.
  if (torn > 0 || entries.length > ENTRIES_MAX) await store.write(NAME, compact(entries, open).map((entry) => `${lineOf(entry)}\n`).join(''));
  return { open, torn, write: (entry) => store.append(NAME, lineOf(entry)) };
}

/** The tasks that we have begun, as far as the journal goes back. */
export async function postedTasks(store: Store): Promise<ReadonlySet<string>> {
  const entries = ((await store.read(NAME)) ?? '').split('\n').flatMap((line) => parseEntry(line) ?? []);
  return new Set(entries.flatMap((entry) => (entry.event === 'posted' ? [entry.upid] : [])));
}

function lineOf(entry: Entry): string {
  return JSON.stringify({ v: VERSION, ...entry });
}

function parseEntry(line: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isEntry = isObject(value) && (value.v === undefined || value.v === VERSION) && typeof value.event === 'string' && typeof value.step === 'string';
    return isEntry ? (value as unknown as Entry) : undefined;
  } catch {
    return undefined;
  }
}

function openSteps(entries: readonly Entry[]): readonly OpenStep[] {
  const open = new Map<string, OpenStep>();
  for (const entry of entries) {
    if (entry.event === 'started') {
      const { step, title, path, node, vmid } = entry;
      open.set(step, { step, title, path, ...(node === undefined ? {} : { node }), ...(vmid === undefined ? {} : { vmid }) });
    } else if (entry.event === 'posted') {
      const known = open.get(entry.step);
      if (known) open.set(entry.step, { ...known, upid: entry.upid });
    } else if (entry.event === 'settled' || entry.result !== 'unsettled') open.delete(entry.step);
  }
  return [...open.values()];
}

function compact(entries: readonly Entry[], open: readonly OpenStep[]): readonly Entry[] {
  const kept = new Set(open.map((step) => step.step));
  const old = entries.slice(0, -ENTRIES_MAX / 2).filter((entry) => kept.has(entry.step));
  return [...old, ...entries.slice(-ENTRIES_MAX / 2)];
}

