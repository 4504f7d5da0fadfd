// What the simulated nodes are and how they do; and their power, as the API switches it.
import type { Json, JsonObject } from '../../model/json.ts';
import { shutDownNode } from '../outages.ts';
import { membersSeenBy } from '../quorum.ts';
import type { NodeState } from '../state.ts';
import { fingerprint } from './cluster-config.ts';
import { requiredText, type Call, type Routes } from './handler.ts';
import { emptyHistory } from './storage-status.ts';

export const statusRoutes: Routes = {
  'GET /nodes': (call) => {
    const members = membersSeenBy(call.state, call.node);
    return Object.values(call.state.nodes).map((node) => nodeRow(call, node, members.has(node.name)));
  },
  'GET /nodes/{node}/version': ({ state, version }) => ({ release: version, repoid: REPOID, version: state.pveVersion }),
  'GET /nodes/{node}/status': status,
  'GET /nodes/{node}/rrddata': (call) => emptyHistory(call),
  'POST /nodes/{node}/status': switchPower,
};

const REPOID = '14a22df35955d97d';
const ROOT_BYTES = 252 * 2 ** 30;
const ROOT_USED_BYTES = 28 * 2 ** 30;
/** What a node without guests keeps for itself. */
const OWN_MEMORY_BYTES = 2 * 2 ** 30;

function nodeRow(call: Call, node: NodeState, online: boolean): JsonObject {
  const bare: JsonObject = { id: `node/${node.name}`, type: 'node', node: node.name, status: online ? 'online' : 'offline', level: '', ssl_fingerprint: fingerprint(node.name) };
  return call.caller.can(`/nodes/${node.name}`, 'Sys.Audit') ? { ...bare, ...nodeFigures(call, node, online) } : bare;
}

/** Of a dead node only what does not change is told. */
export function nodeFigures(call: Call, node: NodeState, online: boolean): JsonObject {
  const fixed: JsonObject = { maxcpu: node.cores, maxmem: node.memoryBytes, maxdisk: ROOT_BYTES };
  return online ? { ...fixed, cpu: 0.05, mem: usedMemory(call, node), disk: ROOT_USED_BYTES, uptime: uptimeOf(call, node) } : fixed;
}

function usedMemory(call: Call, node: NodeState): number {
  const guests = Object.values(call.state.guests).filter((guest) => guest.node === node.name && guest.process);
  return guests.reduce((sum, guest) => sum + Number(guest.config.memory ?? 512) * 2 ** 20, Math.min(OWN_MEMORY_BYTES, node.memoryBytes / 4));
}

function uptimeOf(call: Call, node: NodeState): number {
  return Math.floor((call.sim.clock.now() - node.startedAtMs) / 1000);
}

function status(call: Call): Json {
  const node = call.state.nodes[call.node];
  if (!node) return null;
  const used = usedMemory(call, node);
  const kernel = { sysname: 'Linux', release: '6.17.0-1-pve', version: '#1 SMP PREEMPT_DYNAMIC', machine: 'x86_64' };
  return {
    uptime: uptimeOf(call, node), cpu: 0.05, wait: 0, idle: 0, loadavg: ['0.20', '0.15', '0.10'], ksm: { shared: 0 },
    memory: { total: node.memoryBytes, used, free: node.memoryBytes - used, ...(Number(call.version) >= 8.4 ? { available: node.memoryBytes - used } : {}) },
    swap: { total: 0, used: 0, free: 0 }, rootfs: { total: ROOT_BYTES, used: ROOT_USED_BYTES, free: ROOT_BYTES - ROOT_USED_BYTES, avail: ROOT_BYTES - ROOT_USED_BYTES },
    cpuinfo: { cpus: node.cores, cores: node.cores, sockets: 1, mhz: '2600.000', hvm: '1', flags: 'fpu vme lm svm', user_hz: 100, model: 'AMD EPYC', ...(Number(call.version) >= 9.2 ? { vendor: 'AuthenticAMD', family: '26' } : {}) },
    pveversion: `pve-manager/${call.state.pveVersion}/${REPOID}`, kversion: `${kernel.sysname} ${kernel.release} ${kernel.version}`, 'current-kernel': kernel, 'boot-info': { mode: 'legacy-bios' },
  };
}

/** Answers at once; the node's services end, its guests stop, and the power goes. */
function switchPower(call: Call): undefined {
  void shutDownNode(call.sim, call.node, requiredText(call, 'command') === 'reboot' ? 'reboot' : 'shutdown');
  return undefined;
}
