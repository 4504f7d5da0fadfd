// In: the volume group of a copy. Out: how large its volume becomes, and whether there is room. Pure.
import type { VolumeGroupFact } from '../../model/node-facts.ts';
import type { Hold } from '../../model/step.ts';
import { gib } from '../../safety/conditions.ts';
import type { Backing } from './scene.ts';

/** LVM's own default. */
const EXTENT = 4 * 2 ** 20;

/** As LVM rounds it. */
export function targetBytes(bytes: number, room: VolumeGroupFact | undefined): number {
  const extent = room === undefined || room.extentBytes === 0 ? EXTENT : room.extentBytes;
  return Math.ceil(bytes / extent) * extent;
}

export function noRoom(node: string, { group, room }: Extract<Backing, { in: 'group' }>, bytes: number): Hold | undefined {
  if (!room) return { code: 'STORAGE_FULL', reason: `${node} has no volume group ${group}`, approvable: false };
  return room.freeBytes >= bytes ? undefined : { code: 'STORAGE_FULL', reason: `volume group ${group} on ${node} has ${gib(room.freeBytes)} free, ${gib(bytes)} are needed`, approvable: false };
}
