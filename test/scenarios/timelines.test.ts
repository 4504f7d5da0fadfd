// The simulated HA manager against a real cluster's recorded timelines: the same states in the same order, each within
// one round (10 s) of the recording.
import { expect, test } from 'vitest';
import { isObject, type Json } from '../../controller/model/json.ts';
import { begin, drifts, part, recorded, type Story } from './timelines-world.ts';

const PREFER_2 = { resources: 'ct:405,vm:404', nodes: 'pve2:2,pve3:1' };
/** Two guests left the node at once on two cores: the VM's memory took four seconds. */
const BUSY = { migrateBytesPerSecond: 40 * 2 ** 20 };

test('the master dies with its services: they fail over by their rule, and go home when it returns', async () => {
  const story = await begin({ master: 'pve2', rule: PREFER_2, crmAt: 7.5, lrmAt: { pve3: 0.7 } });
  story.sim.powerOff('pve2');
  await story.until(204.1);
  story.sim.powerOn('pve2');
  await story.until(250);
  expect(drifts(recorded('failover-kill-pve2'), story.changes)).toEqual([]);
});

test('another node dies: its services are fenced, recovered where there is least to do, and stay there without a rule', async () => {
  const story = await begin({ master: 'pve1', crmAt: 8.5, lrmAt: { pve1: 0.9, pve2: 4, pve3: 0.9 } });
  story.sim.powerOff('pve2');
  await story.until(164.6);
  story.sim.powerOn('pve2');
  await story.until(215);
  expect(drifts(recorded('failover-kill-nonmaster-no-rule'), story.changes)).toEqual([]);
});

test('a guest that crashes is started again by its node, and the manager never says so', async () => {
  const story = await begin({ master: 'pve1', crmAt: 3, lrmAt: { pve2: 2 }, sampleEvery: 1 });
  delete story.sim.state.guests['404']?.process;
  await story.until(20);
  expect(drifts(recorded('ha-guest-crash-vm404'), story.changes)).toEqual([]);
});

test('maintenance empties the node, and its end brings everything home', async () => {
  const story = await begin({ master: 'pve1', rule: PREFER_2, crmAt: 3.5, lrmAt: { pve2: 1.2, pve3: 1.5 }, speed: BUSY });
  story.sim.ha.command('enable-node-maintenance pve2');
  await story.until(43.8);
  story.sim.ha.command('disable-node-maintenance pve2');
  await story.until(97);
  expect(drifts(recorded('ha-maintenance-pve2'), story.changes)).toEqual([]);
});

// Recorded at once: vm:404 is asked for each state while vm:408 cannot start.
test('requested states, the guest API that only asks the manager, and a start that fails until `disabled` clears the error', async () => {
  const story = await begin({ master: 'pve1', crmAt: 7.6, lrmAt: { pve1: 0.2, pve2: 1 } });
  const broken = story.sim.state.guests['408'];
  if (broken) broken.behaviour.startError = "volume 'shared:408/vm-408-disk-0.raw' does not exist";
  const set = (vmid: number, state: string) => story.ask('PUT', `/cluster/ha/resources/vm:${vmid}`, { state });
  await story.until(0.1);
  await set(404, 'stopped');
  await story.until(0.7);
  await story.ask('POST', '/cluster/ha/resources', { sid: 'vm:408', state: 'started' });
  await story.until(24.7);
  await set(404, 'disabled');
  await story.until(29.7);
  await set(404, 'started');
  await story.until(49.3);
  await story.ask('POST', '/nodes/pve2/qemu/404/status/shutdown');
  await story.until(58.6);
  expect(await set(408, 'started')).toMatchObject({ status: 500, reason: "service 'vm:408' in error state, must be disabled and fixed first" });
  expect(story.sim.state.ha.manager.service_status['vm:408']?.failed_nodes).toEqual(['pve1', 'pve2']);
  await story.until(67.8);
  await story.ask('POST', '/nodes/pve2/qemu/404/status/start');
  await story.until(80.6);
  expect(await set(408, 'stopped')).toMatchObject({ status: 500 });
  await story.until(88.1);
  expect(drifts(recorded('ha-states-vm404'), story.changes)).toEqual([]);
  await story.until(102.7);
  delete broken?.behaviour.startError;
  await set(408, 'disabled');
  await story.until(108.2);
  await set(408, 'started');
  await story.until(128.8);
  await story.ask('DELETE', '/cluster/ha/resources/vm:408', { purge: 1 });
  await story.until(140);
  expect(drifts(recorded('ha-start-fails-vm408'), story.changes, { only: /408|lrm/ })).toEqual([]);
  expect(story.sim.state.guests['408']?.process).toBeDefined();
});

test('a service moved against its rule arrives and goes straight home', async () => {
  const story = await begin({ master: 'pve1', rule: PREFER_2, crmAt: 5, lrmAt: { pve1: 1.5, pve2: 0.5, pve3: 1.5 }, speed: BUSY });
  await story.until(1.1);
  const answer = await story.ask('POST', '/cluster/ha/resources/vm:404/migrate', { node: 'pve3' });
  expect(answer.body).toEqual({ data: { sid: 'vm:404', 'requested-node': 'pve3' } });
  await story.until(60);
  expect(drifts(part(recorded('ha-crm-migrate-relocate'), 1.1, 60), story.changes)).toEqual([]);
});

test('outside the rule too; without a rule it stays where it was sent, live, by relocation, or by the guest API', async () => {
  const story = await begin({ master: 'pve1', rule: PREFER_2, crmAt: 4.5, lrmAt: { pve1: 1, pve2: 2.5, pve3: 1 } });
  const move = (how: string, node: string) => story.ask('POST', `/cluster/ha/resources/vm:404/${how}`, { node });
  await story.until(11.4);
  await move('migrate', 'pve1');
  await story.until(36.5);
  await story.ask('DELETE', '/cluster/ha/rules/prefer2');
  await story.until(48.5);
  await move('migrate', 'pve3');
  await story.until(85.1);
  await move('relocate', 'pve1');
  await story.until(116.7);
  await story.ask('POST', '/nodes/pve1/qemu/404/migrate', { target: 'pve2', online: 1 });
  await story.until(146);
  expect(drifts(part(recorded('ha-crm-migrate-relocate'), 60, 206), story.changes)).toEqual([]);
});

type View = readonly [status: number, state?: string, qmp?: string, lock?: string];

/** What a client sees of the guest on both nodes while a task runs, every change of it, the first since the task began. */
async function watchMigration(story: Story, vmid: number, params: Readonly<Record<string, string | number>>): Promise<{ readonly views: readonly (readonly [View, View])[]; readonly seconds: number }> {
  const upid = dataOf((await story.ask('POST', `/nodes/pve1/qemu/${vmid}/migrate`, params)).body);
  const began = story.seconds();
  const views: (readonly [View, View])[] = [];
  for (let ended = false; !ended && story.seconds() < began + 60;) {
    ended = propertyOf((await story.ask('GET', `/nodes/pve1/tasks/${encodeURIComponent(String(upid))}/status`)).body, 'status') === 'stopped';
    const view = [await viewOf(story, 'pve1', vmid), await viewOf(story, 'pve3', vmid)] as const;
    if (JSON.stringify(views.at(-1)) !== JSON.stringify(view)) views.push(view);
    await story.sim.clock.advance(200);
  }
  return { views, seconds: story.seconds() - began };
}

async function viewOf(story: Story, node: string, vmid: number): Promise<View> {
  const { status, body } = await story.ask('GET', `/nodes/${node}/qemu/${vmid}/status/current`);
  if (status !== 200) return [status];
  return [status, propertyOf(body, 'status'), propertyOf(body, 'qmpstatus'), propertyOf(body, 'lock')];
}

function dataOf(body: Json): unknown {
  return isObject(body) ? body['data'] : undefined;
}

function propertyOf(body: Json, name: string): string | undefined {
  const data = dataOf(body);
  const value = isObject(data) ? data[name] : undefined;
  return value === undefined ? undefined : String(value);
}

const GONE: View = [500];

test('a live migration as a client sees it: locked, postmigrate, on the other node and still locked, free (recorded 14.6 s)', async () => {
  const story = await begin({ master: 'pve2', resources: [], crmAt: 1, cluster: { guests: [{ vmid: 401, node: 'pve1', running: true, config: { memory: '160', scsi0: 'shared:401/vm-401-disk-0.raw,size=1G' } }] } });
  const { views, seconds } = await watchMigration(story, 401, { target: 'pve3', online: 1 });
  expect(views).toEqual([
    [[200, 'running', 'running', undefined], GONE],
    [[200, 'running', 'running', 'migrate'], GONE],
    [[200, 'running', 'postmigrate', 'migrate'], GONE],
    [GONE, [200, 'running', 'running', 'migrate']],
    [GONE, [200, 'running', 'running', undefined]],
  ]);
  expect(seconds).toBeGreaterThan(4.6);
  expect(seconds).toBeLessThan(24.6);
});

test('with local disks the guest is paused for a moment on arrival (recorded 13.9 s)', async () => {
  const story = await begin({ master: 'pve2', resources: [], crmAt: 1, cluster: { guests: [{ vmid: 402, node: 'pve1', running: true, config: { memory: '160', scsi0: 'local:402/vm-402-disk-0.raw,size=1G' } }] } });
  const { views, seconds } = await watchMigration(story, 402, { target: 'pve3', online: 1, 'with-local-disks': 1 });
  expect(views).toEqual([
    [[200, 'running', 'running', undefined], GONE],
    [[200, 'running', 'running', 'migrate'], GONE],
    [[200, 'running', 'postmigrate', 'migrate'], GONE],
    [GONE, [200, 'running', 'paused', 'migrate']],
    [GONE, [200, 'running', 'running', 'migrate']],
    [GONE, [200, 'running', 'running', undefined]],
  ]);
  expect(Math.abs(seconds - 13.9)).toBeLessThan(10);
  expect(Object.keys(story.sim.state.storages['local']?.volumes['pve3'] ?? {})).toEqual(['402/vm-402-disk-0.raw']);
  expect(Object.keys(story.sim.state.storages['local']?.volumes['pve1'] ?? {})).toEqual([]);
});

const TWO = { nodes: [{ name: 'pve4', address: '10.99.0.14' }, { name: 'pve5', address: '10.99.0.15' }] };

async function quorateOn(story: Story): Promise<{ readonly shown: unknown; readonly real: unknown }> {
  const rows = dataOf((await story.ask('GET', '/cluster/status', {}, 'pve4')).body);
  const ha = dataOf((await story.ask('GET', '/cluster/ha/status/current', {}, 'pve4')).body);
  const first = (list: unknown, type: string): unknown => (Array.isArray(list) ? list.filter(isObject).find((row) => row['type'] === type)?.['quorate'] : undefined);
  return { shown: first(rows, 'cluster'), real: first(ha, 'quorum') };
}

test('two nodes lose one: no quorum after 7 s, writes wait and fail, all is well 7 to 10 s after the power is back', async () => {
  const story = await begin({ master: 'pve4', resources: [], crmAt: 1, cluster: TWO });
  const zero = story.seconds();
  const ask = async (method: string, path: string, params = {}) => {
    const began = story.seconds();
    const answer = await story.ask(method, path, params, 'pve4').catch((error: Error) => ({ status: 0, reason: error.message }));
    return { status: answer.status, reason: answer.reason, took: story.seconds() - began };
  };
  story.sim.powerOff('pve5');
  await story.sim.clock.advance(990);
  const hanging = await ask('GET', '/nodes/pve5/dns');
  expect(hanging).toMatchObject({ status: 0, reason: 'socket hang up' });
  expect(Math.abs(hanging.took - 5.66)).toBeLessThan(2);
  expect(await ask('GET', '/nodes/pve5/dns')).toMatchObject({ status: 595 });
  expect(story.seconds() - zero).toBeGreaterThan(6.6);
  expect(await quorateOn(story)).toEqual({ shown: 0, real: 0 });
  expect(await ask('PUT', '/cluster/options', { keyboard: 'de' })).toMatchObject({ status: 500, reason: "cfs-lock 'file-datacenter_cfg' error: no quorum!", took: 10 });
  await story.until(zero + 57.13);
  story.sim.powerOn('pve5');
  await story.until(zero + 63);
  expect(await quorateOn(story)).toEqual({ shown: 0, real: 0 });
  await story.until(zero + 64.2);
  expect(await quorateOn(story)).toEqual({ shown: 1, real: 1 });
  expect(await ask('PUT', '/cluster/options', { keyboard: 'de' })).toMatchObject({ status: 200 });
  await story.until(zero + 66.8);
  expect(await ask('GET', '/nodes/pve5/dns')).toMatchObject({ status: 200 });
});

test('a write that begins as the other of two nodes goes is held for the new membership and then for the lock (recorded 15.8 s)', async () => {
  const story = await begin({ master: 'pve4', resources: [], crmAt: 1, cluster: TWO });
  story.sim.powerOff('pve5');
  await story.sim.clock.advance(990);
  const began = story.seconds();
  expect(await story.ask('PUT', '/cluster/options', { keyboard: 'de' }, 'pve4')).toMatchObject({ status: 500, reason: "cfs-lock 'file-datacenter_cfg' error: no quorum!" });
  expect(Math.abs(story.seconds() - began - 15.79)).toBeLessThan(1);
});

test('a QDevice keeps one of two nodes quorate; when its server goes too, only the HA status tells', async () => {
  const story = await begin({ master: 'pve4', resources: [], crmAt: 1, cluster: { ...TWO, qdevice: true } });
  const zero = story.seconds();
  story.sim.powerOff('pve5');
  await story.until(zero + 7.5);
  expect(await quorateOn(story)).toEqual({ shown: 1, real: 1 });
  expect(await story.ask('PUT', '/cluster/options', { keyboard: 'de' }, 'pve4')).toMatchObject({ status: 200 });
  story.sim.corosync.setQnetd('off');
  expect(await quorateOn(story)).toEqual({ shown: 1, real: 0 });
  expect(await story.ask('PUT', '/cluster/options', { keyboard: 'fr' }, 'pve4')).toMatchObject({ status: 500, reason: "cfs-lock 'file-datacenter_cfg' error: no quorum!" });
  await story.until(zero + 60);
  expect(await quorateOn(story)).toEqual({ shown: 1, real: 0 });
});
