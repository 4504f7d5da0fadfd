// In: an option of a guest as a manifest writes it. Out: the text to send to Proxmox. For a guest that exists, the
// keys that Proxmox generated are sent as they are: a network card sent without its address would get a new one.
import type { Json } from '../model/json.ts';
import type { ApiTables } from './api-tables.ts';
import { guestOption, sshKeys } from './canonical.ts';
import { familyOf, type Guest, isDisk, optionKeys } from './guest-options.ts';
import type { Keys, Param } from './param.ts';
import { defaultKey, parseBoolean, printProperties } from './property-parts.ts';
import { parseVolume } from './volumes.ts';
import { writtenParts, writtenPlain, writtenText } from './written.ts';

/** What creates the option. A property string that cannot be taken apart is sent as written: Proxmox says what is wrong with it. */
export function toRequest(tables: ApiTables, guest: Guest, option: string, value: Json): string {
  return updateRequest(tables, guest, option, value, undefined);
}

/** What brings the option to `value` while its generated keys (address, volume, size) stay those of `live`. */
export function updateRequest(tables: ApiTables, guest: Guest, option: string, value: Json, live: Json | undefined): string {
  const param = guestOption(tables, guest, option) ?? {};
  const keys = optionKeys(param);
  if (!keys) return plainRequest(option, param, value);
  const parts = writtenParts(guest, option, keys, value);
  if ('complaint' in parts) return writtenText({}, value);
  const before = live === undefined || live === null ? undefined : writtenParts(guest, option, keys, live);
  const kept = before && 'values' in before ? keptOf(guest, option, keys, parts.values, before.values) : parts.values;
  return option === 'startup' ? printProperties(withoutDefault(keys), kept) : printProperties(keys, kept);
}

/** `order=1,up=30`: Proxmox would take a bare 1, too, but nobody writes it so. */
function withoutDefault(keys: Keys): Keys {
  return Object.fromEntries(Object.entries(keys).map(([key, param]) => [key, { ...param, default_key: undefined }]));
}

type Values = Readonly<Record<string, string>>;

function keptOf(guest: Guest, option: string, keys: Keys, values: Values, live: Values): Values {
  if (isDisk(guest, option)) return withVolumeOf(defaultKey(keys) ?? 'file', values, live);
  const generated = familyOf(option) === 'net' ? ['macaddr', 'hwaddr'] : option === 'smbios1' ? ['uuid'] : [];
  const missing = generated.filter((key) => values[key] === undefined && live[key] !== undefined);
  return { ...values, ...Object.fromEntries(missing.map((key) => [key, live[key] as string])) };
}

/** A disk on the wished storage stays the volume it is; its size is changed by resize, never here. */
function withVolumeOf(volumeKey: string, values: Values, live: Values): Values {
  const wanted = parseVolume(values[volumeKey] ?? '');
  const present = parseVolume(live[volumeKey] ?? '');
  const stays = values[volumeKey] === undefined
    || (wanted.kind === 'new' && present.kind === 'existing' && present.storage === wanted.storage)
    || (wanted.kind === 'cloud-init' && present.kind === 'cloud-init' && present.storage === wanted.storage);
  if (!stays) return values;
  const { 'import-from': _source, format: _format, ...rest } = values;
  // Proxmox refuses to turn the cloud-init drive, a CD-ROM, into a disk.
  const media: Values = present.kind === 'cloud-init' && live['media'] !== undefined ? { media: live['media'] } : {};
  return { ...media, ...rest, [volumeKey]: live[volumeKey] as string, ...(live['size'] === undefined ? {} : { size: live['size'] }) };
}

function plainRequest(option: string, param: Param, value: Json): string {
  if (option === 'sshkeys') return encodeURIComponent(`${sshKeys(value).join('\n')}\n`);
  if (option === 'hotplug' && Array.isArray(value)) return value.length === 0 ? '0' : writtenText(param, value, ',');
  const text = writtenPlain(option, param, value);
  if (option === 'description') return text.replace(/\n+$/, '');
  return param.type === 'boolean' ? (parseBoolean(text) ?? text) : text;
}
