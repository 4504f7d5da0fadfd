// The manifest of the cluster's address: which nodes may have it, who comes first, and which program keeps it.
import type { JsonObject } from '../../model/json.ts';
import type { SecretRef } from '../../model/secret.ts';

export type Provider = 'keepalived' | 'heartbeat';
export interface VirtualIpSpec {
  readonly address: string;
  readonly interface: string;
  readonly nodes: Readonly<Record<string, number>>;
  readonly provider?: Provider;
  readonly virtualRouterId?: number;
  readonly authentication?: SecretRef;
  readonly advertSeconds?: number;
  readonly preempt?: boolean;
}

/** Names become files and words of a configuration. */
export const VIRTUAL_IP_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$/;
export const ADVERT_SECONDS = 1;

export const VIRTUAL_IP_SCHEMA: JsonObject = {
  type: 'object', additionalProperties: false, required: ['address', 'interface', 'nodes'],
  description: 'The one address of the cluster, which one of its nodes has at any time. Its configuration is written on each of the nodes, checked by the program itself, and put in force one node at a time, the one that has the address last.',
  properties: {
    address: { type: 'string', pattern: '^[0-9A-Fa-f.:]{2,45}/[0-9]{1,3}$', description: 'The address with its prefix, `192.168.22.41/24`. No node may have it as its own.' },
    interface: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$', description: 'The interface that it stands on, the same on every node: `vmbr0`. Each node has an address of its own there, over which the nodes hear each other.' },
    nodes: {
      type: 'object', minProperties: 2, maxProperties: 8, propertyNames: { pattern: '^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$' },
      additionalProperties: { type: 'integer', minimum: 1, maximum: 254 },
      description: 'Which nodes may have it, each with a priority of its own from 1 to 254: among those that are there the highest takes it. Heartbeat works with exactly two.',
    },
    provider: { enum: ['keepalived', 'heartbeat'], default: 'keepalived', description: 'The program that keeps it: keepalived, which takes over in about three seconds, or heartbeat, which older clusters run. It has to be installed on the nodes.' },
    virtualRouterId: { type: 'integer', minimum: 1, maximum: 255, description: 'The number by which keepalived knows the address, different for each address in one network. Default: the last number of the address. Changing it takes the address away for some seconds.' },
    authentication: { type: 'object', additionalProperties: false, required: ['secret'], properties: { secret: { type: 'string' } }, description: 'A secret that the nodes share, as a reference. keepalived then speaks VRRP 2, sends it in clear and takes at most eight characters: it keeps out mistakes, not attackers. Heartbeat signs with it.' },
    advertSeconds: { type: 'number', minimum: 0.1, maximum: 40, multipleOf: 0.01, default: ADVERT_SECONDS, description: 'How often the node that has it says so, in seconds. Another one takes over when three of these were missed (heartbeat: five).' },
    preempt: { type: 'boolean', default: false, description: 'A node with a higher priority takes the address back when it comes back. Otherwise it stays where it is, and moves once less.' },
  },
};
