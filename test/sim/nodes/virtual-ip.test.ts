// The cluster's address on simulated nodes, kept by keepalived: made, moved, contested and taken away by the product's own rounds.
import { expect, test } from 'vitest';
import { emptyWorld } from '../../../controller/sim/nodes/state.ts';
import { cutLine, resumeNodes } from '../../../controller/sim/nodes/world.ts';
import { perform } from '../../../controller/sim/script-deeds.ts';
import { addressPlace, holders, settled, standing, VIP, vip } from './virtual-ip-bench.ts';

const NODES = 'nodes: { pve1: 150, pve2: 100 }';
const first = vip(NODES);

test('from nothing: the node with the highest priority has it, and nothing is left to do', async () => {
  const place = addressPlace();
  expect(await settled(place, first)).toEqual([]);
  expect(holders(place)).toEqual(['pve1']);
  const { message, trouble } = await standing(place, first);
  expect(trouble).toBeUndefined();
  expect(message).toMatch(new RegExp(`^pve1 has ${VIP} since 20.*: pve1 MASTER, pve2 BACKUP$`));
});

test('its node loses power: the other one has it after three missed beats and some, and keeps it', async () => {
  const place = addressPlace();
  await settled(place, first);
  perform(place.sim, { do: 'node-off', node: 'pve1' });
  await place.sim.clock.advance(2_500);
  expect(holders(place)).toEqual([]);
  await place.sim.clock.advance(1_200);
  expect(holders(place)).toEqual(['pve2']);
  expect(place.sim.log.lines().at(-1)).toMatch(/pve2: keepalived cluster: MASTER$/);
  perform(place.sim, { do: 'node-on', node: 'pve1' });
  await place.sim.clock.advance(60_000);
  expect(holders(place)).toEqual(['pve2']);
  expect((await standing(place, first)).message).toMatch(/: pve1 BACKUP, pve2 MASTER$/);
});

test('with preempt it goes back to the one that comes first', async () => {
  const place = addressPlace();
  const yaml = vip(`${NODES}, preempt: true`);
  await settled(place, yaml);
  perform(place.sim, { do: 'node-reset', node: 'pve1' });
  await place.sim.clock.advance(6_000);
  expect(holders(place)).toEqual(['pve2']);
  await place.sim.clock.advance(60_000);
  expect(holders(place)).toEqual(['pve1']);
});

test('the network between them is cut: both have it, which is trouble; healed, one lets go', async () => {
  const place = addressPlace();
  await settled(place, first);
  perform(place.sim, { do: 'link-cut', node: 'pve2' });
  await place.sim.clock.advance(5_000);
  expect(holders(place)).toEqual(['pve1', 'pve2']);
  expect((await standing(place, first)).trouble).toBe('TwoHolders');
  perform(place.sim, { do: 'link-heal', node: 'pve2' });
  await place.sim.clock.advance(1_000);
  expect(holders(place)).toEqual(['pve1']);
  expect((await standing(place, first)).trouble).toBeUndefined();
});

test('the line that DRBD copies over is another one', async () => {
  const place = addressPlace();
  await settled(place, first);
  cutLine(place.sim, 'pve1', 'pve2');
  await place.sim.clock.advance(10_000);
  expect(holders(place)).toEqual(['pve1']);
});

test('a cable is pulled: its node lets go, the other one takes it', async () => {
  const place = addressPlace();
  await settled(place, first);
  perform(place.sim, { do: 'network-down', node: 'pve1' });
  expect(holders(place)).toEqual([]);
  await place.sim.clock.advance(3_700);
  expect(holders(place)).toEqual(['pve2']);
  perform(place.sim, { do: 'network-up', node: 'pve1' });
  await place.sim.clock.advance(10_000);
  expect(holders(place)).toEqual(['pve2']);
});

test('a lab that was saved goes on: who had the address has it, and it moves when that node is lost', async () => {
  const before = addressPlace();
  await settled(before, first);
  const place = addressPlace();
  Object.assign(place.sim.state, JSON.parse(JSON.stringify(before.sim.state)));
  resumeNodes(place.sim);
  await place.sim.clock.advance(60_000);
  expect(holders(place)).toEqual(['pve1']);
  perform(place.sim, { do: 'node-off', node: 'pve1' });
  await place.sim.clock.advance(10_000);
  expect(holders(place)).toEqual(['pve2']);
});

test('a lab that was saved before there were addresses has keepalived, and nothing runs', () => {
  const place = addressPlace();
  const { programs: _, notes: __, ...old } = JSON.parse(JSON.stringify(place.sim.state.below.hosts['pve1'])) as Record<string, unknown>;
  Object.assign(place.sim.state, { below: { ...emptyWorld(), hosts: { pve1: old } } });
  resumeNodes(place.sim);
  expect(place.sim.state.below.hosts['pve1']).toMatchObject({ notes: {}, programs: { keepalived: { isEnabled: false, isRunning: false, instances: [] } } });
});

test('while nothing changes nothing is waited for', async () => {
  const place = addressPlace(['keepalived'], 3);
  await settled(place, vip('nodes: { pve1: 150, pve2: 100, pve3: 50 }'));
  const instances = Object.values(place.sim.state.below.hosts).flatMap(({ programs }) => programs.keepalived?.instances ?? []);
  expect(instances.map(({ state, dueMs }) => [state, dueMs])).toEqual([['MASTER', undefined], ['BACKUP', undefined], ['BACKUP', undefined]]);
});
