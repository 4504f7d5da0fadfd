// In: what a lab should look like, and two functions for its file. Out: that cluster, served until closed.
// Must never touch a file itself, nor lose what was done in the lab since the last save but for a few seconds.
import { failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import { LAB_TOKEN, type ClusterSpec, type GuestSpec } from './cluster-spec.ts';
import { labCertificate, serve, type Certificate } from './server.ts';
import { hostFor } from './nodes/virtual-ip-lab.ts';
import type { NamedAddress } from './nodes/virtual-ip-lab.ts';
import { resumeNodes } from './nodes/world.ts';
import { Simulation } from './simulation.ts';
import type { ClusterState } from './state.ts';

export interface LabShape {
  readonly name: string;
  readonly qdevice: boolean;
  /** Sizes in bytes: volume groups by name, empty disks by path. */
  readonly nodes: readonly { readonly name: string; readonly address?: string; readonly volumeGroups?: Readonly<Record<string, number>>; readonly devices?: Readonly<Record<string, number>>; readonly virtualIps?: readonly NamedAddress[] }[];
  readonly storages: readonly { readonly id: string; readonly shared: boolean }[];
  readonly bridges: readonly string[];
  /** Volumes that are no guest's disks: `local:iso/debian-12.iso`; on every node where the storage is local. */
  readonly media: readonly string[];
  /** What storages of these types are made on: `pve/data`, `tank`. */
  readonly thinPools?: readonly string[];
  readonly zpools?: readonly string[];
}
export interface LabPlan {
  readonly shape: LabShape;
  /** The cluster to start from; absent: the least one that has the shape. */
  readonly cluster?: ClusterSpec;
  readonly guests: number;
  readonly port: number;
  readonly speed: number;
  readonly seed: number;
}
export interface LabWorld {
  readonly tables: ApiTables;
  readonly now: () => number;
  /** The text saved before; undefined when there is none. */
  readonly load: () => Promise<string | undefined>;
  readonly save: ((text: string) => Promise<void>) | undefined;
  /** Called with the running simulation, for stories. */
  readonly script?: (sim: Simulation) => void;
  /** Calls every so many milliseconds of real time until stopped. */
  readonly every: (ms: number, run: () => void) => () => void;
}

const FORMAT = 'latido.lab-state/v1';
const SAVE_EVERY_MS = 3000;

interface Saved { readonly certificate: Certificate; readonly version: string; readonly state: ClusterState }

export async function startLab(plan: LabPlan, world: LabWorld) {
  const text = await world.load();
  const saved = text === undefined ? undefined : parseSaved(text);
  const now = world.now();
  const sim = new Simulation({ seed: plan.seed, tables: world.tables, startMs: now, cluster: saved ? {} : plan.cluster ?? labCluster(plan.shape, plan.guests) });
  if (saved) restore(sim, saved.state, now);
  world.script?.(sim);
  const certificate = saved?.certificate ?? await labCertificate(new Date(now));
  const served = await serve(sim, { port: plan.port, speed: plan.speed, certificate });
  const save = async () => world.save?.(JSON.stringify({ format: FORMAT, version: world.tables.version, certificate, state: sim.state }));
  let savedAt = served.requests();
  let saving: Promise<void> | undefined;
  await save();
  const stopSaving = world.every(SAVE_EVERY_MS, () => {
    if (saving || savedAt === served.requests()) return;
    savedAt = served.requests();
    // What the disk refuses now it is asked again soon, and at the end the person is told.
    saving = save().catch(() => undefined).finally(() => (saving = undefined));
  });
  let told = 0;
  return {
    endpoints: served.endpoints, fingerprint: served.fingerprint, token: `${LAB_TOKEN.id}=${LAB_TOKEN.secret}`, guests: Object.keys(sim.state.guests).length,
    news: () => {
      const lines = sim.log.lines().slice(told);
      told += lines.length;
      return lines;
    },
    requests: served.requests,
    async close() {
      stopSaving();
      await served.close();
      await saving;
      await save();
    },
  };
}

const GIB = 2 ** 30;
const GUEST_GIB = 8;
const MEDIUM_BYTES = 400 * 2 ** 20;

/** Guests are alike on purpose: what differs between them is what a test of size should not depend on. */
export function labCluster(shape: LabShape, guests: number): ClusterSpec {
  const nodes = shape.nodes.map(({ virtualIps = [], ...node }, at) => ({ ...node, ...hostFor(virtualIps, at), bridges: shape.bridges.length > 0 ? shape.bridges : ['vmbr0'], memoryBytes: 1024 * GIB, cores: 64, thinPools: shape.thinPools ?? [], zpools: shape.zpools ?? [] }));
  const disk = shape.storages[0]?.id ?? 'local';
  return {
    clusterName: shape.name, qdevice: shape.qdevice, nodes,
    guests: Array.from({ length: guests }, (_, at) => alike(1000 + at, nodes[at % nodes.length]?.name ?? 'pve1', disk, at % 2 === 0)),
    storages: shape.storages.map((storage) => ({
      id: storage.id, shared: storage.shared, options: { path: storage.id === 'local' ? '/var/lib/vz' : `/mnt/${storage.id}` },
      volumes: shape.media.filter((medium) => medium.startsWith(`${storage.id}:`)).flatMap((medium) => {
        const volume = { name: medium.slice(storage.id.length + 1), sizeBytes: MEDIUM_BYTES };
        return storage.shared ? [volume] : nodes.map((node) => ({ ...volume, node: node.name }));
      }),
    })),
  };
}

function alike(vmid: number, node: string, disk: string, running: boolean): GuestSpec {
  const mac = (0x020000000000 + vmid).toString(16).padStart(12, '0').toUpperCase().match(/../g) ?? [];
  return {
    vmid, node, name: `guest-${vmid}`, running,
    config: { cores: 1, memory: '512', ostype: 'l26', net0: `virtio=${mac.join(':')},bridge=vmbr0`, scsi0: `${disk}:${vmid}/vm-${vmid}-disk-0.raw,size=${GUEST_GIB}G` },
  };
}

function parseSaved(text: string): Saved {
  const json = parsed(text);
  if (json?.['format'] !== FORMAT || !isObject(json['state']) || !isObject(json['certificate'])) {
    throw failure('STATE_UNUSABLE', 'the file of the lab was not written by latido lab', { fix: 'name another file, or remove this one to start afresh' });
  }
  return json as unknown as Saved;
}

function parsed(text: string): { readonly [key: string]: unknown } | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** The tasks that ran when the lab ended are gone, as after a power loss of the node they ran on. */
function restore(sim: Simulation, state: ClusterState, now: number): void {
  Object.assign(sim.state, state);
  resumeNodes(sim);
  for (const task of Object.values(sim.state.tasks)) {
    if (task.endtime !== undefined) continue;
    task.endtime = Math.floor(now / 1000);
    task.exitstatus = 'unexpected status';
  }
}

/** The version a saved lab was made with: its state has the shapes of that version. */
export function savedVersion(text: string): string | undefined {
  const version = parsed(text)?.['version'];
  return typeof version === 'string' ? version : undefined;
}
