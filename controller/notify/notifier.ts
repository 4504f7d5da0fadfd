// In: what the daemon tells, channels. Out: people told. Beside the rounds: nothing here delays one or fails one.
// What is not delivered is kept in `notify.json` and told after a restart; a message is sent twice only when the process
// was killed between its delivery and the note of it, and then under the same id.
import type { NotifyConfig } from '../config/schema.ts';
import type { Env } from '../model/doors.ts';
import type { DaemonFeed, DaemonListener } from '../status/listener.ts';
import { Bell } from './bell.ts';
import { deliver, Undelivered } from './deliver.ts';
import type { Outbound } from './deliver.ts';
import { learn } from './notice.ts';
import type { Problems } from './notice.ts';
import { begin, EMPTY_QUEUE, enqueue, nextAllowed, pauseMs, refused, taken } from './queue.ts';
import type { Queue } from './queue.ts';
import { NOTIFY_FILE, readNotifyState, stateText } from './state.ts';

export interface NotifierParts {
  readonly env: Pick<Env, 'clock' | 'store' | 'log' | 'random'>;
  readonly channels: readonly NotifyConfig[];
  readonly doors: Outbound;
}

export interface ChannelCount { readonly name: string; readonly sent: number; readonly failures: number; readonly dropped: number; readonly waiting: number }

// What happens in a round is one message at its end; a round that migrates for hours does not wait for its end.
const GATHER_MS = 120_000;
// A round tells what it found in one go: that is never parted into two messages.
const QUIET_MS = 2_000;
const QUIET_LOOKS_MAX = 10;
// systemd kills after 90 s, and steps may need them.
const STOP_MS = 5_000;

class Line {
  queue: Queue = EMPTY_QUEUE;
  sentAt: readonly number[] = [];
  /** In a row. */
  failures = 0;
  notBefore = 0;
  sent = 0;
  allFailures = 0;
  dropped = 0;
  readonly bell = new Bell();
  constructor(readonly channel: NotifyConfig) {}
}

export class Notifier implements DaemonListener {
  readonly #lines: readonly Line[];
  #feed: DaemonFeed | undefined;
  #seq = 0;
  #problems: Problems = new Map();
  #written = '';
  #saving: Promise<void> = Promise.resolve();
  #isUnsaved = false;
  #isGathering = false;
  readonly #ending = new AbortController();
  readonly #givingUp = new AbortController();
  #work: Promise<unknown> = Promise.resolve();
  #offEvent: () => void = () => undefined;

  constructor(private readonly parts: NotifierParts) {
    this.#lines = parts.channels.map((channel) => new Line(channel));
  }

  async start(feed: DaemonFeed): Promise<void> {
    const { state, damage } = await readNotifyState(this.parts.env.store);
    if (damage !== undefined) this.parts.env.log.warn({ file: NOTIFY_FILE }, damage);
    this.#feed = feed;
    // The first start tells from now on. Numbers that are ahead of the events are of a state that was lost.
    this.#seq = state === undefined ? feed.lastSeq : state.seq > feed.lastSeq ? 0 : state.seq;
    this.#problems = state?.problems ?? new Map();
    for (const line of this.#lines) line.queue = state?.queues.get(line.channel.name) ?? EMPTY_QUEUE;
    this.#offEvent = feed.onEvent(() => void this.#gatherLater());
    this.#work = Promise.all(this.#lines.map((line) => this.#serve(line)));
    if (feed.lastSeq > this.#seq) void this.#gatherLater();
  }

  roundEnded(): void {
    this.#gather('round');
  }

  async stop(): Promise<void> {
    const { clock, log } = this.parts.env;
    if (!this.#feed) return;
    this.#offEvent();
    this.#gather('event');
    this.#ending.abort(new Error('the daemon ends'));
    const over = new AbortController();
    await Promise.race([this.#work, clock.sleep(STOP_MS, over.signal).catch(() => undefined)]);
    over.abort(new Error('all is told'));
    this.#givingUp.abort(new Error('the daemon ends'));
    await this.#work;
    await this.#save();
    for (const { channel, queue } of this.#lines) {
      const left = queue.waiting.length + (queue.sending?.notices.length ?? 0);
      if (left > 0) log.warn({ channel: channel.name, notices: left }, 'the channel could not be told before the end; it is told after the next start');
    }
  }

  /** For metrics. */
  counts(): readonly ChannelCount[] {
    return this.#lines.map(({ channel, sent, allFailures, dropped, queue }) => ({ name: channel.name, sent, failures: allFailures, dropped, waiting: queue.waiting.length + (queue.sending?.notices.length ?? 0) }));
  }

  async #gatherLater(): Promise<void> {
    if (this.#isGathering) return;
    this.#isGathering = true;
    const { clock } = this.parts.env;
    await clock.sleep(GATHER_MS, this.#ending.signal).catch(() => undefined);
    for (let looks = 0, last = -1; looks < QUIET_LOOKS_MAX && last !== this.#feed?.lastSeq && !this.#ending.signal.aborted; looks += 1) {
      last = this.#feed?.lastSeq ?? -1;
      await clock.sleep(QUIET_MS, this.#ending.signal).catch(() => undefined);
    }
    this.#isGathering = false;
    if (!this.#ending.signal.aborted) this.#gather('event');
  }

  #gather(at: 'round' | 'event'): void {
    const feed = this.#feed;
    if (!feed) return;
    const events = feed.eventsAfter(this.#seq);
    this.#seq = events.at(-1)?.seq ?? this.#seq;
    const { problems, notices } = learn(this.#problems, events, at === 'round' ? feed.view() : undefined, this.parts.env.clock.now());
    this.#problems = problems;
    const told = this.#lines.filter((line) => {
      const { on } = line.channel;
      const own = notices.filter(({ occasion }) => (on ? on.includes(occasion) : occasion !== 'commit'));
      const { dropped } = line.queue;
      line.queue = enqueue(line.queue, own);
      line.dropped += line.queue.dropped - dropped;
      return own.length > 0;
    });
    if (events.length > 0 || notices.length > 0) void this.#save();
    for (const line of told) line.bell.ring();
  }

  /** One message after the other, until the end; then one last try. */
  async #serve(line: Line): Promise<void> {
    const { clock } = this.parts.env;
    const { signal } = this.#ending;
    for (;;) {
      const isLast = signal.aborted;
      if (line.queue.waiting.length === 0 && !line.queue.sending) {
        if (isLast) return;
        await line.bell.wait(signal);
        continue;
      }
      const now = clock.now();
      const at = Math.max(line.notBefore, nextAllowed(line.sentAt, now));
      if (at > now && !isLast) {
        await clock.sleep(at - now, signal).catch(() => undefined);
        continue;
      }
      const isDone = await this.#deliver(line);
      if (isLast && !isDone) return;
    }
  }

  async #deliver(line: Line): Promise<boolean> {
    const { env, doors } = this.parts;
    line.queue = begin(line.queue, idOf(env.random));
    // First on disk, then told: the other way round a kill would have it told again under another id.
    await this.#save();
    const { sending } = line.queue;
    if (!sending || this.#givingUp.signal.aborted) return false;
    const { channel } = line;
    try {
      await deliver(channel, { ...sending, cluster: this.#feed?.view().cluster ?? '' }, doors, env.clock.now(), this.#givingUp.signal);
    } catch (error) {
      this.#failed(line, error instanceof Undelivered ? error : new Undelivered('a defect of latido', false));
      return false;
    }
    if (line.failures > 0) env.log.info({ channel: channel.name }, `the channel is reached again, after ${line.failures} failed tries`);
    line.queue = taken(line.queue);
    line.failures = 0;
    line.sent += 1;
    line.sentAt = [...line.sentAt, env.clock.now()].slice(-100);
    await this.#save();
    return true;
  }

  #failed(line: Line, error: Undelivered): void {
    const { env } = this.parts;
    line.allFailures += 1;
    line.failures += 1;
    line.notBefore = env.clock.now() + (error.retryAfterMs ?? pauseMs(line.failures, env.random));
    if (error.isFinal) {
      env.log.warn({ channel: line.channel.name, notices: line.queue.sending?.notices.length ?? 0 }, `the channel does not take a message, which is dropped: ${error.message}`);
      line.dropped += line.queue.sending?.notices.length ?? 0;
      line.queue = refused(line.queue);
    } else if (line.failures === 1 && !this.#ending.signal.aborted) {
      env.log.warn({ channel: line.channel.name }, `the channel cannot be told, and is tried again: ${error.message}`);
    }
  }

  /** One write at a time; who asks meanwhile gets the next one. A disk that refuses is told once. */
  #save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const { env } = this.parts;
      const text = stateText({ seq: this.#seq, problems: this.#problems, queues: new Map(this.#lines.map(({ channel, queue }) => [channel.name, queue])) });
      if (text === this.#written) return;
      try {
        await env.store.write(NOTIFY_FILE, text);
        this.#written = text;
        this.#isUnsaved = false;
      } catch (error) {
        if (!this.#isUnsaved) env.log.error({ file: NOTIFY_FILE }, error instanceof Error ? error.message : String(error));
        this.#isUnsaved = true;
      }
    });
    return this.#saving;
  }
}

function idOf(random: () => number): string {
  return Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0')).join('');
}
