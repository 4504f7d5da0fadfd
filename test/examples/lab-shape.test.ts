import { expect, test } from 'vitest';
import { shapeOf } from '../../controller/cli/lab-shape.ts';
import { labCluster } from '../../controller/sim/lab.ts';
import { doPlan, planOf, readExample } from './example.ts';
import { World } from '../harness/world.ts';

test('a lab for thin pools and ZFS has them, so that their storages can be made', async () => {
  const { manifests } = readExample('storages');
  const shape = shapeOf(manifests, 1);
  expect(shape).toMatchObject({ thinPools: ['pve/data'], zpools: ['tank'] });
  const world = new World(labCluster(shape, 0));
  expect((await doPlan(world, await planOf(world, manifests))).failed).toEqual([]);
});
