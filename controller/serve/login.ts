// In: a user and a password. Out: a session, when the cluster itself says who they are and its permissions let them in.
// Must never keep or repeat a password, nor decide by anything but what the cluster answers.
import type { ListenConfig, Right } from '../config/schema.ts';
import type { ProxmoxLogin } from '../model/doors.ts';
import type { JsonObject } from '../model/json.ts';
import { json, refused } from './answers.ts';
import type { Access } from './access.ts';
import { rights, SESSION_MS } from './access.ts';

/** Proxmox's own: no spaces, colons or slashes, and a realm; a token (`!`) is no person. */
const USER = /^[^\s:/!]{1,64}@[A-Za-z][A-Za-z0-9._-]{1,32}$/;
const PASSWORD_CHARS_MAX = 4096;
/** Each holds a connection to the cluster, which delays a refusal by three seconds. */
const AT_ONCE_MAX = 4;

export interface LoginParts {
  readonly login: ProxmoxLogin;
  readonly config: NonNullable<ListenConfig['proxmoxLogin']>;
  readonly access: Access;
  readonly newToken: () => string;
}

/** Throws what the cluster throws when it cannot be asked. */
export function loginAnswers({ login, config, access, newToken }: LoginParts): (body: JsonObject) => Promise<Response> {
  const { view = 'Sys.Audit', approve = 'Sys.Modify' } = config;
  let underWay = 0;
  return async ({ username, password }) => {
    if (typeof username !== 'string' || !USER.test(username)) return refused(400, 'USAGE', 'username is not written as user@realm', 'for example: ana@pve, root@pam');
    if (typeof password !== 'string' || password === '' || password.length > PASSWORD_CHARS_MAX) return refused(400, 'USAGE', 'password is missing');
    if (underWay >= AT_ONCE_MAX) return refused(503, 'USAGE', 'too many logins are under way', 'try again in a moment', { 'retry-after': '5' });
    underWay += 1;
    try {
      const answer = await login(username, password);
      if (answer.is === 'refused') return refused(401, 'AUTH_FAILED', answer.why, answer.fix);
      const may = rights([...(answer.privileges.has(view) ? ['view' as Right] : []), ...(answer.privileges.has(approve) ? ['approve' as Right] : [])]);
      if (may.size === 0) return refused(403, 'PERMISSION_DENIED', `${username} has neither ${view} nor ${approve} on /`, 'grant one of them in Datacenter → Permissions');
      const token = newToken();
      access.open(token, { name: username, may });
      return json(200, { ok: true, token, user: username, may: [...may].sort(), expiresInSeconds: SESSION_MS / 1000 });
    } finally {
      underWay -= 1;
    }
  };
}
