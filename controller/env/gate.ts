// Bounded concurrency: so many exchanges per endpoint and in all, first come first served.

interface Waiting { readonly endpoint: string; readonly enter: () => void }

export class Gate {
  readonly #perEndpoint: number;
  readonly #inAll: number;
  readonly #running = new Map<string, number>();
  readonly #queue: Waiting[] = [];
  #total = 0;

  constructor(perEndpoint: number, inAll: number) {
    this.#perEndpoint = perEndpoint;
    this.#inAll = inAll;
  }

  /** Runs `work` once there is room for one more at `endpoint`. */
  async through<T>(endpoint: string, work: () => Promise<T>): Promise<T> {
    await this.#enter(endpoint);
    try {
      return await work();
    } finally {
      this.#leave(endpoint);
    }
  }

  #enter(endpoint: string): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push({ endpoint, enter: resolve });
      this.#admit();
    });
  }

  #leave(endpoint: string): void {
    this.#running.set(endpoint, this.#count(endpoint) - 1);
    this.#total -= 1;
    this.#admit();
  }

  /** Lets in, in the order of arrival, everybody whose endpoint has room; a full endpoint does not hold up the others. */
  #admit(): void {
    while (this.#total < this.#inAll) {
      const at = this.#queue.findIndex((waiting) => this.#count(waiting.endpoint) < this.#perEndpoint);
      const [next] = at < 0 ? [] : this.#queue.splice(at, 1);
      if (!next) return;
      this.#running.set(next.endpoint, this.#count(next.endpoint) + 1);
      this.#total += 1;
      next.enter();
    }
  }

  #count(endpoint: string): number {
    return this.#running.get(endpoint) ?? 0;
  }
}
