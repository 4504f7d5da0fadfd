// What waits for a channel: bounded, counted, the same after a restart; and when it may go.
import { expect, test } from 'vitest';
import type { Notice } from '../../controller/notify/notice.ts';
import { begin, EMPTY_QUEUE, enqueue, nextAllowed, pauseMs, queueJson, queueOf, refused, taken, WAITING_MAX } from '../../controller/notify/queue.ts';
import { readNotifyState, stateText } from '../../controller/notify/state.ts';
import { createMemoryStore } from '../../controller/env/memory-store.ts';

const notice = (at: number): Notice => ({ occasion: 'failure', what: 'failed', at, since: at, message: `n${at}`, object: 'Pool/p' });
const many = (count: number, from = 0) => Array.from({ length: count }, (_, at) => notice(from + at));

test('the newest are kept, and how many went is told with the next batch, once', () => {
  const queue = enqueue(enqueue(EMPTY_QUEUE, many(WAITING_MAX)), many(30, WAITING_MAX));
  expect(queue).toMatchObject({ dropped: 30, waiting: { length: WAITING_MAX } });
  expect(queue.waiting[0]?.at).toBe(30);
  const sending = begin(queue, 'a');
  expect(sending).toMatchObject({ waiting: [], dropped: 0, sending: { id: 'a', dropped: 30 } });
  expect(taken(sending)).toEqual(EMPTY_QUEUE);
});

test('what is under way stays as it is', () => {
  const queue = enqueue(begin(enqueue(EMPTY_QUEUE, many(2)), 'a'), many(1, 2));
  expect(begin(queue, 'b').sending).toMatchObject({ id: 'a', notices: { length: 2 } });
  expect(begin(taken(queue), 'b').sending).toMatchObject({ id: 'b', notices: [{ at: 2 }] });
  expect(refused(queue)).toMatchObject({ dropped: 2, waiting: { length: 1 } });
});

test('a restart finds what was left, and begins anew with what is damaged', async () => {
  const queue = enqueue(begin(enqueue(EMPTY_QUEUE, many(2)), 'a'), many(1, 2));
  expect(queueOf(JSON.parse(JSON.stringify(queueJson(queue))))).toEqual(queue);
  const state = { seq: 7, problems: new Map([['failure:Pool/p', { occasion: 'failure' as const, since: 1, object: 'Pool/p', told: ['d'] }]]), queues: new Map([['ops', queue]]) };
  expect(await readNotifyState(createMemoryStore({ 'notify.json': stateText(state) }))).toEqual({ state });
  for (const text of ['{', '[]', '{"version":2}', '']) expect((await readNotifyState(createMemoryStore({ 'notify.json': text }))).damage).toMatch(/begun anew/);
  expect(await readNotifyState(createMemoryStore())).toEqual({});
});

test('tries are spread, and never more than a quarter of an hour apart', () => {
  expect([1, 2, 3, 20, 500].map((nth) => pauseMs(nth, () => 1))).toEqual([5_000, 10_000, 20_000, 900_000, 900_000]);
  expect(pauseMs(3, () => 0)).toBe(10_000);
});

test('thirty messages an hour, ten seconds apart', () => {
  expect(nextAllowed([], 1_000_000)).toBeLessThanOrEqual(1_000_000);
  expect(nextAllowed([1_000_000], 1_000_001)).toBe(1_010_000);
  const sent = Array.from({ length: 30 }, (_, at) => 1_000_000 + at * 20_000);
  expect(nextAllowed(sent, 1_600_000)).toBe(1_000_000 + 3_600_000);
  expect(nextAllowed(sent, 1_000_000 + 3_600_000)).toBe(1_580_000 + 10_000);
});
