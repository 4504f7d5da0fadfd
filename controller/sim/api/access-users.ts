// Users and groups of the simulated cluster.
import type { Json, JsonObject } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import { realmOf } from '../permissions.ts';
import type { ConfigValue, UserState } from '../state.ts';
import { failure, flag, number, requiredText, text, type Call, type Routes } from './handler.ts';
import { tokensOf } from './access-tokens.ts';

export const routes: Routes = {
  'GET /access/users': (call) => Object.keys(call.state.access.users).filter((id) => isVisible(call, id)).filter((id) => isWanted(call, id)).map((id) => listed(call, id)),
  'POST /access/users': createUser,
  'GET /access/users/{userid}': (call) => {
    const id = existingUser(call);
    return { ...call.state.access.users[id], groups: groupsOf(call, id), tokens: tokensById(call, id) };
  },
  'PUT /access/users/{userid}': updateUser,
  'DELETE /access/users/{userid}': deleteUser,
  'GET /access/groups': (call) => Object.entries(call.state.access.groups)
    .filter(([id]) => ['User.Modify', 'Sys.Audit', 'Group.Allocate'].some((privilege) => call.caller.can(`/access/groups/${id}`, privilege)))
    .map(([groupid, group]) => ({ groupid, ...commentOf(group), users: [...group.users].sort().join(',') })),
  'POST /access/groups': (call) => changeFile(call, 'user.cfg', 'create group failed', () => {
    const id = requiredText(call, 'groupid');
    if (call.state.access.groups[id]) throw failure(`group '${id}' already exists`);
    call.state.access.groups[id] = { ...commentParameter(call), users: [] };
    return undefined;
  }),
  'GET /access/groups/{groupid}': (call) => {
    const group = call.state.access.groups[requiredText(call, 'groupid')];
    if (!group) throw failure(`group '${requiredText(call, 'groupid')}' does not exist`);
    return { ...commentOf(group), members: [...group.users].sort() };
  },
  'PUT /access/groups/{groupid}': (call) => changeFile(call, 'user.cfg', 'update group failed', () => {
    const group = call.state.access.groups[requiredText(call, 'groupid')];
    if (!group) throw failure(`group '${requiredText(call, 'groupid')}' does not exist`);
    Object.assign(group, commentParameter(call));
    return undefined;
  }),
  'DELETE /access/groups/{groupid}': (call) => changeFile(call, 'user.cfg', 'delete group failed', () => {
    const id = requiredText(call, 'groupid');
    if (!call.state.access.groups[id]) throw failure(`group '${id}' does not exist`);
    delete call.state.access.groups[id];
    call.state.access.acl = call.state.access.acl.filter((entry) => entry.type !== 'group' || entry.ugid !== id);
    return undefined;
  }),
};

/** The user a path names; dies with Proxmox's words when there is none. */
export function existingUser(call: Call): string {
  const id = requiredText(call, 'userid');
  realmOf(id);
  if (!call.state.access.users[id]) throw failure(`no such user ('${id}')`);
  return id;
}

/** A user without the right to see others sees itself and the members of groups it may see. */
function isVisible(call: Call, id: string): boolean {
  const sees = (path: string): boolean => call.caller.can(path, 'User.Modify') || call.caller.can(path, 'Sys.Audit');
  return (id === call.caller.userid && call.caller.tokenid === undefined) || sees('/access/groups') || groupsOf(call, id).some((group) => sees(`/access/groups/${group}`));
}

function isWanted(call: Call, id: string): boolean {
  const enabled = number(call, 'enabled');
  return enabled === undefined || call.state.access.users[id]?.enable === enabled;
}

function listed(call: Call, id: string): Json {
  const realm = call.state.access.domains[realmOf(id)];
  const more: JsonObject = flag(call, 'full') ? { groups: groupsOf(call, id).join(','), tokens: tokensOf(call, id) } : {};
  const user: JsonObject = { ...call.state.access.users[id] };
  return { userid: id, ...user, ...(realm ? { 'realm-type': String(realm.type) } : {}), ...more };
}

function groupsOf(call: Call, id: string): readonly string[] {
  return Object.entries(call.state.access.groups).filter(([, group]) => group.users.includes(id)).map(([name]) => name).sort();
}

function tokensById(call: Call, id: string): Json {
  const tokens = tokensOf(call, id);
  return tokens === null ? null : Object.fromEntries((tokens as readonly JsonObject[]).map(({ tokenid, ...token }) => [String(tokenid), token]));
}

function commentOf(group: { readonly comment?: string }): { readonly comment?: string } {
  return group.comment === undefined ? {} : { comment: group.comment };
}

function commentParameter(call: Call): { readonly comment?: string } {
  const comment = text(call, 'comment');
  return comment === undefined ? {} : { comment };
}

const TEXTS = ['comment', 'email', 'firstname', 'lastname', 'keys'] as const;

function createUser(call: Call): Promise<undefined> {
  return changeFile(call, 'user.cfg', 'create user failed', () => {
    const id = requiredText(call, 'userid');
    const { users, passwords } = call.state.access;
    if (users[id]) throw failure(`user '${id}' already exists`);
    users[id] = { enable: number(call, 'enable') ?? 1, expire: number(call, 'expire') ?? 0, ...textsOf(call) };
    const password = text(call, 'password');
    if (password !== undefined) passwords[id] = password;
    joinGroups(call, id, (text(call, 'groups') ?? '').split(',').filter((group) => group !== ''));
    return undefined;
  });
}

function updateUser(call: Call): Promise<undefined> {
  const id = existingUser(call);
  return changeFile(call, 'user.cfg', 'update user failed', () => {
    const user: UserState = call.state.access.users[id] ?? { enable: 1, expire: 0 };
    Object.assign(user, textsOf(call));
    for (const name of ['enable', 'expire'] as const) user[name] = number(call, name) ?? user[name];
    const groups = text(call, 'groups');
    if (groups === undefined) return undefined;
    if (!flag(call, 'append')) for (const group of Object.values(call.state.access.groups)) group.users = group.users.filter((one) => one !== id);
    joinGroups(call, id, groups.split(',').filter((group) => group !== ''));
    return undefined;
  });
}

function textsOf(call: Call): Record<string, ConfigValue> {
  return Object.fromEntries(TEXTS.flatMap((name) => {
    const value = text(call, name);
    return value === undefined ? [] : [[name, value]];
  }));
}

function joinGroups(call: Call, id: string, names: readonly string[]): void {
  for (const name of names) {
    const group = call.state.access.groups[name];
    if (!group) throw failure(`no such group '${name}'`);
    if (!group.users.includes(id)) group.users.push(id);
  }
}

function deleteUser(call: Call): Promise<undefined> {
  const id = existingUser(call);
  return changeFile(call, 'user.cfg', 'delete user failed', () => {
    const { access } = call.state;
    delete access.users[id];
    delete access.passwords[id];
    for (const token of Object.keys(access.tokens)) if (token.startsWith(`${id}!`)) delete access.tokens[token];
    for (const group of Object.values(access.groups)) group.users = group.users.filter((one) => one !== id);
    access.acl = access.acl.filter((entry) => entry.type === 'group' || (entry.ugid !== id && !entry.ugid.startsWith(`${id}!`)));
    return undefined;
  });
}
