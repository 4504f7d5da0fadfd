// In: notices for one channel, and how its deliveries end. Out: what is sent next and when; what is kept across a restart. Pure.
// Must never grow without end, nor lose a notice without counting it.
import type { Occasion } from '../config/schema.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import type { Notice } from './notice.ts';

export interface Batch { readonly id: string; readonly notices: readonly Notice[]; readonly dropped: number }

export interface Queue {
  readonly waiting: readonly Notice[];
  /** Of the waiting ones, the oldest that had to go. */
  readonly dropped: number;
  /** Under way, or to be tried again: it stays as it is, because it may have arrived. */
  readonly sending?: Batch;
}

export const EMPTY_QUEUE: Queue = { waiting: [], dropped: 0 };
/** The newest are kept: after hours without the channel they tell how things stand. */
export const WAITING_MAX = 200;

export function enqueue(queue: Queue, notices: readonly Notice[]): Queue {
  const all = [...queue.waiting, ...notices];
  const over = Math.max(0, all.length - WAITING_MAX);
  return { ...queue, waiting: all.slice(over), dropped: queue.dropped + over };
}

/** All that waits becomes one batch, unless one is under way. */
export function begin(queue: Queue, id: string): Queue {
  if (queue.sending || queue.waiting.length === 0) return queue;
  return { waiting: [], dropped: 0, sending: { id, notices: queue.waiting, dropped: queue.dropped } };
}

export function taken({ waiting, dropped }: Queue): Queue {
  return { waiting, dropped };
}

/** The channel will never take this batch: it counts as dropped. */
export function refused({ waiting, dropped, sending }: Queue): Queue {
  return { waiting, dropped: dropped + (sending ? sending.notices.length + sending.dropped : 0) };
}

const PAUSE_FIRST_MS = 5_000;
const PAUSE_MAX_MS = 15 * 60_000;

/** Before the try after `failures` (from 1): doubling, spread over its upper half. */
export function pauseMs(failures: number, random: () => number): number {
  const full = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** Math.min(failures - 1, 20));
  return Math.round(full / 2 + (full / 2) * random());
}

// A chat that rings every minute is soon not read any more; what comes in between is in the next message.
const GAP_MS = 10_000;
const HOUR_MS = 60 * 60_000;
const PER_HOUR = 30;

/** When the next message may go. @param sentAt when earlier ones went, oldest first */
export function nextAllowed(sentAt: readonly number[], now: number): number {
  const hour = sentAt.filter((at) => now - at < HOUR_MS);
  const gap = (hour.at(-1) ?? -GAP_MS) + GAP_MS;
  const [oldest] = hour.slice(-PER_HOUR);
  return hour.length >= PER_HOUR && oldest !== undefined ? Math.max(gap, oldest + HOUR_MS) : gap;
}

export function queueJson({ waiting, dropped, sending }: Queue): JsonObject {
  return { dropped, waiting: waiting.map(noticeJson), ...(sending ? { sending: { id: sending.id, dropped: sending.dropped, notices: sending.notices.map(noticeJson) } } : {}) };
}

export function queueOf(value: unknown): Queue {
  if (!isObject(value)) return EMPTY_QUEUE;
  const { waiting, dropped, sending } = value;
  const batch = isObject(sending) && typeof sending['id'] === 'string' ? { id: sending['id'], notices: noticesOf(sending['notices']), dropped: count(sending['dropped']) } : undefined;
  return { waiting: noticesOf(waiting), dropped: count(dropped), ...(batch && batch.notices.length > 0 ? { sending: batch } : {}) };
}

function noticeJson(notice: Notice): JsonObject {
  return { ...notice };
}

function noticesOf(value: unknown): readonly Notice[] {
  return Array.isArray(value) ? value.flatMap((each: unknown) => noticeOf(each) ?? []).slice(-WAITING_MAX) : [];
}

const OCCASIONS: readonly string[] = ['hold', 'failure', 'drift', 'recovery', 'split-brain', 'commit'];

export function isOccasion(value: unknown): value is Occasion {
  return typeof value === 'string' && OCCASIONS.includes(value);
}

function noticeOf(value: unknown): Notice | undefined {
  if (!isObject(value)) return undefined;
  const { occasion, what, at, since, message } = value;
  if (!isOccasion(occasion) || typeof what !== 'string' || typeof at !== 'number' || typeof since !== 'number' || typeof message !== 'string') return undefined;
  return { occasion, what, at, since, message, ...text(value, 'object'), ...text(value, 'revision'), ...text(value, 'by'), ...text(value, 'fix') };
}

function text<Key extends string>(value: { readonly [key: string]: unknown }, key: Key): { readonly [K in Key]?: string } {
  const found = value[key];
  return (typeof found === 'string' ? { [key]: found } : {}) as { readonly [K in Key]?: string };
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
