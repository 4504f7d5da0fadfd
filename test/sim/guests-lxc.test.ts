// The life of a container in the simulated cluster, as a client of the API sees it.
import { describe, expect, test } from 'vitest';
import { lab, type Lab } from './lab.ts';

const TEMPLATE = 'shared:vztmpl/tiny_1.0_amd64.tar.gz';
const storages = [
  { id: 'local', options: { path: '/var/lib/vz' } },
  { id: 'shared', shared: true, options: { path: '/mnt/shared' }, volumes: [{ name: 'vztmpl/tiny_1.0_amd64.tar.gz', sizeBytes: 1067412 }] },
];
const base = { vmid: 301, hostname: 'ct1', ostemplate: TEMPLATE, ostype: 'unmanaged', memory: 64, swap: 0, rootfs: 'local:1', net0: 'name=eth0,bridge=vmbr0,ip=dhcp' };

async function made(more: Record<string, string | number> = {}): Promise<Lab> {
  const one = lab({ storages });
  expect(await one.task('POST', '/nodes/pve1/lxc', { ...base, ...more })).toBe('OK');
  return one;
}

async function configOf(one: Lab, params: Record<string, string | number> = {}): Promise<Record<string, unknown>> {
  return (await one.data('/nodes/pve1/lxc/301/config', params)) as Record<string, unknown>;
}

describe('create', () => {
  test('a container is read back in canonical form', async () => {
    const one = await made({ unprivileged: 1, features: 'nesting=1' });
    expect(await configOf(one)).toEqual({
      arch: 'amd64', hostname: 'ct1', memory: 64, swap: 0, ostype: 'unmanaged', unprivileged: 1, features: 'nesting=1', digest: expect.any(String),
      net0: expect.stringMatching(/^name=eth0,bridge=vmbr0,hwaddr=BC:24:11:[0-9A-F:]{8},ip=dhcp,type=veth$/), rootfs: 'local:301/vm-301-disk-0.raw,size=1G',
    });
  });

  test('a template that is not there fails the task and leaves nothing', async () => {
    const one = lab({ storages });
    expect(await one.task('POST', '/nodes/pve1/lxc', { ...base, ostemplate: 'shared:vztmpl/nope.tar.gz' })).toBe("unable to create CT 301 - volume 'shared:vztmpl/nope.tar.gz' does not exist");
    expect(one.sim.state.guests).toEqual({});
    expect(one.sim.state.storages.local?.volumes.pve1).toEqual({});
  });

  test('without rootfs it gets four gibibytes on the default storage', async () => {
    const { rootfs: _none, ...rest } = base;
    const one = lab({ storages });
    expect(await one.task('POST', '/nodes/pve1/lxc', { ...rest, storage: 'shared' })).toBe('OK');
    expect(await configOf(one)).toMatchObject({ rootfs: 'shared:301/vm-301-disk-0.raw,size=4G' });
  });
});

describe('update', () => {
  test('a mount point comes and leaves its volume', async () => {
    const one = await made();
    await one.call('PUT', '/nodes/pve1/lxc/301/config', { mp0: 'local:1,mp=/data', memory: 128 });
    expect(await configOf(one)).toMatchObject({ mp0: 'local:301/vm-301-disk-1.raw,mp=/data,size=1G', memory: 128 });
    await one.call('PUT', '/nodes/pve1/lxc/301/config', { delete: 'mp0' });
    expect(await configOf(one)).toMatchObject({ unused0: 'local:301/vm-301-disk-1.raw' });
  });

  test('a running container takes memory at once and keeps a removed mount point until its next start', async () => {
    const one = await made({ mp0: 'local:1,mp=/data' });
    await one.task('POST', '/nodes/pve1/lxc/301/status/start');
    await one.call('PUT', '/nodes/pve1/lxc/301/config', { memory: 128, delete: 'mp0' });
    expect(await configOf(one, { current: 1 })).toMatchObject({ memory: 128, mp0: expect.any(String) });
    expect(await one.task('POST', '/nodes/pve1/lxc/301/status/reboot')).toBe('OK');
    expect((await configOf(one, { current: 1 })).mp0).toBeUndefined();
  });

  test('a stale digest is refused in the words of containers', async () => {
    const one = await made();
    expect((await one.call('PUT', '/nodes/pve1/lxc/301/config', { memory: 96, digest: 'abc' })).reason).toBe('detected modified configuration - file changed by other user? Try again.');
  });

  test.each([
    [{ dev0: '/dev/fuse' }, 'Permission check failed (configuring device passthrough is only allowed for root@pam)'],
    [{ features: 'nesting=1' }, 'Permission check failed (changing feature flags for privileged container is only allowed for root@pam)'],
  ])('%o is refused to a token', async (params, reason) => {
    const one = await made();
    expect(await one.call('PUT', '/nodes/pve1/lxc/301/config', params as Record<string, string>)).toMatchObject({ status: 403, reason });
  });

  test('a changed rootfs breaks the container, as it does the real one', async () => {
    const one = await made();
    await one.call('PUT', '/nodes/pve1/lxc/301/config', { rootfs: 'local:2' });
    expect(await configOf(one)).toMatchObject({ rootfs: 'local:2' });
    expect(await one.task('POST', '/nodes/pve1/lxc/301/status/start')).toBe("unable to parse directory volume name '2'");
  });
});

describe('power, size, copies', () => {
  test('start, status, shutdown, stop', async () => {
    const one = await made();
    expect(await one.task('POST', '/nodes/pve1/lxc/301/status/start')).toBe('OK');
    expect((await one.call('POST', '/nodes/pve1/lxc/301/status/start')).reason).toBe('CT 301 already running');
    expect(await one.data('/nodes/pve1/lxc/301/status/current')).toMatchObject({ status: 'running', maxmem: 64 * 2 ** 20, maxdisk: 2 ** 30 });
    expect(await one.task('POST', '/nodes/pve1/lxc/301/status/shutdown', { timeout: 5 })).toBe('OK');
    expect((await one.call('POST', '/nodes/pve1/lxc/301/status/stop')).reason).toBe('CT 301 not running');
  });

  test('rootfs is resized, never shrunk', async () => {
    const one = await made();
    expect(await one.task('PUT', '/nodes/pve1/lxc/301/resize', { disk: 'rootfs', size: '+1G' })).toBe('OK');
    expect(await configOf(one)).toMatchObject({ rootfs: 'local:301/vm-301-disk-0.raw,size=2G' });
    expect((await one.call('PUT', '/nodes/pve1/lxc/301/resize', { disk: 'rootfs', size: '1G' })).reason).toBe('unable to shrink disk size');
  });

  test('a clone is another container', async () => {
    const one = await made();
    expect(await one.task('POST', '/nodes/pve1/lxc/301/clone', { newid: 304, hostname: 'c2', full: 1 })).toBe('OK');
    const copy = (await one.data('/nodes/pve1/lxc/304/config')) as Record<string, unknown>;
    expect(copy).toMatchObject({ hostname: 'c2', rootfs: 'local:304/vm-304-disk-0.raw,size=1G' });
    expect(copy.net0).not.toBe((await configOf(one)).net0);
  });

  test('a volume moves to another storage', async () => {
    const one = await made();
    expect(await one.task('POST', '/nodes/pve1/lxc/301/move_volume', { volume: 'rootfs', storage: 'shared', delete: 1 })).toBe('OK');
    expect(await configOf(one)).toMatchObject({ rootfs: 'shared:301/vm-301-disk-0.raw,size=1G' });
    expect(one.sim.state.storages.local?.volumes.pve1).toEqual({});
  });
});
