// Tickets: what a browser logs in with, and the password behind it.
import type { Json } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import { rightsAt } from '../effective-rights.ts';
import { isEnabled, REFUSAL_DELAY_MS } from '../permissions.ts';
import { csrfToken, newTicket, userOfTicket } from '../tickets.ts';
import { ApiError, parameterError, requiredText, text, type Call, type Routes } from './handler.ts';
import { existingUser } from './access-users.ts';

export const routes: Routes = {
  'GET /access/ticket': () => undefined,
  'POST /access/ticket': login,
  'PUT /access/password': (call) => {
    const id = existingUser(call);
    return changeFile(call, 'user.cfg', undefined, () => {
      if (call.state.access.domains[id.split('@')[1] ?? ''] === undefined) throw parameterError({ userid: 'unable to set password for this realm' });
      call.state.access.passwords[id] = requiredText(call, 'password');
      return undefined;
    });
  },
};

async function login(call: Call): Promise<Json> {
  const realm = text(call, 'realm');
  const userid = realm === undefined ? requiredText(call, 'username') : `${requiredText(call, 'username')}@${realm}`;
  if (!isRightful(call, userid)) {
    await call.sim.clock.sleep(REFUSAL_DELAY_MS);
    throw new ApiError(401, 'authentication failure\n');
  }
  return { username: userid, ticket: newTicket(call.sim, userid), CSRFPreventionToken: csrfToken(call.sim, userid), clustername: call.state.clusterName, cap: capabilities(call, userid) };
}

/** A password, or a ticket that is still good: that is how sessions are renewed. */
function isRightful(call: Call, userid: string): boolean {
  const password = requiredText(call, 'password');
  if (!isEnabled(call.sim, userid)) return false;
  return call.state.access.passwords[userid] === password || userOfTicket(call.sim, password) === userid;
}

/** Which privileges count under which heading of the web page. */
const HEADINGS: Readonly<Record<string, RegExp>> = {
  vms: /^VM\.|^Permissions\.Modify$/, access: /^(User|Group)\.|^Permissions\.Modify$/, storage: /^Datastore\.|^Permissions\.Modify$/, nodes: /^Sys\.|^Permissions\.Modify$/,
  sdn: /^SDN\.|^Permissions\.Modify$/, dc: /^Sys\.Audit$|^Sys\.Modify$|^SDN\./, mapping: /^Mapping\.|^Permissions\.Modify$/,
};

function capabilities(call: Call, userid: string): Json {
  const paths = ['/vms', '/storage', '/access', '/nodes', '/sdn', '/mapping', '/', ...call.state.access.acl.map((entry) => entry.path)];
  const headings = Object.entries(HEADINGS).filter(([name]) => name !== 'mapping' || Number(call.version) >= 8);
  return Object.fromEntries(headings.map(([name, counts]) => {
    const below = paths.filter((path) => path === '/' || path === `/${name}` || path.startsWith(`/${name}/`));
    const found = below.flatMap((path) => Object.keys(rightsAt(call.state, call.version, userid, undefined, path)).filter((privilege) => counts.test(privilege)));
    return [name, Object.fromEntries(found.map((privilege) => [privilege, 1]))];
  }));
}
