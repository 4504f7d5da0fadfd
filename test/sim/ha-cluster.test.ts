// The HA manager at work in a whole simulated cluster: what fails over, what cannot, what versions differ in.
import { expect, test } from 'vitest';
import { begin, type Start, type Story } from '../scenarios/timelines-world.ts';
import type { ClusterSpec, GuestSpec } from '../../controller/sim/cluster-spec.ts';
import { shutDownNode } from '../../controller/sim/outages.ts';

const onShared = (vmid: number, node: string): GuestSpec => ({ vmid, node, running: true, config: { memory: '160', scsi0: `shared:${vmid}/vm-${vmid}-disk-0.raw,size=1G` }, behaviour: { shutdownMs: 1000 } });
const onLocal = (vmid: number, node: string): GuestSpec => ({ vmid, node, running: true, config: { memory: '160', scsi0: `local:${vmid}/vm-${vmid}-disk-0.raw,size=1G` }, behaviour: { shutdownMs: 1000 } });

function cluster(...guests: readonly GuestSpec[]): ClusterSpec {
  return { guests };
}

function run(start: Partial<Start>): Promise<Story> {
  return begin({ master: 'pve1', crmAt: 3, lrmAt: { pve1: 1, pve2: 2, pve3: 4 }, ...start });
}

const serviceOf = (story: Story, sid: string) => story.sim.state.ha.manager.service_status[sid];
const guestOf = (story: Story, vmid: number) => story.sim.state.guests[String(vmid)];
const isRunning = (story: Story, vmid: number) => guestOf(story, vmid)?.process !== undefined;

test('a VM on shared storage runs on another node three minutes after its node died', async () => {
  const story = await run({ cluster: cluster(onShared(404, 'pve2')), resources: ['vm:404'] });
  story.sim.powerOff('pve2');
  await story.until(180);
  expect(guestOf(story, 404)?.node).not.toBe('pve2');
  expect(isRunning(story, 404)).toBe(true);
});

test('a VM on local storage is moved but cannot start, and ends in error', async () => {
  const story = await run({ cluster: cluster(onLocal(404, 'pve2')), resources: ['vm:404'] });
  story.sim.powerOff('pve2');
  await story.until(260);
  expect(serviceOf(story, 'vm:404')?.state).toBe('error');
  expect(isRunning(story, 404)).toBe(false);
});

test('a leftover lock of the dead node does not keep the VM down', async () => {
  const story = await run({ cluster: cluster(onShared(404, 'pve2')), resources: ['vm:404'] });
  const guest = guestOf(story, 404);
  if (guest) guest.config['lock'] = 'backup';
  story.sim.powerOff('pve2');
  await story.until(180);
  expect(guest?.config['lock']).toBeUndefined();
  expect(isRunning(story, 404)).toBe(true);
});

test('a strict rule keeps the service waiting for its own node', async () => {
  const story = await run({ cluster: cluster(onShared(404, 'pve2')), resources: ['vm:404'], rule: { resources: 'vm:404', nodes: 'pve2', strict: 1 } });
  story.sim.powerOff('pve2');
  await story.until(240);
  expect(serviceOf(story, 'vm:404')?.state).toBe('recovery');
  story.sim.powerOn('pve2');
  // Its own lock is the master's now, for two minutes after the fence.
  await story.until(400);
  expect(serviceOf(story, 'vm:404')).toMatchObject({ state: 'started', node: 'pve2', running: 1 });
});

test('a node that loses its link resets itself before its guest starts elsewhere', async () => {
  const story = await run({ cluster: cluster(onShared(404, 'pve2')), resources: ['vm:404'] });
  story.sim.corosync.cut('pve2');
  let stoppedAt = 0;
  for (let second = 0; second < 200 && stoppedAt === 0; second += 1) {
    await story.until(second);
    if (!isRunning(story, 404)) stoppedAt = second;
  }
  expect(guestOf(story, 404)?.node).toBe('pve2');
  expect(stoppedAt).toBeGreaterThan(50);
  expect(stoppedAt).toBeLessThan(80);
  await story.until(220);
  expect(guestOf(story, 404)?.node).not.toBe('pve2');
  expect(isRunning(story, 404)).toBe(true);
});

test('two nodes without a third vote: the survivor loses quorum and resets itself', async () => {
  const story = await run({ cluster: { nodes: [{ name: 'pve1' }, { name: 'pve2' }], guests: [onShared(404, 'pve1'), onShared(405, 'pve2')] }, resources: ['vm:404', 'vm:405'] });
  story.sim.powerOff('pve2');
  await story.until(120);
  expect(isRunning(story, 404)).toBe(false);
  expect(guestOf(story, 405)?.node).toBe('pve2');
});

test('two nodes with a QDevice: the survivor takes over', async () => {
  const story = await run({ cluster: { nodes: [{ name: 'pve1' }, { name: 'pve2' }], qdevice: true, guests: [onShared(404, 'pve1'), onShared(405, 'pve2')] }, resources: ['vm:404', 'vm:405'] });
  story.sim.powerOff('pve2');
  await story.until(180);
  expect([isRunning(story, 404), isRunning(story, 405), guestOf(story, 405)?.node]).toEqual([true, true, 'pve1']);
});

test('HA groups up to 8: restricted stays, nofailback does not go home', async () => {
  const story = await run({ version: '8.4', cluster: cluster(onShared(404, 'pve2'), onShared(405, 'pve2')), resources: [] });
  await story.ask('POST', '/cluster/ha/groups', { group: 'only2', nodes: 'pve2', restricted: 1 });
  await story.ask('POST', '/cluster/ha/groups', { group: 'rather2', nodes: 'pve2:2,pve3:1', nofailback: 1 });
  await story.ask('POST', '/cluster/ha/resources', { sid: 'vm:404', group: 'only2' });
  await story.ask('POST', '/cluster/ha/resources', { sid: 'vm:405', group: 'rather2' });
  await story.until(40);
  story.sim.powerOff('pve2');
  await story.until(220);
  expect([serviceOf(story, 'vm:404')?.state, serviceOf(story, 'vm:405')?.node]).toEqual(['recovery', 'pve3']);
  story.sim.powerOn('pve2');
  await story.until(420);
  expect([serviceOf(story, 'vm:404')?.node, serviceOf(story, 'vm:405')?.node]).toEqual(['pve2', 'pve3']);
  expect(isRunning(story, 404)).toBe(true);
  expect(await story.ask('DELETE', '/cluster/ha/groups/only2')).toMatchObject({ status: 500, reason: "delete ha group failed: ha group is used by service 'vm:404'" });
});

test('up to 8 a migrate request answers nothing, and the status tells neither watchdogs nor failback', async () => {
  const story = await run({ version: '8.4', cluster: cluster(onShared(404, 'pve2')), resources: ['vm:404'] });
  expect((await story.ask('POST', '/cluster/ha/resources/vm:404/migrate', { node: 'pve3' })).body).toEqual({ data: null });
  const rows = JSON.stringify((await story.ask('GET', '/cluster/ha/status/current')).body);
  expect(rows).not.toMatch(/watchdog|failback|armed/);
  expect(rows).toContain('"status":"vm:404 (pve2, started)"');
});

test('an ignored resource is left alone by the manager and by the guest API', async () => {
  const story = await run({ cluster: cluster(onShared(404, 'pve2')), resources: ['vm:404'] });
  await story.ask('PUT', '/cluster/ha/resources/vm:404', { state: 'ignored' });
  await story.until(15);
  expect(serviceOf(story, 'vm:404')).toBeUndefined();
  const answer = await story.ask('POST', '/nodes/pve2/qemu/404/status/stop');
  expect(JSON.stringify(answer.body)).toContain(':qmstop:');
});

test.each([
  { policy: undefined, kind: 'reboot' as const, away: false },
  { policy: 'migrate', kind: 'shutdown' as const, away: true },
  { policy: 'freeze', kind: 'shutdown' as const, away: false },
  { policy: 'failover', kind: 'shutdown' as const, away: true },
])('a $kind with shutdown policy $policy: the service elsewhere? $away', async ({ policy, kind, away }) => {
  const story = await run({ cluster: { guests: [onShared(404, 'pve2')], options: policy === undefined ? {} : { ha: { shutdown_policy: policy } } }, resources: ['vm:404'] });
  void shutDownNode(story.sim, 'pve2', kind);
  await story.until(180);
  expect(guestOf(story, 404)?.node !== 'pve2').toBe(away);
  if (kind === 'reboot' || away) expect(isRunning(story, 404)).toBe(!(kind === 'shutdown' && !away));
  if (policy === 'freeze') expect(serviceOf(story, 'vm:404')?.state).toBe('freeze');
});

test('disarmed, nothing is fenced; armed again, a frozen service waits for its own node', async () => {
  const story = await run({ cluster: cluster(onShared(404, 'pve2')), resources: ['vm:404'] });
  await story.ask('POST', '/cluster/ha/status/disarm-ha', { 'resource-mode': 'freeze' });
  await story.until(30);
  expect(JSON.stringify((await story.ask('GET', '/cluster/ha/status/current')).body)).toContain('"armed-state":"disarmed"');
  story.sim.powerOff('pve2');
  await story.until(250);
  expect(guestOf(story, 404)?.node).toBe('pve2');
  await story.ask('POST', '/cluster/ha/status/arm-ha');
  await story.until(420);
  expect(serviceOf(story, 'vm:404')).toMatchObject({ state: 'freeze', node: 'pve2' });
  story.sim.powerOn('pve2');
  await story.until(480);
  expect(isRunning(story, 404)).toBe(true);
});

test('without services the manager goes to sleep after a quarter of an hour, and wakes for a new one', async () => {
  const story = await run({ cluster: cluster(onShared(404, 'pve2')), resources: ['vm:404'] });
  await story.ask('DELETE', '/cluster/ha/resources/vm:404');
  await story.until(1200);
  expect(story.sim.state.ha.managerLock).toBeUndefined();
  await story.ask('POST', '/cluster/ha/resources', { sid: 'vm:404' });
  await story.until(1230);
  expect(serviceOf(story, 'vm:404')).toMatchObject({ state: 'started', running: 1 });
});
