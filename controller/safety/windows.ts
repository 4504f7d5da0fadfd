// In: windows of the policy and a moment. Out: whether the moment lies in one of them. Pure.
import type { Window } from '../model/desired.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const WEEK_MINUTES = 7 * 24 * 60;

/** Windows are wall-clock times of their own time zone; one may run over midnight into the next day. */
export function insideWindow(windows: readonly Window[], atMs: number): boolean {
  return windows.some((window) => {
    const now = minuteOfWeek(atMs, window.timezone ?? 'UTC');
    const [hour = 0, minute = 0] = window.start.split(':').map(Number);
    const days = window.days ?? DAYS;
    return days.some((day) => {
      const start = DAYS.indexOf(day) * 24 * 60 + hour * 60 + minute;
      return (now - start + WEEK_MINUTES) % WEEK_MINUTES < window.hours * 60;
    });
  });
}

function minuteOfWeek(atMs: number, timezone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone: timezone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).formatToParts(atMs);
  const part = (type: string) => parts.find((candidate) => candidate.type === type)?.value ?? '';
  const day = DAYS.indexOf(part('weekday').toLowerCase() as (typeof DAYS)[number]);
  return day * 24 * 60 + Number(part('hour')) * 60 + Number(part('minute'));
}
