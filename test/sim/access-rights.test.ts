// What somebody may do at a path, from users, groups, tokens, access lists and pools.
import { describe, expect, test } from 'vitest';
import { normalPath, rightsAt } from '../../controller/sim/effective-rights.ts';
import { builtinRoles } from '../../controller/sim/privileges.ts';
import { initialState } from '../../controller/sim/cluster-spec.ts';
import type { AclEntry, ClusterState } from '../../controller/sim/state.ts';

const OPS = 'ops@pve';

function cluster(acl: readonly AclEntry[], change: (state: ClusterState) => void = () => undefined): ClusterState {
  const state = initialState({ users: [{ id: OPS }], tokens: [{ id: `${OPS}!full`, secret: 's' }, { id: `${OPS}!weak`, secret: 's', privsep: true }] }, '9.2', 0);
  state.access.acl = [...acl];
  state.access.groups = { admins: { users: [OPS] } };
  change(state);
  return state;
}

function entry(path: string, roleid: string, more: Partial<AclEntry> = {}): AclEntry {
  return { path, roleid, type: 'user', ugid: OPS, propagate: 1, ...more };
}

const inPool = (state: ClusterState) => {
  state.pools['p1'] = { vms: [100], storages: ['shared'] };
};

interface Case { readonly rule: string; readonly acl: readonly AclEntry[]; readonly at: string; readonly token?: string; readonly change?: (state: ClusterState) => void; readonly has: readonly string[] | 'nothing' }

const cases: readonly Case[] = [
  { rule: 'nobody has anything without an entry', acl: [], at: '/vms/100', has: 'nothing' },
  { rule: 'an entry counts below its path', acl: [entry('/vms', 'PVETemplateUser')], at: '/vms/100', has: ['VM.Audit', 'VM.Clone'] },
  { rule: 'without propagation it counts at its path only', acl: [entry('/vms', 'PVETemplateUser', { propagate: 0 })], at: '/vms/100', has: 'nothing' },
  { rule: 'and there it does', acl: [entry('/vms', 'PVETemplateUser', { propagate: 0 })], at: '/vms', has: ['VM.Audit', 'VM.Clone'] },
  { rule: 'the deeper entry replaces the higher', acl: [entry('/', 'PVEVMAdmin'), entry('/vms/100', 'PVETemplateUser')], at: '/vms/100', has: ['VM.Audit', 'VM.Clone'] },
  { rule: 'a deeper entry elsewhere changes nothing', acl: [entry('/', 'PVETemplateUser'), entry('/vms/101', 'NoAccess')], at: '/vms/100', has: ['VM.Audit', 'VM.Clone'] },
  { rule: 'NoAccess takes all', acl: [entry('/', 'PVEAdmin'), entry('/vms', 'NoAccess')], at: '/vms/100', has: 'nothing' },
  { rule: 'two roles at one path add up', acl: [entry('/vms', 'PVETemplateUser'), entry('/vms', 'PVEPoolUser')], at: '/vms', has: ['Pool.Audit', 'VM.Audit', 'VM.Clone'] },
  { rule: 'a group gives its role to members', acl: [entry('/vms', 'PVETemplateUser', { type: 'group', ugid: 'admins' })], at: '/vms/100', has: ['VM.Audit', 'VM.Clone'] },
  { rule: 'a group gives nothing to others', acl: [entry('/vms', 'PVETemplateUser', { type: 'group', ugid: 'others' })], at: '/vms/100', has: 'nothing' },
  { rule: "a user's own entry beats the group's at the same path", acl: [entry('/vms', 'PVEVMAdmin', { type: 'group', ugid: 'admins' }), entry('/vms', 'PVETemplateUser')], at: '/vms/100', has: ['VM.Audit', 'VM.Clone'] },
  { rule: 'a pool gives its roles to its guests', acl: [entry('/pool/p1', 'PVETemplateUser')], change: inPool, at: '/vms/100', has: ['VM.Audit', 'VM.Clone'] },
  { rule: 'and to its storages', acl: [entry('/pool/p1', 'PVEDatastoreUser')], change: inPool, at: '/storage/shared', has: ['Datastore.AllocateSpace', 'Datastore.Audit'] },
  { rule: 'but to no other guest', acl: [entry('/pool/p1', 'PVETemplateUser')], change: inPool, at: '/vms/101', has: 'nothing' },
  { rule: 'NoAccess at the guest is not undone by its pool', acl: [entry('/vms/100', 'NoAccess'), entry('/pool/p1', 'PVETemplateUser')], change: inPool, at: '/vms/100', has: 'nothing' },
  { rule: 'NoAccess at the pool takes what the guest had', acl: [entry('/vms/100', 'PVETemplateUser'), entry('/pool/p1', 'NoAccess')], change: inPool, at: '/vms/100', has: 'nothing' },
  { rule: 'a token without separation has what its user has', acl: [entry('/vms', 'PVETemplateUser')], token: 'full', at: '/vms/100', has: ['VM.Audit', 'VM.Clone'] },
  { rule: 'a separated token has nothing by itself', acl: [entry('/vms', 'PVETemplateUser')], token: 'weak', at: '/vms/100', has: 'nothing' },
  { rule: 'and at most what its user has', acl: [entry('/vms', 'PVETemplateUser'), entry('/', 'PVEAdmin', { type: 'token', ugid: `${OPS}!weak` })], token: 'weak', at: '/vms/100', has: ['VM.Audit', 'VM.Clone'] },
  { rule: 'a role of the site counts like a built-in one', acl: [entry('/vms', 'Reader')], change: (state) => void (state.access.roles['Reader'] = ['VM.Audit']), at: '/vms/100', has: ['VM.Audit'] },
];

describe('rights', () => {
  test.each(cases)('$rule', ({ acl, at, token, change, has }) => {
    expect(Object.keys(rightsAt(cluster(acl, change), '9.2', OPS, token, at)).sort()).toEqual(has === 'nothing' ? [] : has);
  });

  test('what comes from a pool does not propagate', () => {
    expect(rightsAt(cluster([entry('/pool/p1', 'PVEPoolUser')], inPool), '9.2', OPS, undefined, '/vms/100')).toEqual({ 'Pool.Audit': 0 });
  });

  test('root@pam may do anything, and so may its token without separation', () => {
    const everything = builtinRoles('9.2')['Administrator'];
    for (const token of [undefined, 'lab']) expect(Object.keys(rightsAt(cluster([]), '9.2', 'root@pam', token, '/anywhere')).sort()).toEqual(everything);
  });
});

describe('paths', () => {
  test.each([
    ['/vms/100/', '/vms/100'], ['vms//100', '/vms/100'], ['/', '/'], ['', '/'], ['/pool/bad pool', undefined], ['/pool/ü', undefined],
  ])('%s is %s', (path, normal) => {
    expect(normalPath(path)).toBe(normal);
  });
});

describe('privileges by version', () => {
  test.each([
    ['7.4', 'VM.Monitor', true], ['8.4', 'VM.Monitor', true], ['9.2', 'VM.Monitor', false],
    ['7.4', 'Mapping.Use', false], ['8.4', 'Mapping.Use', true], ['8.4', 'VM.GuestAgent.Audit', false], ['9.0', 'VM.GuestAgent.Audit', true],
    ['7.4', 'SDN.Use', false], ['8.4', 'SDN.Use', true], ['7.4', 'Sys.AccessNetwork', false], ['8.4', 'Sys.AccessNetwork', true],
  ])('%s: %s %s', (version, privilege, exists) => {
    expect(builtinRoles(version)['Administrator']?.includes(privilege)).toBe(exists);
  });

  test('since 8 an administrator of guests may no longer change access lists', () => {
    expect([builtinRoles('7.4')['PVEAdmin'], builtinRoles('8.4')['PVEAdmin']].map((role) => role?.includes('Permissions.Modify'))).toEqual([true, false]);
  });
});
