// In: figures of several sizes. Out: how they grow, and which promises they break.
import type { Figures } from './scenes.ts';

/** Calls of a plan beyond one for each guest: 20, and two that tell whether those who answered belong together. */
export const BULK_CALLS_MAX = 22;
/** Time for a guest among ten times as many. */
export const GROWTH_MAX = 1.3;

export interface Growth { readonly work: Figures['work']; readonly from: number; readonly to: number; readonly cpu: number; readonly wall: number; readonly memory: number }

/** How many times what a guest costs at the smaller size it costs at the larger one. */
export function growthOf(figures: readonly Figures[]): readonly Growth[] {
  return [...figures].sort((a, b) => a.guests - b.guests).flatMap((larger, at, sorted) => {
    const smaller = sorted.slice(0, at).findLast((one) => one.work === larger.work);
    if (!smaller) return [];
    const ratio = (of: (one: Figures) => number) => (of(larger) / larger.guests) / (of(smaller) / smaller.guests);
    return [{ work: larger.work, from: smaller.guests, to: larger.guests, cpu: ratio((one) => one.cpuMs), wall: ratio((one) => one.wallMs), memory: ratio((one) => one.peakBytes) }];
  });
}

/** Processor time decides on growth: on a busy machine wall time also measures the neighbours. */
export function broken(figures: readonly Figures[]): readonly string[] {
  return [
    ...figures.filter((one) => one.work !== 'validate' && one.calls > one.guests + BULK_CALLS_MAX).map((one) => `${one.work} of ${one.guests} guests takes ${one.calls} calls, more than one a guest and ${BULK_CALLS_MAX}`),
    ...growthOf(figures).filter((one) => one.cpu > GROWTH_MAX).map((one) => `${one.work}: a guest costs ${one.cpu.toFixed(2)} times as much among ${one.to} as among ${one.from}, more than ${GROWTH_MAX}`),
  ];
}
