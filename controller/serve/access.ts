// In: the header of a request. Out: who asks and what they may, by a token of the configuration or a session of a login.
// Must never keep a token, only its digest, nor compare in a time that tells of one.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ListenConfig, Right } from '../config/schema.ts';
import type { Clock } from '../model/doors.ts';

/** `name` goes into the log and the events. */
export interface Caller { readonly name: string; readonly may: ReadonlySet<Right> }

/** A person logs in again after this; a right that was taken away in Proxmox ends with it. */
export const SESSION_MS = 30 * 60_000;
const SESSIONS_MAX = 1_000;
const TOKEN_CHARS_MAX = 512;

/** Who may approve may also see, who may see may also count. */
const INCLUDES: Readonly<Record<Right, readonly Right[]>> = { metrics: ['metrics'], view: ['view', 'metrics'], approve: ['approve', 'view', 'metrics'] };

export function rights(given: readonly Right[]): ReadonlySet<Right> {
  return new Set(given.flatMap((right) => INCLUDES[right]));
}

/** As it stands in the configuration: `sha256:…`. */
export function tokenHash(token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('hex')}`;
}

interface Session { readonly caller: Caller; readonly until: number }

export class Access {
  readonly #tokens: readonly { readonly digest: Buffer; readonly caller: Caller }[];
  /** By digest, the oldest first. */
  readonly #sessions = new Map<string, Session>();

  constructor(tokens: ListenConfig['tokens'], private readonly clock: Pick<Clock, 'now'>) {
    this.#tokens = (tokens ?? []).map(({ name, hash, may }) => ({ digest: Buffer.from(hash), caller: { name, may: rights(may) } }));
  }

  /** @param header `Authorization` */
  callerOf(header: string | null): Caller | undefined {
    const token = bearerOf(header);
    if (token === undefined) return undefined;
    const hash = tokenHash(token);
    const digest = Buffer.from(hash);
    // Every one is compared, so that the time does not tell which came near.
    const found = this.#tokens.filter((each) => each.digest.length === digest.length && timingSafeEqual(each.digest, digest));
    return found[0]?.caller ?? this.#live(hash)?.caller;
  }

  open(token: string, caller: Caller): void {
    const now = this.clock.now();
    for (const [hash, { until }] of this.#sessions) if (until <= now || this.#sessions.size >= SESSIONS_MAX) this.#sessions.delete(hash);
    this.#sessions.set(tokenHash(token), { caller, until: now + SESSION_MS });
  }

  /** False: it was no session. */
  close(header: string | null): boolean {
    const token = bearerOf(header);
    return token !== undefined && this.#sessions.delete(tokenHash(token));
  }

  /** A clock that jumped back makes no session longer. */
  #live(hash: string): Session | undefined {
    const session = this.#sessions.get(hash);
    const left = (session?.until ?? 0) - this.clock.now();
    return left > 0 && left <= SESSION_MS ? session : undefined;
  }
}

function bearerOf(header: string | null): string | undefined {
  const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(header ?? '')?.[1];
  return token === undefined || token.length > TOKEN_CHARS_MAX ? undefined : token;
}
