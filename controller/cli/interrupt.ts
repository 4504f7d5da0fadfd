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

export function interruptible(signals: Signals, terminal: Terminal): Context['interruptible'] {
  return async (work, leaving) => {
    const stop = new AbortController();
    const handler = () => {
      if (stop.signal.aborted) {
        terminal.err(leaving());
        signals.exit(INTERRUPTED);
      }
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
