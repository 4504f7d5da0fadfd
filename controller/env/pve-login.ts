// In: a person's user name and password. Out: their privileges on `/`, as the cluster itself says, or why it lets them not in.
// Must never keep a password or a ticket, nor use credentials of the daemon for it.
import { PveError } from '../model/doors.ts';
import type { ProxmoxLogin } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { createPveClient } from './pve-client.ts';
import type { PveClientOptions } from './pve-client.ts';

/** Throws ConnectionError when no endpoint answers. */
export function createProxmoxLogin(options: Pick<PveClientOptions, 'endpoints' | 'transport' | 'clock' | 'random' | 'limits'>): ProxmoxLogin {
  return async (username, password) => {
    // A client of its own: POST /access/ticket with the password, then GET with the ticket of that answer.
    const { endpoints, transport, clock, random, limits } = options;
    const pve = createPveClient({ endpoints, transport, clock, random, ...(limits ? { limits } : {}), credentials: { username, password } });
    try {
      const permissions = await pve.get('/access/permissions', { query: { path: '/' } });
      const onRoot = isObject(permissions) ? permissions['/'] : undefined;
      // A privilege that is there counts; its value only tells whether it goes on to what is below.
      return { is: 'in', privileges: new Set(isObject(onRoot) ? Object.keys(onRoot) : []) };
    } catch (error) {
      if (error instanceof PveError && error.status === 401) return { is: 'refused', why: 'the cluster refused the user name or the password' };
      if (error instanceof Failure) return { is: 'refused', why: error.findings[0]?.fact ?? 'the cluster refused the login', fix: 'use a token of the configuration: latido token NAME' };
      throw error;
    }
  };
}
