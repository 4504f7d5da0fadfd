// What a program prints and how it ends.
export class Output {
  readonly #pieces: { readonly to: 'out' | 'err'; readonly text: string }[] = [];

  out(text: string): void {
    if (text !== '') this.#pieces.push({ to: 'out', text });
  }

  err(text: string): void {
    if (text !== '') this.#pieces.push({ to: 'err', text });
  }

  /** Both streams in the order in which they were written. */
  get both(): string {
    return this.#pieces.map(({ text }) => text).join('');
  }

  stream(wanted: 'out' | 'err'): string {
    return this.#pieces.filter(({ to }) => to === wanted).map(({ text }) => text).join('');
  }
}

/** A program: its words after its name; answers its exit code. */
export type Program = (words: readonly string[], run: Run) => number | Promise<number>;

export interface Run {
  readonly node: string;
  readonly output: Output;
  readonly stdin: string;
}
