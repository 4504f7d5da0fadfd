// API methods called from inside the simulated world: by root at a node's shell, by a node's own daemons.
// In: a node, a method and its parameters. Out: the method's answer, and its task's end when it started one.
// Must never fail aloud: whoever asked sees the refusal, the world goes on; it is a line of the log.
import type { Json } from '../model/json.ts';
import type { HttpMethod } from '../pve/api-tables.ts';
import type { Call, Params } from './api/handler.ts';
import { ROUTES } from './api/router.ts';
import type { Simulation } from './simulation.ts';

export interface Deed {
  readonly node: string;
  readonly method: HttpMethod;
  /** The template, `/nodes/{node}/qemu/{vmid}/status/start`. */
  readonly path: string;
  readonly params: Params;
}

export type DeedOutcome = { readonly ok: true; readonly answer: Json } | { readonly ok: false; readonly why: string };

/** Does it as root@pam, without HTTP; waits for the task. `mark` may tag the call before it is made. */
export async function doInPerson(sim: Simulation, deed: Deed, mark: (call: Call) => Call = (call) => call): Promise<DeedOutcome> {
  const { node, path } = deed;
  const method = sim.tables.method(deed.method, path);
  const handler = ROUTES[`${deed.method} ${path}`];
  if (!method || !handler) return refused(sim, deed, `${deed.method} ${path} is not simulated`);
  const caller = { userid: 'root@pam', isRootTicket: true, can: () => true };
  const call = mark({ sim, state: sim.state, node, via: node, method, params: { node, ...deed.params }, caller, version: sim.tables.version, extras: {} });
  try {
    const answer = await handler(call) ?? null;
    if (typeof answer === 'string' && answer.startsWith('UPID:')) await sim.running.done(answer);
    return { ok: true, answer };
  } catch (error) {
    if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) throw error;
    return refused(sim, deed, error instanceof Error ? error.message.trimEnd() : String(error));
  }
}

function refused(sim: Simulation, deed: Deed, why: string): DeedOutcome {
  sim.log.write(deed.node, `${deed.method} ${deed.path}: ${why}`);
  return { ok: false, why };
}
