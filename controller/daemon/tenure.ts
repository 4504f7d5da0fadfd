// In: a lease. Out: whether we are the one writer, now. Renewed in rounds and between them, asked before each effect.
// Must never answer yes on anything but the lease's own yes: an error is a lost lease.
import type { Clock, Lease } from '../model/doors.ts';
import type { Memory } from './memory.ts';

export class Tenure {
  #isHeld = false;
  #isUnknown = false;
  /** Who had it when we last asked. */
  #other: string | undefined;

  constructor(private readonly lease: Lease, private readonly clock: Clock, private readonly memory: Memory) {}

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** When it was last asked for, nobody could say who has it. */
  get isUnknown(): boolean {
    return this.#isUnknown;
  }

  /** Who has it instead of us, or nothing when it is ours. */
  async ensure(): Promise<string | undefined> {
    this.#isUnknown = false;
    const answer = await this.lease.acquire().catch((error: unknown) => {
      this.#isUnknown = true;
      return { held: false as const, by: `nobody can say (${textOf(error)})` };
    });
    if (answer.held) {
      if (!this.#isHeld) await this.memory.tell({ type: 'lease', message: this.#other === undefined ? 'the lease is ours' : `the lease is ours; ${this.#other} had it before` });
      this.#isHeld = true;
      this.#other = undefined;
      return undefined;
    }
    await this.#lose(answer.by);
    return answer.by;
  }

  /** Asked just before an effect: why nothing may be done, or nothing. */
  async mayAct(): Promise<string | undefined> {
    if (this.#isHeld && (await this.#renew())) return undefined;
    await this.#lose('another one, or nobody');
    return 'the lease is lost: another latido may be at work';
  }

  /** Renews in the background; ends when the signal aborts. */
  async keep(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.clock.sleep(everyMs, signal);
      } catch {
        return;
      }
      if (this.#isHeld && !(await this.#renew())) await this.#lose('another one, or nobody');
    }
  }

  /** Also when it is not held: one who stands by may have left its name where it waits. */
  async release(): Promise<void> {
    this.#isHeld = false;
    // What we cannot give back runs out by itself.
    await this.lease.release().catch(() => undefined);
  }

  #renew(): Promise<boolean> {
    return this.lease.renew().catch(() => false);
  }

  async #lose(by: string): Promise<void> {
    if (this.#isHeld) await this.memory.tell({ type: 'lease', message: `the lease is lost to ${by}: nothing is done until it is ours again` });
    else if (this.#other !== by) await this.memory.tell({ type: 'lease', message: `standing by: ${by} has the lease` });
    this.#isHeld = false;
    this.#other = by;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
