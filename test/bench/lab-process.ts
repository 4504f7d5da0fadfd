// A process of its own: serves the simulated cluster over HTTPS until its parent goes, and counts what it is asked.
// Arguments: number of guests, scene. Tells its parent where it serves, and its counts whenever the parent sends anything.
import { loadApiTables } from '../../controller/env/api-tables.ts';
import { LAB_TOKEN } from '../../controller/sim/cluster-spec.ts';
import { labCertificate, serve } from '../../controller/sim/server.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import { clusterOf, haResourcesOf, type Scene } from './fleet.ts';

export interface LabReady { readonly endpoints: readonly string[]; readonly fingerprint: string; readonly token: string }
export interface LabCounts { readonly calls: number; readonly bytes: number; readonly cpuMs: number }

const count = Number(process.argv[2]);
const scene = process.argv[3] as Scene;
const now = Date.now();
const sim = new Simulation({ seed: 1, tables: loadApiTables('9.2'), startMs: now, cluster: clusterOf(count, scene) });
for (const sid of haResourcesOf(count, scene)) sim.state.ha.resources[sid] = { state: 'started' };

let calls = 0;
let bytes = 0;
const handle = sim.handle.bind(sim);
sim.handle = async (node, request) => {
  calls += 1;
  const response = await handle(node, request);
  bytes += Buffer.byteLength(request.body ?? '') + Buffer.byteLength(response.body);
  return response;
};

const served = await serve(sim, { port: 0, speed: 1, certificate: await labCertificate(new Date(now)) });
process.on('disconnect', () => process.exit(0));
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ calls, bytes, cpuMs: (user + system) / 1000 } satisfies LabCounts);
});
process.send?.({ endpoints: served.endpoints.map(({ url }) => url), fingerprint: served.fingerprint, token: `${LAB_TOKEN.id}=${LAB_TOKEN.secret}` } satisfies LabReady);
