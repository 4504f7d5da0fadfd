// Who may come in, and what a weak caller is told: requests to the simulated API as users and tokens without the rights of root.
import { describe, expect, test } from 'vitest';
import type { HttpResponse } from '../../controller/model/doors.ts';
import type { ClusterSpec } from '../../controller/sim/cluster-spec.ts';
import type { AclEntry } from '../../controller/sim/state.ts';
import { lab, read, type Answer, type Lab } from './lab.ts';

const OPS = 'ops@pve';
const SECRET = '00000000-0000-4000-8000-0000000000aa';

const spec = (acl: readonly AclEntry[] = []): ClusterSpec => ({
  users: [{ id: OPS, password: 'opspassw0rd' }], tokens: [{ id: `${OPS}!t`, secret: SECRET }], acl: [...acl],
  guests: [{ vmid: 100, node: 'pve1', name: 'web' }, { vmid: 101, node: 'pve2', name: 'db' }], pools: { prod: { vms: [101] } },
});

function grant(path: string, roleid: string): AclEntry {
  return { path, roleid, type: 'user', ugid: OPS, propagate: 1 };
}

const FORM = 'application/x-www-form-urlencoded';

function send(one: Lab, method: string, path: string, headers: Record<string, string>, form?: string): Promise<HttpResponse> {
  return one.sim.clock.run(one.sim.handle('pve1', { method, url: `/api2/json${path}`, headers: { ...headers, ...(form === undefined ? {} : { 'content-type': FORM }) }, ...(form === undefined ? {} : { body: form }) }));
}

async function asToken(one: Lab, method: string, path: string, form?: string): Promise<Answer> {
  return read(await send(one, method, path, { authorization: `PVEAPIToken=${OPS}!t=${SECRET}` }, form));
}

interface Login { readonly ticket: string; readonly CSRFPreventionToken: string }

async function login(one: Lab, userid = OPS, password = 'opspassw0rd'): Promise<Login> {
  return read(await send(one, 'POST', '/access/ticket', {}, `username=${encodeURIComponent(userid)}&password=${encodeURIComponent(password)}`)).data as Login;
}

function cookie({ ticket }: Login): Record<string, string> {
  return { cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}` };
}

describe('credentials', () => {
  test('a refused credential is answered after three seconds, with its reason in the status line only', async () => {
    const one = lab(spec());
    const before = one.sim.clock.now();
    const response = await send(one, 'GET', '/version', { authorization: `PVEAPIToken=${OPS}!t=wrong` });
    expect([response.status, response.reason, response.body, response.headers['content-type'], one.sim.clock.now() - before]).toEqual([401, 'Authentication failed!', '', undefined, 3000]);
  });

  test('a ticket reads, and writes with its CSRF token only', async () => {
    const one = lab(spec([grant('/pool', 'PVEPoolAdmin')]));
    const ticket = await login(one);
    const csrf = { csrfpreventiontoken: ticket.CSRFPreventionToken };
    expect((await send(one, 'GET', '/version', cookie(ticket))).status).toBe(200);
    expect((await send(one, 'POST', '/pools', cookie(ticket), 'poolid=a')).reason).toBe('Permission denied - invalid csrf token');
    expect((await send(one, 'POST', '/pools', { ...cookie(ticket), ...csrf }, 'poolid=a')).status).toBe(200);
  });

  test('a ticket ends after two hours, and is a password until then', async () => {
    const one = lab(spec());
    const first = await login(one);
    await one.sim.clock.advance(7_000_000);
    const second = await login(one, OPS, first.ticket);
    await one.sim.clock.advance(400_000);
    expect((await send(one, 'GET', '/version', cookie(first))).status).toBe(401);
    expect((await send(one, 'GET', '/version', cookie(second))).status).toBe(200);
  });

  test('a ticket of one user does not become that of another', async () => {
    const one = lab(spec());
    const ticket = await login(one);
    expect((await send(one, 'GET', '/version', cookie({ ...ticket, ticket: ticket.ticket.replace(OPS, 'root@pam') }))).status).toBe(401);
  });

  test.each([['disabled', 'enable=0'], ['expired', 'expire=1']])('a user who is %s comes in neither by token nor by password', async (_word, change) => {
    const one = lab(spec());
    await one.call('PUT', `/access/users/${OPS}`, Object.fromEntries([change.split('=') as [string, string]]));
    expect((await asToken(one, 'GET', '/version')).status).toBe(401);
    expect((await send(one, 'POST', '/access/ticket', {}, `username=${encodeURIComponent(OPS)}&password=opspassw0rd`)).status).toBe(401);
  });
});

describe('a weak caller', () => {
  test('sees an empty cluster where nothing is granted', async () => {
    const one = lab(spec());
    const rows = (await asToken(one, 'GET', '/cluster/resources')).data as readonly { readonly type: string }[];
    expect(rows.map((row) => row.type)).toEqual(['node', 'node', 'node']);
    for (const path of ['/storage', '/pools', '/nodes/pve1/qemu', '/nodes/pve1/storage', '/access/acl']) expect((await asToken(one, 'GET', path)).data).toEqual([]);
  });

  test('sees what is granted, and no more', async () => {
    const one = lab(spec([grant('/vms/100', 'PVEAuditor'), grant('/storage/shared', 'PVEAuditor')]));
    const rows = (await asToken(one, 'GET', '/cluster/resources')).data as readonly { readonly id: string }[];
    expect(rows.map((row) => row.id).filter((id) => !id.startsWith('node/')).sort()).toEqual(['qemu/100', 'storage/pve1/shared', 'storage/pve2/shared', 'storage/pve3/shared']);
  });

  test("is told the path and the privilege that it lacks, as Proxmox's rule names them", async () => {
    const one = lab(spec());
    const asked: readonly (readonly [string, string, string, string?])[] = [
      ['GET', '/nodes/pve1/qemu/100/config', '(/vms/100, VM.Audit)'],
      ['PUT', '/nodes/pve1/qemu/100/config', '(/vms/100, VM.Config.Disk|VM.Config.CDROM|VM.Config.CPU|VM.Config.Memory|VM.Config.Network|VM.Config.HWType|VM.Config.Options|VM.Config.Cloudinit)', 'cores=2'],
      ['GET', '/nodes/pve1/storage/shared/content', '(/storage/shared, Datastore.Audit|Datastore.AllocateSpace)'],
      ['POST', '/pools', '(/pool/x, Pool.Allocate)', 'poolid=x'],
      ['POST', '/access/users', '(/access/realm/pve, Realm.AllocateUser)', 'userid=y%40pve'],
      ['PUT', '/access/acl', '(/vms/100, Permissions.Modify|VM.Allocate)', 'path=/vms/100&roles=PVEAdmin&users=ops%40pve'],
      ['GET', '/access/users/root@pam', ''],
      ['DELETE', '/cluster/config/nodes/pve2', '(user != root@pam)'],
    ];
    for (const [method, path, why, form] of asked) {
      const answer = await asToken(one, method, path, form);
      expect([path, answer.status, answer.reason]).toEqual([path, 403, `Permission check failed${why === '' ? '' : ` ${why}`}`]);
    }
  });

  test('may hand on what it may allocate', async () => {
    const one = lab(spec([grant('/vms/100', 'PVEVMAdmin')]));
    expect((await asToken(one, 'PUT', '/access/acl', 'path=/vms/100&roles=PVEAuditor&users=ops%40pve')).status).toBe(200);
    expect((await asToken(one, 'PUT', '/access/acl', 'path=/vms/101&roles=PVEAuditor&users=ops%40pve')).status).toBe(403);
  });

  test('changes its own password by ticket and not by token', async () => {
    const one = lab(spec());
    const ticket = await login(one);
    const form = `userid=${encodeURIComponent(OPS)}&password=another-one`;
    expect((await asToken(one, 'PUT', '/access/password', form)).reason).toContain('not available with API token, need proper ticket.');
    expect((await send(one, 'PUT', '/access/password', { ...cookie(ticket), csrfpreventiontoken: ticket.CSRFPreventionToken }, form)).status).toBe(200);
    expect((await login(one, OPS, 'another-one')).ticket).toMatch(/^PVE:ops@pve:/);
  });

  test('sees its own tasks only', async () => {
    const one = lab(spec([grant('/vms/100', 'PVEVMAdmin')]));
    await one.task('POST', '/nodes/pve1/qemu/100/status/stop');
    const own = (await asToken(one, 'POST', '/nodes/pve1/qemu/100/status/stop', '')).data as string;
    await one.sim.clock.run(one.sim.running.done(own));
    const seen = (await asToken(one, 'GET', '/nodes/pve1/tasks')).data as readonly { readonly upid: string }[];
    expect(seen.map((task) => task.upid)).toEqual([own]);
    expect(((await one.call('GET', '/nodes/pve1/tasks')).data as readonly unknown[]).length).toBe(2);
  });

  test('asks what it may do', async () => {
    const one = lab(spec([grant('/vms', 'PVETemplateUser')]));
    expect((await asToken(one, 'GET', '/access/permissions')).data).toEqual({ '/vms': { 'VM.Audit': 1, 'VM.Clone': 1 } });
    expect((await asToken(one, 'GET', '/access/permissions?path=/vms/100')).data).toEqual({ '/vms/100': { 'VM.Audit': 1, 'VM.Clone': 1 } });
    expect((await asToken(one, 'GET', '/access/permissions?userid=root%40pam')).status).toBe(403);
  });
});

describe('what goes with its owner', () => {
  test("a deleted user's tokens, memberships and entries go too", async () => {
    const one = lab(spec([grant('/vms', 'PVEAuditor')]));
    await one.call('POST', '/access/groups', { groupid: 'admins' });
    await one.call('PUT', `/access/users/${OPS}`, { groups: 'admins' });
    await one.call('DELETE', `/access/users/${OPS}`);
    expect(await one.data('/access/groups')).toEqual([{ groupid: 'admins', users: '' }]);
    expect(await one.data('/access/acl')).toEqual([]);
    expect((await asToken(one, 'GET', '/version')).status).toBe(401);
  });

  test("a deleted role's entries go too", async () => {
    const one = lab(spec());
    await one.call('POST', '/access/roles', { roleid: 'Reader', privs: 'VM.Audit' });
    await one.call('PUT', '/access/acl', { path: '/vms', roles: 'Reader', users: OPS });
    await one.call('DELETE', '/access/roles/Reader');
    expect(await one.data('/access/acl')).toEqual([]);
  });
});
