// When a backup job is next due. The hour asked at is Sunday 2026-11-22, 12:00 UTC.
import { expect, test } from 'vitest';
import { nextRun } from '../../controller/sim/calendar-event.ts';

const NOW = Date.UTC(2026, 10, 22, 12);

test.each([
  ['daily', Date.UTC(2026, 10, 23)], ['hourly', Date.UTC(2026, 10, 22, 13)], ['weekly', Date.UTC(2026, 10, 23)], ['monthly', Date.UTC(2026, 11, 1)], ['yearly', Date.UTC(2027, 0, 1)],
  ['02:30', Date.UTC(2026, 10, 23, 2, 30)], ['12:00', Date.UTC(2026, 10, 23, 12)], ['12:01', Date.UTC(2026, 10, 22, 12, 1)],
  ['mon..fri 02:30', Date.UTC(2026, 10, 23, 2, 30)], ['sat,sun 02:00', Date.UTC(2026, 10, 28, 2)], ['sun 13:00', Date.UTC(2026, 10, 22, 13)], ['fri..mon 01:00', Date.UTC(2026, 10, 23, 1)],
  ['*/15', Date.UTC(2026, 10, 22, 12, 15)], ['*:0/20', Date.UTC(2026, 10, 22, 12, 20)], ['8..17:30', Date.UTC(2026, 10, 22, 12, 30)], ['21', Date.UTC(2026, 10, 22, 21)],
  ['*-*-15 03:00', Date.UTC(2026, 11, 15, 3)],
])('%s', (event, due) => {
  expect(nextRun(event, NOW)).toBe(due / 1000);
});

test('a day that never comes is never due', () => {
  expect(nextRun('2-30 00:00', NOW)).toBeUndefined();
});
