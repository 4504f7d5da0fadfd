// Ports that manifests leave to latido: free on all nodes of the resource, and the same for good.
import { expect, test } from 'vitest';
import { hostOf } from '../../controller/sim/nodes/devices.ts';
import { portOf } from '../../controller/kinds/drbd/ports.ts';
import { World } from '../harness/world.ts';

const CLUSTER = 'apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: lab }\nspec: { endpoints: [https://pve1:8006], credentials: { tokenEnv: X }, policy: { prune: auto } }\n';
const resource = (name: string, port = '') => `---\napiVersion: latido/v1\nkind: DrbdResource\nmetadata: { name: ${name} }\nspec:\n  size: 64M\n  nodes:\n    pve1: { address: "10.0.0.1${port}", volumeGroup: pve }\n    pve2: { address: "10.0.0.2${port}", volumeGroup: pve }\n`;
const nodes = (drbd: string) => ({ nodes: ['pve1', 'pve2'].map((name) => ({ name, drbd, volumeGroups: { pve: 2 ** 31 } })) });
const addressesIn = (world: World, name: string) => [...new Set(Object.values(hostOf(world.sim, 'pve1').files[`/etc/drbd.d/${name}.res`]?.match(/10\.0\.0\.\d:\d+/g) ?? []))].sort();

test.each(['8.4.11', '9.2.18'])('DRBD %s: the lowest that is free, and kept when another resource comes or goes', async (version) => {
  const world = new World(nodes(version));
  const both = `${CLUSTER}${resource('b')}${resource('c', ':7789')}`;
  expect((await world.apply(both)).failed).toEqual([]);
  expect([addressesIn(world, 'b'), addressesIn(world, 'c')]).toEqual([['10.0.0.1:7788', '10.0.0.2:7788'], ['10.0.0.1:7789', '10.0.0.2:7789']]);

  // `a` chooses before `b` by its name, and `b` keeps what it has.
  const three = `${CLUSTER}${resource('a')}${resource('b')}${resource('c', ':7789')}`;
  expect((await world.apply(three)).failed).toEqual([]);
  expect(addressesIn(world, 'a')).toEqual(['10.0.0.1:7790', '10.0.0.2:7790']);
  await world.sim.clock.advance(60_000);
  expect((await world.plan(three)).changes).toEqual([]);
});

test('two that are new at once, beside one that somebody made', async () => {
  const world = new World(nodes('8.4.11'));
  hostOf(world.sim, 'pve2').files['/etc/drbd.d/theirs.res'] = 'resource theirs {\n  on pve2 { device /dev/drbd9; disk /dev/sdz; meta-disk internal; address 10.9.9.2:7788; }\n  on other { device /dev/drbd9; disk /dev/sdz; meta-disk internal; address 10.9.9.3:7788; }\n}\n';
  const plan = await world.plan(`${CLUSTER}${resource('a')}${resource('b')}`);
  const shown = plan.changes.flatMap(({ fields }) => fields).filter(({ path }) => path === 'nodes.pve2').map(({ to }) => String(to));
  expect(shown).toEqual(['/dev/pve/a at 10.0.0.2:7789', '/dev/pve/b at 10.0.0.2:7790']);
});

test('what is a port', () => expect(['10.0.0.40:7788', '10.0.0.40', '[fd00::1]:7000', '[fd00::1]', undefined].map(portOf)).toEqual([7788, undefined, 7000, undefined, undefined]));
