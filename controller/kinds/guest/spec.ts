// The manifest of a guest: its type and its schema, which is also its documentation (`latido explain`, README, editors).
import type { GuestType } from '../../model/facts.ts';
import type { Json, JsonObject } from '../../model/json.ts';

export interface Source {
  /** Name of a guest manifest, or a VMID, that is a template. */
  readonly template?: string | number;
  readonly full?: boolean;
  readonly iso?: string;
  readonly image?: string;
  readonly storage?: string;
  readonly backup?: string;
  /** Containers: the appliance template, `local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst`. */
  readonly appliance?: string;
}

export type HaState = 'started' | 'stopped' | 'disabled' | 'ignored';
export interface HaSpec { readonly group?: string; readonly state?: HaState; readonly maxRestart?: number; readonly maxRelocate?: number; readonly failback?: boolean }

export interface GuestSpec {
  readonly vmid: number;
  readonly placement?: { readonly node?: string; readonly nodes?: readonly string[] };
  readonly power?: 'running' | 'stopped' | 'unmanaged';
  readonly shutdownTimeout?: number;
  readonly template?: boolean;
  readonly ha?: HaSpec;
  readonly pool?: string;
  readonly source?: Source;
  readonly reclaim?: 'keep' | 'delete';
  readonly config?: Readonly<Record<string, Json>>;
}

export const SHUTDOWN_TIMEOUT_S = 180;

const NODE = { type: 'string', pattern: '^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$', maxLength: 63 } as const;
const STORAGE = { type: 'string', pattern: '^[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]$', maxLength: 100 } as const;

export function guestSchema(type: GuestType): JsonObject {
  const what = type === 'qemu' ? 'virtual machine' : 'container';
  const api = type === 'qemu' ? 'POST /nodes/{node}/qemu' : 'POST /nodes/{node}/lxc';
  return {
    type: 'object', additionalProperties: false, required: ['vmid'],
    properties: {
      vmid: { type: 'integer', minimum: 100, maximum: 999_999_999, description: `The ${what}'s id, unique in the whole cluster. It is its identity: another VMID is another guest.` },
      placement: {
        type: 'object', additionalProperties: false, description: 'Where it may run. Absent: anywhere; a new guest goes where most memory is free, then fewest guests are.',
        properties: {
          node: { ...NODE, description: 'The one node it belongs on. Changing it migrates the guest.' },
          nodes: { type: 'array', items: NODE, minItems: 1, maxItems: 64, uniqueItems: true, description: 'Nodes it may be on; a guest that moved within them is in sync.' },
        },
      },
      power: { enum: ['running', 'stopped', 'unmanaged'], default: 'unmanaged', description: 'Whether it should run. With `ha` the HA manager decides, see `ha.state`.' },
      shutdownTimeout: { type: 'integer', minimum: 1, maximum: 7200, default: SHUTDOWN_TIMEOUT_S, description: 'Seconds a graceful shutdown may take before the guest is stopped.' },
      template: { type: 'boolean', default: false, description: 'Make it a template. A template cannot be made a guest again.' },
      ha: {
        type: 'object', additionalProperties: false, description: 'Makes the guest an HA resource.',
        properties: {
          group: { type: 'string', description: 'The HAGroup it belongs to.' },
          state: { enum: ['started', 'stopped', 'disabled', 'ignored'], default: 'started', description: 'What the HA manager keeps it in. Absent: as `power` says, else started.' },
          maxRestart: { type: 'integer', minimum: 0, maximum: 10, default: 1, description: 'Tries to restart it on its node after a failed start.' },
          maxRelocate: { type: 'integer', minimum: 0, maximum: 10, default: 1, description: 'Tries to start it on other nodes after that.' },
          failback: { type: 'boolean', default: true, description: 'Return to the node of highest priority once it is back (Proxmox VE 9).' },
        },
      },
      pool: { type: 'string', pattern: '^[A-Za-z0-9._/-]+$', description: 'The pool it is a member of.' },
      source: {
        type: 'object', additionalProperties: false, description: 'What it is made from. Used once, when it is created; a later change does nothing.',
        properties: type === 'qemu' ? {
          template: { type: ['string', 'integer'], description: 'Name of a VirtualMachine, or VMID, of a template to clone.' },
          full: { type: 'boolean', default: true, description: 'A full clone; false: a linked clone, on the storage of the template.' },
          iso: { type: 'string', description: 'Installation medium, put into ide2: `local:iso/debian-12.iso`.' },
          image: { type: 'string', description: 'Disk image imported as its first disk: `local:import/debian-12.qcow2`.' },
          storage: { ...STORAGE, description: 'Where a clone, an import or a restore goes; absent: the storage of its first disk.' },
          backup: { type: 'string', description: 'Backup to restore: `backup:backup/vzdump-qemu-110-….vma.zst`.' },
        } : {
          appliance: { type: 'string', description: 'Appliance template: `local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst`.' },
          template: { type: ['string', 'integer'], description: 'Name of a Container, or VMID, of a template to clone.' },
          full: { type: 'boolean', default: true, description: 'A full clone; false: a linked clone, on the storage of the template.' },
          storage: { ...STORAGE, description: 'Where a clone or a restore goes; absent: the storage of rootfs.' },
          backup: { type: 'string', description: 'Backup to restore: `backup:backup/vzdump-lxc-200-….tar.zst`.' },
        },
      },
      reclaim: { enum: ['keep', 'delete'], default: 'keep', description: 'What happens to volumes when a disk, or the guest, leaves Git: kept, or destroyed. A kept guest is stopped and released, its disks stay.' },
      config: {
        type: 'object', maxProperties: 400, default: {},
        description: `Every option of \`${api}\`, by Proxmox's own name, as property string or as mapping. Disks are keyed by slot: \`scsi0: { storage: local, size: 20G, discard: on }\`.`,
      },
    },
  };
}
