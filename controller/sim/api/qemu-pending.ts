// In: a VM with pending changes. Out: the changes that reach it, at once when it is stopped, by hotplug when it runs;
// the others stay pending until the next start.
import { touch } from '../guest-config.ts';
import { isCdrom, isCloudinit, isDrive, parseDrive, volumeIn } from '../drives.ts';
import { parseNet, isNet } from '../nets.ts';
import type { Simulation } from '../simulation.ts';
import type { ConfigValue, GuestConfig, GuestState } from '../state.ts';
import { findVolume, freeVolume } from '../volumes.ts';

/** Options that change nothing of the running process. */
const PLAIN = new Set(['description', 'hookscript', 'lock', 'migrate_downtime', 'migrate_speed', 'name', 'onboot', 'protection', 'shares', 'startup', 'tags', 'vmstatestorage']);
/** A changed value of these needs a new device. */
const FIXED_DISK_KEYS = ['aio', 'discard', 'iothread', 'queues', 'product', 'cache', 'ssd', 'vendor', 'ro'];
const FIXED_NET_KEYS = ['model', 'macaddr', 'queues', 'mtu'];
const UNUSED_MAX = 256;

export type HotplugErrors = Readonly<Record<string, string>>;

/** Everything pending of a stopped VM. */
export function applyPending(sim: Simulation, guest: GuestState): void {
  for (const key of Object.keys(guest.pendingDelete).sort()) {
    if (isDrive(key)) detach(sim, guest, key, guest.pendingDelete[key] === true);
    delete guest.config[key];
    delete guest.pendingDelete[key];
  }
  for (const [key, value] of Object.entries(guest.pending)) {
    const before = guest.config[key];
    if (isDrive(key) && before !== undefined) registerUnused(sim, guest, before, value);
    setOption(guest.config, key, value);
    delete guest.pending[key];
  }
  forgetUsed(guest);
  touch(guest);
}

/** What a running VM takes of its pending changes, limited to `selected`; answers the errors of devices that refuse. */
export function hotplug(sim: Simulation, guest: GuestState, selected: ReadonlySet<string>): HotplugErrors {
  const errors: Record<string, string> = {};
  for (const key of Object.keys(guest.pending)) if (PLAIN.has(key)) take(guest, key);
  const features = hotplugFeatures(guest.config.hotplug);
  for (const key of Object.keys(guest.pendingDelete).sort()) {
    if (!selected.has(key)) continue;
    const outcome = unplug(guest, key, features);
    if (outcome === 'skip') continue;
    if (outcome !== 'done') {
      errors[key] = `hotplug problem - ${outcome}`;
      continue;
    }
    if (isDrive(key)) detach(sim, guest, key, guest.pendingDelete[key] === true);
    delete guest.config[key];
    delete guest.pendingDelete[key];
  }
  for (const [key, value] of Object.entries(guest.pending)) {
    if (!selected.has(key)) continue;
    const outcome = plug(sim, guest, key, value, features);
    if (outcome === 'done') take(guest, key);
    else if (outcome !== 'skip') errors[key] = `hotplug problem - ${outcome}`;
  }
  forgetUsed(guest);
  touch(guest);
  return errors;
}

function take(guest: GuestState, key: string): void {
  setOption(guest.config, key, guest.pending[key] ?? '');
  delete guest.pending[key];
}

/** Pending values that change nothing, and deletions of what is not there, are dropped. */
export function cleanupPending(guest: GuestState): void {
  for (const [key, value] of Object.entries(guest.pending)) if (guest.config[key] === value) delete guest.pending[key];
  for (const key of Object.keys(guest.pendingDelete)) if (guest.config[key] === undefined) delete guest.pendingDelete[key];
  touch(guest);
}

function setOption(config: GuestConfig, key: string, value: ConfigValue): void {
  if (value === '') delete config[key];
  else config[key] = value;
}

export function hotplugFeatures(value: ConfigValue | undefined): ReadonlySet<string> {
  const text = String(value ?? '1');
  return new Set(text === '1' ? ['network', 'disk', 'usb'] : text === '0' ? [] : text.split(/[,; ]+/));
}

type Outcome = 'done' | 'skip' | `${string}\n`;

/** A guest without a running system never lets go of a device. */
function stillBusy(guest: GuestState, device: string): Outcome {
  return guest.behaviour.shutdownMs === undefined ? `error on hot-unplugging device '${device}' - still busy in guest?\n` : 'done';
}

function deviceOf(guest: GuestState, key: string): string {
  return key.startsWith('scsi') && guest.config.scsihw === 'virtio-scsi-single' ? `virtioscsi${key.slice(4)}` : key;
}

function unplug(guest: GuestState, key: string, features: ReadonlySet<string>): Outcome {
  if (PLAIN.has(key) || key === 'cpuunits' || key === 'cpulimit') return 'done';
  if (key === 'hotplug') return /cpu|memory/.test(String(guest.config.hotplug)) ? 'skip' : 'done';
  if (key === 'balloon') return Number(guest.config.balloon) === 0 ? 'skip' : 'done';
  if (key === 'tablet') return features.has('usb') ? 'done' : 'skip';
  if (/^usb\d+$/.test(key)) return usbHotplug(guest, features) ? stillBusy(guest, key) : 'skip';
  if (key === 'vcpus') return features.has('cpu') ? 'done' : 'skip';
  if (isNet(key)) return features.has('network') ? stillBusy(guest, key) : 'skip';
  if (key === 'memory') return features.has('memory') ? 'done' : 'skip';
  if (isDrive(key)) return features.has('disk') && !/^(efidisk|ide|sata|tpmstate)/.test(key) ? stillBusy(guest, deviceOf(guest, key)) : 'skip';
  return 'skip';
}

function usbHotplug(guest: GuestState, features: ReadonlySet<string>): boolean {
  return features.has('usb') && /^(l26|win(8|10|11)|w2k(12|16|19|22|25))/.test(String(guest.config.ostype ?? ''));
}

function plug(sim: Simulation, guest: GuestState, key: string, value: ConfigValue, features: ReadonlySet<string>): Outcome {
  if (key === 'hotplug') return /cpu|memory/.test(`${value},${guest.config.hotplug ?? ''}`) ? 'skip' : 'done';
  if (key === 'tablet') return features.has('usb') ? 'done' : 'skip';
  if (/^usb\d+$/.test(key)) return usbHotplug(guest, features) ? 'done' : 'skip';
  if (key === 'vcpus') return features.has('cpu') ? 'done' : 'skip';
  if (key === 'balloon') return (Number(guest.config.balloon ?? 1) === 0) === (Number(value) === 0) ? 'done' : 'skip';
  if (key === 'memory') return features.has('memory') ? memoryOutcome(guest, value) : 'skip';
  if (key === 'cpuunits' || key === 'cpulimit') return 'done';
  if (key === 'agent') return agentOutcome(guest, value);
  if (isNet(key)) return plugNet(sim, guest, key, value, features);
  return isDrive(key) ? plugDisk(sim, guest, key, value, features) : 'skip';
}

function memoryOutcome(guest: GuestState, value: ConfigValue): Outcome {
  if (guest.config.numa !== 1) return 'numa needs to be enabled for memory hotplug\n';
  return Number(value) < Number(guest.config.memory ?? 512) ? stillBusy(guest, 'dimm0') : 'done';
}

/** Only what the agent is asked to do changes live; the device itself needs a restart. */
function agentOutcome(guest: GuestState, value: ConfigValue): Outcome {
  const isOn = (text: ConfigValue | undefined) => /(^|,)(enabled=)?1(,|$)/.test(String(text ?? ''));
  const device = (text: ConfigValue | undefined) => /type=(\w+)/.exec(String(text ?? ''))?.[1];
  return isOn(value) === isOn(guest.config.agent) && device(value) === device(guest.config.agent) ? 'done' : 'skip';
}

function plugNet(sim: Simulation, guest: GuestState, key: string, value: ConfigValue, features: ReadonlySet<string>): Outcome {
  const before = guest.config[key];
  if (before === undefined) return features.has('network') ? 'done' : 'skip';
  const old = parseNet(sim, 'qemu', before);
  const next = parseNet(sim, 'qemu', value);
  const needsNewDevice = FIXED_NET_KEYS.some((one) => (old[one] ?? '') !== (next[one] ?? '')) || !old.bridge || !next.bridge;
  if (!needsNewDevice) return 'done';
  return features.has('network') ? stillBusy(guest, key) : 'skip';
}

function plugDisk(sim: Simulation, guest: GuestState, key: string, value: ConfigValue, features: ReadonlySet<string>): Outcome {
  if (key === 'efidisk0' || key === 'tpmstate0') return 'skip';
  const before = guest.config[key];
  const isPluggable = features.has('disk') && !/^(ide|sata)/.test(key);
  if (before === undefined) return isPluggable ? 'done' : 'skip';
  if (isCdrom(before) !== isCdrom(value)) return 'unable to change media type\n';
  if (isCdrom(before)) {
    if (isCloudinit(before)) registerUnused(sim, guest, before, value);
    return 'done';
  }
  const old = parseDrive(sim, key, before);
  const next = parseDrive(sim, key, value);
  if (old.file === next.file) return FIXED_DISK_KEYS.some((one) => (old[one] ?? '') !== (next[one] ?? '')) ? 'skip' : 'done';
  if (!features.has('disk')) return 'skip';
  const outcome = stillBusy(guest, deviceOf(guest, key));
  if (outcome === 'done') registerUnused(sim, guest, before, value);
  return outcome === 'done' && !isPluggable ? 'skip' : outcome;
}

/** A removed disk stays as `unusedN`; with `force`, and for cloud-init drives, the volume goes. */
function detach(sim: Simulation, guest: GuestState, key: string, force: boolean): void {
  const value = guest.config[key];
  const volid = value === undefined ? undefined : volumeIn(value);
  if (value === undefined || volid === undefined) return;
  if (force && !isCdrom(value)) return freeOwned(sim, guest, volid);
  registerUnused(sim, guest, value, '');
}

/** A drive that leaves its place: its volume is kept as `unusedN`, unless the new value still names it. */
export function registerUnused(sim: Simulation, guest: GuestState, value: ConfigValue, next: ConfigValue): void {
  const volid = volumeIn(value);
  if (volid === undefined || volid === volumeIn(next)) return;
  if (isCloudinit(value)) return freeOwned(sim, guest, volid);
  const isOwned = findVolume(sim.state, guest.node, volid)?.vmid === guest.vmid;
  if (isCdrom(value) || !isOwned) return;
  addUnused(guest, volid);
}

export function addUnused(guest: GuestState, volid: string): void {
  const names = Array.from({ length: UNUSED_MAX }, (_none, index) => `unused${index}`);
  if (names.some((name) => guest.config[name] === volid)) return;
  const free = names.find((name) => guest.config[name] === undefined);
  if (free === undefined) throw new Error('Too many unused volumes - please delete them first.');
  guest.config[free] = volid;
}

export function freeOwned(sim: Simulation, guest: GuestState, volid: string): void {
  if (findVolume(sim.state, guest.node, volid)?.vmid === guest.vmid) freeVolume(sim.state, guest.node, volid);
}

/** `unusedN` goes when its volume is attached again. */
function forgetUsed(guest: GuestState): void {
  const used = new Set(Object.entries(guest.config).flatMap(([key, value]) => (isDrive(key) ? [volumeIn(value)] : [])));
  for (const [key, value] of Object.entries(guest.config)) if (key.startsWith('unused') && used.has(volumeIn(value))) delete guest.config[key];
}
