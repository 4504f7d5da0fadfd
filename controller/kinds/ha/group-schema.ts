// The manifest of an HA group, the same for HA groups (up to version 8) and node affinity rules (from 9 on).
import type { JsonObject } from '../../model/json.ts';
import type { HaNodes } from './nodes.ts';

export interface HaGroupSpec { readonly nodes: HaNodes; readonly restricted?: boolean; readonly nofailback?: boolean; readonly comment?: string }

const NODE_NAME = '^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$';

export const HA_GROUP_SCHEMA: JsonObject = {
  type: 'object', additionalProperties: false, required: ['nodes'],
  description: 'Nodes on which the HA manager keeps the guests that name this group in `ha.group`. An HA group up to Proxmox VE 8; from 9 on a node affinity rule of the same name, which exists as long as a guest is in it.',
  properties: {
    nodes: {
      description: 'The nodes: names, or a priority for each. A guest runs on the node of the highest priority that is online.',
      anyOf: [
        { type: 'object', minProperties: 1, maxProperties: 64, propertyNames: { pattern: NODE_NAME, maxLength: 63 }, additionalProperties: { type: 'integer', minimum: 0, maximum: 1000 }, description: 'Priorities by node: `{ pve1: 2, pve2: 1 }`.' },
        { type: 'array', minItems: 1, maxItems: 64, uniqueItems: true, items: { type: 'string', pattern: NODE_NAME, maxLength: 63 }, description: 'Nodes of equal priority: `[pve1, pve2]`.' },
      ],
    },
    restricted: { type: 'boolean', default: false, description: 'Only these nodes: a guest stops when none of them is online. Without it others may take it then.' },
    nofailback: { type: 'boolean', default: false, description: 'Guests stay where they are when a node of higher priority comes back. Up to version 8 only; from 9 on write `ha.failback: false` in the guest.' },
    comment: { type: 'string', maxLength: 400, pattern: '^[^\\n]*$', description: 'What it is for, in one line. Our mark is kept at its end.' },
  },
};
