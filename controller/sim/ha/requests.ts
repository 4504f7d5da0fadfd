// Writing what people ask of the HA manager: the resources' requested state, sections of its files.
// In: the simulation and a change. Out: the changed files; the manager is woken to read them.
// Must never change a service: only the manager's rounds do.
import { failure } from '../api/handler.ts';
import type { Simulation } from '../simulation.ts';
import type { HaSection, RequestState } from './state.ts';

/** `ha-manager set <sid> --state`, also behind the guests' own start. */
export function requestState(sim: Simulation, sid: string, state: RequestState | 'enabled'): void {
  refuseInError(sim, sid, state);
  const section = sim.state.ha.resources[sid];
  if (!section) throw failure(`no such resource '${sid}'`);
  section['state'] = state;
  sim.ha.wake();
}

/** A service in error wants to be disabled before anything else. */
export function refuseInError(sim: Simulation, sid: string, state?: string): void {
  if (sim.state.ha.manager.service_status[sid]?.state !== 'error' || sim.state.ha.resources[sid]?.['state'] === 'ignored' || state === 'disabled') return;
  throw failure(`service '${sid}' in error state, must be disabled and fixed first`);
}

/** Takes a resource out of resources.cfg and, when `purge`, out of the rules that name it. */
export function removeResource(sim: Simulation, sid: string, purge: 'purge' | 'keep-rules'): void {
  const { ha } = sim.state;
  delete ha.resources[sid];
  if (purge === 'purge') {
    for (const [id, rule] of Object.entries(ha.rules)) {
      const left = listed(rule).filter((other) => other !== sid);
      if (left.length === 0) delete ha.rules[id];
      else rule['resources'] = left.join(',');
    }
  }
  sim.ha.wake();
}

function listed(rule: HaSection): string[] {
  return String(rule['resources'] ?? '').split(',').filter((sid) => sid !== '');
}
