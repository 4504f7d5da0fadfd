// What /cluster/resources tells, and when: it knows of guests what their nodes said last.
import { describe, expect, test } from 'vitest';
import type { ClusterSpec } from '../../controller/sim/cluster-spec.ts';
import { speakInRounds } from '../../controller/sim/last-told.ts';
import { lab, type Lab } from './lab.ts';

const spec: ClusterSpec = {
  guests: [
    { vmid: 100, node: 'pve1', name: 'web', running: true, config: { memory: '1024', cores: 2, scsi0: 'shared:100/vm-100-disk-0.raw,size=4G', tags: 'prod' } },
    { vmid: 101, node: 'pve3', name: 'db', running: true, config: { scsi0: 'shared:101/vm-101-disk-0.raw,size=2G' } },
    { vmid: 102, node: 'pve1', type: 'lxc', name: 'ct', config: { memory: 256, cores: 1, rootfs: 'local:102/vm-102-disk-0.raw,size=1G' } },
  ],
  pools: { prod: { vms: [100] } },
};

async function row(one: Lab, id: string): Promise<Record<string, unknown>> {
  const rows = await one.data('/cluster/resources') as readonly Record<string, unknown>[];
  return rows.find((each) => each.id === id) ?? {};
}

test('a guest with its sizes, its pool and its tags', async () => {
  expect(await row(lab(spec), 'qemu/100')).toMatchObject({ vmid: 100, node: 'pve1', name: 'web', status: 'running', pool: 'prod', tags: 'prod', template: 0, maxcpu: 2, maxmem: 2 ** 30, maxdisk: 4 * 2 ** 30 });
  expect(await row(lab(spec), 'lxc/102')).toMatchObject({ name: 'ct', status: 'stopped', maxcpu: 1, maxmem: 2 ** 28, maxdisk: 2 ** 30 });
});

describe('a node that lost its power', () => {
  test('is told offline once the others noticed; its guests stay as they were', async () => {
    const one = lab(spec);
    one.sim.powerOff('pve3');
    expect(await row(one, 'node/pve3')).toMatchObject({ status: 'online' });
    await one.sim.clock.advance(15_000);
    expect(await row(one, 'node/pve3')).toMatchObject({ status: 'offline' });
    expect(await row(one, 'node/pve3')).not.toHaveProperty('uptime');
    expect(await row(one, 'qemu/101')).toMatchObject({ status: 'running', node: 'pve3' });
  });
});

describe('when nodes speak in rounds', () => {
  test('a guest that was just stopped is still told running, until its node speaks', async () => {
    const one = lab(spec);
    speakInRounds(one.sim);
    await one.sim.clock.advance(1000);
    expect(await one.task('POST', '/nodes/pve1/qemu/100/status/stop')).toBe('OK');
    expect([(await row(one, 'qemu/100')).status, (await one.data('/nodes/pve1/qemu/100/status/current') as { readonly status: string }).status]).toEqual(['running', 'stopped']);
    await one.sim.clock.advance(10_000);
    expect((await row(one, 'qemu/100')).status).toBe('stopped');
  });

  test('a new guest is unknown and has no name until its node speaks', async () => {
    const one = lab(spec);
    speakInRounds(one.sim);
    expect(await one.task('POST', '/nodes/pve2/qemu', { vmid: 103, name: 'new' })).toBe('OK');
    expect(await row(one, 'qemu/103')).toEqual({ id: 'qemu/103', type: 'qemu', vmid: 103, node: 'pve2', status: 'unknown' });
    await one.sim.clock.advance(10_000);
    expect(await row(one, 'qemu/103')).toMatchObject({ status: 'stopped', name: 'new' });
  });
});

test.each([[{}, '103'], [{ 'next-id': 'lower=200,upper=300' }, '200']])('the next free id with options %o', async (options, id) => {
  const one = lab({ guests: [...spec.guests ?? []] });
  if ('next-id' in options) await one.call('PUT', '/cluster/options', options);
  expect(await one.data('/cluster/nextid')).toBe(id);
});
