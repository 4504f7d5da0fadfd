// In: work. Out: how often each block of our own code ran in it. Counts and not times, so that a test of growth gives the
// same answer on any machine. Must be started before the code that is counted is loaded: the engine counts exactly only
// in code that it has compiled for counting.
import { Session, type Profiler } from 'node:inspector';

/** By the place of the block, `plan/order.ts place 912`; the offset is in the file as the engine sees it. */
export type Counts = ReadonlyMap<string, number>;

export interface Counter {
  count(work: () => Promise<unknown>): Promise<Counts>;
  stop(): void;
}

export async function startCounting(): Promise<Counter> {
  const session = new Session();
  session.connect();
  await post(session, 'Profiler.enable');
  await post(session, 'Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  // Taking the counts sets them back to nothing.
  const take = async () => (await post(session, 'Profiler.takePreciseCoverage')) as Profiler.TakePreciseCoverageReturnType;
  return {
    async count(work) {
      await take();
      await work();
      return countsOf((await take()).result);
    },
    stop: () => session.disconnect(),
  };
}

function post(session: Session, method: string, params?: object): Promise<unknown> {
  return new Promise((resolve, reject) => session.post(method, params, (error, result) => (error ? reject(error) : resolve(result))));
}

function countsOf(scripts: readonly Profiler.ScriptCoverage[]): Counts {
  const counts = new Map<string, number>();
  for (const { url, functions } of scripts) {
    const file = /\/controller\/(.*)$/.exec(url)?.[1];
    if (file === undefined) continue;
    for (const { functionName, ranges } of functions) for (const { startOffset, count } of ranges) counts.set(`${file} ${functionName} ${startOffset}`, count);
  }
  return counts;
}
