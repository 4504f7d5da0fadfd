import { expect, test } from 'vitest';
import { commitOf, kindsFor, World } from '../harness/world.ts';
import { planRound } from '../../controller/reconcile.ts';

const VM = 'apiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: web }\nspec: { vmid: 110, config: { memory: 512 } }\n';

test('endpoints of another cluster are refused before anything is planned', async () => {
  const ours = new World({ clusterName: 'unq' });
  await ours.apply(VM);
  const other = new World({ clusterName: 'hospital' });
  const env = { ...other.env, store: ours.env.store };
  await expect(other.run(planRound(env, commitOf(VM), kindsFor))).rejects.toThrow("CLUSTER_DIFFERENT the endpoints answer for the cluster 'hospital', and what is remembered is of 'unq'");
});
