// Roles, access lists and the permissions that follow from them.
import type { Json } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import { normalPath, rightsAt } from '../effective-rights.ts';
import { deniedModify } from '../permissions.ts';
import { allPrivileges, builtinRoles } from '../privileges.ts';
import type { AclEntry } from '../state.ts';
import { failure, flag, number, parameterError, permissionError, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'GET /access/roles': (call) => [
    ...Object.entries(builtinRoles(call.version)).map(([roleid, privs]) => ({ roleid, privs: privs.join(','), special: 1 })),
    ...Object.entries(call.state.access.roles).map(([roleid, privs]) => ({ roleid, privs: [...privs].sort().join(','), special: 0 })),
  ],
  'GET /access/roles/{roleid}': (call) => {
    const id = requiredText(call, 'roleid');
    const privs = builtinRoles(call.version)[id] ?? call.state.access.roles[id];
    if (!privs) throw failure(`role '${id}' does not exist`);
    return Object.fromEntries(privs.map((name) => [name, 1]));
  },
  'POST /access/roles': createRole,
  'PUT /access/roles/{roleid}': updateRole,
  'DELETE /access/roles/{roleid}': deleteRole,
  'GET /access/acl': (call) => call.state.access.acl.filter((entry) => deniedModify(call.caller, entry.path) === undefined).map((entry) => ({ ...entry })),
  'PUT /access/acl': changeAcl,
  'GET /access/permissions': permissions,
};

function privilegesParameter(call: Call): readonly string[] {
  const names = (text(call, 'privs') ?? '').split(/[\s,;]+/).filter((name) => name !== '');
  const unknown = names.find((name) => !allPrivileges(call.version).includes(name));
  if (unknown !== undefined) throw parameterError({ privs: `invalid format - invalid privilege '${unknown}'\n` });
  return names;
}

function createRole(call: Call): Promise<undefined> {
  const privs = privilegesParameter(call);
  const id = requiredText(call, 'roleid');
  if (builtinRoles(call.version)[id]) throw failure(`role '${id}' already exists`);
  return changeFile(call, 'user.cfg', 'create role failed', () => {
    if (call.state.access.roles[id]) throw failure(`role '${id}' already exists`);
    call.state.access.roles[id] = privs;
    return undefined;
  });
}

function updateRole(call: Call): Promise<undefined> {
  const privs = privilegesParameter(call);
  const id = requiredText(call, 'roleid');
  refuseBuiltin(call, id, 'modified');
  return changeFile(call, 'user.cfg', 'update role failed', () => {
    const before = call.state.access.roles[id];
    if (!before) throw failure(`role '${id}' does not exist`);
    call.state.access.roles[id] = flag(call, 'append') ? [...new Set([...before, ...privs])] : privs;
    return undefined;
  });
}

function deleteRole(call: Call): Promise<undefined> {
  const id = requiredText(call, 'roleid');
  refuseBuiltin(call, id, 'deleted');
  return changeFile(call, 'user.cfg', 'delete role failed', () => {
    if (!call.state.access.roles[id]) throw failure(`role '${id}' does not exist`);
    delete call.state.access.roles[id];
    call.state.access.acl = call.state.access.acl.filter((entry) => entry.roleid !== id);
    return undefined;
  });
}

function refuseBuiltin(call: Call, id: string, verb: string): void {
  if (builtinRoles(call.version)[id]) throw failure(`auto-generated role '${id}' cannot be ${verb}`);
}

/** The paths that access lists may name (pve-access-control's check_path). */
const ACL_PATH = new RegExp(`^(?:/|${[
  'access(?:/groups(?:/[\\w.-]+)?|/realm(?:/[\\w.-]+)?)?', 'nodes(?:/[\\w.-]+)?', 'pool(?:/[\\w.-]+){0,3}', 'storage(?:/[\\w.-]+)?', 'vms(?:/[1-9]\\d{2,})?',
  'mapping(?:/[\\w.-]+){0,2}', 'sdn(?:/controllers(?:/[\\w-]+)?|/(?:dns|fabrics|ipams|prefix-lists|route-maps)(?:/[A-Za-z0-9]+)?|/zones(?:/[\\w.-]+(?:/[\\w.-]+(?:/[1-9]\\d{0,3})?)?)?)?',
].map((below) => `/${below}`).join('|')})$`);

function changeAcl(call: Call): Promise<undefined> {
  const asked = requiredText(call, 'path');
  const path = normalPath(asked);
  if (path === undefined || !asked.startsWith('/') || !ACL_PATH.test(path)) throw parameterError({ path: `invalid ACL path '${asked}'` });
  const given = (name: string): readonly string[] => (text(call, name) ?? '').split(/[\s,;]+/).filter((id) => id !== '');
  if (given('users').length + given('groups').length + given('tokens').length === 0) {
    throw parameterError({ users: "either 'users', 'groups' or 'tokens' is required.", groups: "either 'users', 'groups' or 'tokens' is required.", tokens: "either 'users', 'groups' or 'tokens' is required." });
  }
  return changeFile(call, 'user.cfg', 'ACL update failed', () => {
    for (const roleid of given('roles')) {
      if (!builtinRoles(call.version)[roleid] && !call.state.access.roles[roleid]) throw failure(`role '${roleid}' does not exist`);
      for (const type of ['group', 'user', 'token'] as const) for (const ugid of given(`${type}s`)) setEntry(call, { path, roleid, type, ugid, propagate: number(call, 'propagate') ?? 1 });
    }
    return undefined;
  });
}

function setEntry(call: Call, entry: AclEntry): void {
  const { access } = call.state;
  const exists = { group: access.groups, user: access.users, token: access.tokens }[entry.type][entry.ugid] !== undefined;
  const rest = access.acl.filter((one) => one.path !== entry.path || one.type !== entry.type || one.ugid !== entry.ugid || one.roleid !== entry.roleid);
  if (flag(call, 'delete')) access.acl = rest;
  else if (exists) access.acl = [...rest, entry];
  else throw failure(`${entry.type} '${entry.ugid}' does not exist`);
}

const DEFAULT_PATHS = ['/', '/access', '/access/groups', '/access/realm', '/mapping', '/nodes', '/pool', '/sdn', '/storage', '/vms'];

function permissions(call: Call): Json {
  const { userid, tokenid } = subject(call);
  const path = text(call, 'path');
  const normal = path === undefined ? undefined : normalPath(path);
  if (path !== undefined && normal === undefined) throw parameterError({ path: `invalid ACL path '${path}'` });
  const paths = normal === undefined ? [...new Set([...DEFAULT_PATHS, ...call.state.access.acl.map((entry) => entry.path)])] : [normal];
  return Object.fromEntries(paths.map((one) => [one, rightsAt(call.state, call.version, userid, tokenid, one)] as const)
    .filter(([, rights]) => normal !== undefined || Object.keys(rights).length > 0));
}

/** Whose permissions are asked for: the caller's own, or with Sys.Audit on /access those of another. */
function subject(call: Call): { readonly userid: string; readonly tokenid?: string } {
  const asked = text(call, 'userid');
  const [userid = '', tokenid] = (asked ?? '').split('!');
  if (asked === undefined) return call.caller;
  if (userid !== call.caller.userid && !call.caller.can('/access', 'Sys.Audit')) throw permissionError('/access, Sys.Audit');
  if (!call.state.access.users[userid] || (tokenid !== undefined && !call.state.access.tokens[asked])) throw failure(`no such user ('${asked}')`);
  return { userid, ...(tokenid === undefined ? {} : { tokenid }) };
}
