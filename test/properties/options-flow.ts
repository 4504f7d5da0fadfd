// In: options of one kind of guest and version, with random values. Out: what went wrong when they were made, changed,
// taken away and changed again on running guests, through the whole product. Many options a guest, many guests a cluster.
import fc from 'fast-check';
import type { Guest } from '../../controller/pve/guest-options.ts';
import { isDisk } from '../../controller/pve/guest-options.ts';
import type { Json } from '../../controller/model/json.ts';
import type { Plan } from '../../controller/model/plan.ts';
import { refText } from '../../controller/model/ref.ts';
import { LAB_PASSWORD } from '../../controller/sim/cluster-spec.ts';
import { perform } from '../../controller/sim/script-deeds.ts';
import { applyRound } from '../../controller/reconcile.ts';
import { World } from '../harness/world.ts';
import type { Version } from '../pve/tables.ts';
import { isHeldForRoot, manifestValue, sortOf } from './guest-values.ts';

type Values = Readonly<Record<string, Json>>;
interface Subject { readonly name: string; readonly vmid: number; readonly options: readonly string[] }

export interface FlowOptions { readonly guest: Guest; readonly version: Version; readonly options: readonly string[]; readonly seed: number; readonly as: 'token' | 'root'; readonly perGuest: number }

const GIB = 2 ** 30;
const FIRST_VMID = 200;
const APPLIANCE = 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst';
export const CLUSTER = {
  nodes: [{ name: 'pve1', memoryBytes: 4096 * GIB, cores: 64 }],
  storages: [
    { id: 'local', options: { path: '/var/lib/vz' }, volumes: [
      { name: APPLIANCE.slice('local:'.length), sizeBytes: GIB }, { name: 'iso/a.iso', sizeBytes: GIB }, { name: 'snippets/user.yaml', sizeBytes: 1 }, { name: 'snippets/net.yaml', sizeBytes: 1 },
    ] },
    { id: 'shared', shared: true, options: { path: '/mnt/shared' } },
  ],
};

export class OptionsFlow {
  readonly problems: string[] = [];
  readonly world: World;
  readonly #subjects: readonly Subject[];

  constructor(readonly flow: FlowOptions) {
    this.world = new World(CLUSTER, { version: flow.version, seed: flow.seed, ...(flow.as === 'root' ? { credentials: { username: 'root@pam', password: LAB_PASSWORD } } : {}) });
    this.#subjects = pack(flow);
  }

  async run(): Promise<readonly string[]> {
    await this.#reach('new', (subject) => this.#values(subject, 1));
    await this.#reach('changed while stopped', (subject) => this.#values(subject, 2));
    await this.#reach('taken away while stopped', (subject) => this.#fixed(subject));
    this.#takenAway('taken away while stopped');
    for (const { vmid } of this.#subjects) perform(this.world.sim, { do: 'guest-start', vmid });
    await this.world.sim.clock.advance(60_000);
    for (const { vmid, name } of this.#subjects) if (!this.world.sim.state.guests[vmid]?.process) this.#problem('start', name, 'it does not run');
    await this.#reach('added while running', (subject) => this.#values(subject, 3));
    await this.#reach('changed while running', (subject) => this.#values(subject, 4));
    await this.#reach('taken away while running', (subject) => this.#fixed(subject));
    return this.problems;
  }

  /** What a container is made as it stays, so its manifest goes on saying so. */
  #fixed(subject: Subject): Values {
    return this.flow.guest === 'qemu' ? {} : Object.fromEntries(Object.entries(this.#values(subject, 1)).filter(([option]) => FIXED.has(option)));
  }

  #values(subject: Subject, phase: number): Values {
    const { guest, version, seed, as } = this.flow;
    const entries = subject.options.flatMap((option): [string, Json][] => {
      if (sortOf(guest, option, version) === 'create-only' && phase !== 1) return [];
      const values = samples(manifestValue(guest, version, option), seedOf(`${seed} ${FIXED.has(option) ? 1 : phase} ${subject.name} ${option}`), TRIES);
      const value = values.find((one) => as === 'root' || !isHeldForRoot(guest, version, option, one));
      if (value === undefined) return [];
      if (option === 'features' && as === 'token' && subject.options.includes('unprivileged')) return [];
      if (option === 'protection' && subject.options.some((other) => isDisk(guest, other))) return [[option, phase % 2 === 0 ? false : '0']];
      return [[option, isDisk(guest, option) && option !== 'rootfs' ? this.#grown(value, phase) : value]];
    });
    return Object.fromEntries(entries);
  }

  /** Disks only grow, and those of running guests stay on their storage. */
  #grown(value: Json, phase: number): Json {
    const disk = value as Readonly<Record<string, Json>>;
    return { ...disk, size: `${phase}G`, ...(phase > 2 ? { storage: 'shared' } : {}) };
  }

  async #reach(phase: string, valuesOf: (subject: Subject) => Values): Promise<void> {
    const values = new Map(this.#subjects.map((subject) => [subject.name, valuesOf(subject)]));
    const yaml = manifestsOf(this.flow.guest, this.#subjects.map((subject) => ({ subject, values: values.get(subject.name) ?? {} })));
    try {
      // Taking a disk from a running guest waits for somebody's yes.
      const { plan } = await this.world.round(yaml);
      const round = await this.world.round(yaml, this.world.env, plan.fingerprint);
      const result = await this.world.run(applyRound(this.world.env, round));
      for (const { ref, findings } of result.failed) for (const { fact } of findings) this.#problem(phase, ref.name, fact, values.get(ref.name));
      for (const { ref, step, why } of result.notTried) this.#problem(phase, ref.name, `${step.title}: ${why}`, values.get(ref.name));
      for (const { ref, why } of result.unsettled) this.#problem(phase, ref.name, why, values.get(ref.name));
      this.#inSync(phase, await this.world.plan(yaml), values);
    } catch (error) {
      this.problems.push(`${phase}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
    }
  }

  #inSync(phase: string, plan: Plan, values: ReadonlyMap<string, Values>): void {
    for (const change of plan.changes) {
      if (change.verb === 'none' && !change.hold) continue;
      const what = change.fields.map((field) => `${field.path}: ${JSON.stringify(field.from)} → ${JSON.stringify(field.to)}${field.note ? ` (${field.note})` : ''}`);
      const holds = change.steps.flatMap((step) => (step.hold ? [`${step.title} held ${step.hold.code}`] : []));
      this.#problem(phase, change.ref.name, `${refText(change.ref)} is to be ${change.verb}d again: ${[change.hold?.reason ?? '', ...what, ...holds].join('; ')}`, values.get(change.ref.name));
    }
  }

  #takenAway(phase: string): void {
    for (const { vmid, name, options } of this.#subjects) {
      const config = this.world.sim.state.guests[vmid]?.config ?? {};
      const left = options.filter((option) => config[option] !== undefined && !(option in BASE[this.flow.guest]) && option !== 'tags' && !STAYS.has(option));
      if (left.length > 0) this.#problem(phase, name, `still has ${left.map((option) => `${option}: ${config[option]}`).join('; ')}`);
    }
  }

  #problem(phase: string, name: string, what: string, values: Values = {}): void {
    this.problems.push(`${phase}, ${name}: ${what} <= ${JSON.stringify(values)}`);
  }
}

const FIXED = new Set(['rootfs', 'unprivileged']);

// Proxmox gives each VM these, and refuses to take them from a container.
const STAYS = new Set(['vmgenid', 'smbios1', 'ostype', 'unprivileged', 'rootfs', 'memory', 'arch', 'boot']);

const BASE: Readonly<Record<Guest, Values>> = {
  qemu: { scsi9: { storage: 'shared', size: '1G' }, net9: { model: 'virtio', bridge: 'vmbr0' }, memory: 1024, sockets: 2 },
  lxc: { rootfs: { storage: 'shared', size: '1G' }, unprivileged: true },
};

/** Guests with these values over what every guest has, and a Cluster that restarts nobody. */
export function manifestsOf(guest: Guest, guests: readonly { readonly subject: Pick<Subject, 'name' | 'vmid'>; readonly values: Values }[]): string {
  return guests.map(({ subject: { name, vmid }, values }) => JSON.stringify({
    apiVersion: 'latido/v1', kind: guest === 'qemu' ? 'VirtualMachine' : 'Container', metadata: { name },
    spec: { vmid, placement: { node: 'pve1' }, ...(guest === 'lxc' ? { source: { appliance: APPLIANCE } } : {}), config: { ...BASE[guest], ...values } },
  })).concat(JSON.stringify({
    apiVersion: 'latido/v1', kind: 'Cluster', metadata: { name: 'lab' },
    spec: { endpoints: ['https://pve1:8006'], policy: { restart: 'never', prune: 'auto', limits: { deletions: 1000, restarts: 1000, migrations: 1000 } } },
  })).join('\n---\n');
}

/** A few options each; in an order that differs from seed to seed, so that others stand together. */
function pack({ options, perGuest, seed }: FlowOptions): readonly Subject[] {
  const mixed = samples(fc.shuffledSubarray([...options], { minLength: options.length }), seed, 1)[0] ?? [];
  const count = Math.ceil(mixed.length / perGuest);
  return Array.from({ length: count }, (_none, at) => ({ name: `guest-${at}`, vmid: FIRST_VMID + at, options: mixed.filter((_option, index) => index % count === at) }));
}

/** FNV-1a: another seed for each option, phase and guest. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const one of text) hash = Math.imul(hash ^ one.charCodeAt(0), 0x01000193);
  return hash | 0;
}

/** Of so many values one is likely that is not root's, if there is any. */
const TRIES = 20;

export function samples<T>(arbitrary: fc.Arbitrary<T>, seed: number, count: number): readonly T[] {
  return fc.sample(arbitrary, { numRuns: count, seed });
}
