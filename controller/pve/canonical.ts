// In: one option of a guest as a manifest writes it, or as the API answers it. Out: a canonical form, so that the
// two are equal iff they mean the same; and whether desired and live differ. Must never call two things equal that
// Proxmox treats differently, nor different what Proxmox only spells differently.
import type { Json } from '../model/json.ts';
import { type ApiTables, paramOf } from './api-tables.ts';
import { canonicalSet, canonicalText } from './canonical-text.ts';
import { defaultOf, familyOf, type Guest, hasFixedSize, isDevice, isDisk, isGenerated, isSecret, isSet, isWrittenByProxmox, optionKeys } from './guest-options.ts';
import type { Keys, Param } from './param.ts';
import { defaultKey } from './property-parts.ts';
import { parseVolume, type Volume } from './volumes.ts';
import { writtenParts, writtenPlain, writtenText } from './written.ts';

export type Canonical =
  /** Not set, or set to what not being set means. */
  | { readonly as: 'absent' }
  | { readonly as: 'text'; readonly text: string }
  /** A property string without the keys that hold their default. Disks: `storage` and `volume` in place of the file; sizes in bytes. */
  | { readonly as: 'keys'; readonly values: Readonly<Record<string, string>> }
  /** A secret: that it is set is known, what it is can never be compared. */
  | { readonly as: 'secret' }
  /** Written by Proxmox itself; equal to anything. */
  | { readonly as: 'generated' };

const ABSENT: Canonical = { as: 'absent' };

/** The definition of an option of guests, from the API's method that creates them. */
export function guestOption(tables: ApiTables, guest: Guest, option: string): Param | undefined {
  const method = tables.method('POST', `/nodes/{node}/${guest}`);
  return method && paramOf(method, option);
}

/** A value that does not pass check.ts keeps its text, so it equals nothing but itself. */
export function canonicalOption(tables: ApiTables, guest: Guest, option: string, value: Json | undefined): Canonical {
  if (value === undefined || value === null || value === '') return ABSENT;
  if (isWrittenByProxmox(option)) return { as: 'generated' };
  if (isSecret(option)) return { as: 'secret' };
  const param = guestOption(tables, guest, option) ?? {};
  const special = SPECIAL[option];
  if (special) return special(value);
  const keys = optionKeys(param);
  if (!keys) return canonicalScalar(guest, option, param, value);
  const parts = writtenParts(guest, option, keys, value);
  if ('complaint' in parts) return { as: 'text', text: writtenText({}, value) };
  return canonicalKeys(guest, option, keys, parts.values);
}

/** Whether `live` is not what the manifest asks for. Keys that it leaves out must hold their default, but for those that Proxmox generates. */
export function diffOption(tables: ApiTables, guest: Guest, option: string, desired: Json | undefined, live: Json | undefined): 'same' | 'different' {
  const want = canonicalOption(tables, guest, option, desired);
  const have = canonicalOption(tables, guest, option, live);
  return isSatisfied(guest, option, want, have) ? 'same' : 'different';
}

function isSatisfied(guest: Guest, option: string, want: Canonical, have: Canonical): boolean {
  if (want.as === 'generated') return true;
  if (want.as !== have.as) return isAutomatic(want) && have.as === 'text';
  if (want.as === 'keys' && have.as === 'keys') return hasKeys(guest, option, want.values, have.values);
  return want.as !== 'text' || have.as !== 'text' || want.text === have.text || isAutomatic(want);
}

/** `vmgenid: 1` asks Proxmox to make one up. */
const isAutomatic = (want: Canonical): boolean => want.as === 'text' && want.text === AUTOMATIC;
const AUTOMATIC = 'automatic';

type Values = Readonly<Record<string, string>>;

function hasKeys(guest: Guest, option: string, want: Values, have: Values): boolean {
  const keys = new Set([...Object.keys(want), ...Object.keys(have)]);
  return [...keys].every((key) => {
    if (want[key] === have[key]) return true;
    if (want[key] === undefined) return isGenerated(guest, option, key);
    // Only some storages tell a volume's format by its name.
    if (key === 'format' && have[key] === undefined) return true;
    return option === 'machine' && key === 'type' && isPinned(want[key], have[key]);
  });
}

/** Proxmox pins the machine of Windows guests to a version: `q35` becomes `pc-q35-9.2+pve1`. */
function isPinned(want: string | undefined, have: string | undefined): boolean {
  const base = want === 'pc' ? 'pc-i440fx-' : want === 'q35' ? 'pc-q35-' : want === 'virt' ? 'virt-' : undefined;
  return base !== undefined && have !== undefined && have.startsWith(base);
}

const SPECIAL: Readonly<Record<string, (value: Json) => Canonical>> = {
  // Some endpoints give it back with a newline at its end.
  description: (value) => textOrAbsent(String(value).replaceAll('\r\n', '\n').replace(/\n+$/, '')),
  sshkeys: (value) => textOrAbsent(sshKeys(value).toSorted().join('\n')),
  vmgenid: (value) => {
    const text = writtenText({}, value).toLowerCase();
    return text === '0' ? ABSENT : { as: 'text', text: text === '1' ? AUTOMATIC : text };
  },
  hotplug: (value) => {
    const text = Array.isArray(value) && value.length === 0 ? '0' : writtenText({}, value, ',');
    if (text === '1') return ABSENT;
    const features = text === '0' ? '0' : canonicalSet(text);
    return features === 'disk;network;usb' ? ABSENT : { as: 'text', text: features };
  },
};

/** The public keys in a text (percent-encoded or not) or list, one each. */
export function sshKeys(value: Json): readonly string[] {
  const text = writtenText({}, value, '\n');
  const isEncoded = /^[-%a-zA-Z0-9_.!~*'()]*$/.test(text) && text.includes('%');
  return [...new Set((isEncoded ? decode(text) : text).split('\n').map((line) => line.trim()).filter((line) => line !== ''))];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function textOrAbsent(text: string): Canonical {
  return text === '' ? ABSENT : { as: 'text', text };
}

function canonicalScalar(guest: Guest, option: string, param: Param, value: Json): Canonical {
  // The configuration file keeps no blanks around a value.
  const text = clamped(option, canonicalText(param, writtenPlain(option, param, value).trim()));
  const byDefault = defaultOf(guest, option, undefined, param);
  return byDefault !== undefined && canonicalText(param, byDefault) === text ? ABSENT : textOrAbsent(text);
}

/** Control groups of version 2 know shares up to 10000; Proxmox stores what it can set. */
function clamped(option: string, text: string): string {
  return option === 'cpuunits' && Number.isFinite(Number(text)) ? String(Math.min(SHARES_MAX, Math.max(1, Number(text)))) : text;
}

const SHARES_MAX = 10_000;

function canonicalKeys(guest: Guest, option: string, keys: Keys, parts: Values): Canonical {
  const values: Record<string, string> = {};
  const volumeKey = isDisk(guest, option) ? defaultKey(keys) : undefined;
  for (const [key, text] of Object.entries(parts)) {
    if (key === 'import-from' || key === volumeKey || (key === 'size' && hasFixedSize(option))) continue;
    const param = keys[key] ?? {};
    const canonical = canonicalKey(option, key, param, text);
    const byDefault = defaultOf(guest, option, key, param);
    if (byDefault === undefined || canonicalKey(option, key, param, byDefault) !== canonical) values[key] = canonical;
  }
  if (volumeKey !== undefined && parts[volumeKey] !== undefined) Object.assign(values, volumeValues(option, parseVolume(parts[volumeKey])));
  inMegabytes(values);
  return Object.keys(values).length === 0 && !isDevice(option) ? ABSENT : { as: 'keys', values };
}

function canonicalKey(option: string, key: string, param: Param, text: string): string {
  if (key === 'host' && familyOf(option) === 'usb') return text.toLowerCase().replaceAll('0x', '');
  if (key === 'host' && familyOf(option) === 'hostpci') return canonicalSet(text.split(';').map(fullPciAddress).join(';'));
  if (key === 'uuid') return text.toLowerCase();
  if (isSet(option, key)) return canonicalSet(text);
  return canonicalText(param, text);
}

function fullPciAddress(text: string): string {
  return /^[a-f0-9]{2}:/i.test(text) ? `0000:${text}` : text;
}

function volumeValues(option: string, volume: Volume): Record<string, string> {
  switch (volume.kind) {
    case 'new': return { storage: volume.storage, ...(volume.bytes > 0 && !hasFixedSize(option) ? { size: String(volume.bytes) } : {}) };
    case 'cloud-init': return { storage: volume.storage, volume: 'cloudinit', media: 'cdrom' };
    case 'existing': return { storage: volume.storage, volume: volume.id, ...(volume.format === undefined ? {} : { format: volume.format }) };
    case 'outside': return { volume: volume.text, ...(volume.text === 'none' || volume.text === 'cdrom' ? { media: 'cdrom' } : {}) };
  }
}

/** Proxmox stores limits given in bytes per second as megabytes with three decimals. */
function inMegabytes(values: Record<string, string>): void {
  for (const key of ['bps', 'bps_rd', 'bps_wr']) {
    const bytes = values[key];
    if (bytes === undefined) continue;
    delete values[key];
    values[`m${key}`] = String(Number((Number(bytes) / 1024 ** 2).toFixed(3)));
  }
}
