// In: what the daemon must still know after a restart, object by object. Out: `daemon.json`. A help, never a truth: when it
// is lost, nothing is known of earlier drift, and what may not be undone by policy is left alone.
import type { Store } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { compareText } from '../model/ref.ts';

/** By `refText`. */
export type Records = ReadonlyMap<string, ObjectRecord>;

export interface ObjectRecord {
  /** The manifest (a digest of its spec) that the object was last seen to be like. */
  readonly synced?: string;
  /** When it was first seen to differ although its manifest had not changed, and who did it. */
  readonly drift?: { readonly since: number; readonly what: string; readonly by?: string };
  readonly held?: { readonly code: string; readonly since: number };
  /** When drift of it was undone, newest last. */
  readonly repairs?: readonly number[];
  /** Something else keeps undoing us: left alone as long as its manifest is this one. */
  readonly frozen?: { readonly since: number; readonly spec: string };
  readonly failed?: Failed;
  /** Two nodes have written apart from each other, and a person was told of this event. */
  readonly split?: { readonly event: string; readonly nodes: readonly string[]; readonly since: number };
  /** What is wrong with it although it is as its manifest asks: `TwoHolders`. */
  readonly trouble?: { readonly reason: string; readonly since: number };
}

export interface Failed {
  readonly since: number;
  readonly times: number;
  readonly retryAt: number;
  /** Trying again does not help before the commit is another one. */
  readonly isTerminal: boolean;
  readonly commit: string;
  readonly code: string;
  readonly message: string;
}

export interface DaemonRecord {
  readonly objects: Records;
  readonly approved?: string;
  /** The file was lost while this commit was in force: what differed then was not known. */
  readonly blind?: boolean;
}

const NAME = 'daemon.json';

export async function readRecord(store: Store): Promise<DaemonRecord & { readonly damage?: string; /** There is no file. */ readonly isNew?: true }> {
  try {
    const text = await store.read(NAME);
    if (text === undefined) return { objects: new Map(), isNew: true };
    return parseRecord(text) ?? { objects: new Map(), blind: true, damage: `${NAME} is damaged and is begun anew` };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { objects: new Map(), blind: true, damage: `${NAME} is begun anew: ${error.findings[0]?.fact ?? ''}` };
  }
}

export function recordText(record: DaemonRecord): string {
  const objects = [...record.objects].filter(([, each]) => Object.keys(each).length > 0).sort(([a], [b]) => compareText(a, b));
  return `${JSON.stringify({ version: 1, ...(record.approved === undefined ? {} : { approved: record.approved }), ...(record.blind ? { blind: true } : {}), objects: Object.fromEntries(objects) })}\n`;
}

export async function writeRecord(store: Store, text: string): Promise<void> {
  await store.write(NAME, text);
}

function parseRecord(text: string): DaemonRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value.version !== 1 || !isObject(value.objects)) return undefined;
    const objects = new Map(Object.entries(value.objects).flatMap(([ref, entry]) => (isObject(entry) ? [[ref, parseObject(entry)] as const] : [])));
    return { objects, ...(typeof value.approved === 'string' ? { approved: value.approved } : {}), ...(value.blind === true ? { blind: true } : {}) };
  } catch {
    return undefined;
  }
}

function parseObject(entry: { readonly [key: string]: unknown }): ObjectRecord {
  const { synced, drift, held, repairs, frozen, failed, split, trouble } = entry;
  return {
    ...(typeof synced === 'string' ? { synced } : {}),
    ...(isObject(drift) && typeof drift.since === 'number' && typeof drift.what === 'string' ? { drift: { since: drift.since, what: drift.what, ...(typeof drift.by === 'string' ? { by: drift.by } : {}) } } : {}),
    ...(isObject(held) && typeof held.code === 'string' && typeof held.since === 'number' ? { held: { code: held.code, since: held.since } } : {}),
    ...(Array.isArray(repairs) ? { repairs: repairs.filter((each): each is number => typeof each === 'number') } : {}),
    ...(isObject(frozen) && typeof frozen.since === 'number' && typeof frozen.spec === 'string' ? { frozen: { since: frozen.since, spec: frozen.spec } } : {}),
    ...(isFailed(failed) ? { failed } : {}),
    ...(isObject(trouble) && typeof trouble.reason === 'string' && typeof trouble.since === 'number' ? { trouble: { reason: trouble.reason, since: trouble.since } } : {}),
    ...(isObject(split) && typeof split.event === 'string' && typeof split.since === 'number' && Array.isArray(split.nodes) ? { split: { event: split.event, since: split.since, nodes: split.nodes.filter((each) => typeof each === 'string') } } : {}),
  };
}

function isFailed(value: unknown): value is Failed {
  return isObject(value) && ['since', 'times', 'retryAt'].every((key) => typeof value[key] === 'number') && typeof value.isTerminal === 'boolean' && ['commit', 'code', 'message'].every((key) => typeof value[key] === 'string');
}
