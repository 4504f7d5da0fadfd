// In: a folder for secrets, and whether time is virtual. Out: the demo's cluster, played on through the same doors as a real one.
import type { JsonObject } from '../model/json.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import { LAB_PASSWORD, LAB_TOKEN } from './cluster-spec.ts';
import { DEMO_CLUSTER } from './demo-cluster.ts';
import { labCertificate, serve, type Served } from './server.ts';
import { Simulation } from './simulation.ts';

export const STAGE_TOKEN = `${LAB_TOKEN.id}=${LAB_TOKEN.secret}`;
export { LAB_PASSWORD };

export interface StageWorld { readonly tables: ApiTables; readonly startMs: number }

export function stageSimulation({ tables, startMs }: StageWorld): Simulation {
  return new Simulation({ seed: 1, tables, startMs, cluster: DEMO_CLUSTER });
}

export async function serveStage(sim: Simulation, speed: number): Promise<Served> {
  return serve(sim, { port: 0, speed, certificate: await labCertificate(new Date(sim.clock.now())) });
}

/** A person who is logged in at a node that is up; throws what Proxmox refuses. */
export async function byHand(sim: Simulation, method: string, path: string, params: JsonObject): Promise<void> {
  const node = Object.values(sim.state.nodes).find((one) => one.power === 'on')?.name ?? '';
  const body = Object.entries(params).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`).join('&');
  const answer = await sim.handle(node, { method, url: `/api2/json${path}`, headers: { authorization: `PVEAPIToken=${STAGE_TOKEN}`, 'content-type': 'application/x-www-form-urlencoded' }, body });
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.reason}`);
}
