// Storage definitions: what each kind needs, refuses and keeps.
import { describe, expect, test } from 'vitest';
import { lab } from './lab.ts';

type Options = Record<string, string | number>;

describe('created', () => {
  test.each<readonly [string, Options, Options]>([
    ['dir', { path: '/x' }, { content: 'images,rootdir', path: '/x' }],
    ['nfs', { server: '10.0.0.1', export: '/e' }, { content: 'images', path: '/mnt/pve/st1', shared: 1 }],
    ['lvm', { vgname: 'drbdvg0', shared: 1, content: 'images,rootdir' }, { vgname: 'drbdvg0', shared: 1, content: 'images,rootdir' }],
    ['rbd', { pool: 'rbd', content: 'images' }, { pool: 'rbd', shared: 1 }],
    ['pbs', { server: 'b', datastore: 'd', username: 'u@pbs', password: 'secret' }, { content: 'backup', username: 'u@pbs' }],
    ['lvm', { vgname: 'vg', content: 'images,iso' }, { content: 'images' }],
  ])('%s %o', async (type, options, shown) => {
    const one = lab();
    expect((await one.call('POST', '/storage', { storage: 'st1', type, ...options })).data).toEqual({ storage: 'st1', type });
    const got = await one.data('/storage/st1');
    expect(got).toMatchObject(shown);
    expect(got).not.toHaveProperty('password');
  });
});

describe('refused', () => {
  test.each<readonly [string, Options, string]>([
    ['nfs', { server: '10.0.0.1' }, "missing value for required option 'export'"],
    ['dir', { path: '/x', vgname: 'vg' }, "unexpected property 'vgname'"],
    ['lvmthin', { vgname: 'pve', thinpool: 'data' }, 'create storage failed: no such logical volume pve/data'],
    ['zfspool', { pool: 'tank' }, "create storage failed: could not activate storage 'st1', zfs error: cannot import 'tank': no such pool available"],
    ['lvm', { vgname: 'vg', content: 'iso' }, "storage does not support content type 'none'"],
  ])('%s %o', async (type, options, reason) => {
    const answer = await lab().call('POST', '/storage', { storage: 'st1', type, ...options });
    expect([answer.status, answer.reason]).toEqual([500, reason]);
  });
});

describe('changed', () => {
  test.each<readonly [Options, string]>([
    [{ delete: 'vgname' }, "update storage failed: unable to delete required option 'vgname'"],
    [{ delete: 'base' }, "update storage failed: unable to delete fixed option 'base'"],
    [{ delete: 'path' }, "update storage failed: no such option 'path'"],
    [{ content: 'images', delete: 'content' }, "update storage failed: cannot set and delete property 'content' at the same time!"],
  ])('%o is refused', async (change, reason) => {
    const one = lab();
    await one.call('POST', '/storage', { storage: 'st1', type: 'lvm', vgname: 'vg' });
    expect((await one.call('PUT', '/storage/st1', change)).reason).toBe(reason);
  });

  test('only where the digest still holds', async () => {
    const one = lab();
    const { digest } = await one.data('/storage/local') as { readonly digest: string };
    expect((await one.call('PUT', '/storage/local', { disable: 1, digest })).status).toBe(200);
    expect((await one.call('PUT', '/storage/local', { disable: 0, digest })).reason).toContain('detected modified configuration');
  });
});

test('a storage that is disabled or elsewhere is there with zeros', async () => {
  const one = lab();
  await one.call('POST', '/storage', { storage: 'st1', type: 'dir', path: '/x', nodes: 'pve2' });
  expect(await one.data('/nodes/pve1/storage/st1/status')).toMatchObject({ enabled: 0, active: 0, total: 0 });
  expect(await one.data('/nodes/pve2/storage/st1/status')).toMatchObject({ enabled: 1, active: 1 });
});
