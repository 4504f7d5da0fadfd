// What end-to-end tests share: a simulated cluster in virtual time, the product's own client and store in front of it,
// and manifests as text. Nothing of ours is mocked: the simulator stands behind the Transport door.
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { createPveClient } from '../../controller/env/pve-client.ts';
import type { Credentials } from '../../controller/env/pve-session.ts';
import { createRegistry } from '../../controller/kinds/index.ts';
import { parseFiles } from '../../controller/manifests/parse.ts';
import type { Env, Logger, Store, Transport, SecretDoor } from '../../controller/model/doors.ts';
import type { Plan } from '../../controller/model/plan.ts';
import type { ApplyResult, Progress } from '../../controller/model/progress.ts';
import type { Registry } from '../../controller/model/kind.ts';
import { applyRound, planRound, settleRound } from '../../controller/reconcile.ts';
import type { Commit, KindsFor, Round } from '../../controller/reconcile.ts';
import { LAB_TOKEN } from '../../controller/sim/cluster-spec.ts';
import type { ClusterSpec } from '../../controller/sim/cluster-spec.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import type { SimulationOptions } from '../../controller/sim/simulation.ts';
import { START_MS, tables } from '../sim/lab.ts';

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const registries = new Map<string, Registry>();

export const kindsFor: KindsFor = (release) => {
  const version = ['7.4', '8.4', '9.0', '9.1', '9.2'].find((known) => release.startsWith(known)) ?? '9.2';
  let kinds = registries.get(version);
  if (!kinds) registries.set(version, (kinds = createRegistry(tables(version))));
  return { version, kinds };
};

export const CLUSTER = `
apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec:
  endpoints: ["https://pve1:8006", "https://pve2:8006"]
  policy: { prune: auto, restart: now, limits: { deletions: 100, restarts: 100, migrations: 100 } }
`;

export function commitOf(yaml: string, revision = 'main@sha1:0000000'): Commit {
  return { parsed: parseFiles([{ path: 'cluster.yaml', text: withCluster(yaml) }]), revision };
}

/** With a Cluster before it when it has none. */
export function withCluster(yaml: string): string {
  return /\bkind"?: *"?Cluster\b/.test(yaml) ? yaml : `${CLUSTER}---\n${yaml}`;
}

export interface WorldOptions extends Partial<SimulationOptions> { readonly version?: string; readonly wrap?: (transport: Transport) => Transport; readonly store?: Store; readonly credentials?: Credentials; readonly secrets?: SecretDoor }

export class World {
  readonly sim: Simulation;
  readonly env: Env;
  readonly #credentials: Credentials;
  readonly #secrets: SecretDoor | undefined;
  readonly #wrap: (transport: Transport) => Transport;

  constructor(cluster: ClusterSpec = {}, options: WorldOptions = {}) {
    const { version = '9.2', wrap = (transport) => transport, store = createMemoryStore(), credentials = { token: `${LAB_TOKEN.id}=${LAB_TOKEN.secret}` }, secrets, ...more } = options;
    this.#secrets = secrets;
    this.#credentials = credentials;
    this.sim = new Simulation({ seed: 1, tables: tables(version), startMs: START_MS, cluster, ...more });
    this.#wrap = wrap;
    this.env = this.envOf(this.transport(), store);
  }

  envOf(transport: Transport, store: Store): Env {
    const { clock } = this.sim;
    const random = () => this.sim.random();
    const endpoints = Object.keys(this.sim.state.nodes).map((node) => `https://${node}:8006`);
    const pve = createPveClient({ endpoints, credentials: this.#credentials, transport, clock, random });
    return { pve, ssh: this.sim.ssh, clock, store, log: SILENT, random, ...(this.#secrets ? { secrets: this.#secrets } : {}) };
  }

  /** Another way into the cluster, through what the test put before it. */
  transport(): Transport {
    return this.#wrap(this.sim.transport());
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.sim.clock.run(work);
  }

  round(yaml: string, env = this.env, approved?: string): Promise<Round> {
    return this.run(planRound(env, commitOf(yaml), kindsFor, approved));
  }

  async plan(yaml: string): Promise<Plan> {
    return (await this.round(yaml)).plan;
  }

  /** Plans and applies once. */
  async apply(yaml: string, onProgress?: (progress: Progress) => void): Promise<ApplyResult> {
    const round = await this.round(yaml);
    return this.run(applyRound(this.env, round, onProgress ? { onProgress } : {}));
  }

  settle(env = this.env) {
    return this.run(settleRound(env, kindsFor));
  }

  guest(vmid: number) {
    const guest = this.sim.state.guests[vmid];
    if (!guest) throw new Error(`no guest ${vmid}`);
    return guest;
  }
}

/** One line per step and hold, as a test reads a plan. */
export function outline(plan: Plan): readonly string[] {
  return plan.changes.flatMap((change) => [
    `${change.verb} ${change.ref.kind}/${change.ref.name}${change.hold ? ` held: ${change.hold.reason}` : ''}`,
    ...change.steps.map((step) => `  ${step.title}${step.hold ? ` [held ${step.hold.code}]` : ''}`),
  ]);
}
