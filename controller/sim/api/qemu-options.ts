// In: the parameters of a create or update call. Out: the VM's options among them in Proxmox's form, or the refusal:
// what only root may set, what a caller has no privilege for.
import type { Simulation } from '../simulation.ts';
import { NOT_OPTIONS, optionParam, storedValue } from '../guest-config.ts';
import { demandOnGuest, demandOnStorage } from '../guests.ts';
import { canonicalNet, isNet } from '../nets.ts';
import { randomUuid } from '../random.ts';
import { isDrive } from '../drives.ts';
import { parseProperties } from '../property-string.ts';
import type { ConfigValue, GuestConfig } from '../state.ts';
import { canonicalTags } from '../tags.ts';
import { parseVolumeId } from '../volumes.ts';
import { ApiError, permissionError, type Call } from './handler.ts';

type Options = Readonly<Record<string, ConfigValue>>;

/** Options that a privilege is enough for, as qemu-server's check_vm_modify_config_perm lists them; all others are root's. */
const PRIVILEGES: readonly (readonly [string, RegExp])[] = [
  ['VM.Config.CPU', /^(cores|cpu|cpulimit|cpuunits|numa\d*|smp|sockets|vcpus)$/],
  ['VM.Config.Memory', /^(memory|balloon|shares|allow-ksm)$/],
  ['VM.Config.HWType', /^(acpi|hotplug|kvm|machine|scsihw|smbios1|tablet|vga|watchdog|audio0|rng0)$/],
  ['VM.Config.Options', /^(agent|autostart|bios|description|keyboard|localtime|migrate_downtime|migrate_speed|name|onboot|ostype|protection|reboot|startdate|startup|tdf|template|tags)$/],
  ['VM.PowerMgmt', /^freeze$/],
  ['VM.Config.Disk', /^(boot|bootdisk|vmstatestorage|unused\d+)$/],
  ['VM.Config.Network', /^net\d+$/],
  ['VM.Config.Cloudinit', /^(cicustom|cipassword|citype|ciuser|ciupgrade|nameserver|searchdomain|sshkeys|ipconfig\d+)$/],
];
/** Options that older releases kept for root. */
const GRANTABLE_SINCE: Readonly<Record<string, number>> = { rng0: 8, 'allow-ksm': 9.1 };

/** Of all parameters those that are options, `cdrom` resolved to `ide2`, network devices and identifiers completed. */
export function optionsOf(call: Call): Record<string, ConfigValue> {
  const options: Record<string, ConfigValue> = {};
  for (const [key, value] of Object.entries(call.params)) {
    if (NOT_OPTIONS.has(key) || typeof value === 'object') continue;
    options[key] = value;
  }
  const cdrom = call.params.cdrom;
  if (typeof cdrom === 'string') {
    if (options.ide2 !== undefined) throw new Error("conflicting options 'ide2' and 'cdrom'");
    options.ide2 = cdrom.includes('media=') ? cdrom : `${cdrom},media=cdrom`;
  }
  return options;
}

/** The value as the configuration file keeps it, or nothing when its line would be empty. */
export function canonicalOption(sim: Simulation, key: string, value: ConfigValue): ConfigValue | undefined {
  if (isNet(key)) return canonicalNet(sim, 'qemu', value);
  if (key === 'tags') return canonicalTags(sim.state, String(value)) || undefined;
  if (key === 'vmgenid' && String(value) === '1') return randomUuid(() => sim.random());
  if (key === 'cpuunits') return Math.min(10_000, Math.max(1, Number(value)));
  return storedValue('qemu', optionParam(sim.tables, 'qemu', key), key, value);
}

export function demandOptions(call: Call, vmid: number, options: Options, pool?: string): void {
  const { caller } = call;
  if (isRoot(call)) return;
  for (const [key, value] of Object.entries(options)) {
    const special = rootOnlyDevice(key, value);
    if (special !== undefined) throw new Error(special);
    if (/^(serial|usb|hostpci|virtiofs)\d+$/.test(key)) demandOnGuest(call, vmid, 'VM.Config.HWType', pool);
    else if (isDrive(key) || key === 'cdrom') demandOnGuest(call, vmid, isCdromOption(value) ? 'VM.Config.CDROM' : 'VM.Config.Disk', pool);
    else demandPlain(call, vmid, key, pool);
  }
  if (options.startup !== undefined && !caller.can('/', 'Sys.Modify')) throw permissionError('/, Sys.Modify');
}

function demandPlain(call: Call, vmid: number, key: string, pool: string | undefined): void {
  const privilege = PRIVILEGES.find(([, pattern]) => pattern.test(key))?.[0];
  if (privilege === undefined || Number(call.version) < (GRANTABLE_SINCE[key] ?? 0)) throw new Error(`only root can set '${key}' config`);
  if (privilege === 'VM.Config.Cloudinit' && call.caller.can(`/vms/${vmid}`, 'VM.Config.Network')) return;
  demandOnGuest(call, vmid, privilege, pool);
}

function rootOnlyDevice(key: string, value: ConfigValue): string | undefined {
  const text = String(value);
  if (/^serial\d+$/.test(key) && text !== 'socket') return `only root can set '${key}' config for real devices`;
  if (/^parallel\d+$/.test(key)) return `only root can set '${key}' config`;
  if (/^usb\d+$/.test(key) && !/^(host=)?spice\b/i.test(text) && !text.includes('mapping=')) return `only root can set '${key}' config for real devices`;
  if (/^hostpci\d+$/.test(key) && !text.includes('mapping=')) return `only root can set '${key}' config for non-mapped devices`;
  return undefined;
}

function isCdromOption(value: ConfigValue): boolean {
  return /(^|,)media=cdrom/.test(String(value));
}

/** root@pam itself: a token of it is somebody else here. */
export function isRoot(call: Call): boolean {
  return call.caller.isRootTicket;
}

/** Space may be allocated only where the caller has the privilege. */
export function demandStorages(call: Call, options: Options, defaultStorage: string | undefined): void {
  for (const [key, value] of Object.entries(options)) {
    if (!isDrive(key)) continue;
    const file = parseProperties({ file: { default_key: 1 }, volume: { alias: 'file' } }, String(value)).file ?? '';
    const storage = /^(?:([^/:\s]+):)?(?:\d+(?:\.\d+)?|cloudinit)$/.exec(file);
    const id = storage ? storage[1] ?? defaultStorage : parseVolumeId(file)?.storage;
    if (id === undefined) continue;
    if (!Object.hasOwn(call.state.storages, id)) throw new Error(`storage '${id}' does not exist`);
    if (storage) demandOnStorage(call, id, 'Datastore.AllocateSpace');
  }
}

export function refuseSkiplock(call: Call): void {
  if (call.params.skiplock === 1 && !isRoot(call)) throw new ApiError(400, 'Parameter verification failed.\n', { skiplock: 'Only root may use this option.' });
}

/** Windows gets the machine version it was made with, for it takes a new one for new hardware. */
export function pinnedMachine(config: GuestConfig, version: string): string | undefined {
  if (!String(config.ostype ?? '').startsWith('w')) return undefined;
  const parts = String(config.machine ?? '').split(',');
  const machine = (parts[0] ?? '').replace(/^type=/, '');
  if (machine !== '' && machine !== 'pc' && machine !== 'q35') return undefined;
  const pinned = `pc-${machine === 'q35' ? 'q35' : 'i440fx'}-${qemuVersion(version).split('.').slice(0, 2).join('.')}`;
  return [pinned, ...parts.slice(1)].join(',');
}

/** The QEMU that came with a release; 9.2 as recorded. */
export function qemuVersion(version: string): string {
  return { '7.4': '7.2.0', '8.4': '9.2.0', '9.0': '10.0.2', '9.1': '10.1.2' }[version] ?? '10.0.13';
}
