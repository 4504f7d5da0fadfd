// In: a moment to start at. Out: the demo's cluster, served over HTTPS like a real one, and a person at its web console.
import type { JsonObject } from '../model/json.ts';
import { isObject } from '../model/json.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import { LAB_TOKEN } from './cluster-spec.ts';
import { DEMO_CLUSTER, DEMO_PERSON } from './demo-cluster.ts';
import { labCertificate, serve, type Served } from './server.ts';
import { Simulation } from './simulation.ts';

export const STAGE_TOKEN = `${LAB_TOKEN.id}=${LAB_TOKEN.secret}`;

export interface StageWorld { readonly tables: ApiTables; readonly startMs: number }

export function stageSimulation({ tables, startMs }: StageWorld): Simulation {
  return new Simulation({ seed: 1, tables, startMs, cluster: DEMO_CLUSTER });
}

export async function serveStage(sim: Simulation, speed: number): Promise<Served> {
  return serve(sim, { port: 0, speed, certificate: await labCertificate(new Date(sim.clock.now())) });
}

export interface Person { readonly id: string; readonly password: string }
export { DEMO_PERSON };
export { cutLine, healLine, write } from './nodes/world.ts';

/** Not through latido, at a node that is up: by a person who logs in, else with the lab's own token. Throws what Proxmox refuses. */
export async function byHand(sim: Simulation, method: string, path: string, params: JsonObject, person?: Person): Promise<void> {
  const node = Object.values(sim.state.nodes).find((one) => one.power === 'on')?.name ?? '';
  await send(sim, node, method, path, person ? await session(sim, node, person) : { authorization: `PVEAPIToken=${STAGE_TOKEN}` }, params);
}

/** How often a task of this type ended well for a guest. */
export function tasksDone(sim: Simulation, type: string, vmid: number): number {
  return Object.values(sim.state.tasks).filter((task) => task.type === type && task.id === String(vmid) && task.exitstatus === 'OK').length;
}

/** As the nodes themselves see it. */
export function isConnected(sim: Simulation, resource: string): boolean {
  return Object.values(sim.state.below.hosts).every(({ replicas }) => Object.values(replicas[resource]?.peers ?? {}).every(({ connection }) => connection === 'Connected'));
}

async function session(sim: Simulation, node: string, { id, password }: Person): Promise<Readonly<Record<string, string>>> {
  const login = await send(sim, node, 'POST', '/access/ticket', {}, { username: id, password });
  const { ticket, CSRFPreventionToken: token } = isObject(login) ? login : {};
  return { cookie: `PVEAuthCookie=${encodeURIComponent(String(ticket))}`, csrfpreventiontoken: String(token) };
}

async function send(sim: Simulation, node: string, method: string, path: string, headers: Readonly<Record<string, string>>, params: JsonObject): Promise<unknown> {
  const body = Object.entries(params).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`).join('&');
  const answer = await sim.handle(node, { method, url: `/api2/json${path}`, headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' }, body });
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.reason}`);
  const json: unknown = JSON.parse(answer.body);
  return isObject(json) ? json['data'] : undefined;
}
