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
      const walks = new Map<string, number>();
      const stop = watchWalks(walks);
      await work().finally(stop);
      return new Map([...countsOf((await take()).result), ...walks]);
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

/** Shorter lists say nothing of growth, and asking who walks costs time. */
const WALK_MIN = 100;
const WALKS: readonly (readonly [object, readonly string[]])[] = [
  [Array.prototype, ['values', 'includes', 'indexOf', 'slice', 'concat']],
  [Map.prototype, ['entries', 'keys', 'values']],
  [Set.prototype, ['values']],
];

/** What the engine walks through by itself has no block of ours: `[...map]` for every guest is found by who asked for it. */
function watchWalks(walks: Map<string, number>): () => void {
  const restores = WALKS.flatMap(([prototype, names]) => names.map((name) => {
    const own = Object.getOwnPropertyDescriptor(prototype, name)?.value as (this: Walked, ...args: unknown[]) => unknown;
    // The iterator of a collection is one of these functions under a second name.
    const isIterator = Reflect.get(prototype, Symbol.iterator) === own;
    const put = (walk: typeof own) => {
      for (const key of isIterator ? [name, Symbol.iterator] : [name]) Object.defineProperty(prototype, key, { value: walk, writable: true, configurable: true });
    };
    put(function walk(this: Walked, ...args) {
      const length = (this.length ?? this.size) as number;
      if (length >= WALK_MIN) noteWalk(walks, name, length);
      return own.apply(this, args);
    });
    return () => put(own);
  }));
  return () => restores.forEach((restore) => restore());
}

interface Walked { readonly length?: number; readonly size?: number }

function noteWalk(walks: Map<string, number>, name: string, length: number): void {
  // Two lines of our own, then who asked.
  const caller = /\/controller\/([^)]*)/.exec(new Error().stack?.split('\n')[3] ?? '')?.[1];
  if (caller === undefined) return;
  const place = `${caller}, elements walked by ${name}`;
  walks.set(place, (walks.get(place) ?? 0) + length);
}
