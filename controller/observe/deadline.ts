// In: reads that belong together, and their time. Out: what they came to, or a clear failure when the time is over; nothing is
// asked any more after it. A cluster that takes connections and answers nothing would cost a timeout for each read.
import { setMaxListeners } from 'node:events';
import type { Env, PveApi } from '../model/doors.ts';
import { failure } from '../model/finding.ts';

/** Hundreds of guests are read in seconds; whoever needs longer than this does not answer. */
export const PLAN_MAX_MS = 10 * 60_000;

/** @throws Failure CLUSTER_SILENT after `ms` */
export async function readWithin<T>(env: Env, ms: number, read: (env: Env) => Promise<T>): Promise<T> {
  const over = new AbortController();
  // Hundreds of reads listen to it at once, and none stays: Node.js would warn of a leak.
  setMaxListeners(0, over.signal);
  const done = new AbortController();
  const late = env.clock.sleep(ms, done.signal).then((): never => {
    throw failure('CLUSTER_SILENT', `the cluster could not be read within ${Math.round(ms / 1000)} s`, { fix: 'latido doctor tells who answers; it is tried again' });
  });
  try {
    return await Promise.race([read({ ...env, pve: until(env.pve, over.signal) }), late]);
  } finally {
    done.abort(new Error('it was read'));
    over.abort(new Error('the time is over'));
  }
}

function until(pve: PveApi, signal: AbortSignal): PveApi {
  return {
    get: (path, how) => pve.get(path, { ...how, signal }),
    write: (...given) => pve.write(...given),
    learnNodes: (addresses) => pve.learnNodes(addresses),
    get asRoot() { return pve.asRoot ?? false; },
    get stats() { return pve.stats; },
    ...(pve.sight ? { sight: pve.sight } : {}),
  };
}
