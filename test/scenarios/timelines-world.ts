// In: what a recorded timeline is about. Out: the same cluster simulated, sampled like the recording, and its changes.
// Must never look at the simulation otherwise than the sampler of the real cluster did.
import { readFileSync } from 'node:fs';
import { apiTables, type ApiTables } from '../../controller/pve/api-tables.ts';
import { isObject, type Json } from '../../controller/model/json.ts';
import { LAB_TOKEN, type ClusterSpec, type GuestSpec } from '../../controller/sim/cluster-spec.ts';
import { statusRoutes } from '../../controller/sim/api/ha-status.ts';
import { membersSeenBy } from '../../controller/sim/quorum.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import type { TaskTimings } from '../../controller/sim/timings.ts';

export interface Timeline {
  readonly name: string;
  readonly note: string;
  readonly actions: readonly { readonly t: number; readonly action: string }[];
  readonly changes: Readonly<Record<string, readonly (readonly [number, Json])[]>>;
}

export function recorded(name: string): Timeline {
  return JSON.parse(readFileSync(new URL(`./timelines/${name}.json`, import.meta.url), 'utf8')) as Timeline;
}

const tables = new Map<string, ApiTables>();
export function tablesOf(version: string): ApiTables {
  const known = tables.get(version) ?? apiTables(JSON.parse(readFileSync(new URL(`../../schema/pve/${version}.json`, import.meta.url), 'utf8')));
  tables.set(version, known);
  return known;
}

const vm = (vmid: number, node: string, name: string, running = true): GuestSpec => ({
  vmid, node, name, running, config: { memory: '160', scsihw: 'virtio-scsi-single', scsi0: `shared:${vmid}/vm-${vmid}-disk-0.raw,size=1G` }, behaviour: { shutdownMs: 2000 },
});
const ct = (vmid: number, node: string, name: string): GuestSpec => ({
  vmid, node, name, type: 'lxc', running: true, config: { memory: 64, arch: 'amd64', ostype: 'unmanaged', rootfs: `shared:${vmid}/vm-${vmid}-disk-0.raw,size=1G` }, behaviour: { shutdownMs: 2000 },
});

export const THREE: ClusterSpec = {
  nodes: [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }],
  guests: [vm(404, 'pve2', 'ha-vm'), ct(405, 'pve2', 'ha-ct'), vm(408, 'pve1', 'broken', false), vm(401, 'pve3', 'm-shared'), vm(403, 'pve1', 'm-iso')],
};

export interface Story {
  readonly sim: Simulation;
  /** Seconds since the story's zero. */
  seconds(): number;
  /** One request to pve1 as the recording's token. */
  ask(method: string, path: string, params?: Readonly<Record<string, string | number>>, node?: string): Promise<{ readonly status: number; readonly reason: string; readonly body: Json }>;
  /** Lets time pass to that second, sampling every two. */
  until(second: number): Promise<void>;
  changes(): Readonly<Record<string, readonly (readonly [number, Json])[]>>;
}

export interface Start {
  readonly cluster?: ClusterSpec;
  readonly master: string;
  readonly resources?: readonly string[];
  readonly rule?: Readonly<Record<string, string | number>>;
  /** Seconds after zero at which the master acts, and each node's LRM. */
  readonly crmAt: number;
  readonly lrmAt?: Readonly<Record<string, number>>;
  readonly beats?: Readonly<Record<string, number>>;
  readonly version?: string;
  readonly sampleEvery?: number;
  readonly speed?: Partial<TaskTimings>;
}

/** The cluster, its services up and known to the manager; zero is when this resolves. */
export async function begin(start: Start): Promise<Story> {
  const sim = new Simulation({ seed: 7, tables: tablesOf(start.version ?? '9.2'), startMs: Date.UTC(2026, 10, 22, 18, 0, 0), cluster: start.cluster ?? THREE, speed: start.speed });
  // A whole number of periods, so that beats counted from now are beats counted from zero.
  const settleSeconds = 120;
  for (const node of Object.keys(sim.state.nodes)) sim.ha.setBeat(node, { crmMs: (start.beats?.[node] ?? start.crmAt) * 1000, lrmMs: (start.lrmAt?.[node] ?? 2) * 1000 });
  for (const sid of start.resources ?? ['vm:404', 'ct:405']) sim.state.ha.resources[sid] = { type: sid.slice(0, 2), state: 'started' };
  if (start.rule) sim.state.ha.rules['prefer2'] = { type: 'node-affinity', ...start.rule };
  sim.ha.seatMaster(start.master);
  await sim.clock.advance(settleSeconds * 1000);
  return storyOf(sim, (start.sampleEvery ?? 2) * 1000);
}

function storyOf(sim: Simulation, sampleMs: number): Story {
  const zeroMs = sim.clock.now();
  const seen = new Map<string, [number, Json][]>();
  const look = () => note(seen, (sim.clock.now() - zeroMs) / 1000, sample(sim));
  look();
  return {
    sim,
    seconds: () => (sim.clock.now() - zeroMs) / 1000,
    ask: (method, path, params, node) => ask(sim, method, path, params ?? {}, node ?? 'pve1'),
    until: async (second) => {
      while (sim.clock.now() < zeroMs + second * 1000) {
        await sim.clock.advance(Math.min(sampleMs, zeroMs + second * 1000 - sim.clock.now()));
        look();
      }
    },
    changes: () => Object.fromEntries(seen),
  };
}

async function ask(sim: Simulation, method: string, path: string, params: Readonly<Record<string, string | number>>, node: string): Promise<{ status: number; reason: string; body: Json }> {
  const query = new URLSearchParams(Object.entries(params).map(([key, value]): [string, string] => [key, String(value)])).toString();
  const inUrl = method === 'GET' || method === 'DELETE';
  const response = await sim.clock.run(sim.handle(node, {
    method, url: `/api2/json${path}${inUrl && query !== '' ? `?${query}` : ''}`,
    headers: { authorization: `PVEAPIToken=${LAB_TOKEN.id}=${LAB_TOKEN.secret}`, ...(inUrl ? {} : { 'content-type': 'application/x-www-form-urlencoded' }) },
    ...(inUrl ? {} : { body: query }),
  }));
  return { status: response.status, reason: response.reason, body: response.body === '' ? null : JSON.parse(response.body) as Json };
}

/** The sampler's keys, read where the API reads them. */
function sample(sim: Simulation): Record<string, Json> {
  const { ha, guests, nodes } = sim.state;
  const values: Record<string, Json> = {};
  const online = membersSeenBy(sim.state, 'pve1');
  for (const node of Object.keys(nodes)) values[`cluster.online.${node}`] = online.has(node) ? 1 : 0;
  for (const [node, state] of Object.entries(ha.manager.node_status)) values[`mgr.node_status.${node}`] = state;
  for (const [node, lrm] of Object.entries(ha.lrm)) values[`lrm.${node}.state`] = lrm.state;
  for (const guest of Object.values(guests)) {
    const key = `res.${guest.type}/${guest.vmid}`;
    values[`${key}.node`] = guest.node;
    values[`${key}.lock`] = guest.config['lock'] === undefined ? 'None' : String(guest.config['lock']);
    values[`${key}.status`] = guest.process ? 'running' : 'stopped';
  }
  for (const row of statusRows(sim)) {
    if (row['type'] === 'service') {
      values[`ha.${String(row['id'])}.state`] = row['state'] as Json;
      values[`ha.${String(row['id'])}.node`] = row['node'] as Json;
    } else if (row['type'] === 'master') values['ha.master.node'] = row['node'] as Json;
    else if (row['type'] === 'fencing') values['ha.fencing.armed-state'] = row['armed-state'] as Json;
  }
  return values;
}

function statusRows(sim: Simulation): { readonly [key: string]: unknown }[] {
  const rows = haStatusOf(sim);
  return Array.isArray(rows) ? rows.filter(isObject) : [];
}

function note(seen: Map<string, [number, Json][]>, second: number, values: Readonly<Record<string, Json>>): void {
  for (const key of new Set([...seen.keys(), ...Object.keys(values)])) {
    const value = values[key] ?? null;
    const before = seen.get(key);
    if (!before) seen.set(key, [[second, value]]);
    else if (before.at(-1)?.[1] !== value) before.push([second, value]);
  }
}

function haStatusOf(sim: Simulation): Json | undefined {
  const method = sim.tables.method('GET', '/cluster/ha/status/current');
  if (!method) return undefined;
  const caller = { userid: 'root@pam', isRootTicket: true, can: () => true };
  const answer = statusRoutes['GET /cluster/ha/status/current']?.({ sim, state: sim.state, node: 'pve1', via: 'pve1', method, params: {}, caller, version: sim.tables.version, extras: {} });
  return answer instanceof Promise ? undefined : answer;
}

/** The recording between two seconds, counted from the first. */
export function part(timeline: Timeline, from: number, to: number): Timeline {
  const cut = (changes: readonly (readonly [number, Json])[]): (readonly [number, Json])[] => {
    const before = changes.filter(([second]) => second <= from).at(-1);
    return [...(before ? [[0, before[1]] as const] : []), ...changes.filter(([second]) => second > from && second <= to).map(([second, value]) => [second - from, value] as const)];
  };
  return { ...timeline, changes: Object.fromEntries(Object.entries(timeline.changes).map(([key, changes]) => [key, cut(changes)])) };
}

/** Where the changes of a key are not the recorded ones in their order, or one is off by more than a round; a line a key. */
export function drifts(timeline: Timeline, changes: Story['changes'], options: { readonly toleranceSeconds?: number; readonly only?: RegExp } = {}): string[] {
  const tolerance = options.toleranceSeconds ?? 10;
  return Object.entries(timeline.changes).flatMap(([key, expected]) => {
    if (options.only && !options.only.test(key)) return [];
    const simulated = changes()[key] ?? [];
    const same = simulated.length === expected.length && expected.every(([second, value], at) => {
      const other = simulated[at];
      return other !== undefined && other[1] === value && (at === 0 || Math.abs(other[0] - second) <= tolerance);
    });
    return same ? [] : [`${key}: recorded ${told(expected)}; simulated ${told(simulated)}`];
  });
}

function told(changes: readonly (readonly [number, Json])[]): string {
  return changes.map(([second, value]) => `${String(value)}@${second.toFixed(0)}`).join(' ');
}
