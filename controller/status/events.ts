// In: what happened. Out: `events.jsonl` (what a person follows) and `history.jsonl` (one line per round that did or found something).
import type { Store } from '../model/doors.ts';
import { isObject } from '../model/json.ts';
import type { Ref } from '../model/ref.ts';
import { openLines } from './lines.ts';
import type { Lines } from './lines.ts';

/** Every kind of event; a reader may rely on these words. */
export const EVENT_TYPES = {
  started: 'the daemon started', stopped: 'the daemon stopped', commit: 'a commit is in force', refused: 'a commit was not taken', source: 'the source of commits was lost or came back',
  drift: 'an object was changed by hand', repaired: 'its drift was undone', frozen: 'something else keeps undoing us', step: 'a step was done', failed: 'a step or a round failed',
  stalled: 'trying again does not help', held: 'something planned is not done now', released: 'it is held no longer', recovered: 'what failed before was done', 'in-sync': 'all is as the commit asks', suspended: 'a person suspended it', resumed: 'a person or the clock resumed it',
  approved: 'a person approved a plan', lease: 'who may write changed', settled: 'what a killed daemon left was waited for', state: 'a file of the state was damaged', watchdog: 'a round took too long', cluster: 'the cluster was lost or came back', 'split-brain': 'two nodes have written apart from each other, or no longer', 'virtual-ip': 'no node or more than one has the address of the cluster, or one again', 'copies-differ': 'the copies of a resource were compared and differ, or are equal again', asked: 'a person asked for a look',
} as const;
export type EventType = keyof typeof EVENT_TYPES;

export interface StatusEvent {
  readonly v: 1;
  /** Rises by one; names the event for `--follow`. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly type: EventType;
  readonly message: string;
  readonly ref?: Ref;
  readonly revision?: string;
  /** Who did it, where Proxmox tells: `root@pam`. */
  readonly by?: string;
  /** Of `source`: it answers again; of `split-brain`: it is resolved; of `virtual-ip`: one node has it; of `copies-differ`: they are equal. */
  readonly isOver?: true;
}
export type NewEvent = Omit<StatusEvent, 'v' | 'seq' | 'at'>;

export interface RoundRecord {
  readonly v: 1;
  readonly at: number;
  readonly durationMs: number;
  readonly causes: readonly string[];
  readonly revision: string;
  readonly outcome: 'in-sync' | 'applied' | 'held' | 'failed' | 'interrupted';
  readonly fingerprint?: string;
  readonly done: number;
  readonly failed: number;
  readonly held: number;
  readonly calls: number;
  readonly message?: string;
}

const EVENTS_MAX = 2_000;
const ROUNDS_MAX = 1_000;

export function openEvents(store: Store): Promise<Lines<StatusEvent>> {
  return openLines(store, 'events.jsonl', EVENTS_MAX, (value) => {
    const { v, seq, at, type, message, ref } = value;
    if (v !== 1 || typeof seq !== 'number' || typeof at !== 'number' || typeof message !== 'string' || typeof type !== 'string' || !(type in EVENT_TYPES)) return undefined;
    return ref === undefined || isRef(ref) ? (value as unknown as StatusEvent) : undefined;
  });
}

export function openHistory(store: Store): Promise<Lines<RoundRecord>> {
  return openLines(store, 'history.jsonl', ROUNDS_MAX, (value) => {
    const { v, at, durationMs, causes, revision, outcome, done, failed, held, calls } = value;
    const isWhole = v === 1 && [at, durationMs, done, failed, held, calls].every((each) => typeof each === 'number') && Array.isArray(causes) && typeof revision === 'string' && typeof outcome === 'string';
    return isWhole ? (value as unknown as RoundRecord) : undefined;
  });
}

export function isRef(value: unknown): value is Ref {
  return isObject(value) && typeof value.kind === 'string' && typeof value.name === 'string';
}
