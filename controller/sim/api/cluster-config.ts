// corosync's configuration as the API shows it. Forming a cluster and joining one are not simulated.
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../../model/json.ts';
import { sha1 } from '../section-config.ts';
import { failure, text, type Call, type Routes } from './handler.ts';

export const config: Routes = {
  'GET /cluster/config': () => ['nodes', 'totem', 'join', 'qdevice', 'apiversion'].map((name) => ({ name })),
  'GET /cluster/config/nodes': (call) => members(call).map((member) => ({ ...member, node: member.name ?? '' })),
  'GET /cluster/config/totem': totem,
  'GET /cluster/config/join': (call) => {
    const preferred = text(call, 'node') ?? call.node;
    if (!call.state.nodes[preferred]) throw failure(`no such node '${preferred}'`);
    return {
      nodelist: members(call).map((member) => ({ ...member, pve_addr: member.ring0_addr ?? '', pve_fp: fingerprint(String(member.name)) })),
      totem: totem(call), preferred_node: preferred, config_digest: sha1(JSON.stringify([totem(call), members(call)])),
    };
  },
  'GET /cluster/config/apiversion': () => 1,
  'GET /cluster/config/qdevice': qdevice,
};

/** Empty without a QDevice; what the daemon tells of the third vote else (recorded in form/180 and form/186). */
function qdevice({ sim, state }: Call): Json {
  if (!state.qdevice) return {};
  const isOn = state.ha.corosync.qnetd !== 'off';
  const polled = new Date(sim.clock.now()).toISOString().slice(0, 19);
  return {
    Model: 'Net', State: isOn ? 'Connected' : 'Connect failed', 'QNetd host': '10.99.0.15:5403', Algorithm: 'Fifty-Fifty split',
    'Tie-breaker': 'Node with lowest node ID', 'Last poll call': isOn ? `${polled} (cast vote)` : polled,
  };
}

function members(call: Call): readonly JsonObject[] {
  return Object.values(call.state.nodes).map((node) => ({ name: node.name, nodeid: String(node.nodeId), quorum_votes: '1', ring0_addr: node.address }));
}

function totem(call: Call): Json {
  return {
    cluster_name: call.state.clusterName, config_version: String(call.state.configVersion), version: '2', secauth: 'on', ip_version: 'ipv4-6', link_mode: 'passive',
    interface: { 0: { linknumber: '0' } },
  };
}

/** The SHA-256 of a node's certificate, which the simulation makes of its name. */
export function fingerprint(node: string): string {
  return createHash('sha256').update(node).digest('hex').toUpperCase().replaceAll(/(..)(?!$)/g, '$1:');
}
