// In: a calendar event of systemd's kind (`mon..fri 02:30`, `*/15`, `daily`) and the hour, in UTC. Out: when it is next due.

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const NAMED: Readonly<Record<string, string>> = { minutely: '*:*', hourly: '*:00', daily: '00:00', weekly: 'mon 00:00', monthly: '*-1 00:00', yearly: '1-1 00:00' };
/** Nothing is looked for further ahead: a year and a day. */
const MINUTES_MAX = 366 * 24 * 60;

/** Unix seconds; undefined when the event never comes within a year. */
export function nextRun(event: string, nowMs: number): number | undefined {
  const words = (NAMED[event.trim()] ?? event.trim()).toLowerCase().split(/\s+/);
  const days = words.find((word) => WEEKDAYS.some((day) => word.startsWith(day)));
  const date = words.find((word) => /\d-|\*-/.test(word));
  const time = words.find((word) => word !== days && word !== date) ?? '00:00';
  const [hours, minutes] = time.includes(':') ? time.split(':') as [string, string] : [/^\d+$/.test(time) ? time : '*', /^\d+$/.test(time) ? '00' : time];
  const isDay = dayTest(days, date);
  const isHour = numberTest(hours);
  const isMinute = numberTest(minutes);
  let minute = Math.floor(nowMs / 60_000) + 1;
  for (const last = minute + MINUTES_MAX; minute < last;) {
    const at = minute * 60;
    const hour = Math.floor(at / 3600) % 24;
    if (!isDay(at)) minute += 1440 - (minute % 1440);
    else if (!isHour(hour)) minute += 60 - (minute % 60);
    else if (!isMinute(minute % 60)) minute += 1;
    else return at;
  }
  return undefined;
}

function dayTest(days: string | undefined, date: string | undefined): (seconds: number) => boolean {
  const wanted = (days ?? '').split(',').flatMap((part) => {
    const [from = '', to] = part.split('..').map((day) => day.slice(0, 3));
    const start = WEEKDAYS.indexOf(from);
    if (start < 0) return [];
    const end = to === undefined ? start : WEEKDAYS.indexOf(to);
    return Array.from({ length: ((end - start + 7) % 7) + 1 }, (_, at) => (start + at) % 7);
  });
  const [month = '*', dayOfMonth = '*'] = (date ?? '').split('-').slice(-2);
  const [isMonth, isDate] = date === undefined ? [() => true, () => true] : [numberTest(month), numberTest(dayOfMonth)];
  return (seconds) => {
    // 1970-01-01 was a Thursday.
    const weekday = (Math.floor(seconds / 86_400) + 4) % 7;
    if (wanted.length > 0 && !wanted.includes(weekday)) return false;
    if (date === undefined) return true;
    const day = new Date(seconds * 1000);
    return isMonth(day.getUTCMonth() + 1) && isDate(day.getUTCDate());
  };
}

/** `*`, `5`, `1,3`, `8..17`, `0/15`, `*\/15`. */
function numberTest(text: string): (value: number) => boolean {
  const parts = text.split(',').map((part) => {
    const [range = '*', step] = part.split('/');
    const [from = '*', to] = range.split('..');
    const start = from === '*' ? 0 : Number(from);
    const end = to !== undefined ? Number(to) : from === '*' || step !== undefined ? Infinity : start;
    return { start, end, step: Number(step ?? 1) };
  });
  return (value) => parts.some(({ start, end, step }) => value >= start && value <= end && (value - start) % step === 0);
}
