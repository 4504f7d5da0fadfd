// The network line between the machines, which a story can cut. In: what QEMU sends of each machine's card, frames with their length
// before them. Out: the same to all others. A cut is silent: the carrier stays, frames are lost both ways.
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';

/** A card that does not take its frames loses them, as at a real switch. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
const LENGTH_BYTES = 4;

export class Link {
  readonly #servers: readonly Server[];
  readonly #cards = new Map<number, Socket>();
  readonly #folder: string;
  #isCut = false;

  private constructor(folder: string, machines: readonly number[]) {
    this.#folder = folder;
    this.#servers = machines.map((number) => createServer((card) => this.#plug(number, card)).listen(this.socketOf(number)));
  }

  /** @param folder short: the path of a socket has 108 bytes */
  static async open(folder: string, machines: readonly number[]): Promise<Link> {
    const link = new Link(folder, machines);
    await Promise.all(link.#servers.map((server) => server.listening || new Promise((listening) => server.once('listening', listening))));
    return link;
  }

  socketOf(machine: number): string {
    return join(this.#folder, `card-${machine}`);
  }

  cut(): void {
    this.#isCut = true;
  }

  heal(): void {
    this.#isCut = false;
  }

  close(): void {
    for (const card of this.#cards.values()) card.destroy();
    for (const server of this.#servers) server.close();
  }

  #plug(number: number, card: Socket): void {
    this.#cards.set(number, card);
    let rest: Buffer = Buffer.alloc(0);
    card.on('data', (data) => {
      const all = rest.length === 0 ? data : Buffer.concat([rest, data]);
      const end = wholeFrames(all);
      rest = all.subarray(end);
      if (end > 0 && !this.#isCut) this.#pass(number, all.subarray(0, end));
    });
    card.on('close', () => {
      if (this.#cards.get(number) === card) this.#cards.delete(number);
    });
    // A machine without power breaks its line.
    card.on('error', () => card.destroy());
  }

  #pass(from: number, frames: Buffer): void {
    for (const [number, card] of this.#cards) if (number !== from && card.writableLength < WAITING_BYTES_MAX) card.write(frames);
  }
}

/** Where the last whole frame ends. */
function wholeFrames(data: Buffer): number {
  let at = 0;
  while (at + LENGTH_BYTES <= data.length) {
    const next = at + LENGTH_BYTES + data.readUInt32BE(at);
    if (next > data.length) break;
    at = next;
  }
  return at;
}
