// In: users, tokens, groups, roles, access lists and pools. Out: the privileges somebody has at a path.
// Rules of pve-access-control: the deepest path wins, a user's entry beats those of groups, NoAccess beats all,
// members of a pool inherit from it, and a token with privilege separation has at most what its user has.
import type { AclEntry, ClusterState } from './state.ts';
import { builtinRoles } from './privileges.ts';

/** Privilege → 1 when it propagates below the path, 0 when it does not. */
export type Rights = Readonly<Record<string, number>>;

const NONE: Rights = {};

/** `tokenid` undefined: the user itself. */
export function rightsAt(state: ClusterState, version: string, userid: string, tokenid: string | undefined, path: string): Rights {
  const token = tokenid === undefined ? undefined : state.access.tokens[`${userid}!${tokenid}`];
  const ofUser = rightsOf(state, version, 'user', userid, path);
  if (tokenid === undefined || !token?.privsep) return ofUser;
  const ofToken = rightsOf(state, version, 'token', `${userid}!${tokenid}`, path);
  return Object.fromEntries(Object.entries(ofToken).flatMap(([name, propagates]) => (ofUser[name] === undefined ? [] : [[name, propagates && ofUser[name] ? 1 : 0]])));
}

/** Proxmox's form of a path: one slash between, none at the end; undefined when it cannot be one. */
export function normalPath(path: string): string | undefined {
  const slim = path.replaceAll(/\/+/g, '/').replace(/\/$/, '') || '/';
  const full = slim.startsWith('/') ? slim : `/${slim}`;
  return /^[A-Za-z0-9.\-_/]+$/.test(full) ? full : undefined;
}

function rightsOf(state: ClusterState, version: string, kind: 'user' | 'token', id: string, path: string): Rights {
  if (kind === 'user' && id === 'root@pam') return privilegesOf(state, version, { Administrator: 1 });
  const roles = rolesAt(state, kind, id, path);
  if ('NoAccess' in roles) return NONE;
  const all = { ...roles };
  // What comes from a pool never propagates.
  for (const pool of poolsWith(state, path)) for (const role of Object.keys(rolesAt(state, kind, id, `/pool/${pool}`))) all[role] ??= 0;
  return 'NoAccess' in all ? NONE : privilegesOf(state, version, all);
}

function rolesAt(state: ClusterState, kind: 'user' | 'token', id: string, path: string): Record<string, number> {
  const { acl } = state.access;
  if (acl.length === 0) return {};
  const groups = kind === 'user' ? Object.entries(state.access.groups).filter(([, group]) => group.users.includes(id)).map(([name]) => name) : [];
  let roles: Record<string, number> = {};
  for (const level of levelsOf(path)) {
    const here = acl.filter((entry) => entry.path === level && (level === path || entry.propagate === 1));
    const own = here.filter((entry) => entry.type === kind && entry.ugid === id);
    const found = own.length > 0 ? own : here.filter((entry) => entry.type === 'group' && groups.includes(entry.ugid));
    if (found.length > 0) roles = granted(found);
  }
  return roles;
}

function granted(entries: readonly AclEntry[]): Record<string, number> {
  if (entries.some((entry) => entry.roleid === 'NoAccess')) return { NoAccess: 1 };
  return Object.fromEntries(entries.map((entry) => [entry.roleid, entry.propagate]));
}

/** `/vms/100` → `/`, `/vms`, `/vms/100`. */
function levelsOf(path: string): readonly string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return ['/', ...parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`)];
}

function poolsWith(state: ClusterState, path: string): readonly string[] {
  const found = /^\/(vms|storage)\/([^/]+)$/.exec(path);
  if (!found) return [];
  return Object.entries(state.pools).filter(([, pool]) => (found[1] === 'vms' ? pool.vms.includes(Number(found[2])) : pool.storages.includes(found[2] ?? ''))).map(([id]) => id);
}

function privilegesOf(state: ClusterState, version: string, roles: Readonly<Record<string, number>>): Rights {
  const rights: Record<string, number> = {};
  for (const [role, propagates] of Object.entries(roles)) {
    for (const name of builtinRoles(version)[role] ?? state.access.roles[role] ?? []) rights[name] = rights[name] === 1 ? 1 : propagates;
  }
  return rights;
}
