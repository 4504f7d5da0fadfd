// Heartbeat 3 between two nodes, in virtual time. In: nodes on which it runs, and who reaches whom. Out: who has the address.
// Must never tick: only the moments at which something changes are waited for. Its files are read at its start and not again.
import { HEARTBEAT_FILES, HEARTBEAT_FOLDER, parseHeartbeat } from '../../virtual-ip/heartbeat-text.ts';
import { isLinked } from '../quorum.ts';
import type { Simulation } from '../simulation.ts';
import { hostOf } from './devices.ts';
import type { Host } from './state.ts';
import type { Heartbeat, HeartbeatRun, HeartbeatSettings } from './virtual-ip-state.ts';

/** From hearing each other to having agreed (recorded: 2 to 3 s). */
const JOIN_MS = 2_500;
/** One that leaves in order hands over what it has, even when it is back at once (recorded 1.2 s). */
const LEAVE_MS = 1_200;
/** From believing that the other one is dead to having the address (measured: 2.6 s in all with a deadtime of 2). */
const TAKE_MS = 600;
/** Two that both had it let go, begin anew, and have agreed by then (recorded: nobody had it for more than 15 s). */
const RESTART_MS = 18_000;

interface Runner { readonly node: string; readonly heartbeat: Heartbeat; readonly run: HeartbeatRun }

/** Why it does not start, or nothing. */
export function startHeartbeat(sim: Simulation, node: string): string | undefined {
  const { heartbeat } = hostOf(sim, node).programs;
  if (!heartbeat || heartbeat.run) return undefined;
  const settings = readHeartbeat(hostOf(sim, node));
  if (typeof settings === 'string') return settings;
  if (!settings.nodes.includes(node)) return `Current node [${node}] not in configuration!`;
  heartbeat.run = { startedMs: sim.clock.now(), settings, peer: 'unknown' };
  sim.log.write(node, 'heartbeat: started');
  lookAtHeartbeat(sim);
  return undefined;
}

/** In order: what it has goes to the other one. */
export function stopHeartbeat(sim: Simulation, node: string): void {
  const self = runners(sim).find((one) => one.node === node);
  if (!self) return;
  const other = otherOf(sim, self);
  release(sim, self);
  delete self.heartbeat.run;
  sim.log.write(node, 'heartbeat: stopped');
  if (other && other.run.peer === 'active') {
    other.run.isHandedOver = true;
    due(sim, other, sim.clock.now() + LEAVE_MS);
  }
  lookAtHeartbeat(sim);
}

export function loseHeartbeat(sim: Simulation, node: string): void {
  const { heartbeat } = hostOf(sim, node).programs;
  if (!heartbeat?.run) return;
  release(sim, { node, heartbeat, run: heartbeat.run });
  delete heartbeat.run;
  lookAtHeartbeat(sim);
}

export function resumeHeartbeat(sim: Simulation): void {
  for (const { run } of runners(sim)) delete run.dueMs;
  lookAtHeartbeat(sim);
}

/** After anything that changes where it runs or who reaches whom. */
export function lookAtHeartbeat(sim: Simulation): void {
  for (const one of runners(sim)) {
    const now = sim.clock.now();
    const { run } = one;
    if (run.isHandedOver) continue;
    const other = otherOf(sim, one);
    if (run.peer === 'active') {
      if (other) delete run.dueMs;
      else if (run.dueMs === undefined) due(sim, one, now + run.settings.deadMs + TAKE_MS);
    } else if (other) due(sim, one, Math.max(run.startedMs, other.run.startedMs, now) + JOIN_MS);
    else {
      delete run.dueMs;
      if (run.peer === 'unknown') due(sim, one, Math.max(run.startedMs + run.settings.firstMs, now));
    }
  }
}

function due(sim: Simulation, { node, run }: Runner, atMs: number): void {
  // A join that is under way is not put off by looking again.
  if (run.dueMs !== undefined && run.dueMs > sim.clock.now() && run.dueMs <= atMs) return;
  run.dueMs = atMs;
  sim.clock.at(atMs, () => {
    const self = runners(sim).find((one) => one.node === node && one.run === run);
    if (!self || run.dueMs !== atMs) return;
    delete run.dueMs;
    const other = run.isHandedOver ? undefined : otherOf(sim, self);
    delete run.isHandedOver;
    if (other) agree(sim, self, other);
    else takeAll(sim, self);
    lookAtHeartbeat(sim);
  }, { background: true, label: `heartbeat of ${node}` });
}

/** The other one does not answer: it counts as dead. */
function takeAll(sim: Simulation, self: Runner): void {
  self.run.peer = 'dead';
  hold(sim, self, 'all');
}

function agree(sim: Simulation, self: Runner, other: Runner): void {
  const both = [self, other];
  for (const { run } of both) run.peer = 'active';
  const holders = both.filter((one) => hasIt(sim, one));
  if (holders.length === 2) return beginAnew(sim, both);
  const preferred = both.find(({ node, run }) => node === run.settings.preferred);
  const holder = holders.length === 0 || preferred?.run.settings.failback ? preferred ?? self : holders[0] ?? self;
  for (const one of both.filter((each) => each !== holder)) {
    release(sim, one);
    one.run.resources = 'none';
  }
  hold(sim, holder, holder === preferred ? 'local' : 'all');
}

/** Both had it while they did not hear each other. */
function beginAnew(sim: Simulation, both: readonly Runner[]): void {
  for (const one of both) {
    const { node, heartbeat, run } = one;
    sim.log.write(node, 'heartbeat: both nodes had the address; begins anew');
    release(sim, one);
    heartbeat.run = { startedMs: sim.clock.now() + RESTART_MS - JOIN_MS, settings: run.settings, peer: 'unknown' };
  }
}

function hold(sim: Simulation, { node, run }: Runner, resources: 'local' | 'all'): void {
  const host = hostOf(sim, node);
  const { address, interface: device } = run.settings;
  run.resources = resources;
  if (host.addresses.some((one) => one.address === address)) return;
  host.addresses.push({ interface: device, address });
  sim.log.write(node, `heartbeat: has ${address}`);
}

function release(sim: Simulation, { node, run }: Runner): void {
  const host = hostOf(sim, node);
  if (!hasIt(sim, { node, run })) return;
  host.addresses = host.addresses.filter(({ address }) => address !== run.settings.address);
  sim.log.write(node, `heartbeat: let go of ${run.settings.address}`);
}

function hasIt(sim: Simulation, { node, run }: Pick<Runner, 'node' | 'run'>): boolean {
  return run.resources !== undefined && run.resources !== 'none' && hostOf(sim, node).addresses.some(({ address }) => address === run.settings.address);
}

function runners(sim: Simulation): readonly Runner[] {
  return Object.entries(sim.state.below.hosts).flatMap(([node, { programs: { heartbeat } }]) => (
    heartbeat?.run && sim.state.nodes[node]?.power === 'on' ? [{ node, heartbeat, run: heartbeat.run }] : []
  ));
}

/** The other node, when each hears the other. */
function otherOf(sim: Simulation, self: Runner): Runner | undefined {
  return runners(sim).find((other) => other.node !== self.node && isLinked(sim.state, self.node, other.node) && isHeard(sim, self, other) && isHeard(sim, other, self));
}

function isHeard(sim: Simulation, { node, run: { settings: says } }: Runner, { node: at, run: { settings: hears } }: Runner): boolean {
  const isAddressed = says.links.some((link) => hostOf(sim, at).addresses.some(({ address }) => address.split('/')[0] === link));
  return isAddressed && hears.nodes.includes(node) && says.key === hears.key;
}

/** A text: why it does not start. */
function readHeartbeat({ files }: Host): HeartbeatSettings | string {
  const own = new Map(HEARTBEAT_FILES.flatMap((name) => { const text = files[`${HEARTBEAT_FOLDER}/${name}`]; return text === undefined ? [] : [[name, text] as const]; }));
  const missing = HEARTBEAT_FILES.find((name) => !own.has(name));
  if (missing !== undefined) return `Cannot open ${HEARTBEAT_FOLDER}/${missing}`;
  const { directives } = parseHeartbeat(own, '');
  const [, preferred = '', address = '', prefix = '32', device = ''] = /^(\S+)\s+IPaddr2?::([\d.]+)(?:\/(\d+))?(?:\/([^/\s]+))?/m.exec(own.get('haresources') ?? '') ?? [];
  const keys = own.get('authkeys') ?? '';
  const [, number = ''] = /^auth\s+(\d+)/m.exec(keys) ?? [];
  const key = keys.split('\n').find((line) => line.startsWith(`${number} `));
  if (number === '' || key === undefined) return `Bad authentication file [${HEARTBEAT_FOLDER}/authkeys]`;
  const deadMs = msOf(directives.get('deadtime')?.[0]) ?? 30_000;
  return {
    preferred, address: `${address}/${prefix}`, interface: device, key, deadMs, firstMs: msOf(directives.get('initdead')?.[0]) ?? deadMs * 2, failback: directives.get('auto_failback')?.[0] === 'on',
    nodes: (directives.get('node') ?? []).flatMap((names) => names.split(/\s+/)), links: (directives.get('ucast') ?? []).map((link) => link.split(/\s+/)[1] ?? ''),
  };
}

function msOf(text: string | undefined): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text ?? '') ?? [];
  return number === undefined ? undefined : Number(number) * (unit === 'ms' ? 1 : 1000);
}
