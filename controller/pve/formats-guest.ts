// Named formats of guests' options and of schedules. A check gives Proxmox's complaint, or nothing.
// Sources: qemu-server QemuServer.pm, Drive.pm, CPUConfig.pm, USB.pm; pve-container LXC/Config.pm; pve-common
// JSONSchema.pm and the calendar events of proxmox-time; pve-manager Backup.pm and Nodes.pm.
import { familyLast, splitFamily } from './families.ts';
import { parseSize } from './sizes.ts';
import { splitList, type TextCheck, textCheck } from './text-check.ts';

export const HOTPLUG_FEATURES = ['network', 'disk', 'cpu', 'memory', 'usb', 'cloudinit'] as const;
/** What `hotplug: 1` and no `hotplug` at all mean. */
export const HOTPLUG_DEFAULT = 'network,disk,usb';

const isVolumeId = (text: string): boolean => /^[a-z][a-z0-9\-_.]*[a-z0-9]:.+$/i.test(text);
const isDriveName = (text: string): boolean => text === 'efidisk0' || text === 'tpmstate0' || isMember(text, ['ide', 'sata', 'scsi', 'virtio']);

function isMember(name: string, families: readonly string[]): boolean {
  const parts = splitFamily(name);
  return !!parts && families.includes(parts.family) && parts.index <= (familyLast('/qemu', parts.family) ?? -1);
}

function volumeId(text: string): string | undefined {
  return isVolumeId(text) ? undefined : `unable to parse volume ID '${text}'`;
}

function hotplug(text: string): string | undefined {
  if (text === '0' || text === '1') return undefined;
  const wrong = splitList(text).find((feature) => !(HOTPLUG_FEATURES as readonly string[]).includes(feature));
  return wrong === undefined ? undefined : `invalid hotplug feature '${wrong}'`;
}

function startupOrder(text: string): string | undefined {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  const isGood = text !== '' && text !== '0' && parts.every((part) => /^(?:(?:order=)?\d+|up=\d+|down=\d+)$/.test(part));
  return isGood ? undefined : 'unable to parse startup options';
}

function cpuSet(text: string): string | undefined {
  const isGood = text.split(',').every((part, at, parts) => {
    if (part === '' && parts.slice(at).every((later) => later === '')) return true; // Perl drops empty parts at the end
    const range = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
    return range !== null && Number(range[2] ?? range[1]) >= Number(range[1]);
  });
  return isGood ? undefined : 'unable to parse cpuset option';
}

function physicalBits(text: string): string | undefined {
  const isGood = text === 'host' || (/^\d{1,2}$/.test(text) && Number(text) >= 8 && Number(text) <= 64);
  return isGood ? undefined : "value must be an integer between 8 and 64 or 'host'";
}

function timezone(text: string): string | undefined {
  return text === 'UTC' || isGeographicZone(text) ? undefined : `invalid time zone '${text}'`;
}

/** Proxmox reads zone.tab, which lists places (`Europe/Vienna`), not `Etc/…` nor the POSIX names. */
function isGeographicZone(text: string): boolean {
  if (!/^[A-Z][A-Za-z_]+(?:\/[A-Za-z0-9_+-]+){1,2}$/.test(text) || text.startsWith('Etc/')) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function lxcDevice(text: string): string | undefined {
  return text.startsWith('/dev/') && !/\/\.\.?(?:\/|$)/.test(text) ? undefined : `${text} is not a valid device path`;
}

function lxcMount(text: string): string | undefined {
  const isBad = /\/\.\.?\//.test(text) || /\/\.\.?$/.test(text) || text.startsWith('../');
  return isBad ? `${text} contains illegal character sequences` : undefined;
}

function tfaSecret(text: string): string | undefined {
  const isGood = /^v2-0x[0-9a-fA-F]{16,128}$/.test(text) || /^v2-[A-Z2-7=]{16,128}$/.test(text) || /^(?:[A-Z2-7=]{16}|[A-Fa-f0-9]{40})$/.test(text);
  return isGood ? undefined : 'unable to decode TFA secret';
}

function commandBatch(text: string): string | undefined {
  try {
    return Array.isArray(JSON.parse(text)) ? undefined : 'commands is not a valid array of commands: type check (\'array\') failed';
  } catch (error) {
    return `commands param did not contain valid JSON: ${error instanceof Error ? error.message : ''}`;
  }
}

const DAYS = '(?:mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:r|rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)';
const DAY_LIST = `${DAYS}(?:(?:\\.\\.|-)${DAYS})?(?:,${DAYS}(?:(?:\\.\\.|-)${DAYS})?)*`;
const VALUE = '(?:\\*|\\d+(?:\\.\\.\\d+)?)(?:/\\d+)?';
const VALUES = `${VALUE}(?:,${VALUE})*`;
const DATE = `(?:${VALUES}-)?${VALUES}-${VALUES}`;
const TIME = `${VALUES}(?::${VALUES}){0,2}`;
const KEYWORDS = 'minutely|hourly|daily|weekly|monthly|yearly|annually|quarterly|semiannually|semi-annually';
const IS_EVENT = new RegExp(`^(?:${KEYWORDS}|(?:${DAY_LIST})?(?:(?:^|\\s+)${DATE})?(?:(?:^|\\s+)${TIME})?(?:\\s+UTC)?)$`, 'i');

function calendarEvent(text: string): string | undefined {
  const event = text.trim();
  if (event === '') return `invalid calendar event '${text}' - unable to parse calendar event - event is empty\n`;
  return IS_EVENT.test(event) && hasTimeInRange(event) ? undefined : `invalid calendar event '${text}' - unable to parse calendar event '${event}'\n`;
}

/** Hours below 24, minutes and seconds below 60 in the time of an event that has the right shape. */
function hasTimeInRange(event: string): boolean {
  const time = event.replace(/\s+UTC$/i, '').split(/\s+/).at(-1) ?? '';
  if (!/^[\d*]/.test(time) || time.includes('-')) return true;
  const fields = time.split(':');
  const limits = fields.length === 1 ? [60] : [24, 60, 60]; // a lone field is minutes of each hour
  return fields.every((field, at) => field.split(',').every((value) => {
    const starts = (value.split('/')[0] as string).split('..').map(Number);
    return starts.every((start) => Number.isNaN(start) || start < (limits[at] as number));
  }));
}

const isUsbDevice = (text: string): boolean => /^(?:(?:0x)?[0-9A-Fa-f]{4}:(?:0x)?[0-9A-Fa-f]{4}|\d+-\d+(?:\.\d+)*|spice)$/i.test(text);

export const guestFormats: Readonly<Record<string, TextCheck>> = {
  'disk-size': textCheck((text) => parseSize(text) !== undefined, (text) => `value does not look like a valid disk size: ${text}`),
  'pve-volume-id': volumeId,
  'pve-volume-id-or-absolute-path': (text) => (text.startsWith('/') ? undefined : volumeId(text)),
  'pve-volume-id-or-qm-path': (text) => (text === 'none' || text === 'cdrom' || text.startsWith('/') ? undefined : volumeId(text)),
  'pve-qm-bootdisk': textCheck(isDriveName, (text) => `invalid boot disk '${text}'`),
  'pve-qm-bootdev': textCheck(
    (text) => isMember(text, ['ide', 'sata', 'scsi', 'virtio', 'net', 'usb', 'hostpci']),
    (text) => `invalid boot device '${text}'`,
  ),
  'pve-qm-usb-device': textCheck(isUsbDevice, () => 'unable to parse usb device'),
  'pve-hotplug-features': hotplug,
  'pve-startup-order': startupOrder,
  'pve-cpuset': cpuSet,
  'pve-phys-bits': physicalBits,
  'pve-lxc-mp-string': lxcMount,
  'pve-lxc-dev-string': lxcDevice,
  timezone,
  'pve-ct-timezone': (text) => (text === 'host' ? undefined : timezone(text)),
  'pve-day-of-week': textCheck((text) => /^(?:mon|tue|wed|thu|fri|sat|sun)$/.test(text), (text) => `invalid day '${text}'`),
  'pve-calendar-event': calendarEvent,
  'pve-tfa-secret': tfaSecret,
  'pve-command-batch': commandBatch,
};
