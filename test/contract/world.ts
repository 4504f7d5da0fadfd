// In: the id of a recorded exchange. Out: what happened to the cluster just before it besides requests, and who was asked.
import type { Simulation } from '../../controller/sim/simulation.ts';

export type WorldEvent = (sim: Simulation) => void | Promise<void>;
export interface World {
  readonly events: readonly WorldEvent[];
  /** Virtual time that passed since the exchange before, where its answers do not tell. */
  readonly waitMs?: number;
  /** The node that was asked; pve1 where nothing is said. */
  readonly node?: string;
}

const nothing: World = { events: [] };

export function worldBefore(id: string): World {
  return before[id] ?? nothing;
}

const before: Readonly<Record<string, World>> = {};
