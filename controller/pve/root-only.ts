// Options that Proxmox lets only root@pam set, logged in by ticket: not even root's own token.
// Sources: qemu-server API2/Qemu.pm check_vm_modify_config_perm and its neighbours (an option that is in none of its
// lists is root's), pve-container LXC.pm check_ct_modify_config_perm; held by the recorded answers to a token.
import type { Json } from '../model/json.ts';
import type { ApiTables } from './api-tables.ts';
import { canonicalOption, guestOption } from './canonical.ts';
import { familyOf, type Guest, isDisk, optionKeys } from './guest-options.ts';
import { isAtLeast } from './text-check.ts';
import { writtenParts } from './written.ts';

const GRANTABLE = new Set((
  'cores cpu cpulimit cpuunits numa smp sockets vcpus memory balloon shares acpi hotplug kvm machine scsihw smbios1 tablet vga watchdog audio '
  + 'agent autostart bios description keyboard localtime migrate_downtime migrate_speed name onboot ostype protection reboot startdate startup '
  + 'tdf template freeze boot bootdisk vmstatestorage cicustom cipassword citype ciuser ciupgrade nameserver searchdomain sshkeys '
  + 'net ipconfig tags unused virtiofs'
).split(' '));

/** Why only root may set it, or nothing. Proxmox's words where it has some for the option. */
export function rootOnly(tables: ApiTables, guest: Guest, option: string, value: Json): string | undefined {
  return guest === 'qemu' ? rootOnlyOfQemu(tables, option, value) : rootOnlyOfLxc(tables, option, value);
}

function rootOnlyOfQemu(tables: ApiTables, option: string, value: Json): string | undefined {
  const family = familyOf(option);
  if (isDisk('qemu', option)) return keysOf(tables, 'qemu', option, value)['volume']?.startsWith('/') ? 'Only root can pass arbitrary filesystem paths.' : undefined;
  switch (family) {
    case 'serial': return value === 'socket' ? undefined : `only root can set '${option}' config for real devices`;
    case 'usb': {
      const { host } = keysOf(tables, 'qemu', option, value);
      return host !== undefined && host !== 'spice' ? `only root can set '${option}' config for real devices` : undefined;
    }
    case 'hostpci': {
      const { host, romfile } = keysOf(tables, 'qemu', option, value);
      if (host !== undefined) return `only root can set '${option}' config for non-mapped devices`;
      return romfile === undefined ? undefined : "only root@pam can set 'romfile' option";
    }
    case 'rng': return isAtLeast(tables.version, '8.0') ? undefined : `only root can set '${option}' config`;
    case 'allow-ksm': return isAtLeast(tables.version, '9.1') ? undefined : `only root can set '${option}' config`;
    default: return GRANTABLE.has(family) || isCreationOnly(tables, option) ? undefined : `only root can set '${option}' config`;
  }
}

/** Parameters of the creation call that are no options of the configuration (`pool`, `storage`, `start` …). */
function isCreationOnly(tables: ApiTables, option: string): boolean {
  const family = familyOf(option);
  const update = tables.method('PUT', '/nodes/{node}/qemu/{vmid}/config');
  return update !== undefined && !update.params.has(option) && !update.params.has(`${family}[n]`);
}

function rootOnlyOfLxc(tables: ApiTables, option: string, value: Json): string | undefined {
  if (isDisk('lxc', option)) {
    const keys = keysOf(tables, 'lxc', option, value);
    const isVolume = keys['volume'] === undefined || keys['storage'] !== undefined;
    return isVolume ? undefined : `mount point type ${keys['volume']?.startsWith('/dev/') ? 'device' : 'bind'} is only allowed for root@pam`;
  }
  if (familyOf(option) === 'dev') return 'configuring device passthrough is only allowed for root@pam';
  if (option === 'hookscript') return 'changing the hookscript is only allowed for root@pam';
  // By the keys that are written: one that says its default counts as a change, too.
  const isBeyondNesting = option === 'features' && writtenKeys(tables, option, value).some((key) => key !== 'nesting');
  return isBeyondNesting ? 'changing feature flags (except nesting) is only allowed for root@pam' : undefined;
}

function writtenKeys(tables: ApiTables, option: string, value: Json): readonly string[] {
  const parts = writtenParts('lxc', option, optionKeys(guestOption(tables, 'lxc', option) ?? {}) ?? {}, value);
  return 'values' in parts ? Object.keys(parts.values) : [];
}

function keysOf(tables: ApiTables, guest: Guest, option: string, value: Json): Readonly<Record<string, string>> {
  const canonical = canonicalOption(tables, guest, option, value);
  return canonical.as === 'keys' ? canonical.values : {};
}
