// Which endpoint is asked next: the node's own where known, else the first one that works, in the manifest's order.

import type { Seat } from '../model/doors.ts';

// A lost endpoint costs every call its connection timeout; so it goes to the end of the line for a while, yet is
// never given up: a node that has rebooted is asked again without anybody telling us.
const AVOIDED_MS = 30_000;
// One read may hang alone, in a storage that is away; two, while nothing else came from there, and nobody is at home.
const SILENT_AFTER = 2;

export class Endpoints {
  readonly #all: readonly string[];
  readonly #hosts: ReadonlyMap<string, string>;
  readonly #avoidedUntil = new Map<string, number>();
  /** Reads in a row that timed out while no other answer came. */
  readonly #silences = new Map<string, number>();
  readonly #answers = new Map<string, number>();
  readonly #used = new Set<string>();
  #without: ReadonlySet<string> = new Set();
  #addresses: Readonly<Record<string, string>> = {};

  /** @param all `https://host:port`, in the order of preference */
  constructor(all: readonly string[]) {
    if (all.length === 0) throw new RangeError('a cluster has at least one endpoint');
    this.#all = all.map((text) => new URL(text).origin);
    this.#hosts = new Map(this.#all.map((endpoint) => [endpoint, hostOf(endpoint)]));
  }

  /** How many may be asked. */
  get count(): number {
    return this.#asked.length;
  }

  get #asked(): readonly string[] {
    return this.#all.filter((endpoint) => !this.#without.has(endpoint));
  }

  /** A new look; `forget` what kept silent in the one before. */
  begin(without: ReadonlySet<string>, forget: 'forget' | 'remember'): void {
    if (this.#all.every((endpoint) => without.has(endpoint))) throw new RangeError('no endpoint is left');
    this.#without = without;
    this.#used.clear();
    if (forget === 'forget') this.#silences.clear();
  }

  seats(which: 'all' | 'used'): readonly Seat[] {
    const nodes = Object.keys(this.#addresses);
    return this.#all.filter((endpoint) => which === 'all' || this.#used.has(endpoint)).map((endpoint) => {
      const node = nodes.find((name) => this.ownOf(name) === endpoint);
      return { endpoint, ...(node === undefined ? {} : { node }) };
    });
  }

  /** An answer that counts for the observation came from there. */
  used(endpoint: string): void {
    this.#used.add(endpoint);
  }

  learn(addresses: Readonly<Record<string, string>>): void {
    this.#addresses = addresses;
  }

  /** @param tried endpoints that have already failed in this call; they come last */
  next(nowMs: number, node: string | undefined, tried: ReadonlySet<string>): string {
    const own = node === undefined ? undefined : this.ownOf(node);
    const rank = (endpoint: string): number =>
      (tried.has(endpoint) ? 4 : 0) + (this.#isAvoided(endpoint, nowMs) ? 2 : 0) + (own !== undefined && endpoint !== own ? 1 : 0);
    // A stable sort keeps the manifest's order among equals.
    return [...this.#asked].sort((a, b) => rank(a) - rank(b))[0] as string;
  }

  /** The endpoint that is the node itself. */
  ownOf(node: string): string | undefined {
    const address = this.#addresses[node];
    return this.#all.find((endpoint) => {
      const host = this.#hosts.get(endpoint);
      return host === address || host === node || host?.startsWith(`${node}.`);
    });
  }

  failed(endpoint: string, nowMs: number): void {
    this.#avoidedUntil.set(endpoint, nowMs + AVOIDED_MS);
  }

  worked(endpoint: string): void {
    this.#avoidedUntil.delete(endpoint);
    this.#silences.delete(endpoint);
    this.#answers.set(endpoint, this.answersOf(endpoint) + 1);
  }

  answersOf(endpoint: string): number {
    return this.#answers.get(endpoint) ?? 0;
  }

  /** A read timed out. @param answersBefore how many answers had come from there when it was sent */
  timedOut(endpoint: string, answersBefore: number): void {
    if (this.answersOf(endpoint) === answersBefore) this.#silences.set(endpoint, (this.#silences.get(endpoint) ?? 0) + 1);
  }

  isSilent(endpoint: string): boolean {
    return (this.#silences.get(endpoint) ?? 0) >= SILENT_AFTER;
  }

  #isAvoided(endpoint: string, nowMs: number): boolean {
    return (this.#avoidedUntil.get(endpoint) ?? 0) > nowMs;
  }
}

/** Without the brackets of an IPv6 address. */
export function hostOf(endpoint: string): string {
  return new URL(endpoint).hostname.replace(/^\[|\]$/g, '');
}
