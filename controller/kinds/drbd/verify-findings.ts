// In: when a manifest wants the copies compared. Out: what of it cannot be, or cannot be meant. Pure.
import type { DesiredObject } from '../../model/desired.ts';
import type { Finding } from '../../model/finding.ts';
import type { Found } from '../option-findings.ts';
import type { DrbdSpec } from './schema.ts';
import { isSchedule, isTimeZone, shortestGapMs } from './verify-schedule.ts';

const HOUR_MS = 60 * 60_000;
/** Reading whole disks takes that long. */
const GAP_LEAST_MS = HOUR_MS;

export function verifyFindings({ spec }: DesiredObject<DrbdSpec>, found: Found): readonly Finding[] {
  const { schedule, timezone } = spec.verify ?? {};
  return [...scheduleFindings(schedule, found), ...zoneFindings(timezone, schedule, found)];
}

function scheduleFindings(schedule: string | undefined, found: Found): readonly Finding[] {
  if (schedule === undefined) return [];
  if (!isSchedule(schedule)) return [found('OPTION_INVALID', 'spec.verify.schedule', `"${schedule}" is not a schedule of cron`, 'write minute, hour, day, month and weekday: "0 3 * * 0" is each Sunday at 03:00')];
  const gap = shortestGapMs(schedule);
  if (gap === undefined) return [found('OPTION_INVALID', 'spec.verify.schedule', `"${schedule}" never comes`, 'write a day that its months have')];
  if (gap >= GAP_LEAST_MS) return [];
  return [{ ...found('OPTION_INVALID', 'spec.verify.schedule', `the copies would be compared every ${Math.round(gap / 60_000)} minutes, and each time all of their disks is read`, 'compare them once a week or once a month'), severity: 'warning' }];
}

function zoneFindings(timezone: string | undefined, schedule: string | undefined, found: Found): readonly Finding[] {
  if (timezone === undefined) return [];
  if (!isTimeZone(timezone)) return [found('OPTION_INVALID', 'spec.verify.timezone', `"${timezone}" is not a time zone`, 'write a name of the IANA list, such as Europe/Madrid or UTC')];
  return schedule === undefined ? [{ ...found('OPTION_INVALID', 'spec.verify.timezone', 'it has no effect without a schedule', 'add schedule: "0 3 * * 0"'), severity: 'warning' }] : [];
}
