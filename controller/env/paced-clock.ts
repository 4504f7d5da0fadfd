// In: a clock, and how many times as fast as real time the lab runs that it is used with. Out: a clock whose pauses are as much
// shorter. Its moments stay the real ones, so that whatever has a deadline is only more patient than asked.
import type { Clock } from '../model/doors.ts';

/** Beyond that a pause is nothing but load. */
const SPEED_MAX = 1_000;

/** @param speed as the environment says it; what is no number above 0 changes nothing */
export function pacedClock(clock: Clock, speed: string | undefined): Clock {
  const factor = Math.min(SPEED_MAX, Number(speed ?? 1));
  if (!(factor > 0) || factor === 1) return clock;
  return { now: () => clock.now(), sleep: (ms, signal) => clock.sleep(ms / factor, signal) };
}
