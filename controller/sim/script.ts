// Stories and faults (owner: S3): what the world does to the simulated cluster while somebody works with it.
import type { HttpRequest, HttpResponse } from '../model/doors.ts';
import { ConnectionError } from '../model/doors.ts';

export type FaultVerdict =
  | { readonly do: 'delay'; readonly ms: number }
  | { readonly do: 'break'; readonly error: ConnectionError }
  | { readonly do: 'answer'; readonly response: HttpResponse }
  /** The call has its effect, the answer is lost. */
  | { readonly do: 'lose-answer' };

export interface FaultPlan {
  /** Consulted once for each request that reaches `node`. */
  onRequest(node: string, request: HttpRequest): FaultVerdict | undefined;
}

export function noFaults(): FaultPlan {
  return { onRequest: () => undefined };
}
