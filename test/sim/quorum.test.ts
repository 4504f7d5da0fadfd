// Who may write, and how refusals read; partitions and their times.
import { expect, test } from 'vitest';
import { isQuorate, lossDelayMs, membersSeenBy } from '../../controller/sim/quorum.ts';
import type { Simulation } from '../../controller/sim/simulation.ts';
import { begin, type Story } from '../scenarios/timelines-world.ts';

const GUESTS = [{ vmid: 100, node: 'pve1', config: { memory: '16' } }, { vmid: 101, node: 'pve2', config: { memory: '16' } }];

function cluster(nodes: number, qdevice = false): Promise<Story> {
  return begin({ master: 'pve1', resources: [], crmAt: 1, cluster: { nodes: Array.from({ length: nodes }, (_none, at) => ({ name: `pve${at + 1}` })), qdevice, guests: GUESTS } });
}

const quorateNodes = (sim: Simulation) => Object.keys(sim.state.nodes).filter((node) => isQuorate(sim.state, node));

test.each([
  { what: 'all up', nodes: 3, lose: [], quorate: ['pve1', 'pve2', 'pve3'] },
  { what: 'one of three off', nodes: 3, lose: ['off pve3'], quorate: ['pve1', 'pve2'] },
  { what: 'one of three cut', nodes: 3, lose: ['cut pve3'], quorate: ['pve1', 'pve2'] },
  { what: 'two of three off', nodes: 3, lose: ['off pve2', 'off pve3'], quorate: [] },
  { what: 'one of two off', nodes: 2, lose: ['off pve2'], quorate: [] },
  { what: 'one of two off, with a QDevice', nodes: 2, lose: ['off pve2'], qdevice: true, quorate: ['pve1'] },
  { what: 'the lower of two off, with a QDevice', nodes: 2, lose: ['off pve1'], qdevice: true, quorate: ['pve2'] },
  { what: 'two parted, with a QDevice: the lower id', nodes: 2, lose: ['cut pve2'], qdevice: true, quorate: ['pve1'] },
  { what: 'two of four off', nodes: 4, lose: ['off pve3', 'off pve4'], quorate: [] },
  { what: 'one alone', nodes: 1, lose: [], quorate: ['pve1'] },
])('quorate: $what', async ({ nodes, lose, qdevice, quorate }) => {
  const story = await cluster(nodes, qdevice);
  for (const loss of lose) {
    const [how, node = ''] = loss.split(' ');
    if (how === 'off') story.sim.powerOff(node);
    else story.sim.corosync.cut(node);
  }
  await story.until(story.seconds() + 10);
  expect(quorateNodes(story.sim)).toEqual(quorate);
});

test('a loss is noticed after the token timeout and the consensus, a healed link after three seconds', async () => {
  const story = await cluster(3);
  const zero = story.seconds();
  story.sim.corosync.cut('pve3');
  await story.until(zero + lossDelayMs(3) / 1000 - 0.1);
  expect(membersSeenBy(story.sim.state, 'pve1')).toEqual(new Set(['pve1', 'pve2', 'pve3']));
  await story.until(zero + lossDelayMs(3) / 1000 + 0.1);
  expect(membersSeenBy(story.sim.state, 'pve1')).toEqual(new Set(['pve1', 'pve2']));
  story.sim.corosync.heal('pve3');
  await story.until(story.seconds() + 3);
  expect(membersSeenBy(story.sim.state, 'pve3')).toEqual(new Set(['pve1', 'pve2', 'pve3']));
});

test('a cut that heals before it is noticed changes nothing', async () => {
  const story = await cluster(3);
  story.sim.corosync.cut('pve3');
  await story.until(story.seconds() + 5);
  story.sim.corosync.heal('pve3');
  await story.until(story.seconds() + 20);
  expect(quorateNodes(story.sim)).toEqual(['pve1', 'pve2', 'pve3']);
  expect(membersSeenBy(story.sim.state, 'pve1').size).toBe(3);
});

const READY = 'cluster not ready - no quorum?';
const refusals: readonly { readonly method: string; readonly path: string; readonly params?: Readonly<Record<string, string | number>>; readonly status: number; readonly reason: RegExp | string; readonly seconds: number }[] = [
  { method: 'POST', path: '/nodes/pve1/qemu', params: { vmid: 700, memory: 16 }, status: 500, reason: READY, seconds: 0 },
  { method: 'POST', path: '/nodes/pve1/qemu/100/status/start', status: 500, reason: READY, seconds: 0 },
  { method: 'POST', path: '/nodes/pve1/qemu/100/clone', params: { newid: 701 }, status: 500, reason: READY, seconds: 0 },
  { method: 'POST', path: '/cluster/ha/resources', params: { sid: 'vm:100' }, status: 500, reason: READY, seconds: 0 },
  { method: 'PUT', path: '/nodes/pve1/qemu/100/config', params: { description: 'x' }, status: 500, reason: /^unable to open file '\/etc\/pve\/nodes\/pve1\/qemu-server\/100\.conf\.tmp\.\d+' - Permission denied$/, seconds: 0 },
  { method: 'PUT', path: '/nodes/pve1/config', params: { description: 'x' }, status: 500, reason: /^unable to open file '\/etc\/pve\/nodes\/pve1\/config\.tmp\.\d+' - Permission denied$/, seconds: 0 },
  { method: 'PUT', path: '/cluster/options', params: { keyboard: 'de' }, status: 500, reason: "cfs-lock 'file-datacenter_cfg' error: no quorum!", seconds: 10 },
  { method: 'POST', path: '/storage', params: { storage: 'x1', type: 'dir', path: '/x1' }, status: 500, reason: "create storage failed: cfs-lock 'file-storage_cfg' error: no quorum!", seconds: 10 },
  { method: 'POST', path: '/pools', params: { poolid: 'noq' }, status: 500, reason: "create pool failed: cfs-lock 'file-user_cfg' error: no quorum!", seconds: 10 },
  { method: 'POST', path: '/access/users/root@pam/token/nq', status: 500, reason: "generating token failed: cfs-lock 'file-user_cfg' error: no quorum!", seconds: 10 },
  { method: 'GET', path: '/nodes/pve1/qemu/100/config', status: 200, reason: 'OK', seconds: 0 },
  { method: 'GET', path: '/cluster/resources', status: 200, reason: 'OK', seconds: 0 },
];

test.each(refusals)('without quorum: $method $path', async ({ method, path, params, status, reason, seconds }) => {
  const story = await cluster(2);
  story.sim.powerOff('pve2');
  await story.until(story.seconds() + 20);
  const began = story.seconds();
  const answer = await story.ask(method, path, params);
  expect(answer.status).toBe(status);
  if (typeof reason === 'string') expect(answer.reason).toBe(reason);
  else expect(answer.reason).toMatch(reason);
  expect(Math.round(story.seconds() - began)).toBe(seconds);
});

const inTasks: readonly { readonly method: string; readonly path: string; readonly params: Readonly<Record<string, string>> }[] = [
  { method: 'POST', path: '/nodes/pve1/qemu/100/config', params: { description: 'x' } },
  { method: 'DELETE', path: '/nodes/pve1/qemu/100', params: {} },
];

test.each(inTasks)('without quorum a task is given and fails: $method $path', async ({ method, path, params }) => {
  const story = await cluster(2);
  story.sim.powerOff('pve2');
  await story.until(story.seconds() + 20);
  const answer = await story.ask(method, path, params);
  expect(answer.status).toBe(200);
  await story.until(story.seconds() + 5);
  expect(Object.values(story.sim.state.tasks).at(-1)?.exitstatus).toMatch(/^unable to open file '\/etc\/pve\/nodes\/pve1\/qemu-server\/100\.conf\.tmp\.\d+' - Permission denied$/);
  expect(story.sim.state.guests['100']?.config['description']).toBeUndefined();
});

test('a minority still answers reads, but cannot pass them on', async () => {
  const story = await cluster(3);
  story.sim.corosync.cut('pve3');
  await story.until(story.seconds() + 20);
  expect((await story.ask('GET', '/cluster/status', {}, 'pve3')).status).toBe(200);
  expect(await story.ask('GET', '/nodes/pve1/status', {}, 'pve3')).toMatchObject({ status: 595, reason: 'No route to host' });
});

test('a node that was switched on answers its own callers after nine seconds', async () => {
  const story = await cluster(3);
  story.sim.powerOff('pve3');
  await story.until(story.seconds() + 30);
  await expect(story.ask('GET', '/version', {}, 'pve3')).rejects.toThrow('EHOSTUNREACH');
  story.sim.powerOn('pve3');
  await story.until(story.seconds() + 5);
  await expect(story.ask('GET', '/version', {}, 'pve3')).rejects.toThrow('ECONNREFUSED');
  await story.until(story.seconds() + 5);
  expect((await story.ask('GET', '/version', {}, 'pve3')).status).toBe(200);
});
