// What a simulated API method is: a function of a call that answers data or throws an ApiError.
import type { Json } from '../../model/json.ts';
import type { ApiMethod } from '../../pve/api-tables.ts';
import type { Simulation } from '../simulation.ts';
import type { ClusterState } from '../state.ts';

export interface Caller {
  /** `root@pam`, without the token. */
  readonly userid: string;
  readonly tokenid?: string;
  /** root@pam by ticket: the only one who may do what Proxmox calls root only. */
  readonly isRootTicket: boolean;
  can(path: string, privilege: string): boolean;
}

export type ParamValue = string | number | readonly string[];
export type Params = Readonly<Record<string, ParamValue>>;

export interface Call {
  readonly sim: Simulation;
  readonly state: ClusterState;
  /** The node that acts. */
  readonly node: string;
  /** The node that was addressed. */
  readonly via: string;
  readonly method: ApiMethod;
  /** Path, query and body together, checked and converted by the schema: numbers are numbers, flags 0/1. */
  readonly params: Params;
  readonly caller: Caller;
  /** `9.2` */
  readonly version: string;
  /** More keys for the body beside `data`: `total`, `changes`. */
  readonly extras: Record<string, Json>;
}

/** Nothing is answered as `{"data":null}`. */
export type Handler = (call: Call) => Json | undefined | Promise<Json | undefined>;
/** By `GET /nodes/{node}/qemu`. */
export type Routes = Readonly<Record<string, Handler>>;

/** A refusal as Proxmox words it; the reason phrase is the message's first line. */
export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly errors?: Readonly<Record<string, string>>) {
    super(message);
    this.name = 'ApiError';
  }
}

/** The 400 of a parameter that is wrong. */
export function parameterError(errors: Readonly<Record<string, string>>): ApiError {
  return new ApiError(400, 'Parameter verification failed.\n', errors);
}

export function permissionError(detail: string): ApiError {
  return new ApiError(403, `Permission check failed (${detail})\n`);
}

/** The ordinary failure of a method: status 500 with the text of its `die`. */
export function failure(text: string): ApiError {
  return new ApiError(500, `${text}\n`);
}

export function text(call: Call, name: string): string | undefined {
  const value = call.params[name];
  return value === undefined ? undefined : typeof value === 'object' ? value.join('\0') : String(value);
}

/** For parameters that the schema requires. */
export function requiredText(call: Call, name: string): string {
  return text(call, name) ?? '';
}

export function number(call: Call, name: string): number | undefined {
  const value = call.params[name];
  return value === undefined ? undefined : Number(value);
}

export function flag(call: Call, name: string): boolean {
  return call.params[name] === 1 || call.params[name] === '1';
}
