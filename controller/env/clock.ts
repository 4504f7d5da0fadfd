// The real clock.
import type { Clock } from '../model/doors.ts';

// Node's timers hold 31 bits and fire at once beyond that.
const TIMER_MS_MAX = 2 ** 31 - 1;

export const realClock: Clock = { now: () => Date.now(), sleep };

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  let left = Math.max(0, ms);
  do {
    const part = Math.min(left, TIMER_MS_MAX);
    await timer(part, signal);
    left -= part;
  } while (left > 0);
}

function timer(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const aborted = () => {
      clearTimeout(running);
      reject(signal?.reason as Error);
    };
    const running = setTimeout(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    }, ms);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}
