// In: entries, one after the other. Out: `NAME.jsonl`, bounded, and the newest entries in memory. Must never be fatal: a
// torn, missing or unreadable file is told as damage and begun anew, a full disk costs the file and not the work.
import type { Store } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';

export interface Lines<Entry> {
  /** Oldest first; at most `max`. */
  readonly entries: readonly Entry[];
  add(entry: Entry): Promise<void>;
  /** What was wrong with the file, since the last time this was asked. */
  damage(): string | undefined;
}

/** @param parse answers undefined for what is no entry of this version */
export async function openLines<Entry>(store: Store, name: string, max: number, parse: (value: { readonly [key: string]: unknown }) => Entry | undefined): Promise<Lines<Entry>> {
  const lines = new BoundedLines<Entry>(store, name, max);
  await lines.load(parse);
  return lines;
}

class BoundedLines<Entry> implements Lines<Entry> {
  entries: Entry[] = [];
  #inFile = 0;
  /** The file does not hold what the memory holds: the next entry writes it whole. */
  #isStale = false;
  #damage: string | undefined;

  constructor(private readonly store: Store, private readonly name: string, private readonly max: number) {}

  async load(parse: (value: { readonly [key: string]: unknown }) => Entry | undefined): Promise<void> {
    const texts = (await this.#guarded('be read', () => this.store.read(this.name)))?.split('\n').filter((line) => line !== '') ?? [];
    const entries = texts.flatMap((text) => parseLine(text, parse) ?? []);
    if (entries.length < texts.length) {
      this.#damage = `${texts.length - entries.length} of ${texts.length} lines of ${this.name} could not be read and are dropped`;
      this.#isStale = true;
    }
    this.entries = entries.slice(-this.max);
    this.#inFile = texts.length;
  }

  async add(entry: Entry): Promise<void> {
    this.entries = [...this.entries, entry].slice(-this.max);
    this.#inFile += 1;
    // Rewriting at twice the bound makes one long write in so many short ones.
    const isLong = this.#inFile > 2 * this.max;
    if (!this.#isStale && !isLong) return void await this.#guarded('be written', () => this.store.append(this.name, JSON.stringify(entry)));
    const { length } = this.entries;
    const written = await this.#guarded('be written', async () => {
      await this.store.write(this.name, this.entries.map((each) => `${JSON.stringify(each)}\n`).join(''));
      return true;
    });
    if (written) {
      this.#inFile = length;
      this.#isStale = false;
    }
  }

  damage(): string | undefined {
    const told = this.#damage;
    this.#damage = undefined;
    return told;
  }

  async #guarded<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#isStale = true;
      this.#damage = `${this.name} could not ${what}: ${error.findings[0]?.fact ?? error.message}`;
      return undefined;
    }
  }
}

function parseLine<Entry>(text: string, parse: (value: { readonly [key: string]: unknown }) => Entry | undefined): Entry | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? parse(value) : undefined;
  } catch {
    return undefined;
  }
}
