// What changes about the cluster's address while keepalived keeps it: never two nodes with it by our doing, and never away for
// longer than the plan said.
import { expect, test } from 'vitest';
import { perform } from '../../../controller/sim/script-deeds.ts';
import { addressPlace, byHand, costOf, holders, settled, standing, VIP, vip, watch } from './virtual-ip-bench.ts';

const NODES = 'nodes: { pve1: 150, pve2: 100 }';
const first = vip(NODES);
const POOL = 'apiVersion: latido/v1\nkind: Pool\nmetadata: { name: kept }\nspec: {}\n';
const MAIN = '/etc/keepalived/keepalived.conf';
const PART = '/etc/keepalived/conf.d/latido-cluster.conf';

async function made(yaml = first, count = 2) {
  const place = addressPlace(['keepalived'], count);
  expect(await settled(place, yaml)).toEqual([]);
  return { place, seen: watch(place) };
}

test.each([
  ['the priorities', vip('nodes: { pve1: 100, pve2: 120 }')],
  ['the interval', vip(`${NODES}, advertSeconds: 0.25`)],
  ['that it goes back to who comes first', vip(`${NODES}, preempt: true`)],
])('%s change where the address is', async (_, yaml) => {
  const { place, seen } = await made();
  expect(costOf(await place.plan(yaml))).toBe(0);
  expect(await settled(place, yaml)).toEqual([]);
  await place.sim.clock.advance(30_000);
  expect([seen.twice(), seen.awayMs(), holders(place)]).toEqual([0, 0, ['pve1']]);
});

test.each([
  ['another router id', VIP, 5_000, vip(`${NODES}, virtualRouterId: 77`)],
  ['another address', '10.99.0.101', 5_000, vip(NODES, 'cluster', '10.99.0.101/24')],
  ['another router id and a slow beat', VIP, 33_000, vip(`${NODES}, virtualRouterId: 77, advertSeconds: 8`)],
])('%s: only one node has it meanwhile, and it is away for no longer than the plan says', async (_, address, told, yaml) => {
  const { place, seen } = await made();
  const claimed = costOf(await place.plan(yaml));
  expect(claimed).toBe(told);
  const later = watch(place, address);
  expect(await settled(place, yaml)).toEqual([]);
  await place.sim.clock.advance(30_000);
  expect([seen.twice(), later.twice()]).toEqual([0, 0]);
  expect(later.awayMs()).toBeLessThanOrEqual(claimed);
  expect(holders(place, address)).toEqual(['pve1']);
});

test('a third node comes and goes, without a moment in which nobody has it', async () => {
  const { place, seen } = await made(first, 3);
  const three = vip('nodes: { pve1: 150, pve2: 100, pve3: 80 }');
  expect(await settled(place, three)).toEqual([]);
  expect((await standing(place, three)).message).toMatch(/pve1 MASTER, pve2 BACKUP, pve3 BACKUP$/);
  expect(await settled(place, first)).toEqual([]);
  expect(place.sim.state.below.hosts['pve3']).toMatchObject({ programs: { keepalived: { isRunning: false, isEnabled: false } } });
  expect([seen.twice(), seen.awayMs()]).toEqual([0, 0]);
});

test('the node that has it leaves the manifest: the next one takes it at once', async () => {
  const { place, seen } = await made(vip('nodes: { pve1: 150, pve2: 100, pve3: 80 }'), 3);
  const two = vip('nodes: { pve2: 100, pve3: 80 }');
  expect(await settled(place, two)).toEqual([]);
  expect(holders(place)).toEqual(['pve2']);
  expect(seen.twice()).toBe(0);
  expect(seen.awayMs()).toBeLessThan(1_000);
});

test('somebody edits the file: it is drift, and put back where the address is', async () => {
  const { place, seen } = await made();
  const files = place.sim.state.below.hosts['pve2']?.files ?? {};
  files[PART] = (files[PART] ?? '').replace('priority 100', 'priority 200');
  const plan = await place.plan(first);
  expect(plan.changes.flatMap(({ fields }) => fields.map(({ path, from, to }) => [path, from, to]))).toEqual([['nodes.pve2.priority', 200, 100]]);
  expect(await settled(place, first)).toEqual([]);
  expect([seen.twice(), seen.awayMs()]).toEqual([0, 0]);
});

test('stopped by hand on both nodes nobody has it: told, and started again by the next plan', async () => {
  const { place } = await made();
  for (const node of ['pve2', 'pve1']) await byHand(place, node, 'systemctl', 'stop', 'keepalived');
  expect((await standing(place, first)).trouble).toBe('NoHolder');
  expect(await settled(place, first)).toEqual([]);
  expect(holders(place)).toHaveLength(1);
});

test('a node that is down holds the change, and the reason says who has it', async () => {
  const { place } = await made();
  perform(place.sim, { do: 'node-off', node: 'pve1' });
  await place.sim.clock.advance(10_000);
  const plan = await place.plan(vip('nodes: { pve1: 120, pve2: 100 }'));
  expect(plan.changes.find(({ ref }) => ref.kind === 'VirtualIP')?.hold?.reason).toMatch(/^pve1: .*; pve2 has 10\.99\.0\.100$/);
  expect(holders(place)).toEqual(['pve2']);
});

test('it leaves Git: nothing of it is left on any node', async () => {
  const { place } = await made();
  expect(await settled(place, POOL)).toEqual([]);
  expect(holders(place)).toEqual([]);
  for (const { files, notes, programs } of Object.values(place.sim.state.below.hosts)) {
    expect(Object.keys(files).filter((path) => path.startsWith('/etc/keepalived'))).toEqual([]);
    expect(notes).toEqual({});
    expect(programs.keepalived).toEqual({ isEnabled: false, isRunning: false, instances: [] });
  }
});

test('of two addresses one leaves Git: the other one does not move', async () => {
  const { place, seen } = await made();
  const other = vip('nodes: { pve1: 50, pve2: 90 }', 'other', '10.99.0.101/24');
  expect(await settled(place, `${first}---\n${other}`)).toEqual([]);
  expect(holders(place, '10.99.0.101')).toHaveLength(1);
  expect(await settled(place, first)).toEqual([]);
  expect([holders(place, '10.99.0.101'), holders(place), seen.awayMs()]).toEqual([[], ['pve1'], 0]);
});

test('one made by hand is taken over where it is, and what was there is put aside', async () => {
  const place = addressPlace();
  for (const [node, priority, source, peer] of [['pve1', 150, 11, 12], ['pve2', 100, 12, 11]] as const) {
    const files = place.sim.state.below.hosts[node]?.files ?? {};
    files[MAIN] = `global_defs {\n    router_id ${node}\n}\nvrrp_instance by_hand {\n    state BACKUP\n    nopreempt\n    interface vmbr0\n    virtual_router_id 100\n    priority ${priority}\n    version 3\n    unicast_src_ip 10.99.0.${source}\n    unicast_peer {\n        10.99.0.${peer}\n    }\n    virtual_ipaddress {\n        ${VIP}/24\n    }\n}\n`;
    await byHand(place, node, 'systemctl', 'enable', '--now', 'keepalived');
  }
  await place.sim.clock.advance(10_000);
  expect(holders(place)).toEqual(['pve1']);
  const seen = watch(place);
  const matching = `apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: lab }\nspec:\n  endpoints: ["https://pve1:8006"]\n  policy: { adopt: matching }\n---\n${first}`;
  expect((await place.plan(matching)).changes.map(({ verb }) => verb)).toEqual(['adopt']);
  expect(await settled(place, matching)).toEqual([]);
  expect([seen.twice(), seen.awayMs(), holders(place)]).toEqual([0, 0, ['pve1']]);
  expect(place.sim.state.below.hosts['pve1']?.files[`${MAIN}.before-latido`]).toMatch(/by_hand/);
});

test('what keepalived refuses is not put in force, and the address stays', async () => {
  const { place } = await made();
  const before = place.sim.state.below.hosts['pve1']?.files[PART];
  const result = await place.apply(vip('nodes: { pve1: 150, pve2: 100 }, virtualRouterId: 77').replace('interface: vmbr0', 'interface: vmbr7'));
  expect(result.failed.length + (await place.plan(first)).changes.flatMap(({ steps }) => steps).length).toBe(0);
  expect([place.sim.state.below.hosts['pve1']?.files[PART], holders(place)]).toEqual([before, ['pve1']]);
});
