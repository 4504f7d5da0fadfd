// In: the world of a round. Out: whether it still moves: answers and steps count as life. A round that hangs is told of,
// one that takes too long is ended after its current steps, one that is told to stop is waited for a while.
import { PveError } from '../model/doors.ts';
import type { Clock, Env } from '../model/doors.ts';
import type { DaemonOptions } from './options.ts';
import type { CallReport } from './outlook.ts';

/** An Env that counts what moves. */
export class WatchedEnv {
  readonly env: Env;
  moves = 0;
  readonly clock: Clock;

  /** @param onCall hears of each call of the cluster's API */
  constructor(env: Env, onCall?: (report: CallReport) => void) {
    this.clock = env.clock;
    const moved = <T>(value: T): T => {
      this.moves += 1;
      return value;
    };
    const failed = (error: unknown): never => {
      moved(undefined);
      throw error;
    };
    const timed = async <T>(method: CallReport['method'], call: () => Promise<T>): Promise<T> => {
      const startedAt = env.clock.now();
      const report = (result: CallReport['result']) => onCall?.({ method, result, durationMs: Math.max(0, env.clock.now() - startedAt) });
      try {
        const value = await call();
        report('ok');
        return value;
      } catch (error) {
        report(error instanceof PveError ? 'refused' : 'lost');
        throw error;
      }
    };
    const { pve, store } = env;
    this.env = {
      ...env,
      pve: {
        get: (...given) => timed('GET', () => pve.get(...given)).then(moved, failed),
        write: (...given) => timed(given[0], () => pve.write(...given)).then(moved, failed),
        learnNodes: (addresses) => pve.learnNodes(addresses),
        ...(pve.sight ? { sight: pve.sight } : {}),
        get asRoot() { return pve.asRoot ?? false; },
        get stats() { return pve.stats; },
      },
      store: {
        read: (...given) => store.read(...given).then(moved, failed),
        write: (...given) => store.write(...given).then(moved, failed),
        append: (...given) => store.append(...given).then(moved, failed),
      },
    };
  }
}

const LOOK_MS = 30_000;

/** `over` resolves only when the round should not be waited for any more; `done` ends the watching. */
export function stuck(watched: WatchedEnv, options: DaemonOptions, stop: AbortSignal, endEarly: () => void): { readonly over: Promise<'stuck' | 'left'>; done(): void } {
  const finished = new AbortController();
  const { clock } = watched;
  const napMs = Math.min(LOOK_MS, options.stuckMs / 4, options.stopGraceMs);
  // Naps are counted, because the clock may jump, and a machine that was asleep was not stuck.
  const watch = async (): Promise<'stuck' | 'left'> => {
    const passed = { inAll: 0, quiet: 0, stopping: 0 };
    for (let { moves } = watched; ; moves = watched.moves) {
      await clock.sleep(napMs, finished.signal);
      passed.inAll += napMs;
      passed.quiet = watched.moves === moves ? passed.quiet + napMs : 0;
      if (passed.stopping >= options.stopGraceMs) return 'left';
      if (stop.aborted) passed.stopping += napMs;
      if (passed.quiet >= options.stuckMs) return 'stuck';
      if (passed.inAll >= options.roundMaxMs) endEarly();
    }
  };
  const over = watch().catch((error: unknown) => {
    if (finished.signal.aborted) return new Promise<never>(() => undefined);
    throw error;
  });
  return { over, done: () => finished.abort(new Error('the round ended')) };
}
