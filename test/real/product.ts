// The product on the machines: its own plan and apply, over real ssh. Only Proxmox is simulated, a cluster whose nodes carry the
// machines' names. In: manifests. Out: plans and what came of them; real time drives the simulated cluster too.
import { readFileSync } from 'node:fs';
import { realClock } from '../../controller/env/clock.ts';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { createPveClient } from '../../controller/env/pve-client.ts';
import { createRegistry } from '../../controller/kinds/index.ts';
import { parseFiles } from '../../controller/manifests/parse.ts';
import type { Env, Logger } from '../../controller/model/doors.ts';
import type { Plan } from '../../controller/model/plan.ts';
import { apiTables } from '../../controller/pve/api-tables.ts';
import { applyRound, planRound } from '../../controller/reconcile.ts';
import type { Commit, KindsFor, Round } from '../../controller/reconcile.ts';
import { LAB_TOKEN } from '../../controller/sim/cluster-spec.ts';
import { seededRandom } from '../../controller/sim/random.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import { assertDone, assertInSync } from '../harness/real-rounds.ts';
import type { Bench } from './bench.ts';
import type { Machine } from './machines.ts';

const VERSION = '9.2';
const TICK_MS = 50;
/** Tasks of the simulated cluster need not be waited for as long as real ones. */
const SPEED = 10;
const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface Product {
  plan(manifests: string): Promise<Plan>;
  /** Plans and does it; every step that could run must have been done. Answers the plan. */
  apply(manifests: string): Promise<Plan>;
  /** One plan and apply brings it about, and the next plan finds nothing to do. */
  settle(manifests: string): Promise<Plan>;
  expectInSync(manifests: string): Promise<void>;
  powerOff(machine: Machine): Promise<void>;
  start(machine: Machine): Promise<void>;
  /** Storages that the simulated cluster has, by id. */
  storages(): Readonly<Record<string, unknown>>;
}

export function openProduct(bench: Bench): Product {
  const tables = apiTables(JSON.parse(readFileSync(new URL(`../../schema/pve/${VERSION}.json`, import.meta.url), 'utf8')));
  const machines = [bench.first, bench.second];
  const sim = new Simulation({ seed: 1, tables, startMs: realClock.now(), cluster: { nodes: machines.map(({ name, replication }) => ({ name, address: replication })), disks: { drbdvg: 64 * 2 ** 20 } } });
  let isBusy = false;
  setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void sim.clock.advance(TICK_MS * SPEED).finally(() => (isBusy = false));
  }, TICK_MS).unref();
  const random = seededRandom(1);
  const pve = createPveClient({ endpoints: machines.map(({ name }) => `https://${name}:8006`), credentials: { token: `${LAB_TOKEN.id}=${LAB_TOKEN.secret}` }, transport: sim.transport(), clock: realClock, random });
  const env: Env = { pve, ssh: bench.ssh, clock: realClock, store: createMemoryStore(), log: SILENT, random };
  const kinds = createRegistry(tables);
  const kindsFor: KindsFor = () => ({ version: VERSION, kinds });
  let revision = 0;
  const round = (manifests: string): Promise<Round> => planRound(env, commitOf(manifests, bench, revision += 1), kindsFor);

  const apply = async (manifests: string) => {
    const planned = await round(manifests);
    assertDone(await applyRound(env, planned), planned.plan);
    return planned.plan;
  };
  const expectInSync = async (manifests: string) => {
    const { plan } = await round(manifests);
    assertInSync(plan);
  };
  return {
    plan: async (manifests) => (await round(manifests)).plan,
    apply, expectInSync,
    settle: async (manifests) => {
      const plan = await apply(manifests);
      await expectInSync(manifests);
      return plan;
    },
    powerOff: async (machine) => {
      sim.powerOff(machine.name);
      await bench.lab.powerOff(machine);
    },
    start: async (machine) => {
      await bench.lab.start(machine);
      sim.powerOn(machine.name);
    },
    storages: () => sim.state.storages,
  };
}

/** What is always there: a commit that takes more than half of everything away would have to be approved. */
const KEPT = ['a', 'b', 'c', 'd'].map((name) => `apiVersion: latido/v1\nkind: Pool\nmetadata: { name: ${name} }\nspec: {}\n`);

function commitOf(manifests: string, { first, second }: Bench, revision: number): Commit {
  const cluster = `apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec:
  endpoints: ["https://${first.name}:8006", "https://${second.name}:8006"]
  policy: { prune: auto, adopt: matching, restart: now, limits: { deletions: 100, restarts: 100, migrations: 100 } }
`;
  return { parsed: parseFiles([{ path: 'cluster.yaml', text: [cluster, ...KEPT, ...(manifests === '' ? [] : [manifests])].join('---\n') }]), revision: `main@sha1:${revision}` };
}
