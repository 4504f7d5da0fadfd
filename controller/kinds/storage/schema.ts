// The manifest of a storage: its type and its schema, which is also its documentation.
import type { Json, JsonObject } from '../../model/json.ts';
import { STORAGE_TYPES } from './types.ts';

export interface StorageSpec { readonly type: string; readonly config?: Readonly<Record<string, Json>> }

export const STORAGE_SCHEMA: JsonObject = {
  type: 'object', additionalProperties: false, required: ['type'],
  description: 'A storage as the whole cluster knows it. Its name is the storage id: at least two letters, digits and . _ -, a letter first.',
  properties: {
    type: {
      enum: STORAGE_TYPES,
      description: 'What it is: a folder (dir, btrfs), a share (nfs, cifs, cephfs, glusterfs up to version 8), volumes (lvm, lvmthin, zfspool, zfs over iSCSI, rbd, iscsi, iscsidirect), a backup server (pbs), or an ESXi host to import from. It cannot be changed later.',
    },
    config: {
      type: 'object', maxProperties: 60, default: {},
      description: 'Every option of `POST /storage` that its type has, by Proxmox\'s own name. Lists (`content`, `nodes`) as YAML list or separated by commas; `prune-backups` and `bwlimit` as mapping or `keep-last=3,keep-daily=7`. '
        + 'What says where the storage is (path, server, export, share, vgname, pool, portal, target, datastore …) cannot be changed later. '
        + 'Secrets (password, keyring, encryption-key, master-pubkey) are written as `{ secret: NAME }`: sent when the storage is defined and when the value of NAME changes, never compared with what Proxmox has, because it does not tell them.',
    },
  },
};
