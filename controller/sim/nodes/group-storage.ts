// Storages of Proxmox on volume groups that the nodes' disks are known of. In: a storage and a node. Out: what LVM there says of its group.
// A group that no described disk ever held is taken for granted, as storages are that nobody described further.
import type { ClusterState, StorageState } from '../state.ts';
import { mediaOf } from './data.ts';
import { groupSizes, groupsOf } from './devices.ts';
import type { SeenGroup } from './devices.ts';

/** Undefined: nothing is known of the group, so it is there. */
function groupOf(state: ClusterState, storage: Pick<StorageState, 'type' | 'definition'>, node: string): SeenGroup | 'unseen' | undefined {
  const name = storage.type === 'lvm' ? storage.definition.vgname : undefined;
  if (name === undefined || Object.keys(state.below.hosts).length === 0) return undefined;
  const seen = groupsOf({ state }, node).find(({ group }) => group.name === name);
  if (seen) return seen;
  const isKnown = Object.values(state.below.hosts).some((host) => [...mediaOf(host)].some(({ label }) => label?.kind === 'physical' && label.group?.name === name));
  return isKnown ? 'unseen' : undefined;
}

/** The group cannot be used on the node now: the device below it is Secondary there, or its disk is gone. */
export function isGroupUnseen(state: ClusterState, storage: Pick<StorageState, 'type' | 'definition'>, node: string): boolean {
  return groupOf(state, storage, node) === 'unseen';
}

/** Why the volume that a drive names cannot be used on the node, in Proxmox's words; nothing when it can. */
export function unseenVolume(state: ClusterState, drive: string, node: string): string | undefined {
  const [, id = '', name = ''] = /^(?:file=|volume=)?([^:,]+):([^,]+)/.exec(drive) ?? [];
  const storage = Object.hasOwn(state.storages, id) ? state.storages[id] : undefined;
  if (!storage || !isGroupUnseen(state, storage, node)) return undefined;
  return `can't activate LV '/dev/${storage.definition.vgname}/${name}':   Volume group "${storage.definition.vgname}" not found`;
}

/** How large the group is, where that is known. */
export function groupBytes(state: ClusterState, storage: Pick<StorageState, 'type' | 'definition'>, node: string): number | undefined {
  const seen = groupOf(state, storage, node);
  return seen === undefined || seen === 'unseen' ? undefined : groupSizes({ state }, node, seen).sizeBytes;
}
