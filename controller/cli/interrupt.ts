// In: the process's signals. Out: work that Ctrl-C ends in order at the first time, and at once at the second.
// Must never leave a handler behind: outside of such work Ctrl-C ends the program as everybody expects.
import type { Context, Terminal } from './context.ts';

export interface Signals {
  on(signal: 'SIGINT' | 'SIGTERM', handler: () => void): unknown;
  removeListener(signal: 'SIGINT' | 'SIGTERM', handler: () => void): unknown;
  exit(code: number): never;
}

/** As shells count it: 128 and the number of SIGINT. */
const INTERRUPTED = 130;

// One Ctrl-C reaches a program twice when what started it (npm, a shell's wrapper) passes it on as well.
const SAME_KEY_MS = 500;

export function interruptible(signals: Signals, terminal: Terminal, now: () => number): Context['interruptible'] {
  return async (work, leaving) => {
    const stop = new AbortController();
    let stoppedAt = 0;
    const handler = () => {
      if (stop.signal.aborted) {
        if (now() - stoppedAt < SAME_KEY_MS) return;
        terminal.err(leaving());
        signals.exit(INTERRUPTED);
      }
      stoppedAt = now();
      stop.abort(new Error('interrupted'));
    };
    signals.on('SIGINT', handler);
    signals.on('SIGTERM', handler);
    try {
      return await work(stop.signal);
    } finally {
      signals.removeListener('SIGINT', handler);
      signals.removeListener('SIGTERM', handler);
    }
  };
}
