// In: disk slots of the manifest and of the guest. Out: attach, resize, move, detach, change, or a refusal. Pure.
// Must never touch a disk that no manifest ever named, and never shrink one.
import type { Subject } from '../../model/change.ts';
import type { GuestType } from '../../model/facts.ts';
import type { Json } from '../../model/json.ts';
import type { KindContext } from '../../model/kind.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { printSize } from '../../pve/sizes.ts';
import { allocation, compareSize, hasFixedSize, isDiskSlot, ownerOf, parseDesiredDisk, parseLiveDisk, printDisk } from './disks.ts';
import type { DesiredDisk, LiveDisk } from './disks.ts';
import type { GuestLive } from './live.ts';
import { changeEffect, diffOption } from './options.ts';
import type { Op } from './ops.ts';
import { chooseStorage } from './placement.ts';
import type { GuestSpec } from './spec.ts';

/** A cloud-init drive and what has no size of its own is allocated in this size, which Proxmox ignores. */
const ANY_SIZE = 2 ** 30;

export function diskOps(tables: ApiTables, type: GuestType, subject: Subject<GuestSpec>, live: GuestLive, context: KindContext): readonly Op[] {
  const config = subject.desired?.spec.config ?? {};
  const running = live.guest.status !== 'stopped';
  const slots = Object.keys(config).filter((option) => isDiskSlot(type, option)).sort();
  const gone = (subject.memory?.fields ?? []).map((path) => path.replace(/^config\./, '')).filter((option) => isDiskSlot(type, option) && !(option in config)).sort();
  return [
    ...slots.flatMap((slot) => slotOps(tables, type, slot, config[slot] ?? null, live, running, context)),
    ...gone.flatMap((slot) => detachOps(tables, type, slot, subject.desired?.spec.reclaim === 'delete', live, running)),
  ];
}

function slotOps(tables: ApiTables, type: GuestType, slot: string, value: Json, live: GuestLive, running: boolean, context: KindContext): readonly Op[] {
  const wanted = parseDesiredDisk(type, value);
  if ('problem' in wanted) return [{ op: 'refused', path: `config.${slot}`, from: live.config[slot], to: value, reason: wanted.problem }];
  const text = live.config[slot];
  if (text === undefined) return [attachOp(tables, type, slot, wanted, value, live, running, context)];
  const disk = measured(type, slot, String(text), live);
  const copies = [...fileOps(slot, wanted, disk, text, value), ...sizeOps(slot, wanted, disk)];
  const options = optionOps(tables, type, slot, wanted, disk, live, running);
  // A running guest does not have it yet, so that Proxmox can neither grow nor move it: the plan after the restart does.
  const isAwaited = running && live.current[slot] === undefined;
  if (isAwaited && copies.some((op) => op.op === 'resize' || op.op === 'move-disk')) return [{ op: 'waits', options: [slot] }, ...options];
  return copies.some((op) => op.op === 'move-disk') ? movedOps(slot, copies, options, live) : [...copies, ...options];
}

/** What waits for a restart names the volume as it was: it must not be there while the disk moves to another. */
function movedOps(slot: string, copies: readonly Op[], options: readonly Op[], live: GuestLive): readonly Op[] {
  if (live.pending.includes(slot)) {
    const reason = `a change of ${slot} waits for a restart and names the volume as it is now: restart the guest, then it can move`;
    return [...copies.map((op): Op => (op.op === 'move-disk' ? { op: 'refused', path: `config.${slot}.storage`, from: op.from, to: op.to, reason } : op)), ...options];
  }
  const waits = options.some((op) => 'effect' in op && op.effect === 'restart');
  return [...copies, ...(waits ? [{ op: 'after-move', slot } as const] : options)];
}

/** The disk as it will be after a restart, in the size that it has now: what waits was written before a disk grew. */
function measured(type: GuestType, slot: string, text: string, live: GuestLive): LiveDisk {
  const disk = parseLiveDisk(text, type);
  const now = live.current[slot] === undefined ? undefined : parseLiveDisk(String(live.current[slot]), type);
  return now?.file === disk.file ? { ...disk, bytes: now.bytes } : disk;
}

function attachOp(tables: ApiTables, type: GuestType, slot: string, wanted: DesiredDisk, value: Json, live: GuestLive, running: boolean, context: KindContext): Op {
  const effect = changeEffect(tables, type, slot, value, live, running);
  if (slot === 'rootfs') return { op: 'refused', path: 'config.rootfs', from: undefined, to: value, reason: 'a root file system cannot be given to an existing container' };
  const owner = wanted.type === 'given' ? ownerOf(wanted.file) : undefined;
  if (owner !== undefined && owner !== live.guest.vmid && context.facts.guests.has(owner)) {
    return { op: 'refused', path: `config.${slot}`, from: undefined, to: value, reason: `the volume is of guest ${owner}: two guests that write to one volume destroy what is on it` };
  }
  const made = newDisk(type, slot, wanted, live.guest.node, context);
  return { op: 'attach', slot, to: value, effect: effect.effect === 'refused' ? 'restart' : effect.effect, ...made };
}

export interface NewDisk { readonly request: string; readonly storage?: string; readonly bytes?: number; readonly note?: string; readonly full?: boolean }

/** What to send so that Proxmox makes or attaches the disk. */
export function newDisk(type: GuestType, slot: string, wanted: DesiredDisk, node: string, context: KindContext, importFrom?: string): NewDisk {
  if (wanted.type === 'given') return { request: printDisk(wanted.file, wanted.options) };
  const bytes = wanted.type === 'volume' && !hasFixedSize(slot) ? wanted.bytes ?? ANY_SIZE : ANY_SIZE;
  const choice = chooseStorage(wanted.storages, wanted.type === 'volume' && !hasFixedSize(slot) ? bytes : 4 * 2 ** 20, node, context.facts);
  const more = { storage: choice.storage, ...(choice.note ? { note: `${slot}: ${choice.note}` } : {}), ...(choice.full ? { full: true } : {}) };
  if (wanted.type === 'cloudinit') return { request: printDisk(`${choice.storage}:cloudinit`, wanted.options), ...more };
  if (importFrom !== undefined) return { request: printDisk(`${choice.storage}:0`, { ...wanted.options, 'import-from': importFrom }), bytes, ...more };
  return { request: printDisk(allocation(choice.storage, bytes), wanted.options), ...(hasFixedSize(slot) ? {} : { bytes }), ...more };
}

/** Another medium in a drive is a change of the option; another storage of a volume is a move; anything else is refused. */
function fileOps(slot: string, wanted: DesiredDisk, disk: LiveDisk, text: string | number, value: Json): readonly Op[] {
  if (wanted.type === 'given') {
    if (wanted.file === disk.file) return [];
    if (wanted.options.media === 'cdrom' && disk.cdrom && !disk.cloudinit) {
      return [{ op: 'set', option: slot, request: printDisk(wanted.file, { ...disk.options, ...wanted.options }), from: String(text), to: value, effect: 'live' }];
    }
    return [{ op: 'refused', path: `config.${slot}`, from: String(text), to: value, reason: `${slot} holds ${disk.file}: detach it first (take the slot out of the manifest), then give the other file` }];
  }
  if (wanted.type === 'cloudinit') {
    return disk.cloudinit ? [] : [{ op: 'refused', path: `config.${slot}`, from: String(text), to: value, reason: `${slot} is not a cloud-init drive: detach what is there first` }];
  }
  if (disk.storage === undefined || disk.cdrom) {
    return [{ op: 'refused', path: `config.${slot}`, from: String(text), to: value, reason: `${slot} holds ${disk.file}, which is not a volume: detach it first` }];
  }
  const to = wanted.storages[0];
  if (to === undefined || wanted.storages.includes(disk.storage)) return [];
  return [{ op: 'move-disk', slot, from: disk.storage, to, bytes: disk.bytes }];
}

function sizeOps(slot: string, wanted: DesiredDisk, disk: LiveDisk): readonly Op[] {
  if (wanted.type !== 'volume' || wanted.bytes === undefined || disk.bytes === undefined || hasFixedSize(slot)) return [];
  const compared = compareSize(wanted.bytes, disk.bytes);
  if (compared === 'same') return [];
  if (compared === 'grow') return [{ op: 'resize', slot, from: disk.bytes, to: wanted.bytes }];
  return [{ op: 'refused', path: `config.${slot}.size`, from: printSize(disk.bytes), to: printSize(wanted.bytes), reason: 'a disk is never shrunk: what is stored behind the new end would be lost' }];
}

/** Options are compared on the file and size that are there, so that only what a person writes can differ. */
function optionOps(tables: ApiTables, type: GuestType, slot: string, wanted: DesiredDisk, disk: LiveDisk, live: GuestLive, running: boolean): readonly Op[] {
  if (wanted.type === 'given' && wanted.file !== disk.file) return [];
  // Written after the disk has grown, or the old size would come back with the restart.
  const bytes = wanted.type === 'volume' && disk.bytes !== undefined && !hasFixedSize(slot) ? Math.max(wanted.bytes ?? 0, disk.bytes) : disk.bytes;
  const fixed = { ...(bytes === undefined ? {} : { size: printSize(bytes) }), ...(disk.cloudinit ? { media: 'cdrom' } : {}) };
  const liveText = printDisk(disk.file, { ...disk.options, ...fixed });
  const wantedText = printDisk(disk.file, { ...wanted.options, ...fixed });
  if (diffOption(tables, type, slot, wantedText, liveText) === 'same' && !hasOutgrown(type, slot, live, bytes)) return [];
  const [from, to] = [pick(disk.options), pick(wanted.options)];
  if (hasFixedSize(slot)) return [{ op: 'refused', path: `config.${slot}`, from, to, reason: `${slot} keeps the options that it was made with: detach it and make a new one` }];
  if (slot === 'rootfs') return [{ op: 'refused', path: 'config.rootfs', from, to, reason: 'Proxmox VE damages a container whose rootfs is written: set its options with pct on the node' }];
  const { effect } = changeEffect(tables, type, slot, wantedText, live, running);
  return [{ op: 'set', option: slot, request: wantedText, from: live.config[slot], to: wantedText, effect: effect === 'refused' ? 'restart' : effect }];
}

/** What waits for the restart names a smaller size than the disk has, or is to have. */
function hasOutgrown(type: GuestType, slot: string, live: GuestLive, bytes: number | undefined): boolean {
  const [now, next] = [live.current[slot], live.config[slot]];
  if (bytes === undefined || now === undefined || next === undefined || now === next) return false;
  const waiting = parseLiveDisk(String(next), type);
  return waiting.file === parseLiveDisk(String(now), type).file && waiting.bytes !== undefined && compareSize(bytes, waiting.bytes) === 'grow';
}

function pick(options: Readonly<Record<string, string>>): string {
  return Object.keys(options).sort().map((key) => `${key}=${options[key]}`).join(',') || 'defaults';
}

function detachOps(tables: ApiTables, type: GuestType, slot: string, destroy: boolean, live: GuestLive, running: boolean): readonly Op[] {
  const text = live.config[slot];
  if (text === undefined) return [];
  const disk = parseLiveDisk(String(text), type);
  if (slot === 'rootfs') return [{ op: 'refused', path: 'config.rootfs', from: String(text), to: undefined, reason: 'a container keeps its root file system' }];
  const { effect } = changeEffect(tables, type, slot, null, live, running);
  // A slot whose change waits for a restart holds one volume now and another then: Proxmox would destroy the first, and
  // the manifest meant the second. A container's volumes only become unused ones.
  const isOne = live.current[slot] !== undefined && parseLiveDisk(String(live.current[slot]), type).file === disk.file;
  const inUse = running && !disk.cdrom && live.current[slot] !== undefined;
  return [{ op: 'detach', slot, volume: disk.file, bytes: disk.bytes, destroy: destroy && type === 'qemu' && isOne && disk.storage !== undefined && !disk.cdrom, effect: effect === 'refused' ? 'restart' : effect, ...(inUse ? { inUse } : {}) }];
}
