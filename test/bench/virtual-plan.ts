// The fleet of the bench in virtual time: what one process does for a plan, from the manifests' text to the plan.
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { parseFiles } from '../../controller/manifests/parse.ts';
import { planRound, type Round } from '../../controller/reconcile.ts';
import { writeInventory } from '../../controller/status/inventory.ts';
import { kindsFor, World } from '../harness/world.ts';
import { clusterOf, haResourcesOf, manifestsOf, memoriesOf, type Scene } from './fleet.ts';

const CLUSTER = 'apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: bench }\nspec: { endpoints: ["https://pve1:8006"] }\n';

/** The work, ready to be done: making the cluster is no part of it. */
export async function planOf(guests: number, scene: Scene): Promise<() => Promise<Round>> {
  const store = createMemoryStore();
  if (scene === 'unchanged') await writeInventory(store, memoriesOf(guests));
  const world = new World(clusterOf(guests, scene), { store });
  for (const sid of haResourcesOf(guests, scene)) world.sim.state.ha.resources[sid] = { state: 'started' };
  const files = manifestsOf(guests, CLUSTER).map(({ file, text }) => ({ path: file, text }));
  return () => world.run(planRound(world.env, { parsed: parseFiles(files), revision: 'dir' }, kindsFor));
}
