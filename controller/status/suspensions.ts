// In: what a person suspended, and until when. Out: why an object is left alone, or nothing; `suspensions.json`. The rules are pure.
import type { Store } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { Json } from '../model/json.ts';
import { refText } from '../model/ref.ts';
import type { Ref } from '../model/ref.ts';

export interface Suspension {
  /** `all`, a kind (`VirtualMachine`), or an object (`VirtualMachine/web`). */
  readonly what: string;
  readonly reason: string;
  readonly since: number;
  /** Milliseconds since the epoch; absent: until somebody resumes it. */
  readonly until?: number;
}

const NAME = 'suspensions.json';
const SUSPENSIONS_MAX = 1_000;

export function suspensionOf(ref: Ref, suspensions: readonly Suspension[], now: number): Suspension | undefined {
  const names = ['all', ref.kind, refText(ref)];
  return suspensions.find((each) => names.includes(each.what) && !isOver(each, now));
}

export function isOver(suspension: Suspension, now: number): boolean {
  return suspension.until !== undefined && now >= suspension.until;
}

/** The newest one of a thing counts. @throws Failure when there are too many */
export function suspend(suspensions: readonly Suspension[], added: Suspension): readonly Suspension[] {
  const others = suspensions.filter((each) => each.what !== added.what);
  if (others.length >= SUSPENSIONS_MAX) throw failure('USAGE', `${SUSPENSIONS_MAX} things are suspended already`, { fix: 'suspend a kind, or all' });
  return [...others, added];
}

export interface ReadSuspensions { readonly suspensions: readonly Suspension[]; readonly damage?: string }

/**
 * What cannot be read was written by a person who wanted something left alone: with a damaged file all is suspended
 * until somebody resumes it.
 */
export async function readSuspensions(store: Store, now: number): Promise<ReadSuspensions> {
  const all = (why: string): ReadSuspensions => ({ damage: `${NAME} ${why}; all is suspended until you say: latido resume all`, suspensions: [{ what: 'all', reason: `${NAME} ${why}`, since: now }] });
  let text: string | undefined;
  try {
    text = await store.read(NAME);
  } catch (error) {
    if (error instanceof Failure) return all('cannot be read');
    throw error;
  }
  if (text === undefined) return { suspensions: [] };
  const entries = parse(text);
  return entries === undefined ? all('is damaged') : { suspensions: entries };
}

function parse(text: string): readonly Suspension[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value.version !== 1 || !Array.isArray(value.suspensions)) return undefined;
    const entries = value.suspensions.map(parseOne);
    return entries.includes(undefined) ? undefined : entries.flatMap((entry) => entry ?? []);
  } catch {
    return undefined;
  }
}

function parseOne(entry: Json | unknown): Suspension | undefined {
  if (!isObject(entry) || typeof entry.what !== 'string' || typeof entry.reason !== 'string' || typeof entry.since !== 'number') return undefined;
  return { what: entry.what, reason: entry.reason, since: entry.since, ...(typeof entry.until === 'number' ? { until: entry.until } : {}) };
}

export async function writeSuspensions(store: Store, suspensions: readonly Suspension[]): Promise<void> {
  await store.write(NAME, `${JSON.stringify({ version: 1, suspensions }, null, 1)}\n`);
}
