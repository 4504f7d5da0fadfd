// The simulated HA manager against a real cluster's recorded timelines: the same states in the same order, each within
// one round (10 s) of the recording.
import { expect, test } from 'vitest';
import { begin, drifts, part, recorded } from './timelines-world.ts';

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
