// The simulated API's methods about the cluster as a whole.
import type { Json } from '../../model/json.ts';
import { membersSeenBy, shownQuorate } from '../quorum.ts';
import { config } from './cluster-config.ts';
import { log } from './cluster-log.ts';
import { optionsRoutes } from './cluster-options.ts';
import { resources } from './cluster-resources.ts';
import { failure, number, parameterError, type Call, type Routes } from './handler.ts';
import { routes as mapping } from './mapping.ts';
import { routes as metrics } from './metrics.ts';
import { routes as replication } from './replication.ts';
import { routes as sdn } from './sdn.ts';

const INDEX = [
  'acme', 'backup', 'backup-info', 'bulk-action', 'ceph', 'config', 'firewall', 'ha', 'jobs', 'log', 'mapping', 'metrics', 'notifications', 'nextid', 'options', 'qemu',
  'replication', 'resources', 'status', 'tasks', 'sdn',
];

export const routes: Routes = {
  'GET /cluster': (call) => INDEX.filter((name) => name === 'nextid' || call.sim.tables.knows(`/cluster/${name}`)).map((name) => ({ name })),
  'GET /cluster/status': status,
  'GET /cluster/resources': resources,
  'GET /cluster/nextid': nextid,
  'GET /cluster/log': log,
  'GET /cluster/jobs': () => ['schedule-analyze', 'realm-sync'].map((subdir) => ({ subdir })),
  'GET /cluster/jobs/realm-sync': () => [],
  'GET /cluster/bulk-action': () => [{ name: 'guest' }],
  'GET /cluster/ceph/status': () => {
    throw failure('binary not installed: /usr/bin/ceph-mon');
  },
  ...optionsRoutes, ...config, ...mapping, ...metrics, ...replication, ...sdn,
};

/** The cluster's own row, and one of each node as the addressed one sees it. */
function status(call: Call): Json {
  const { state } = call;
  const members = membersSeenBy(state, call.node);
  const nodes = Object.values(state.nodes).map((node) => ({
    id: `node/${node.name}`, type: 'node', name: node.name, nodeid: node.nodeId, ip: node.address, online: members.has(node.name) ? 1 : 0, local: node.name === call.node ? 1 : 0, level: '',
  }));
  const own = { id: 'cluster', type: 'cluster', name: state.clusterName, version: state.configVersion, nodes: nodes.length, quorate: shownQuorate(state, call.node) };
  return [own, ...nodes];
}

const LOWEST = 100;
const HIGHEST = 1_000_000;

function nextid(call: Call): Json {
  const taken = (vmid: number): boolean => Object.hasOwn(call.state.guests, String(vmid));
  const asked = number(call, 'vmid');
  if (asked !== undefined) {
    if (taken(asked)) throw parameterError({ vmid: `VM ${asked} already exists` });
    return String(asked);
  }
  const range = call.state.options['next-id'] as { readonly lower?: string; readonly upper?: string } | undefined;
  const [lower, upper] = [Number(range?.lower ?? LOWEST), Number(range?.upper ?? HIGHEST)];
  for (let vmid = lower; vmid < upper; vmid += 1) if (!taken(vmid)) return String(vmid);
  throw failure(`unable to get any free VMID in range [${lower}, ${upper}]`);
}
