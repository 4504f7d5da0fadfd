// In: windows of the policy and a moment. Out: whether the moment lies in one of them, and when the next one opens. Pure: the
// calendar library is asked about moments that are given to it, and starts no timer.
import { Cron } from 'croner';
import type { Window } from '../model/desired.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const HOUR_MS = 60 * 60_000;

/** Windows open at a wall-clock time of their own time zone, and stay open for so many hours of real time, over a change of the clock too. */
export function insideWindow(windows: readonly Window[], atMs: number): boolean {
  return windows.some((window) => {
    // The library looks back from this moment, itself excluded, by whole seconds.
    const opened = calendarOf(window).previousRuns(1, new Date(atMs + 1_000))[0]?.getTime();
    return opened !== undefined && opened <= atMs && atMs - opened < window.hours * HOUR_MS;
  });
}

/** When the next one opens after this moment; nothing when none ever does. */
export function nextOpening(windows: readonly Window[], atMs: number): number | undefined {
  const openings = windows.flatMap((window) => calendarOf(window).nextRun(new Date(atMs))?.getTime() ?? []);
  return openings.length === 0 ? undefined : Math.min(...openings);
}

const calendars = new WeakMap<Window, Cron>();

function calendarOf(window: Window): Cron {
  const known = calendars.get(window) ?? new Cron(scheduleOf(window), { paused: true, timezone: window.timezone ?? 'UTC' });
  calendars.set(window, known);
  return known;
}

function scheduleOf({ schedule, start = '00:00', days = DAYS }: Window): string {
  if (schedule !== undefined) return schedule;
  const [hour = 0, minute = 0] = start.split(':').map(Number);
  return `${minute} ${hour} * * ${days.map((day) => DAYS.indexOf(day)).join(',')}`;
}
