// Bounded concurrency: so many exchanges per endpoint and in all, first come first served.

interface Waiting { readonly order: number; readonly enter: () => void }
interface Line { running: number; readonly waiting: Waiting[] }

export class Gate {
  readonly #perEndpoint: number;
  readonly #inAll: number;
  readonly #lines = new Map<string, Line>();
  #running = 0;
  #order = 0;

  constructor(perEndpoint: number, inAll: number) {
    this.#perEndpoint = perEndpoint;
    this.#inAll = inAll;
  }

  /** Runs `work` once there is room for one more at `endpoint`. */
  async through<T>(endpoint: string, work: () => Promise<T>): Promise<T> {
    const line = this.#line(endpoint);
    await new Promise<void>((resolve) => {
      line.waiting.push({ order: this.#order++, enter: resolve });
      this.#admit();
    });
    try {
      return await work();
    } finally {
      line.running -= 1;
      this.#running -= 1;
      this.#admit();
    }
  }

  /** Lets in, in the order of arrival, everybody whose endpoint has room; a full endpoint does not hold up the others. */
  #admit(): void {
    for (let line = this.#nextLine(); line !== undefined; line = this.#nextLine()) {
      line.running += 1;
      this.#running += 1;
      line.waiting.shift()?.enter();
    }
  }

  #nextLine(): Line | undefined {
    if (this.#running >= this.#inAll) return undefined;
    const arrival = (line: Line): number => line.waiting[0]?.order ?? Infinity;
    const open = [...this.#lines.values()].filter((line) => line.waiting.length > 0 && line.running < this.#perEndpoint);
    return open.sort((a, b) => arrival(a) - arrival(b))[0];
  }

  #line(endpoint: string): Line {
    const known = this.#lines.get(endpoint);
    if (known) return known;
    const line: Line = { running: 0, waiting: [] };
    this.#lines.set(endpoint, line);
    return line;
  }
}
