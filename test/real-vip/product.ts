// The product on the nodes: its own plan and apply. Only Proxmox is simulated, a cluster whose nodes carry the names of the namespaces.
import { readFileSync } from 'node:fs';
import { realClock } from '../../controller/env/clock.ts';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { createPveClient } from '../../controller/env/pve-client.ts';
import { createRegistry } from '../../controller/kinds/index.ts';
import { parseFiles } from '../../controller/manifests/parse.ts';
import type { Env, Logger, SecretDoor } from '../../controller/model/doors.ts';
import type { Plan } from '../../controller/model/plan.ts';
import { apiTables } from '../../controller/pve/api-tables.ts';
import { applyRound, planRound } from '../../controller/reconcile.ts';
import { LAB_TOKEN } from '../../controller/sim/cluster-spec.ts';
import { seededRandom } from '../../controller/sim/random.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import { assertDone, assertInSync } from '../harness/real-rounds.ts';
import type { Lab } from './nodes.ts';

const VERSION = '9.2';
const TICK_MS = 50;
const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
/** Every name has a value, which the nodes' door puts in. */
const SECRETS: SecretDoor = {
  hide: (text) => text,
  open: async (_sealed, asked) => ({ versions: new Map([...asked.keys()].map((name) => [name, `version of ${name}`])), missing: new Map(), findings: [], isBlind: false, wire: (pve) => pve, commands: (ssh) => ssh }),
};

export interface Product {
  plan(manifests: string): Promise<Plan>;
  /** Plans and does it; every step must have been done. Answers the plan, and the next one has nothing to do. */
  settle(manifests: string): Promise<Plan>;
}

export function openProduct(lab: Lab): Product {
  const tables = apiTables(JSON.parse(readFileSync(new URL(`../../schema/pve/${VERSION}.json`, import.meta.url), 'utf8')));
  const sim = new Simulation({ seed: 1, tables, startMs: realClock.now(), cluster: { nodes: lab.names.map((name) => ({ name, address: lab.addressOf(name) })) } });
  let isBusy = false;
  setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void sim.clock.advance(TICK_MS).finally(() => (isBusy = false));
  }, TICK_MS).unref();
  const random = seededRandom(1);
  const pve = createPveClient({ endpoints: lab.names.map((name) => `https://${name}:8006`), credentials: { token: `${LAB_TOKEN.id}=${LAB_TOKEN.secret}` }, transport: sim.transport(), clock: realClock, random });
  const env: Env = { pve, ssh: lab.ssh, clock: realClock, store: createMemoryStore(), log: SILENT, random, secrets: SECRETS };
  const kinds = createRegistry(tables);
  let revision = 0;
  const round = (manifests: string) => planRound(env, { parsed: parseFiles([{ path: 'cluster.yaml', text: `${clusterOf(lab)}---\n${manifests}` }]), revision: `main@sha1:${revision += 1}` }, () => ({ version: VERSION, kinds }));
  return {
    plan: async (manifests) => (await round(manifests)).plan,
    settle: async (manifests) => {
      const planned = await round(manifests);
      assertDone(await applyRound(env, planned), planned.plan);
      assertInSync((await round(manifests)).plan);
      return planned.plan;
    },
  };
}

function clusterOf(lab: Lab): string {
  return `apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec:
  endpoints: [${lab.names.map((name) => `"https://${name}:8006"`).join(', ')}]
  policy: { prune: auto, adopt: matching, restart: now, limits: { deletions: 100, restarts: 100, migrations: 100 } }
---
apiVersion: latido/v1
kind: Pool
metadata: { name: kept }
spec: {}
`;
}
