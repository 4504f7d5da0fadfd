// What the steps of a guest share: which guest they are for, what has to hold before each, how long they may take. Pure.
import type { GuestFact, GuestType } from '../../model/facts.ts';
import type { Condition, Cost, Hold, Step } from '../../model/step.ts';
import type { ApiTables } from '../../pve/api-tables.ts';

export const MINUTE = 60_000;
/** A configuration write waits at most 10 s for the guest's lock; new disks are allocated within it. */
export const CONFIG_TIMEOUT = 10 * MINUTE;
/** The HA manager acts in rounds of 10 s and a service passes several of them; a start may be retried on other nodes. */
export const HA_TIMEOUT = 5 * MINUTE;
/** Copying is bounded by the disks: an hour per started 256 GiB, at least one. */
const COPY_BYTES_PER_HOUR = 256 * 2 ** 30;
/** Assumed by estimates only: a gigabit link. */
const BYTES_PER_SECOND = 100 * 2 ** 20;

export interface Scope {
  readonly tables: ApiTables;
  readonly type: GuestType;
  readonly vmid: number;
  readonly guards: (node: string) => readonly Condition[];
}

export function scopeOf(tables: ApiTables, type: GuestType, guest: Pick<GuestFact, 'vmid'>, mark: string | undefined, identity?: string): Scope {
  const guards = (node: string): readonly Condition[] => [
    { is: 'quorate' }, { is: 'node-online', node }, { is: 'guest-idle', vmid: guest.vmid },
    { is: 'guest-is', vmid: guest.vmid, type, node, ...(mark === undefined ? {} : { mark }) },
    // What is taken over has no mark yet: its uuid tells that it is still the same.
    ...(identity === undefined ? [] : [{ is: 'guest-identity' as const, vmid: guest.vmid, identity }]),
  ];
  return { tables, type, vmid: guest.vmid, guards };
}

export function holding(hold: Hold | undefined): { readonly hold?: Hold } {
  return hold ? { hold } : {};
}

export function held(title: string, hold: Hold, scope: Scope, node: string): Step {
  return { title, action: { via: 'wait', until: { is: 'guest-idle', vmid: scope.vmid } }, guards: scope.guards(node), risk: 'none', locks: [], timeoutMs: MINUTE, hold };
}

export function copyCost(bytes: number): Cost {
  return bytes > 0 ? { bytes, seconds: Math.ceil(bytes / BYTES_PER_SECOND) } : {};
}

export function copyTimeout(bytes: number): number {
  return (Math.floor(bytes / COPY_BYTES_PER_HOUR) + 1) * 60 * MINUTE;
}
