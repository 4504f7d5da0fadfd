// The manifest of a DRBD resource: where its copies lie, what DRBD does on its own, and what stands on it.
import type { JsonObject } from '../../model/json.ts';
import type { SecretRef } from '../../model/secret.ts';

export interface DrbdNodeSpec {
  /** `10.0.0.40:7788`, or without the port (ports.ts). */
  readonly address: string;
  /** The backing volume is a logical volume of this group, named as the resource; or `device` is the backing device itself. */
  readonly volumeGroup?: string;
  readonly device?: string;
  /** Only from DRBD 9 on: takes part in the quorum, holds no data. */
  readonly diskless?: boolean;
  readonly nodeId?: number;
}

export interface DrbdVerifySpec {
  readonly algorithm: string;
  /** Cron. */
  readonly schedule?: string;
  readonly timezone?: string;
  readonly repair?: boolean;
}

export interface DrbdSpec {
  readonly size: string;
  readonly dualPrimary?: boolean;
  readonly nodes: Readonly<Record<string, DrbdNodeSpec>>;
  readonly minor?: number;
  readonly protocol?: 'A' | 'B' | 'C';
  readonly initialSync?: 'skip' | { readonly from: string };
  readonly metadata?: 'internal';
  readonly sharedSecret?: SecretRef;
  readonly verify?: DrbdVerifySpec;
  readonly resyncRate?: string;
  readonly fencing?: 'dont-care' | 'resource-only' | 'resource-and-stonith';
  readonly quorum?: 'off' | 'majority' | 'all' | number;
  readonly onNoQuorum?: 'io-error' | 'suspend-io';
  readonly splitBrain?: { readonly noPrimaries?: string; readonly onePrimary?: string; readonly twoPrimaries?: string };
  readonly resolveSplitBrain?: { readonly discard: string; readonly event: string };
  readonly storage?: { readonly id: string; readonly volumeGroup: string; readonly content?: readonly string[] };
  readonly reclaim?: 'keep' | 'delete';
}

/** What DRBD does when two sides meet again of which both changed, by how many of them are Primary then (drbd.conf(5)). */
const NO_PRIMARIES = ['disconnect', 'discard-zero-changes', 'discard-younger-primary', 'discard-older-primary', 'discard-least-changes'];
const ONE_PRIMARY = ['disconnect', 'consensus', 'violently-as0p', 'discard-secondary', 'call-pri-lost-after-sb'];
const TWO_PRIMARIES = ['disconnect', 'violently-as0p', 'call-pri-lost-after-sb'];

/** Names become files, logical volumes and words of commands. */
export const DRBD_NAME = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$';
const LVM_NAME: JsonObject = { type: 'string', pattern: '^[A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,126}$' };
const NODE_NAME = '^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$';

function fields(description: string, properties: JsonObject, required: readonly string[] = []): JsonObject {
  return { type: 'object', additionalProperties: false, description, properties, ...(required.length > 0 ? { required } : {}) };
}

export const DRBD_SCHEMA: JsonObject = {
  ...fields('A block device that is the same on several nodes, mirrored by DRBD. Its name is the name of the resource. Creating it makes the volumes, the metadata, one chosen source of the first synchronisation, and what stands on it, in this order.', {
    size: { type: 'string', pattern: '^[1-9][0-9]*(?:\\.[0-9]+)?[MGT]$', description: 'Size of each backing volume, `149G`; what can be used is a little less. It only grows: a smaller size is refused.' },
    dualPrimary: { type: 'boolean', default: false, description: 'Both nodes may write at once. Live migration needs it, and shared storage on top.' },
    nodes: {
      type: 'object', minProperties: 2, maxProperties: 16, propertyNames: { pattern: NODE_NAME }, description: 'Where its copies lie: two with DRBD 8.4, of which one may be replaced at a time; more with 9, and they come and go. A node that leaves lets go of its copy first, which stays on its disk. The names are those of the nodes.',
      additionalProperties: fields('One copy.', {
        address: { type: 'string', pattern: '^(?:[0-9]{1,3}(?:\\.[0-9]{1,3}){3}|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{2,5})?$', description: 'Address for replication, `10.0.0.40:7788`; best a line of its own between the nodes. Without a port the lowest is taken that is free on all its nodes, from 7788 on, and then for good.' },
        volumeGroup: { ...LVM_NAME, description: 'The volume group of the node in which the backing volume is made.' },
        device: { type: 'string', pattern: '^/dev/[A-Za-z0-9][A-Za-z0-9/_.:+-]{0,200}$', description: 'Instead of a volume group: the backing device itself. It must be empty, unless the resource is there already and is adopted.' },
        diskless: { type: 'boolean', default: false, description: 'Holds no data and gives its vote; from DRBD 9 on.' },
        nodeId: { type: 'integer', minimum: 0, maximum: 31, description: 'Its number, for DRBD 9. Absent: its place in the order of the names.' },
      }, ['address']),
    },
    minor: { type: 'integer', minimum: 0, maximum: 1_048_575, description: 'The number of /dev/drbdN. Absent: the lowest that is free on all its nodes, and then for good.' },
    protocol: { enum: ['A', 'B', 'C'], default: 'C', description: 'When a write is done: C, when both have it; dualPrimary needs C.' },
    initialSync: {
      oneOf: [{ const: 'skip' }, fields('Copy everything once from one node.', { from: { type: 'string', pattern: NODE_NAME, description: 'Whose data all others get.' } }, ['from'])], default: 'skip',
      description: 'What happens once when all copies are new: `skip` declares them equal, which they are because nothing on them was ever read; or one node is copied to the others.',
    },
    metadata: { enum: ['internal'], default: 'internal', description: 'Where DRBD keeps its own data: at the end of the backing volume.' },
    sharedSecret: { $comment: 'a reference', ...fields('The peers prove to each other that they know it.', { secret: { type: 'string', minLength: 1, maxLength: 200, description: 'Name of the secret.' } }, ['secret']) },
    verify: fields('Comparing the copies byte for byte by their checksums, `drbdadm verify`: it finds what a disk changed by itself. Copies that were declared equal (`initialSync: skip`) differ where nothing was ever written, which the first comparison finds.', {
      algorithm: { enum: ['crc32c', 'md5', 'sha1', 'sha256'], description: 'The checksum.' },
      schedule: { type: 'string', minLength: 9, maxLength: 100, description: 'When they are compared, as cron writes it: `0 3 * * 0` is each Sunday at 03:00. What was missed is made up for once, as is the first time; on a node one resource at a time. Absent: only by hand.' },
      timezone: { type: 'string', default: 'UTC', description: 'Whose clock the schedule means, as a name of the IANA list: `Europe/Madrid`.' },
      repair: { type: 'boolean', default: false, description: 'What differs is copied from the node where the resource is in use (Primary; where both are, where guests run on it). Where nobody can tell which copy is right, nothing is done. Otherwise it is only told.' },
    }, ['algorithm']),
    resyncRate: { type: 'string', pattern: '^[1-9][0-9]*[KMG]$', description: 'How fast a resync may be, bytes per second: `60M`. Absent: DRBD finds out.' },
    fencing: { enum: ['dont-care', 'resource-only', 'resource-and-stonith'], default: 'dont-care', description: 'What DRBD does to a peer that it lost; latido itself never fences.' },
    quorum: { anyOf: [{ enum: ['off', 'majority', 'all'] }, { type: 'integer', minimum: 1, maximum: 32 }], default: 'off', description: 'How many copies must see each other to go on writing; from DRBD 9 on. It prevents split brains.' },
    onNoQuorum: { enum: ['io-error', 'suspend-io'], default: 'suspend-io', description: 'What happens to writes without quorum; from DRBD 9 on.' },
    splitBrain: fields('What DRBD itself does when the link heals after both sides changed. `disconnect` leaves it to a person, who names the victim in `resolveSplitBrain`.', {
      noPrimaries: { enum: NO_PRIMARIES, default: 'disconnect', description: 'When neither is Primary any more.' },
      onePrimary: { enum: ONE_PRIMARY, default: 'disconnect', description: 'When one is.' },
      twoPrimaries: { enum: TWO_PRIMARIES, default: 'disconnect', description: 'When both are.' },
    }),
    resolveSplitBrain: fields('The decision of a person about one split brain: whose changes are dropped. It holds for that event only; afterwards it may be taken out.', {
      discard: { type: 'string', pattern: NODE_NAME, description: 'The node whose changes since the split are lost.' },
      event: { type: 'string', pattern: '^[0-9a-f]{8}-[0-9a-f]{8}$', description: 'The id of the event, as the plan and `latido status` show it.' },
    }, ['discard', 'event']),
    storage: fields('LVM on top, as storage of Proxmox for disks of guests on all nodes. Needs dualPrimary.', {
      id: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_.-]{1,99}$', description: 'The id of the storage, which disks name.' },
      volumeGroup: { ...LVM_NAME, description: 'The volume group on the mirrored device.' },
      content: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: ['images', 'rootdir'] }, default: ['images', 'rootdir'], description: 'What it may hold.' },
    }, ['id', 'volumeGroup']),
    reclaim: { enum: ['keep', 'delete'], default: 'keep', description: 'What happens to the data when the manifest leaves Git: kept and only released, or destroyed with the resource.' },
  }, ['size', 'nodes']),
};
