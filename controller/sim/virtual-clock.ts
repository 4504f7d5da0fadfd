// In: work that sleeps, and events with a time. Out: the same work, run in virtual time in one fixed order.
// Must never look at a real clock: the only thing taken from the real world is the turn of the event loop that
// lets promises settle between two events.
import type { Clock } from '../model/doors.ts';

export interface EventOptions {
  /** Background events (HA rounds, statistics) go on for ever, so they never count as progress of the work awaited. */
  readonly background?: boolean;
  /** What waits, for the report of a stuck run. */
  readonly label?: string;
}

interface Event extends EventOptions { readonly at: number; readonly order: number; readonly run: () => void; cancelled: boolean }

/** Nothing but background events was left while somebody still waited. */
export class StuckError extends Error {
  constructor(readonly waitingMs: number, readonly sleeping: readonly string[]) {
    super(`nothing happened for ${waitingMs} ms of virtual time; asleep: ${sleeping.join(', ') || 'nothing'}`);
    this.name = 'StuckError';
  }
}

const IDLE_LIMIT_MS = 6 * 3600_000;

export class VirtualClock implements Clock {
  readonly #queue: Event[] = [];
  #nowMs: number;
  #order = 0;
  #foreground = 0;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const aborted = () => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      }, { label: `sleep of ${ms} ms` });
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Runs `run` at `timeMs` (or now, when that is past); events of one instant run in the order they were made. */
  at(timeMs: number, run: () => void, options: EventOptions = {}): () => void {
    const event: Event = { at: Math.max(timeMs, this.#nowMs), order: this.#order++, run, cancelled: false, ...options };
    push(this.#queue, event);
    if (!event.background) this.#foreground += 1;
    return () => {
      if (event.cancelled) return;
      event.cancelled = true;
      if (!event.background) this.#foreground -= 1;
    };
  }

  after(delayMs: number, run: () => void, options?: EventOptions): () => void {
    return this.at(this.#nowMs + Math.max(0, delayMs), run, options);
  }

  every(periodMs: number, run: () => void, options: EventOptions = {}): () => void {
    let cancel = (): void => undefined;
    const round = () => {
      cancel = this.after(periodMs, round, options);
      run();
    };
    cancel = this.after(periodMs, round, options);
    return () => cancel();
  }

  /** Runs events until `work` settles, and settles as it does. */
  async run<T>(work: Promise<T>, options: { idleLimitMs?: number } = {}): Promise<T> {
    const idleLimitMs = options.idleLimitMs ?? IDLE_LIMIT_MS;
    const state = { settled: false };
    const done = () => void (state.settled = true);
    work.then(done, done);
    let busyAt = this.#nowMs;
    await turn();
    while (!state.settled) {
      const isWaitedFor = this.#foreground > 0;
      const event = this.#take();
      if (event && isWaitedFor) busyAt = event.at;
      if (!event || event.at - busyAt > idleLimitMs) throw new StuckError((event?.at ?? this.#nowMs) - busyAt, this.#sleeping());
      this.#fire(event);
      await turn();
    }
    return work;
  }

  /** Runs everything due in the next `ms` and leaves the clock there. */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    await turn();
    for (let next = this.nextAt(); next !== undefined && next <= end; next = this.nextAt()) {
      const event = this.#take();
      if (event) this.#fire(event);
      await turn();
    }
    this.#nowMs = Math.max(this.#nowMs, end);
  }

  /** When the next event is due; the driver of the lab's real time sleeps until then. */
  nextAt(): number | undefined {
    while (this.#queue[0]?.cancelled) pop(this.#queue);
    return this.#queue[0]?.at;
  }

  #take(): Event | undefined {
    return this.nextAt() === undefined ? undefined : pop(this.#queue);
  }

  #fire(event: Event): void {
    this.#nowMs = Math.max(this.#nowMs, event.at);
    event.cancelled = true;
    if (!event.background) this.#foreground -= 1;
    event.run();
  }

  #sleeping(): string[] {
    return this.#queue.filter((event) => !event.cancelled && !event.background).map((event) => event.label ?? 'an event').sort();
  }
}

/** One turn of the event loop: every promise that can settle has settled afterwards. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

// A binary heap: a cluster of thousands of guests has thousands of timers.
function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (!above || !isBefore(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (!last || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    const left = heap[child];
    if (!left) break;
    const right = heap[child + 1];
    const least = right && isBefore(right, left) ? right : left;
    if (least === right) child += 1;
    if (!isBefore(least, last)) break;
    heap[at] = least;
    at = child;
  }
  heap[at] = last;
  return top;
}
