// The right name nearest to a wrong one, for findings: `brigde` → `bridge`.
import { type ApiMethod, paramOf } from './api-tables.ts';
import { familyLast, splitFamily } from './families.ts';

/** The candidate with the fewest single-character edits, neighbours swapped counting as one; nothing when none is near. */
export function nearestName(wrong: string, candidates: Iterable<string>): string | undefined {
  const most = Math.max(1, Math.floor(wrong.length / 3));
  const near = [...candidates]
    .map((name) => ({ name, distance: editDistance(wrong.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= most && name !== wrong)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return near[0]?.name;
}

/** The same among a method's parameters: `nett0` → `net0`, `scsi31` → `scsi30`. */
export function nearestParam(wrong: string, method: ApiMethod): string | undefined {
  const parts = splitFamily(wrong);
  const last = parts && method.params.has(`${parts.family}[n]`) ? familyLast(method.path, parts.family) : undefined;
  if (parts && last !== undefined && parts.index > last) return `${parts.family}${last}`;
  const names = [...method.params.keys()].map((name) => name.replace('[n]', String(parts?.index ?? 0)));
  return nearestName(wrong, names.filter((name) => paramOf(method, name)));
}

/** Optimal string alignment: insert, delete, replace, or swap two neighbours. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] as number) + 1 : Infinity;
      row.push(Math.min((above[j] as number) + 1, (row[j - 1] as number) + 1, replace, swap));
    }
    before = above;
    above = row;
  }
  return above[b.length] as number;
}
