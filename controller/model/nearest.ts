import { compareText } from './ref.ts';

/** Longer words are no typing mistakes; the bound keeps the comparison cheap for names from outside. */
const LENGTH_MAX = 64;

/** The one of `names` that `word` was probably meant to be; nothing when none is near enough to be a typing mistake. */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  // Every letter is one mistake away from every other.
  if (word.length < 2 || word.length > LENGTH_MAX) return undefined;
  const reach = Math.min(3, Math.max(1, Math.floor(word.length / 3)));
  const near = [...names]
    .filter((name) => name !== word && Math.abs(name.length - word.length) <= reach)
    .map((name) => ({ name, mistakes: mistakesBetween(word.toLowerCase(), name.toLowerCase()) }))
    .filter(({ mistakes }) => mistakes <= reach);
  return near.sort((a, b) => a.mistakes - b.mistakes || compareText(a.name, b.name))[0]?.name;
}

/** Letters added, left out, replaced, or swapped with their neighbour. */
function mistakesBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
