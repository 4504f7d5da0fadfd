// In: a lease, and perhaps an address to follow. Out: whether we are the one writer, now. Renewed in rounds and between them, asked before each effect.
// Must never answer yes on anything but the lease's own yes: an error is a lost lease, and where the address is decides only who asks for it.
import type { Clock, Lease } from '../model/doors.ts';
import type { Follower } from './follower.ts';
import type { Memory } from './memory.ts';

export class Tenure {
  #isHeld = false;
  #isUnknown = false;
  /** Why it was not ours when we last asked. */
  #why: string | undefined;
  /** Who had it then. */
  #other: string | undefined;
  /** Taken although the address is elsewhere, because nobody had it: let go for a moment, again and again. */
  #isStopgap = false;
  #isStopgapTold = false;

  constructor(private readonly lease: Lease, private readonly clock: Clock, private readonly memory: Memory, private readonly follower?: Follower) {}

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** When it was last asked for, nobody could say who has it. */
  get isUnknown(): boolean {
    return this.#isUnknown;
  }

  /** The address that we follow has left us, and the lease is to be given up as soon as nothing runs any more. */
  get isToLeave(): boolean {
    return this.#isHeld && !this.#isStopgap && this.follower?.hasLeft === true;
  }

  /** Why we stand by, as a clause, or nothing when the lease is ours. */
  async ensure(): Promise<string | undefined> {
    this.#isUnknown = false;
    const elsewhere = this.follower && await this.#elsewhere(this.follower);
    if (this.follower && elsewhere !== undefined) {
      await this.#standBack(elsewhere, this.follower.address);
      return elsewhere;
    }
    const answer = await this.lease.acquire().catch((error: unknown) => {
      this.#isUnknown = true;
      return { held: false as const, by: `nobody can say (${textOf(error)})` };
    });
    if (answer.held) {
      await this.#win();
      return undefined;
    }
    this.follower?.hasWaited(false, 'patient');
    await this.#lose(answer.by);
    return `${answer.by} has the lease`;
  }

  /** Why it is not for us to ask for the lease now, or nothing. */
  async #elsewhere(follower: Follower): Promise<string | undefined> {
    const isHere = await follower.isHere();
    if (isHere) this.#isStopgap = this.#isStopgapTold = false;
    if (isHere || (this.#isHeld && !this.isToLeave)) return undefined;
    if (this.#isHeld) return `${follower.address} has left this node`;
    const isFree = await this.#isFree();
    if (!isFree) this.#isStopgapTold = false;
    this.#isStopgap = follower.hasWaited(isFree, this.#isStopgapTold ? 'yielding' : 'patient');
    return this.#isStopgap ? undefined : notHere(follower.address);
  }

  async #win(): Promise<void> {
    if (!this.#isHeld && !(this.#isStopgap && this.#isStopgapTold)) await this.memory.tell({ type: 'lease', message: this.#winText() });
    this.#isHeld = true;
    this.#isStopgapTold = this.#isStopgap;
    this.#other = this.#why = undefined;
  }

  #winText(): string {
    if (this.follower === undefined) return this.#other === undefined ? 'the lease is ours' : `the lease is ours; ${this.#other} had it before`;
    const { address, patienceMs } = this.follower;
    if (!this.#isStopgap) return `the lease is ours: ${address} is on this node`;
    return `the lease is ours for now: ${notHere(address)}, and nobody had the lease for ${Math.round(patienceMs / 1000)} s`;
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

  /** For how long the lease is kept before it is let go for a moment. */
  get turnMs(): number {
    return this.#isHeld && this.#isStopgap ? this.follower?.patienceMs ?? Infinity : Infinity;
  }

  /** Between rounds: who works without the address lets the one that has it come in. */
  async rest(): Promise<void> {
    if (!this.#isHeld || !this.#isStopgap) return;
    await this.release();
    this.follower?.beginWaiting();
  }

  /** Also when it is not held: one who stands by may have left its name where it waits. */
  async release(): Promise<void> {
    this.#isHeld = false;
    // What we cannot give back runs out by itself.
    await this.lease.release().catch(() => undefined);
  }

  async #isFree(): Promise<boolean> {
    return (await this.lease.isFree?.().catch(() => false)) === true;
  }

  #renew(): Promise<boolean> {
    return this.lease.renew().catch(() => false);
  }

  async #lose(by: string): Promise<void> {
    this.#isStopgapTold = false;
    const why = `${by} has the lease`;
    if (this.#isHeld) await this.memory.tell({ type: 'lease', message: `the lease is lost to ${by}: nothing is done until it is ours again` });
    else if (this.#why !== why) await this.memory.tell({ type: 'lease', message: `standing by: ${why}` });
    this.#isHeld = false;
    this.#other = by;
    this.#why = why;
  }

  async #standBack(why: string, address: string): Promise<void> {
    const isGivenUp = this.#isHeld;
    if (isGivenUp) await this.release();
    if (isGivenUp) await this.memory.tell({ type: 'lease', message: `the lease is given up: ${why}` });
    else if (this.#why !== notHere(address) && !this.#isStopgapTold) await this.memory.tell({ type: 'lease', message: `standing by: ${why}` });
    this.#why = notHere(address);
  }
}

function notHere(address: string): string {
  return `${address} is not on this node`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
