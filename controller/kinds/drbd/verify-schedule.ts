// In: when the copies of a resource are to be compared, as the manifest says. Out: the last time at which it was due; mistakes. Pure:
// the calendar library is asked about moments that are given to it, and starts no timer.
import { Cron } from 'croner';

export interface Schedule { readonly schedule: string; readonly timezone?: string }

/** The last moment at or before `atMs`; nothing when there never was one. */
export function lastTime(schedule: Schedule, atMs: number): number | undefined {
  // The library looks back from this moment, itself excluded, by whole seconds.
  return calendarOf(schedule).previousRuns(1, new Date(atMs + 1_000))[0]?.getTime();
}

export function nextTime(schedule: Schedule, atMs: number): number | undefined {
  return calendarOf(schedule).nextRun(new Date(atMs))?.getTime();
}

const calendars = new Map<string, Cron>();
/** Far more than one cluster has; whoever reads many clusters begins anew. */
const CALENDARS_MAX = 1_000;

function calendarOf({ schedule, timezone = 'UTC' }: Schedule): Cron {
  const key = `${timezone} ${schedule}`;
  const known = calendars.get(key) ?? new Cron(schedule, { paused: true, timezone });
  if (calendars.size >= CALENDARS_MAX) calendars.clear();
  calendars.set(key, known);
  return known;
}

/** Five fields, as cron has them; the library knows seconds as well. */
export function isSchedule(schedule: string): boolean {
  if (schedule.trim().split(/\s+/).length !== 5) return false;
  try {
    return new Cron(schedule, { paused: true }).getPattern() !== undefined;
  } catch {
    return false;
  }
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const RUNS_LOOKED_AT = 60;

/** The shortest time between two of them; nothing when there are not two. */
export function shortestGapMs(schedule: string): number | undefined {
  // A calendar repeats itself; where it is looked at does not matter.
  const runs = calendarOf({ schedule }).nextRuns(RUNS_LOOKED_AT, new Date(0)).map((run) => run.getTime());
  const gaps = runs.slice(1).map((run, at) => run - (runs[at] ?? run));
  return gaps.length === 0 ? undefined : Math.min(...gaps);
}
