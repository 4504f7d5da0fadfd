// In: `rootfs` and `mpN` of a container. Out: mount points parsed and printed as Proxmox does, and the volumes behind
// them made.
// Must never touch a guest's configuration.
import { optionParam } from './guest-config.ts';
import { parseProperties, printProperties, type Properties, type PropertyFormat } from './property-string.ts';
import { randomUuid } from './random.ts';
import type { Simulation } from './simulation.ts';
import type { ConfigValue, GuestConfig } from './state.ts';
import { allocate, enabledStorage, findVolume, freeVolume, holds, isFileBased, parseVolumeId } from './volumes.ts';

const NEW_DISK = /^([^/:\s]+):(\d+(?:\.\d+)?)$/;

export function isMountpoint(key: string): boolean {
  return key === 'rootfs' || /^mp\d+$/.test(key);
}

function formatOf(sim: Simulation, key: string): PropertyFormat {
  const format = optionParam(sim.tables, 'lxc', key)?.format;
  return typeof format === 'object' ? format : { volume: { default_key: 1 } };
}

export function parseMountpoint(sim: Simulation, key: string, value: ConfigValue): Properties {
  return parseProperties(formatOf(sim, key), String(value));
}

export function printMountpoint(sim: Simulation, key: string, mountpoint: Properties): string {
  return printProperties(formatOf(sim, key), mountpoint);
}

/** The managed volume of a mount point; nothing for bind mounts and devices. */
export function mountedVolume(sim: Simulation, key: string, value: ConfigValue): string | undefined {
  const { volume } = parseMountpoint(sim, key, value);
  return volume !== undefined && !volume.startsWith('/') && parseVolumeId(volume) ? volume : undefined;
}

export interface MadeMountpoints { readonly options: GuestConfig; readonly log: readonly string[] }

/** Makes what the options ask for; on failure frees what it had made and throws. */
export function makeMountpoints(sim: Simulation, node: string, vmid: number, wanted: Readonly<Record<string, ConfigValue>>): MadeMountpoints {
  const options: GuestConfig = {};
  const made: string[] = [];
  const log: string[] = [];
  try {
    for (const key of Object.keys(wanted).filter(isMountpoint).sort(rootFirst)) {
      const mountpoint = parseMountpoint(sim, key, wanted[key] ?? '');
      const fresh = NEW_DISK.exec(mountpoint.volume ?? '');
      if (fresh) {
        const { volid, bytes } = makeVolume(sim, node, vmid, fresh[1] ?? '', Number(fresh[2]), log);
        made.push(volid);
        options[key] = printMountpoint(sim, key, { ...mountpoint, volume: volid, size: String(bytes) });
      } else options[key] = printMountpoint(sim, key, existing(sim, node, mountpoint));
    }
  } catch (error) {
    for (const volid of made) freeVolume(sim.state, node, volid);
    throw error;
  }
  return { options, log };
}

function rootFirst(a: string, b: string): number {
  if (a === 'rootfs' || b === 'rootfs') return a === b ? 0 : a === 'rootfs' ? -1 : 1;
  return Number(a.slice(2)) - Number(b.slice(2));
}

function existing(sim: Simulation, node: string, mountpoint: Properties): Properties {
  const { volume = '' } = mountpoint;
  if (volume.startsWith('/') || !parseVolumeId(volume)) return mountpoint;
  const found = findVolume(sim.state, node, volume);
  return found ? { ...mountpoint, size: String(found.sizeBytes) } : mountpoint;
}

/** A size of zero on a directory makes a subvolume: a plain folder without a limit. */
function makeVolume(sim: Simulation, node: string, vmid: number, storageId: string, gib: number, log: string[]): { volid: string; bytes: number } {
  const storage = enabledStorage(sim.state, storageId, node);
  if (!holds(storage, 'rootdir')) throw new Error(`storage '${storageId}' does not allow content type 'rootdir' (Container)`);
  const bytes = Math.floor(gib * 1024) * 2 ** 20;
  const isSubvolume = storage.type === 'zfspool' || (bytes === 0 && isFileBased(storage));
  const made = allocate(sim.state, node, { storage: storageId, vmid, format: isSubvolume ? 'subvol' : 'raw', sizeBytes: bytes, content: 'rootdir', nowMs: sim.clock.now() });
  log.push(...made.log);
  if (!isSubvolume) log.push(...filesystemLog(sim, bytes));
  return { volid: made.volid, bytes };
}

const BLOCK_BYTES = 4096;

export function filesystemLog(sim: Simulation, bytes: number): string[] {
  const blocks = bytes / BLOCK_BYTES;
  const copies = [32_768, 98_304, 163_840, 229_376, 294_912, 819_200, 884_736, 1_605_632].filter((block) => block < blocks);
  return [`Creating filesystem with ${blocks} 4k blocks and ${blocks / 4} inodes`, `Filesystem UUID: ${randomUuid(() => sim.random())}`, 'Superblock backups stored on blocks: ', `\t${copies.join(', ')}`];
}
