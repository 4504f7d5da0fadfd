import { expect, test } from 'vitest';
import { World } from '../harness/world.ts';

const HA = 'apiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: web }\nspec: { vmid: 110, ha: { state: started }, config: { memory: 512 } }\n';

test.each([
  ['two nodes without a third vote', ['pve1', 'pve2'], false, ['HA_WITHOUT_THIRD_VOTE']],
  ['two nodes and a QDevice', ['pve1', 'pve2'], true, []],
  ['three nodes', ['pve1', 'pve2', 'pve3'], false, []],
])('a live cluster with HA, %s', async (_, names, qdevice, expected) => {
  const world = new World({ nodes: names.map((name) => ({ name })), qdevice });
  await world.apply(HA);
  expect((await world.plan(HA)).warnings.map(({ code }) => code)).toEqual(expected);
});
