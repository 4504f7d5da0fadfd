// Which endpoint is asked next: the node's own where known, else the first one that works, in the manifest's order.

// A lost endpoint costs every call its connection timeout; so it goes to the end of the line for a while, yet is
// never given up: a node that has rebooted is asked again without anybody telling us.
const AVOIDED_MS = 30_000;

export class Endpoints {
  readonly #all: readonly string[];
  readonly #hosts: ReadonlyMap<string, string>;
  readonly #avoidedUntil = new Map<string, number>();
  #addresses: Readonly<Record<string, string>> = {};

  /** @param all `https://host:port`, in the order of preference */
  constructor(all: readonly string[]) {
    if (all.length === 0) throw new RangeError('a cluster has at least one endpoint');
    this.#all = all.map((text) => new URL(text).origin);
    this.#hosts = new Map(this.#all.map((endpoint) => [endpoint, hostOf(endpoint)]));
  }

  get count(): number {
    return this.#all.length;
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
    return [...this.#all].sort((a, b) => rank(a) - rank(b))[0] as string;
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
  }

  #isAvoided(endpoint: string, nowMs: number): boolean {
    return (this.#avoidedUntil.get(endpoint) ?? 0) > nowMs;
  }
}

/** Without the brackets of an IPv6 address. */
export function hostOf(endpoint: string): string {
  return new URL(endpoint).hostname.replace(/^\[|\]$/g, '');
}
