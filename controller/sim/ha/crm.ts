// One round of the HA manager on the node that is master, as plain computation.
// In: the manager's status as last written, resources, rules, LRM results, commands, who is online. Out: the new
// status, and what the world must do for it: take a dead node's lock, move a guest's configuration, write a request.
// Must never start, stop or move a guest: the LRMs do, when they read the status.
import { compileAffinity } from './affinity.ts';
import { commandsInto } from './crm-commands.ts';
import { updateNodes } from './crm-nodes.ts';
import { nextState, type CrmRound } from './crm-services.ts';
import type { HaResource, HaState, LrmMode, LrmResult, ManagerStatus } from './state.ts';

export interface CrmWorld {
  readonly nowMs: number;
  /** The master. */
  readonly self: string;
  readonly online: ReadonlySet<string>;
  readonly configured: readonly string[];
  readonly ha: HaState;
  readonly resources: Readonly<Record<string, HaResource>>;
  /** Whether that node's agent lock can be had now. */
  readonly canTakeLock: (node: string) => boolean;
  readonly newUid: () => string;
  /** By node: running guests that are not HA's, where this version's scheduler counts them. */
  readonly others: Readonly<Record<string, number>>;
  /** Datacenter option `crs`: `ha-rebalance-on-start`. */
  readonly rebalanceOnStart: boolean;
}

export type CrmEffect =
  | { readonly do: 'take-agent-lock'; readonly node: string }
  | { readonly do: 'move-config'; readonly sid: string; readonly from: string; readonly to: string }
  | { readonly do: 'request-state'; readonly sid: string; readonly state: 'stopped' };

export interface CrmOutcome {
  readonly manager: ManagerStatus;
  readonly effects: readonly CrmEffect[];
  readonly log: readonly string[];
}

// Each repetition needs a service that changed state; a service passes through at most a handful in one round.
const REPEATS_MAX = 50;

/** `lastOnlineMs` is the master's memory and is updated. Commands in `world.ha.commands` count as read. */
export function crmRound(world: CrmWorld, lastOnlineMs: Record<string, number>): CrmOutcome {
  const manager = structuredClone(world.ha.manager);
  manager.master_node = world.self;
  const round: CrmRound = {
    world, manager, lastOnlineMs, results: lrmResults(world.ha), modes: lrmModes(world.ha),
    affinity: compileAffinity(world.ha, world.configured), effects: [], log: [], locksTaken: new Set(),
  };
  updateNodes(manager, lastOnlineMs, { ...world, modes: round.modes }, (line) => void round.log.push(line));
  const mine = manager.node_status[world.self];
  if (mine !== 'online' && mine !== 'maintenance') return { manager: world.ha.manager, effects: [], log: ['master seems offline'] };
  if (!manager.disarm) adoptServices(round);
  commandsInto(round, world.ha.commands);
  if (!manager.disarm || deferredDisarm(round)) settle(round);
  manager.timestamp = Math.floor(world.nowMs / 1000);
  return { manager, effects: round.effects, log: round.log };
}

function lrmResults(ha: HaState): Record<string, LrmResult> {
  return Object.assign({}, ...Object.values(ha.lrm).map((status) => status.results)) as Record<string, LrmResult>;
}

function lrmModes(ha: HaState): Record<string, LrmMode> {
  return Object.fromEntries(Object.entries(ha.lrm).map(([node, status]) => [node, status.mode]));
}

/** New resources become services, those no longer configured or ignored vanish. */
function adoptServices(round: CrmRound): void {
  const { manager, world } = round;
  for (const [sid, resource] of Object.entries(world.resources).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (manager.service_status[sid] || resource.state === 'ignored' || resource.node === undefined) continue;
    round.log.push(`adding new service '${sid}' on node '${resource.node}'`);
    manager.service_status[sid] = { state: resource.state === 'started' ? 'request_start' : 'request_stop', node: resource.node, uid: world.newUid() };
  }
  for (const sid of Object.keys(manager.service_status)) {
    const resource = world.resources[sid];
    if (resource && resource.state !== 'ignored') continue;
    round.log.push(`removing stale service '${sid}' (${resource ? 'ignored state requested' : 'no config'})`);
    delete manager.service_status[sid];
  }
}

function settle(round: CrmRound): void {
  for (let repeats = 0; repeats < REPEATS_MAX; repeats += 1) {
    const changed = stepServices(round);
    const fenced = fence(round);
    if (!changed && !fenced) return;
  }
}

function stepServices(round: CrmRound): boolean {
  let changed = false;
  for (const sid of Object.keys(round.manager.service_status).sort()) {
    const before = round.manager.service_status[sid]?.state;
    nextState(round, sid);
    if (round.manager.service_status[sid]?.state !== before) changed = true;
  }
  return changed;
}

/** Nodes whose services wait to be recovered: the dead node's lock in hand is the proof that it is dead. */
function fence(round: CrmRound): boolean {
  const { manager } = round;
  const waiting = Object.entries(manager.service_status).filter(([, service]) => service.state === 'fence').sort(([a], [b]) => (a < b ? -1 : 1));
  const nodes = new Set([...waiting.map(([, service]) => service.node), ...Object.keys(manager.node_status).filter((node) => manager.node_status[node] === 'fence')]);
  const fenced = new Set([...nodes].filter((node) => fenceNode(round, node)));
  for (const [sid, service] of waiting) {
    if (!fenced.has(service.node)) continue;
    round.log.push(`service '${sid}': state changed from 'fence' to 'recovery'`);
    manager.service_status[sid] = { ...pick(service), state: 'recovery', uid: round.world.newUid() };
  }
  return fenced.size > 0;
}

function pick(service: ManagerStatus['service_status'][string]): ManagerStatus['service_status'][string] {
  return {
    state: service.state, node: service.node,
    ...(service.failed_nodes ? { failed_nodes: service.failed_nodes } : {}),
    ...(service.maintenance_node === undefined ? {} : { maintenance_node: service.maintenance_node }),
  };
}

function fenceNode(round: CrmRound, node: string): boolean {
  const { manager, world } = round;
  if (manager.node_status[node] !== 'fence') {
    round.log.push(`node '${node}': state changed from '${manager.node_status[node] ?? 'unknown'}' => 'fence'`);
    manager.node_status[node] = 'fence';
  }
  if (!round.locksTaken.has(node) && !world.canTakeLock(node)) return false;
  if (!round.locksTaken.has(node)) round.effects.push({ do: 'take-agent-lock', node });
  round.locksTaken.add(node);
  round.log.push(`fencing: acknowledged - got agent lock for node '${node}'`);
  manager.node_status[node] = 'unknown';
  return true;
}

/** Disarming waits for services in motion; everything else is frozen or let go. Answers whether services must still move. */
function deferredDisarm(round: CrmRound): boolean {
  const { manager, world } = round;
  const disarm = manager.disarm;
  if (!disarm) return false;
  const services = Object.values(manager.service_status);
  if (services.some((service) => ['fence', 'recovery', 'migrate', 'relocate'].includes(service.state))) return true;
  for (const [sid, service] of Object.entries(manager.service_status)) {
    const kept = { node: service.node, uid: service.uid, ...(service.maintenance_node === undefined ? {} : { maintenance_node: service.maintenance_node }) };
    const frozen = disarm.mode === 'freeze' && service.state !== 'error' && service.state !== 'freeze';
    manager.service_status[sid] = frozen ? { ...kept, state: 'freeze', uid: world.newUid() } : { ...kept, state: service.state };
  }
  const online = Object.keys(manager.node_status).filter((node) => manager.node_status[node] === 'online');
  if (online.every((node) => round.modes[node] === 'disarm')) disarm.state = 'disarmed';
  return false;
}
