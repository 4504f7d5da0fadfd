// Who we are, as headers: an API token, or a ticket that is asked for and renewed.
import type { Clock } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import { isObject, type Json } from '../model/json.ts';

/** `token` is `user@realm!id=secret`. */
export type Credentials = { readonly token: string } | { readonly username: string; readonly password: string };

export interface Session {
  /** Headers of one request; logs in when there is no fresh ticket. */
  headers(method: string): Promise<Readonly<Record<string, string>>>;
  /** After a 401: true when the next headers() will bring other ones. */
  renew(): boolean;
  /** What no message may contain. */
  secrets(): readonly string[];
}

/** Asks POST /access/ticket without credentials of its own. */
export type Login = (params: { readonly username: string; readonly password: string }) => Promise<Json>;

export function createSession(credentials: Credentials, clock: Clock, login: Login): Session {
  return 'token' in credentials ? tokenSession(credentials.token) : ticketSession(credentials, clock, login);
}

function tokenSession(token: string): Session {
  const headers = { authorization: `PVEAPIToken=${token}` };
  return { headers: async () => headers, renew: () => false, secrets: () => [token, token.slice(token.indexOf('=') + 1)] };
}

// Proxmox gives a ticket two hours; the rest is for clocks that differ and for calls that are under way.
const TICKET_FRESH_MS = 90 * 60_000;

interface Ticket { readonly ticket: string; readonly csrf: string; readonly until: number }

function ticketSession(user: { readonly username: string; readonly password: string }, clock: Clock, login: Login): Session {
  let current: Ticket | undefined;
  let asked: Promise<Ticket> | undefined;
  const ask = async (): Promise<Ticket> => {
    const startedAt = clock.now();
    current = ticketOf(await login({ username: user.username, password: user.password }), startedAt + TICKET_FRESH_MS);
    return current;
  };
  const ticket = async (): Promise<Ticket> => {
    if (current && clock.now() < current.until) return current;
    // One login for all who wait; a wrong password is asked once, not once per call.
    asked ??= ask().finally(() => (asked = undefined));
    return asked;
  };
  return {
    headers: async (method) => {
      const { ticket: text, csrf } = await ticket();
      const cookie = { cookie: `PVEAuthCookie=${encodeURIComponent(text)}` };
      return method === 'GET' ? cookie : { ...cookie, csrfpreventiontoken: csrf };
    },
    renew: () => {
      current = undefined;
      return true;
    },
    secrets: () => [user.password, ...(current ? [current.ticket, current.csrf] : [])],
  };
}

function ticketOf(data: Json, until: number): Ticket {
  const { ticket, CSRFPreventionToken: csrf, NeedTFA: second } = isObject(data) ? data : {};
  if (second) throw failure('AUTH_FAILED', 'the user has a second factor, which nobody can enter here', { fix: 'use an API token' });
  if (typeof ticket !== 'string' || typeof csrf !== 'string') throw failure('AUTH_FAILED', 'the login was answered without a ticket');
  return { ticket, csrf, until };
}
