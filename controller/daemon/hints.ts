// In: what can tell of changes in the cluster at little cost: the counters of /etc/pve, else the recent tasks and the log.
// Out: “look again” when something is new. They carry no facts; what leaves no trace there is found by the next full look.
import type { Clock } from '../model/doors.ts';
import { isQuiet } from '../observe/file-changes.ts';
import type { FileReader } from '../observe/files.ts';
import { isHintless } from '../observe/hints.ts';
import type { Hints } from '../observe/hints.ts';

/** Calls `onChange` when something happened in the cluster; ends when the signal aborts. Three calls a look. */
export async function watchHints(hints: Hints, clock: Clock, everyMs: number, signal: AbortSignal, onChange: () => void): Promise<void> {
  let isFirst = true;
  while (await passed(clock, everyMs, signal)) {
    const changes = await hints.look();
    if (changes === undefined) continue;
    if (!isFirst && !isHintless(changes)) onChange();
    isFirst = false;
  }
}

/** As above, by two small reads a look. Files that go away or come back are one change. */
export async function watchFiles(reader: Pick<FileReader, 'tick'>, clock: Clock, everyMs: number, signal: AbortSignal, onChange: () => void): Promise<void> {
  let before: 'first' | 'there' | 'away' = 'first';
  while (await passed(clock, everyMs, signal)) {
    const changes = await reader.tick();
    const now = changes.away === undefined ? 'there' : 'away';
    const isNews = before !== 'first' && (now !== before || (now === 'there' && !isQuiet(changes)));
    before = now;
    if (isNews) onChange();
  }
}

async function passed(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  await clock.sleep(ms, signal).catch(() => undefined);
  return !signal.aborted;
}
