// In: a topic. Out: how many of its exchanges are equal, known to differ, not modelled, or differ unexpectedly.
import { knownDifferences } from './known-differences.ts';
import type { Exchange, Topic } from './recorded.ts';
import { replay } from './replay.ts';

export interface Counts {
  readonly topic: Topic;
  readonly exchanges: number;
  readonly equal: number;
  readonly known: number;
  readonly notModelled: readonly Exchange[];
  /** Differ without being listed. */
  readonly unlisted: readonly Exchange[];
  /** Listed without differing. */
  readonly stale: readonly string[];
  readonly differing: readonly Exchange[];
}

export async function counted(topic: Topic): Promise<Counts> {
  const replayed = await replay(topic);
  const of = (verdict: string) => replayed.filter((one) => one.verdict === verdict).map((one) => one.exchange);
  const different = of('different');
  const equal = of('equal');
  return {
    topic, exchanges: replayed.length, equal: equal.length, notModelled: of('not modelled'),
    known: different.filter((exchange) => exchange.id in knownDifferences).length,
    unlisted: different.filter((exchange) => !(exchange.id in knownDifferences)),
    stale: [...equal, ...of('not modelled')].filter((exchange) => exchange.id in knownDifferences).map((exchange) => exchange.id),
    differing: different,
  };
}

/** The counts as README.md shows them. */
export function table(all: readonly Counts[]): string {
  const rows = all.map((one) => [one.topic, one.exchanges, one.equal, one.known, one.notModelled.length, one.unlisted.length]);
  const sums = [1, 2, 3, 4, 5].map((column) => rows.reduce((sum, row) => sum + Number(row[column]), 0));
  return [
    '| topic | exchanges | equal | known differences | not modelled | unlisted |', '|---|---|---|---|---|---|',
    ...[...rows, ['all', ...sums]].map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}
