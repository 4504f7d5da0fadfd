// The life of a virtual machine in the simulated cluster, as a client of the API sees it.
import { describe, expect, test } from 'vitest';
import { lab, type Lab } from './lab.ts';

const base = { vmid: 100, name: 'web', memory: 64, cores: 2, ostype: 'l26' };

async function made(more: Record<string, string | number> = {}): Promise<Lab> {
  const one = lab();
  expect(await one.task('POST', '/nodes/pve1/qemu', { ...base, scsi0: 'local:1', net0: 'virtio,bridge=vmbr0', ...more })).toBe('OK');
  return one;
}

async function configOf(one: Lab, params: Record<string, string | number> = {}): Promise<Record<string, unknown>> {
  return (await one.data('/nodes/pve1/qemu/100/config', params)) as Record<string, unknown>;
}

describe('create', () => {
  test('a VM is read back in canonical form', async () => {
    const one = await made({ scsi0: 'local:1,iothread=1,discard=on', tags: 'Prod;web,alpha', net0: 'virtio,bridge=vmbr0,firewall=on' });
    expect(await configOf(one)).toEqual({
      name: 'web', memory: '64', cores: 2, ostype: 'l26', tags: 'alpha;prod;web', boot: 'order=scsi0;net0',
      scsi0: 'local:100/vm-100-disk-0.raw,discard=on,iothread=1,size=1G',
      net0: expect.stringMatching(/^virtio=BC:24:11:[0-9A-F:]{8},bridge=vmbr0,firewall=1$/),
      vmgenid: expect.stringMatching(/^[0-9a-f-]{36}$/), smbios1: expect.stringMatching(/^uuid=[0-9a-f-]{36}$/),
      meta: expect.stringMatching(/^creation-qemu=10\.0\.13,ctime=\d+$/), digest: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
  });

  test('a VMID is taken cluster-wide', async () => {
    const one = await made();
    expect(await one.call('POST', '/nodes/pve2/qemu', { vmid: 100 })).toMatchObject({ status: 500, reason: "unable to create VM 100 - VM 100 already exists on node 'pve1'" });
  });

  test('a failing disk leaves neither VM nor volume', async () => {
    const one = lab();
    expect(await one.task('POST', '/nodes/pve1/qemu', { vmid: 100, scsi0: 'local:1', scsi1: 'local:999999' })).toMatch(/^unable to create VM 100 - unable to create image/);
    expect(one.sim.state.guests).toEqual({});
    expect(one.sim.state.storages.local?.volumes.pve1).toEqual({});
  });

  test('a thick volume group has an end', async () => {
    const one = lab({ storages: [{ id: 'vg', type: 'lvm', shared: true, capacityBytes: 10 * 2 ** 30, options: { vgname: 'drbdvg0' } }] });
    expect(await one.task('POST', '/nodes/pve1/qemu', { vmid: 100, scsi0: 'vg:8' })).toBe('OK');
    expect(await configOf(one)).toMatchObject({ scsi0: 'vg:vm-100-disk-0,size=8G' });
    expect(await one.task('POST', '/nodes/pve1/qemu', { vmid: 101, scsi0: 'vg:8' })).toBe('unable to create VM 101 - not enough free space (2097152 < 8388608)');
  });

  test('while it is made the VM is locked and exists', async () => {
    const one = lab();
    await one.call('POST', '/nodes/pve1/qemu', base);
    expect(await configOf(one)).toMatchObject({ lock: 'create' });
    expect((await one.call('PUT', '/nodes/pve1/qemu/100/config', { memory: 128 })).reason).toBe('VM is locked (create)');
  });

  test('start=1 starts it by a task of its own', async () => {
    const one = await made({ start: 1 });
    await one.sim.clock.advance(10_000);
    expect(Object.values(one.sim.state.tasks).map(({ type, exitstatus }) => [type, exitstatus])).toEqual([['qmcreate', 'OK'], ['qmstart', 'OK']]);
  });

  test('an imported disk has the size of its source', async () => {
    const one = lab({ storages: [{ id: 'local', volumes: [{ name: '900/vm-900-disk-0.raw', sizeBytes: 3 * 2 ** 30, node: 'pve1', vmid: 900 }] }] });
    expect(await one.task('POST', '/nodes/pve1/qemu', { vmid: 100, scsi0: 'local:0,import-from=local:900/vm-900-disk-0.raw' })).toBe('OK');
    expect(await configOf(one)).toMatchObject({ scsi0: 'local:100/vm-100-disk-0.raw,size=3G' });
  });

  test('Windows gets its machine version pinned', async () => {
    const one = await made({ ostype: 'win11', machine: 'q35' });
    expect(await configOf(one)).toMatchObject({ machine: 'pc-q35-10.0' });
  });
});

describe('update', () => {
  test('a stopped VM takes everything at once', async () => {
    const one = await made();
    expect(await one.call('PUT', '/nodes/pve1/qemu/100/config', { memory: 128, delete: 'cores' })).toMatchObject({ status: 200, data: null });
    const config = await configOf(one, { current: 1 });
    expect([config.memory, config.cores]).toEqual(['128', undefined]);
  });

  test('a running VM keeps for its next start what hotplug cannot do', async () => {
    const one = await made();
    await one.task('POST', '/nodes/pve1/qemu/100/status/start');
    await one.call('PUT', '/nodes/pve1/qemu/100/config', { memory: 128, name: 'other', delete: 'cores' });
    const rows = (await one.data('/nodes/pve1/qemu/100/pending')) as { key: string }[];
    expect(rows.filter(({ key }) => ['memory', 'name', 'cores'].includes(key)).toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
      { key: 'cores', value: 2, delete: 1 }, { key: 'memory', value: '64', pending: '128' }, { key: 'name', value: 'other' },
    ]);
    expect(await configOf(one)).toMatchObject({ memory: '128' });
    expect(await configOf(one, { current: 1 })).toMatchObject({ memory: '64' });
    expect(await one.task('POST', '/nodes/pve1/qemu/100/status/reboot')).toBe('OK');
    expect((await configOf(one, { current: 1 })).memory).toBe('128');
  });

  test('revert drops what is pending', async () => {
    const one = await made();
    await one.task('POST', '/nodes/pve1/qemu/100/status/start');
    await one.call('PUT', '/nodes/pve1/qemu/100/config', { memory: 128 });
    await one.call('PUT', '/nodes/pve1/qemu/100/config', { revert: 'memory' });
    expect(await configOf(one)).toMatchObject({ memory: '64' });
  });

  test('disks and network devices are plugged and unplugged while it runs', async () => {
    const one = await made();
    await one.task('POST', '/nodes/pve1/qemu/100/status/start');
    await one.call('PUT', '/nodes/pve1/qemu/100/config', { scsi1: 'shared:2', net1: 'virtio,bridge=vmbr0' });
    expect(await configOf(one, { current: 1 })).toMatchObject({ scsi1: 'shared:100/vm-100-disk-0.raw,size=2G', net1: expect.any(String) });
    await one.call('PUT', '/nodes/pve1/qemu/100/config', { delete: 'scsi1' });
    expect(await configOf(one, { current: 1 })).toMatchObject({ unused0: 'shared:100/vm-100-disk-0.raw' });
  });

  test('a guest that does not react keeps its device', async () => {
    const one = lab({ guests: [{ vmid: 100, node: 'pve1', running: true, config: { scsihw: 'virtio-scsi-single', scsi1: 'local:100/vm-100-disk-0.raw,size=1G' } }] });
    delete one.sim.state.guests['100']?.behaviour.shutdownMs;
    const answer = await one.call('PUT', '/nodes/pve1/qemu/100/config', { delete: 'scsi1' });
    expect(answer).toMatchObject({ status: 400, errors: { scsi1: "hotplug problem - error on hot-unplugging device 'virtioscsi1' - still busy in guest?\n" } });
  });

  test('a changed configuration has another digest, and an old one is refused', async () => {
    const one = await made();
    const before = String((await configOf(one)).digest);
    await one.call('PUT', '/nodes/pve1/qemu/100/config', { memory: 128, digest: before });
    expect(await one.call('PUT', '/nodes/pve1/qemu/100/config', { memory: 96, digest: before })).toMatchObject({ status: 500, reason: 'checksum mismatch (file change by other user?)' });
  });

  test('a second operation waits for the first and gives up after ten seconds', async () => {
    const one = await made();
    await one.task('POST', '/nodes/pve1/qemu/100/status/start');
    delete one.sim.state.guests['100']?.behaviour.shutdownMs;
    await one.call('POST', '/nodes/pve1/qemu/100/status/shutdown', { timeout: 60 });
    const answer = await one.call('PUT', '/nodes/pve1/qemu/100/config', { memory: 128 });
    expect(answer.reason).toBe("can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout");
  });

  test.each([
    [{ args: '-foo' }, "only root can set 'args' config"],
    [{ vmgenid: '1' }, "only root can set 'vmgenid' config"],
    [{ serial0: '/dev/ttyS0' }, "only root can set 'serial0' config for real devices"],
    [{ delete: 'lock' }, "only root can set 'lock' config"],
    [{ boot: 'order=scsi7' }, "invalid bootorder: device 'scsi7' does not exist'"],
    [{ memory: 512, balloon: 1024 }, 'balloon value too large (must be smaller than assigned memory)'],
    [{}, 'no options specified'],
    [{ scsi1: 'local:100/vm-100-disk-9.raw' }, "volume 'local:100/vm-100-disk-9.raw' does not exist"],
  ])('%o is refused', async (params, reason) => {
    const one = await made();
    expect(await one.call('PUT', '/nodes/pve1/qemu/100/config', params as Record<string, string | number>)).toMatchObject({ status: 500, reason });
  });
});

describe('power', () => {
  test('start, status, shutdown', async () => {
    const one = await made();
    expect(await one.task('POST', '/nodes/pve1/qemu/100/status/start')).toBe('OK');
    expect(await one.data('/nodes/pve1/qemu/100/status/current')).toMatchObject({ status: 'running', qmpstatus: 'running', maxmem: 64 * 2 ** 20, cpus: 2, maxdisk: 2 ** 30, ha: { managed: 0 } });
    expect(await one.task('POST', '/nodes/pve1/qemu/100/status/start')).toBe('VM 100 already running');
    expect(await one.task('POST', '/nodes/pve1/qemu/100/status/shutdown')).toBe('OK');
    expect(await one.data('/nodes/pve1/qemu/100/status/current')).toMatchObject({ status: 'stopped', uptime: 0 });
  });

  test.each([
    ['a bridge that is not there', { net0: 'virtio,bridge=nope0' }, "bridge 'nope0' does not exist"],
  ])('a start fails for %s', async (_name, more, text) => {
    const one = await made(more);
    expect(await one.task('POST', '/nodes/pve1/qemu/100/status/start')).toBe(text);
  });

  test('the loss of power takes guest and task with it', async () => {
    const one = await made();
    await one.task('POST', '/nodes/pve1/qemu/100/status/start');
    const answer = await one.call('PUT', '/nodes/pve1/qemu/100/resize', { disk: 'scsi0', size: '+1G' });
    one.sim.powerOff('pve1');
    await one.sim.clock.advance(60_000);
    one.sim.powerOn('pve1');
    await one.sim.clock.advance(60_000);
    expect(one.sim.state.tasks[String(answer.data)]).toMatchObject({ exitstatus: 'unexpected status' });
    expect(await configOf(one)).toMatchObject({ scsi0: 'local:100/vm-100-disk-0.raw,size=1G' });
    expect(one.sim.state.guests['100']?.process).toBeUndefined();
  });
});

describe('disks', () => {
  test('resize grows and never shrinks', async () => {
    const one = await made();
    expect(await one.task('PUT', '/nodes/pve1/qemu/100/resize', { disk: 'scsi0', size: '+1G' })).toBe('OK');
    expect(await configOf(one)).toMatchObject({ scsi0: 'local:100/vm-100-disk-0.raw,size=2G' });
    expect(await one.task('PUT', '/nodes/pve1/qemu/100/resize', { disk: 'scsi0', size: '1G' })).toBe('shrinking disks is not supported');
  });

  test('a moved disk leaves its source as unused, or not at all', async () => {
    const one = await made();
    expect(await one.task('POST', '/nodes/pve1/qemu/100/move_disk', { disk: 'scsi0', storage: 'shared', format: 'qcow2' })).toBe('OK');
    expect(await configOf(one)).toMatchObject({ scsi0: 'shared:100/vm-100-disk-0.qcow2,size=1G', unused0: 'local:100/vm-100-disk-0.raw' });
    expect(await one.task('POST', '/nodes/pve1/qemu/100/move_disk', { disk: 'scsi0', storage: 'local', delete: 1 })).toBe('OK');
    expect(Object.keys(one.sim.state.storages.shared?.volumes['*'] ?? {})).toEqual([]);
  });
});

describe('copies', () => {
  test('a full clone has its own volumes, addresses and identifiers', async () => {
    const one = await made();
    expect(await one.task('POST', '/nodes/pve1/qemu/100/clone', { newid: 101, name: 'copy' })).toBe('OK');
    const source = await configOf(one);
    const copy = (await one.data('/nodes/pve1/qemu/101/config')) as Record<string, unknown>;
    expect(copy).toMatchObject({ name: 'copy', scsi0: 'local:101/vm-101-disk-0.raw,size=1G', memory: '64' });
    for (const key of ['net0', 'vmgenid', 'smbios1']) expect(copy[key]).not.toBe(source[key]);
  });

  test('a template, its linked clone, and what may be deleted', async () => {
    const one = await made({ scsi0: 'shared:1,format=qcow2' });
    expect(await one.task('POST', '/nodes/pve1/qemu/100/template')).toBe('OK');
    expect(await configOf(one)).toMatchObject({ template: 1, scsi0: 'shared:100/base-100-disk-0.qcow2,size=1G' });
    expect(await one.task('POST', '/nodes/pve1/qemu/100/clone', { newid: 101, target: 'pve2' })).toBe('OK');
    expect(await one.data('/nodes/pve2/qemu/101/config')).toMatchObject({ name: 'Copy-of-VM-web', scsi0: 'shared:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2,size=1G' });
    expect(await one.task('DELETE', '/nodes/pve1/qemu/100')).toBe("base volume 'shared:100/base-100-disk-0.qcow2' is still in use by linked cloned");
    expect(await one.task('DELETE', '/nodes/pve2/qemu/101')).toBe('OK');
    expect(await one.task('DELETE', '/nodes/pve1/qemu/100')).toBe('OK');
    expect(one.sim.state.storages.shared?.volumes['*']).toEqual({});
  });
});

describe('delete', () => {
  test('takes the volumes with it, and leaves what is unreferenced', async () => {
    const one = await made();
    await one.call('PUT', '/nodes/pve1/qemu/100/config', { scsi1: 'local:1', delete: 'scsi0' });
    expect(await one.task('DELETE', '/nodes/pve1/qemu/100')).toBe('OK');
    expect(one.sim.state.storages.local?.volumes.pve1).toEqual({});
    expect((await one.call('GET', '/nodes/pve1/qemu/100/config')).reason).toBe("Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist");
  });

  test('is refused while the VM runs, and under protection', async () => {
    const one = await made({ protection: 1 });
    expect((await one.call('DELETE', '/nodes/pve1/qemu/100')).reason).toBe("can't remove VM 100 - protection mode enabled");
    await one.call('PUT', '/nodes/pve1/qemu/100/config', { protection: 0 });
    await one.task('POST', '/nodes/pve1/qemu/100/status/start');
    expect((await one.call('DELETE', '/nodes/pve1/qemu/100')).reason).toBe('VM 100 is running - destroy failed');
  });
});

describe('snapshots', () => {
  test('are listed, rolled back to and deleted', async () => {
    const one = await made({ scsi0: 'shared:1,format=qcow2' });
    expect(await one.task('POST', '/nodes/pve1/qemu/100/snapshot', { snapname: 's1', description: 'first' })).toBe('OK');
    await one.call('PUT', '/nodes/pve1/qemu/100/config', { memory: 128 });
    expect(await one.task('POST', '/nodes/pve1/qemu/100/snapshot/s1/rollback')).toBe('OK');
    expect(await configOf(one)).toMatchObject({ memory: '64', parent: 's1' });
    expect(await one.task('DELETE', '/nodes/pve1/qemu/100/snapshot/s1')).toBe('OK');
    expect(await one.data('/nodes/pve1/qemu/100/snapshot')).toMatchObject([{ name: 'current', running: 0 }]);
  });

  test('need disks that can', async () => {
    const one = await made();
    expect(await one.task('POST', '/nodes/pve1/qemu/100/snapshot', { snapname: 's1' })).toBe('snapshot feature is not available');
  });
});
