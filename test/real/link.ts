// The network line between the machines, which a story can cut. In: the machines' numbers. Out: a socket for the card of each, and the
// line as long as it is held. It is a process of its own: what the product computes meanwhile must not delay a frame, because DRBD
// takes a late answer for a cut line.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export type Order = 'cut' | 'heal';

export class Link {
  readonly #line: ChildProcess;
  readonly #folder: string;

  private constructor(folder: string, line: ChildProcess) {
    this.#folder = folder;
    this.#line = line;
  }

  /** @param folder short: the path of a socket has 108 bytes */
  static async open(folder: string, machines: readonly number[]): Promise<Link> {
    const line = fork(join(import.meta.dirname, 'line.ts'), machines.map((machine) => socketIn(folder, machine)));
    await new Promise<void>((ready, failed) => line.once('message', () => ready()).once('error', failed).once('exit', (code) => failed(new Error(`the line ended with exit code ${code}`))));
    return new Link(folder, line);
  }

  socketOf(machine: number): string {
    return socketIn(this.#folder, machine);
  }

  cut(): void {
    this.#tell('cut');
  }

  heal(): void {
    this.#tell('heal');
  }

  close(): void {
    this.#line.disconnect();
  }

  #tell(order: Order): void {
    this.#line.send(order);
  }
}

function socketIn(folder: string, machine: number): string {
  return join(folder, `card-${machine}`);
}
