// One round of the manager at a time, on literal status and results.
import { expect, test } from 'vitest';
import { crmRound, type CrmEffect } from '../../controller/sim/ha/crm.ts';
import { emptyHa, haResources, type HaSection, type HaState, type LrmResult, type ManagerStatus, type ServiceStatus } from '../../controller/sim/ha/state.ts';

interface Round {
  readonly rule: string;
  readonly resource?: HaSection;
  readonly service?: ServiceStatus;
  /** Of the service's last command. */
  readonly result?: Pick<LrmResult, 'state' | 'exit_code'>;
  readonly nodeStatus?: ManagerStatus['node_status'];
  readonly online?: readonly string[];
  readonly lastOnlineMs?: Readonly<Record<string, number>>;
  readonly commands?: readonly string[];
  readonly canTakeLock?: boolean;
  readonly maintenance?: readonly string[];
  readonly expected: Partial<ServiceStatus> | undefined;
  readonly effects?: readonly CrmEffect[];
  readonly nodes?: ManagerStatus['node_status'];
}

const NOW_MS = 1_000_000;
const ON = { pve1: 'online', pve2: 'online', pve3: 'online' } as const;
const started: ServiceStatus = { state: 'started', node: 'pve2', uid: 'old', running: 1 };

const rounds: readonly Round[] = [
  { rule: 'a new resource is taken over and started', expected: { state: 'started', node: 'pve2' } },
  { rule: 'a new resource that shall not run is stopped', resource: { state: 'stopped' }, expected: { state: 'request_stop', node: 'pve2' } },
  { rule: 'an ignored resource is none', resource: { state: 'ignored' }, service: started, expected: undefined },
  { rule: 'stopped on request', resource: { state: 'stopped' }, service: started, expected: { state: 'request_stop' } },
  { rule: 'stopped when the LRM says so', resource: { state: 'stopped' }, service: { ...started, state: 'request_stop' }, result: { state: 'request_stop', exit_code: 0 }, expected: { state: 'stopped' } },
  { rule: 'in error when it cannot be stopped', resource: { state: 'stopped' }, service: { ...started, state: 'request_stop' }, result: { state: 'request_stop', exit_code: 1 }, expected: { state: 'error' } },
  { rule: 'running when the LRM says so', service: { state: 'started', node: 'pve2', uid: 'old' }, result: { state: 'started', exit_code: 0 }, expected: { state: 'started', running: 1 } },
  { rule: 'a start that failed goes elsewhere', service: started, result: { state: 'started', exit_code: 1 }, expected: { state: 'migrate', target: 'pve1', failed_nodes: ['pve2'] } },
  { rule: 'too many failed starts are an error', service: { ...started, failed_nodes: ['pve1'] }, result: { state: 'started', exit_code: 1 }, expected: { state: 'error', failed_nodes: ['pve1', 'pve2'] } },
  { rule: 'max_relocate 0 is an error at once', resource: { max_relocate: 0 }, service: started, result: { state: 'started', exit_code: 1 }, expected: { state: 'error' } },
  { rule: 'error stays until the resource is disabled', service: { state: 'error', node: 'pve2', uid: 'old', failed_nodes: ['pve1', 'pve2'] }, expected: { state: 'error' } },
  { rule: 'disabling clears an error', resource: { state: 'disabled' }, service: { state: 'error', node: 'pve2', uid: 'old', failed_nodes: ['pve1'] }, expected: { state: 'stopped' } },
  { rule: 'a migrate command is obeyed', service: started, commands: ['migrate vm:1 pve3'], expected: { state: 'migrate', target: 'pve3' } },
  { rule: 'a command to an unknown node is not', service: started, commands: ['migrate vm:1 nope'], expected: { state: 'started', running: 1 } },
  { rule: 'a stop command also changes the request', service: started, commands: ['stop vm:1 60'], expected: { state: 'request_stop', timeout: '60' }, effects: [{ do: 'request-state', sid: 'vm:1', state: 'stopped' }] },
  { rule: 'arrived after a migration', service: { state: 'migrate', node: 'pve2', target: 'pve3', uid: 'old' }, result: { state: 'migrate', exit_code: 0 }, expected: { state: 'started', node: 'pve3' } },
  { rule: 'a failed migration leaves it where it is', service: { state: 'migrate', node: 'pve2', target: 'pve3', uid: 'old' }, result: { state: 'migrate', exit_code: 1 }, expected: { state: 'started', node: 'pve2' } },
  { rule: 'a node just lost is unknown, its services wait', service: started, online: ['pve1', 'pve3'], lastOnlineMs: { pve2: NOW_MS - 10_000 }, expected: { state: 'started', node: 'pve2' }, nodes: { ...ON, pve2: 'unknown' } },
  { rule: 'after a minute it is to be fenced', service: started, online: ['pve1', 'pve3'], lastOnlineMs: { pve2: NOW_MS - 60_000 }, expected: { state: 'fence', node: 'pve2' }, nodes: { ...ON, pve2: 'fence' } },
  { rule: 'a new master counts from its own first look', service: started, online: ['pve1', 'pve3'], expected: { state: 'started', node: 'pve2' }, nodes: { ...ON, pve2: 'unknown' } },
  {
    rule: 'with the lock in hand all is done in one round', service: started, online: ['pve1', 'pve3'], lastOnlineMs: { pve2: NOW_MS - 60_000 }, canTakeLock: true,
    expected: { state: 'started', node: 'pve1' }, nodes: { ...ON, pve2: 'unknown' },
    effects: [{ do: 'take-agent-lock', node: 'pve2' }, { do: 'move-config', sid: 'vm:1', from: 'pve2', to: 'pve1' }],
  },
  { rule: 'a stopped service is recovered too', resource: { state: 'stopped' }, service: { state: 'stopped', node: 'pve2', uid: 'old' }, online: ['pve1', 'pve3'], lastOnlineMs: { pve2: NOW_MS - 60_000 }, canTakeLock: true, expected: { state: 'request_stop', node: 'pve1' } },
  { rule: 'a disabled one is not', resource: { state: 'disabled' }, service: { state: 'stopped', node: 'pve2', uid: 'old' }, online: ['pve1', 'pve3'], lastOnlineMs: { pve2: NOW_MS - 60_000 }, canTakeLock: true, expected: { state: 'stopped', node: 'pve2' } },
  { rule: 'one that moves is fenced with its source', service: { state: 'migrate', node: 'pve2', target: 'pve3', uid: 'old' }, online: ['pve1', 'pve3'], lastOnlineMs: { pve2: NOW_MS - 60_000 }, expected: { state: 'fence', node: 'pve2' } },
  { rule: 'a node that returns before the fence is online', service: started, nodeStatus: { ...ON, pve2: 'unknown' }, expected: { state: 'started', node: 'pve2', running: 1 }, nodes: ON },
  { rule: 'a node that returns during the fence is still fenced', service: { ...started, state: 'fence' }, nodeStatus: { ...ON, pve2: 'fence' }, expected: { state: 'fence' }, nodes: { ...ON, pve2: 'fence' } },
  { rule: 'maintenance moves it away and remembers', service: started, maintenance: ['pve2'], expected: { state: 'migrate', target: 'pve1', maintenance_node: 'pve2' }, nodes: { ...ON, pve2: 'maintenance' } },
  { rule: 'the end of maintenance brings it back and forgets', service: { ...started, node: 'pve3', maintenance_node: 'pve2' }, nodeStatus: { ...ON, pve2: 'maintenance' }, expected: { state: 'migrate', node: 'pve3', target: 'pve2', maintenance_node: undefined } },
];

function haOf(round: Round): HaState {
  const ha = emptyHa();
  ha.resources['vm:1'] = { type: 'vm', ...round.resource };
  ha.manager = { master_node: 'pve1', node_status: { ...(round.nodeStatus ?? ON) }, service_status: round.service ? { 'vm:1': { ...round.service } } : {} };
  ha.commands = [...(round.commands ?? [])];
  for (const node of Object.keys(ON)) {
    const mode = round.maintenance?.includes(node) ? 'maintenance' : 'active';
    const results: Record<string, LrmResult> = round.result && node === 'pve2' ? { old: { sid: 'vm:1', ...round.result } } : {};
    ha.lrm[node] = { state: 'active', mode, results, timestamp: NOW_MS / 1000 };
  }
  return ha;
}

test.each(rounds)('$rule', (round) => {
  const ha = haOf(round);
  const before = structuredClone(ha);
  let uids = 0;
  const { manager, effects } = crmRound({
    nowMs: NOW_MS, self: 'pve1', online: new Set(round.online ?? Object.keys(ON)), configured: Object.keys(ON), ha, resources: haResources(ha, () => 'pve2'),
    canTakeLock: () => round.canTakeLock ?? false, newUid: () => `new${++uids}`, others: {}, rebalanceOnStart: false,
  }, { ...round.lastOnlineMs });
  const service = manager.service_status['vm:1'];
  if (round.expected === undefined) expect(service).toBeUndefined();
  else expect({ ...service, ...missing(round.expected, service) }).toMatchObject(round.expected);
  if (round.effects) expect(effects).toEqual(round.effects);
  if (round.nodes) expect(manager.node_status).toEqual(round.nodes);
  expect(ha).toEqual(before);
});

/** What is expected not to be there and is not. */
function missing(expected: Partial<ServiceStatus>, service: ServiceStatus | undefined): object {
  return Object.fromEntries(Object.entries(expected).filter(([key, value]) => value === undefined && !(service && key in service)));
}
