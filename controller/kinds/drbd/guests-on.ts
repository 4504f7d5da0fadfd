// In: a resource and a node. Out: the guests that run there with a disk on it, as far as manifests and LVM's names tell. Pure.
import { desiredGuests, usesStorage } from '../guests-named.ts';
import { ownerOf } from '../guest/disks.ts';
import { physicalOn } from './on-top.ts';
import type { Scene } from './scene.ts';

/** `110 (web)`, by VMID. */
export function guestsOn(scene: Scene, node: string): readonly string[] {
  const { spec, facts, desired } = scene;
  const group = physicalOn(scene)?.group ?? spec.storage?.volumeGroup;
  const volumes = [...(facts.storageNodes ?? [])].flatMap(([, fact]) => fact.volumes.filter((volume) => group !== undefined && volume.group === group));
  const ids = [...facts.storageDefs].filter(([, def]) => group !== undefined && def.vgname === group).map(([id]) => id);
  const storages = [...new Set([...ids, ...(spec.storage ? [spec.storage.id] : [])])];
  const vmids = [...volumes.flatMap(({ name }) => ownerOf(`${group}/${name}`) ?? []), ...desiredGuests(desired).filter((guest) => storages.some((storage) => usesStorage(guest, storage))).map(({ object }) => object.spec.vmid)];
  return [...new Set(vmids)].sort((a, b) => a - b).flatMap((vmid) => {
    const guest = facts.guests.get(vmid);
    return guest && guest.node === node && guest.status !== 'stopped' ? [`${vmid} (${guest.name})`] : [];
  });
}
