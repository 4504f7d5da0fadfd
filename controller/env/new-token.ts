import { randomBytes } from 'node:crypto';

/** A bearer token with 256 bits of chance; `lat_` lets scanners of repositories know it. */
export function newToken(): string {
  return `lat_${randomBytes(32).toString('base64url')}`;
}
