// Which block devices a node has, and what LVM sees of them: disks, logical volumes, the devices of DRBD.
// Must never show a group through a device that nobody could read: a Secondary's, or one that LVM's filter rejects.
import type { ClusterState } from '../state.ts';
import { newHost } from './state.ts';
import type { Host, LogicalVolume, Medium, PhysicalVolume, Replica, VolumeGroup } from './state.ts';

/** What LVM keeps for itself at the start of a physical volume. */
const LVM_START_BYTES = 2 ** 20;

/** The simulation, as far as it is needed here. */
export interface Below { readonly state: ClusterState }

export function hostOf(sim: Below, node: string): Host {
  const { below, nodes } = sim.state;
  return (below.hosts[node] ??= newHost(node, nodes[node]?.address ?? '10.99.0.1'));
}

export interface SeenPv { readonly device: string; readonly pv: PhysicalVolume; readonly medium: Medium; readonly replica?: Replica }

/** Every physical volume of the node, through each device that shows it; the filter is not asked. */
export function physicalVolumes(sim: Below, node: string): readonly SeenPv[] {
  const host = hostOf(sim, node);
  const disks = Object.entries(host.disks).flatMap(([device, medium]) => seen(device, medium));
  const mirrored = Object.values(host.replicas).filter(({ role }) => role === 'Primary').flatMap((replica) => {
    const medium = dataOf(sim, node, replica);
    return medium ? seen(`/dev/drbd${replica.minor}`, medium, replica) : [];
  });
  return [...mirrored, ...disks].sort((a, b) => (a.device < b.device ? -1 : 1));
}

function seen(device: string, medium: Medium, replica?: Replica): readonly SeenPv[] {
  return medium.label?.kind === 'physical' && !medium.failed ? [{ device, pv: medium.label, medium, ...(replica ? { replica } : {}) }] : [];
}

export interface SeenGroup { readonly device: string; readonly pv: PhysicalVolume; readonly group: VolumeGroup; readonly replica?: Replica }

/** The groups that LVM shows on the node. */
export function groupsOf(sim: Below, node: string): readonly SeenGroup[] {
  const accepted = physicalVolumes(sim, node).filter(({ device }) => isAccepted(hostOf(sim, node), device));
  return accepted.filter((one) => accepted.every((other) => other === one || other.pv.uuid !== one.pv.uuid || other.device > one.device)).flatMap((one) => (
    one.pv.group ? [{ device: one.device, pv: one.pv, group: one.pv.group, ...(one.replica ? { replica: one.replica } : {}) }] : []
  ));
}

/** Devices that show the same physical volume twice. */
export function duplicatesOf(sim: Below, node: string): readonly SeenPv[] {
  const accepted = physicalVolumes(sim, node).filter(({ device }) => isAccepted(hostOf(sim, node), device));
  return accepted.filter((one) => accepted.some((other) => other !== one && other.pv.uuid === one.pv.uuid));
}

/** `devices/global_filter` in force, as written; lvmlocal.conf is read last. */
export function filterOf(host: Host): readonly string[] | undefined {
  const texts = ['/etc/lvm/lvmlocal.conf', '/etc/lvm/lvm.conf'].map((path) => host.files[path] ?? '');
  const found = texts.flatMap((text) => {
    const plain = text.replaceAll(/^\s*#.*$/gm, '');
    const [, list] = /(?:^|[\s{])(?:devices\/)?global_filter\s*=\s*(\[(?:\s*"(?:[^"\\]|\\.)*"\s*,?)*\s*\]|"[^"]*")/.exec(plain) ?? [];
    return list === undefined ? [] : [[...list.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, one = '']) => one)];
  });
  return found[0];
}

/** The first pattern that matches decides; what none matches is accepted. */
export function isAccepted(host: Host, device: string): boolean {
  for (const rule of filterOf(host) ?? []) {
    const sign = rule[1] ?? '|';
    const pattern = rule.slice(2, rule.lastIndexOf(sign));
    if (new RegExp(pattern).test(device)) return rule.startsWith('a');
  }
  return true;
}

/** What a path names; undefined: there is no such device now. */
export function mediumAt(sim: Below, node: string, path: string): Medium | undefined {
  const host = hostOf(sim, node);
  const minor = /^\/dev\/drbd(\d+)$/.exec(path)?.[1];
  if (minor !== undefined) {
    const replica = Object.values(host.replicas).find((one) => one.minor === Number(minor));
    return replica && dataOf(sim, node, replica);
  }
  const found = volumeAt(sim, node, path);
  return found ? (host.active.includes(`${found.group.name}/${found.volume.name}`) ? found.volume.medium : undefined) : host.disks[path];
}

export interface FoundVolume { readonly group: VolumeGroup; readonly volume: LogicalVolume; readonly seen: SeenPv }

/** `/dev/vg0/r0`, `/dev/mapper/vg0-r0` or `vg0/r0`. */
export function volumeAt(sim: Below, node: string, path: string): FoundVolume | undefined {
  const mapped = /^\/dev\/mapper\/(.+)$/.exec(path)?.[1]?.replaceAll('--', '\0').replace('-', '/').replaceAll('\0', '-');
  const [groupName, name] = (mapped ?? path.replace(/^\/dev\//, '')).split('/');
  for (const one of physicalVolumes(sim, node)) {
    const { group } = one.pv;
    const volume = group?.name === groupName && name !== undefined ? group?.volumes[name] : undefined;
    if (group && volume) return { group, volume, seen: one };
  }
  return undefined;
}

/** What is read and written through the DRBD device: the node's own copy, else that of a peer it is connected to. */
export function dataOf(sim: Below, node: string, replica: Replica): Medium | undefined {
  const own = backingOf(sim, node, replica);
  if (own && replica.disk === 'UpToDate') return own;
  for (const [peer, { connection }] of Object.entries(replica.peers)) {
    const other = hostOf(sim, peer).replicas[replica.resource];
    const medium = connection === 'Connected' && other?.disk === 'UpToDate' ? backingOf(sim, peer, other) : undefined;
    if (medium) return medium;
  }
  return own && replica.disk !== 'Inconsistent' ? own : undefined;
}

export function backingOf(sim: Below, node: string, replica: Replica): Medium | undefined {
  return replica.device === undefined ? undefined : deviceBelow(sim, node, replica.device);
}

/** As `mediumAt` without DRBD's own devices: what a replica stands on. */
function deviceBelow(sim: Below, node: string, path: string): Medium | undefined {
  const host = hostOf(sim, node);
  const raw = host.disks[path];
  if (raw) return raw;
  const name = path.replace(/^\/dev\/mapper\//, '').replace(/^\/dev\//, '');
  for (const disk of Object.values(host.disks)) {
    if (disk.label?.kind !== 'physical' || !disk.label.group) continue;
    const { group } = disk.label;
    const volume = Object.values(group.volumes).find((one) => name === `${group.name}/${one.name}` || name === `${group.name.replaceAll('-', '--')}-${one.name.replaceAll('-', '--')}`);
    if (volume) return volume.medium;
  }
  return undefined;
}

export interface ShownVolume { readonly name: string; readonly uuid: string; readonly sizeBytes: number; readonly tags: readonly string[]; readonly isActive: boolean; readonly isOpen: boolean }

/** Its own volumes, and those that Proxmox made in it for guests. */
export function volumesIn(sim: Below, node: string, group: VolumeGroup): readonly ShownVolume[] {
  const host = hostOf(sim, node);
  const own = Object.values(group.volumes).map(({ name, uuid, tags, medium }): ShownVolume => ({
    name, uuid, tags, sizeBytes: medium.sizeBytes, isActive: host.active.includes(`${group.name}/${name}`), isOpen: isUsed(sim, node, `/dev/${group.name}/${name}`),
  }));
  return [...own, ...guestVolumes(sim, node, group.name)].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Volumes of storages on that group. A guest that runs has its own active and open. */
export function guestVolumes(sim: Below, node: string, group: string): readonly ShownVolume[] {
  const opened = volumesOpened(sim, node);
  return storedVolumes(sim, node, group).map(({ storage, name, sizeBytes, vmid }) => {
    const isOpen = opened.has(`${storage}:${name}`);
    return { name, uuid: uuidFrom(`${group}/${name}`), sizeBytes, tags: vmid === undefined ? [] : [`pve-vm-${vmid}`], isActive: isOpen, isOpen };
  });
}

function storedVolumes(sim: Below, node: string, group: string) {
  const storages = Object.values(sim.state.storages).filter(({ type, definition }) => type === 'lvm' && definition.vgname === group);
  return storages.flatMap((storage) => Object.values(storage.volumes[storage.definition.shared === 1 ? '*' : node] ?? {}).map((volume) => ({ ...volume, storage: storage.id })));
}

/** `storage:volume`, of the guests that run on the node. */
function volumesOpened(sim: Below, node: string): ReadonlySet<string> {
  const running = Object.values(sim.state.guests).filter((guest) => guest.node === node && guest.process);
  return new Set(running.flatMap(({ config }) => Object.values(config).flatMap((value) => (typeof value === 'string' ? [value.split(',', 1)[0]?.replace(/^(?:file|volume)=/, '') ?? ''] : []))));
}

/** Who holds the DRBD device open: a person, an active volume on it, a guest. */
export function openerOf(sim: Below, node: string, replica: Replica): string | undefined {
  if (replica.openedBy !== undefined) return replica.openedBy;
  const medium = dataOf(sim, node, replica);
  const group = medium?.label?.kind === 'physical' ? medium.label.group : undefined;
  if (!group) return undefined;
  const volume = volumesIn(sim, node, group).find(({ isActive }) => isActive);
  return volume && `${group.name}/${volume.name}`;
}

/** A replica stands on it. */
export function isUsed(sim: Below, node: string, device: string): boolean {
  return Object.values(hostOf(sim, node).replicas).some((replica) => replica.device === device);
}

export function groupSizes(sim: Below, node: string, { pv, group }: Pick<SeenGroup, 'pv' | 'group'>): { readonly sizeBytes: number; readonly freeBytes: number } {
  const sizeBytes = extents(pv.sizeBytes - LVM_START_BYTES, group.extentBytes);
  const volumes = [...Object.values(group.volumes).map(({ medium }) => medium), ...storedVolumes(sim, node, group.name)];
  const used = volumes.reduce((sum, volume) => sum + Math.ceil(volume.sizeBytes / group.extentBytes) * group.extentBytes, 0);
  return { sizeBytes, freeBytes: Math.max(0, sizeBytes - used) };
}

function extents(bytes: number, extentBytes: number): number {
  return Math.floor(bytes / extentBytes) * extentBytes;
}

const UUID_LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** LVM's form: 6-4-4-4-4-4-6. */
export function lvmUuid(random: () => number): string {
  const letters = Array.from({ length: 32 }, () => UUID_LETTERS[Math.floor(random() * UUID_LETTERS.length)] ?? '0').join('');
  return letters.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
}

/** The same for the same text: volumes of Proxmox have no uuid in its state. */
export function uuidFrom(text: string): string {
  let state = 7;
  for (const letter of text) state = (Math.imul(state, 31) + letter.charCodeAt(0)) >>> 0;
  return lvmUuid(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}
