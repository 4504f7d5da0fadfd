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
};

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
