// The cluster's address on simulated nodes, kept by heartbeat.
import { expect, test } from 'vitest';
import { perform } from '../../../controller/sim/script-deeds.ts';
import { addressPlace, byHand, costOf, holders, settled, standing, VIP, vip, watch } from './virtual-ip-bench.ts';

const NODES = 'provider: heartbeat, nodes: { pve1: 150, pve2: 100 }';
const POOL = 'apiVersion: latido/v1\nkind: Pool\nmetadata: { name: kept }\nspec: {}\n';
const first = vip(NODES);

async function made(yaml = first) {
  const place = addressPlace(['heartbeat']);
  expect(await settled(place, yaml)).toEqual([]);
  return { place, seen: watch(place) };
}

test('from nothing: the node that comes first has it, and nothing is left to do', async () => {
  const { place } = await made();
  expect(holders(place)).toEqual(['pve1']);
  const { message, trouble } = await standing(place, first);
  expect([message, trouble]).toEqual([`pve1 has ${VIP}: pve1 local, pve2 none`, undefined]);
});

test('its node loses power: the other one has it after its deadtime, and keeps it', async () => {
  const { place } = await made();
  perform(place.sim, { do: 'node-off', node: 'pve1' });
  await place.sim.clock.advance(5_500);
  expect(holders(place)).toEqual([]);
  await place.sim.clock.advance(200);
  expect(holders(place)).toEqual(['pve2']);
  perform(place.sim, { do: 'node-on', node: 'pve1' });
  await place.sim.clock.advance(60_000);
  expect(holders(place)).toEqual(['pve2']);
  expect((await standing(place, first)).message).toBe(`pve2 has ${VIP}: pve1 none, pve2 all`);
});

test('with preempt it goes back to the one that comes first', async () => {
  const { place } = await made(vip(`${NODES}, preempt: true`));
  perform(place.sim, { do: 'node-off', node: 'pve1' });
  await place.sim.clock.advance(10_000);
  expect(holders(place)).toEqual(['pve2']);
  perform(place.sim, { do: 'node-on', node: 'pve1' });
  await place.sim.clock.advance(60_000);
  expect(holders(place)).toEqual(['pve1']);
});

test('the network between them is cut: both have it; healed, both let go and one has it again', async () => {
  const { place } = await made();
  perform(place.sim, { do: 'link-cut', node: 'pve2' });
  await place.sim.clock.advance(6_000);
  expect(holders(place)).toEqual(['pve1', 'pve2']);
  expect((await standing(place, first)).trouble).toBe('TwoHolders');
  perform(place.sim, { do: 'link-heal', node: 'pve2' });
  await place.sim.clock.advance(10_000);
  expect((await standing(place, first)).trouble).toBe('NoHolder');
  await place.sim.clock.advance(20_000);
  expect(holders(place)).toEqual(['pve1']);
});

test('a change restarts both, the one that has it last; never two nodes with it', async () => {
  const { place, seen } = await made();
  const yaml = vip(`${NODES}, advertSeconds: 0.4`);
  const claimed = costOf(await place.plan(yaml));
  expect(await settled(place, yaml)).toEqual([]);
  await place.sim.clock.advance(30_000);
  expect(seen.twice()).toBe(0);
  expect(seen.awayMs()).toBeLessThanOrEqual(claimed);
  expect(holders(place)).toEqual(['pve2']);
});

test('one made by hand is taken over, with another key: never two nodes with it', async () => {
  const place = addressPlace(['heartbeat']);
  for (const node of ['pve1', 'pve2']) {
    Object.assign(place.sim.state.below.hosts[node]?.files ?? {}, {
      '/etc/ha.d/ha.cf': 'keepalive 1\nwarntime 3\ndeadtime 5\ninitdead 10\nudpport 694\nucast vmbr0 10.99.0.11\nucast vmbr0 10.99.0.12\nauto_failback off\nnode pve1 pve2\ncrm no\n',
      '/etc/ha.d/haresources': `pve1 IPaddr2::${VIP}/24/vmbr0\n`, '/etc/ha.d/authkeys': 'auth 1\n1 sha1 by-hand\n',
    });
    await byHand(place, node, 'systemctl', 'start', 'heartbeat');
  }
  await place.sim.clock.advance(20_000);
  expect(holders(place)).toEqual(['pve1']);
  const seen = watch(place);
  const matching = `apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: lab }\nspec:\n  endpoints: ["https://pve1:8006"]\n  policy: { adopt: matching }\n---\n${first}`;
  const plan = await place.plan(matching);
  expect(plan.changes.map(({ verb }) => verb)).toEqual(['adopt']);
  expect(JSON.stringify(plan)).not.toContain('by-hand');
  expect(await settled(place, matching)).toEqual([]);
  expect(seen.twice()).toBe(0);
  expect(holders(place)).toHaveLength(1);
  expect(place.sim.state.below.hosts['pve1']?.files['/etc/ha.d/authkeys.before-latido']).toMatch(/by-hand/);
});

test('it goes from heartbeat to keepalived and back: never two nodes with it, and away for no longer than the plan says', async () => {
  const place = addressPlace(['heartbeat', 'keepalived']);
  expect(await settled(place, first)).toEqual([]);
  const seen = watch(place);
  const yaml = vip('nodes: { pve1: 150, pve2: 100 }');
  expect(costOf(await place.plan(yaml))).toBe(5_000);
  expect(await settled(place, yaml)).toEqual([]);
  await place.sim.clock.advance(30_000);
  expect([seen.twice(), holders(place)]).toEqual([0, ['pve1']]);
  expect(seen.awayMs()).toBeLessThanOrEqual(5_000);
  expect(place.sim.state.below.hosts['pve2']?.programs.heartbeat).toEqual({ isEnabled: false });
  expect(costOf(await place.plan(first))).toBe(15_000);
  expect(await settled(place, first)).toEqual([]);
  expect([seen.twice(), holders(place)]).toEqual([0, ['pve1']]);
  expect(seen.awayMs()).toBeLessThanOrEqual(15_000);
});

test('it leaves Git: nothing of it is left on any node', async () => {
  const { place } = await made();
  expect(await settled(place, POOL)).toEqual([]);
  expect(holders(place)).toEqual([]);
  for (const { files, programs } of Object.values(place.sim.state.below.hosts)) {
    expect(Object.keys(files).filter((path) => path.startsWith('/etc/ha.d'))).toEqual([]);
    expect(programs.heartbeat).toEqual({ isEnabled: false });
  }
});

test('where it is not installed the plan says so, and does nothing', async () => {
  const place = addressPlace(['keepalived']);
  const [change] = (await place.plan(first)).changes;
  expect(change?.steps.every(({ hold }) => /heartbeat is not installed on pve1/.test(hold?.reason ?? ''))).toBe(true);
});
