// In: what happens. Out: events, history, suspensions, records, on disk and in memory. A file that cannot be read or written
// is told once and never ends the daemon.
import type { Env } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import type { Json } from '../model/json.ts';
import { refText } from '../model/ref.ts';
import { openEvents, openHistory } from '../status/events.ts';
import type { NewEvent, RoundRecord, StatusEvent } from '../status/events.ts';
import type { Lines } from '../status/lines.ts';
import { readRecord, recordText, writeRecord } from '../status/record.ts';
import type { DaemonRecord } from '../status/record.ts';
import { isOver, readSuspensions, writeSuspensions } from '../status/suspensions.ts';
import type { Suspension } from '../status/suspensions.ts';

const LOUD = new Set<StatusEvent['type']>(['failed', 'stalled', 'frozen', 'refused', 'state', 'watchdog', 'split-brain', 'copies-differ']);

export class Memory {
  record: DaemonRecord = { objects: new Map() };
  suspensions: readonly Suspension[] = [];
  /** There was no `daemon.json`: a first start, or it was lost. */
  hadNoRecord = false;
  #written = new Map<string, string>();
  #seq = 0;
  #onEvent = new Set<() => void>();

  private constructor(private readonly env: Env, private readonly events: Lines<StatusEvent>, private readonly rounds: Lines<RoundRecord>) {}

  static async open(env: Env): Promise<Memory> {
    const memory = new Memory(env, await openEvents(env.store), await openHistory(env.store));
    memory.#seq = memory.events.entries.at(-1)?.seq ?? 0;
    const { damage, isNew, ...record } = await readRecord(env.store);
    const suspended = await readSuspensions(env.store, env.clock.now());
    memory.record = record;
    memory.hadNoRecord = isNew === true;
    memory.suspensions = suspended.suspensions;
    if (damage === undefined) memory.#written.set('daemon.json', recordText(record));
    for (const why of [damage, suspended.damage]) if (why !== undefined) await memory.tell({ type: 'state', message: why });
    if (suspended.damage !== undefined) await memory.setSuspensions(suspended.suspensions);
    return memory;
  }

  get history(): readonly RoundRecord[] {
    return this.rounds.entries;
  }

  /** After this number; the oldest may be gone. */
  eventsAfter(seq: number): readonly StatusEvent[] {
    return this.events.entries.filter((event) => event.seq > seq);
  }

  get lastSeq(): number {
    return this.#seq;
  }

  onEvent(call: () => void): () => void {
    this.#onEvent.add(call);
    return () => this.#onEvent.delete(call);
  }

  async tell(event: NewEvent): Promise<void> {
    this.#seq += 1;
    const { type, message, ref, by } = event;
    const fields: Record<string, Json> = { event: type, ...(ref ? { object: refText(ref) } : {}), ...(by === undefined ? {} : { by }) };
    if (LOUD.has(type)) this.env.log.warn(fields, message);
    else this.env.log.info(fields, message);
    await this.events.add({ v: 1, seq: this.#seq, at: this.env.clock.now(), ...event });
    for (const call of this.#onEvent) call();
    await this.#tellDamage(this.events);
  }

  async addRound(round: RoundRecord): Promise<void> {
    await this.rounds.add(round);
    await this.#tellDamage(this.rounds);
  }

  async setSuspensions(suspensions: readonly Suspension[]): Promise<void> {
    this.suspensions = suspensions;
    await writeSuspensions(this.env.store, suspensions);
  }

  /** Suspensions whose end has come are taken away, and told. */
  async endSuspensions(): Promise<void> {
    const over = this.suspensions.filter((each) => isOver(each, this.env.clock.now()));
    if (over.length === 0) return;
    this.suspensions = this.suspensions.filter((each) => !over.includes(each));
    await this.guarded('suspensions.json', () => writeSuspensions(this.env.store, this.suspensions));
    for (const each of over) await this.tell({ type: 'resumed', message: `the suspension of ${each.what} is over (${each.reason})` });
  }

  async saveRecord(record: DaemonRecord): Promise<void> {
    this.record = record;
    await this.save('daemon.json', recordText(record), (text) => writeRecord(this.env.store, text));
  }

  /** Writes only what differs from what was written last: an idle round costs no disk. */
  async save(name: string, text: string, write: (text: string) => Promise<void>): Promise<void> {
    if (this.#written.get(name) === text) return;
    if (await this.guarded(name, () => write(text))) this.#written.set(name, text);
    else this.#written.delete(name);
  }

  async guarded(name: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.env.log.error({ file: name }, error.message);
      return false;
    }
  }

  async #tellDamage(lines: Lines<unknown>): Promise<void> {
    const damage = lines.damage();
    if (damage !== undefined) this.env.log.warn({ event: 'state' }, damage);
  }
}
