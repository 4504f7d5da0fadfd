// Who calls, and whether they may (owner: S2).
import type { ApiMethod } from '../pve/api-tables.ts';
import type { Caller, Params } from './api/handler.ts';
import type { Simulation } from './simulation.ts';

/** A 401: its text is only in the reason phrase. */
export interface Refusal { readonly refused: string; readonly delayMs: number }

/** Who the headers say they are. Methods that anybody may call get an anonymous caller. */
export function identify(sim: Simulation, method: string, headers: Readonly<Record<string, string>>): Caller | Refusal {
  void method;
  const token = /^PVEAPIToken=([^=]+)=(.*)$/.exec(headers.authorization ?? '');
  if (!token) return { refused: 'No ticket', delayMs: 0 };
  const id = token[1] ?? '';
  if (sim.state.access.tokens[id]?.secret !== token[2]) return { refused: 'Authentication failed!', delayMs: 3000 };
  const [userid = '', tokenid = ''] = id.split('!');
  return { userid, tokenid, isRootTicket: false, can: () => true };
}

/** Throws an ApiError 403 unless `caller` may call `method` with these unchecked parameters. */
export function demand(sim: Simulation, method: ApiMethod, caller: Caller, params: Params): void {
  void [sim, method, caller, params];
}
