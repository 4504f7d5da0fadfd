// What a person writes in a manifest (mapping, list, yes/no, number) or the API answers, as Proxmox's texts.
import type { Json } from '../model/json.ts';
import { isObject } from '../model/json.ts';
import { isOrdered } from './canonical-text.ts';
import { type Guest, isDisk } from './guest-options.ts';
import type { Keys, Param } from './param.ts';
import { defaultKey, gatherProperties, own, type Parts, resolveAlias, splitProperties } from './property-parts.ts';
import { parseSize } from './sizes.ts';
import { printNewVolume } from './volumes.ts';

/** A value that is no property string. Lists are joined by `separator`. */
export function writtenText(param: Param, value: Json, separator = ';'): string {
  if (Array.isArray(value)) return value.map((item: Json) => writtenText({}, item)).join(separator);
  if (typeof value === 'boolean') return booleanText(param, value);
  return isObject(value) ? JSON.stringify(value) : String(value ?? '');
}

/** A whole option that is no property string; lists joined as that option takes them. A container's `env` may be a mapping. */
export function writtenPlain(option: string, param: Param, value: Json): string {
  if (option !== 'env') return writtenText(param, value, param.format === undefined || isOrdered(String(param.format)) ? ' ' : ';');
  const lines = isObject(value) ? Object.entries(value as MappingOfJson).map(([name, inner]) => `${name}=${writtenText({}, inner)}`) : value;
  return writtenText(param, lines, '\0');
}

/** `discard: true` where Proxmox has `on`. */
function booleanText(param: Param, value: boolean): string {
  const word = value ? 'on' : 'off';
  return param.enum?.includes(word) ? word : value ? '1' : '0';
}

/** The keys of a property string from its text or a mapping. A disk's mapping may say `storage` (and `size`) in place of the volume. */
export function writtenParts(guest: Guest, option: string, keys: Keys, value: Json): Parts {
  if (!isObject(value)) return splitProperties(keys, writtenText(soleParam(keys), value));
  const mapping = isDisk(guest, option) ? withVolume(keys, value as MappingOfJson) : (value as MappingOfJson);
  const entries = Object.entries(mapping).filter(([, inner]) => inner !== null);
  return gatherProperties(keys, entries.map(([key, inner]) => [key, writtenText(own(keys, resolveAlias(keys, key)) ?? {}, inner)] as const));
}

type MappingOfJson = Readonly<Record<string, Json>>;

/** `agent: true`, `memory: 512`: a bare value belongs to the default key. */
function soleParam(keys: Keys): Param {
  const key = defaultKey(keys);
  return key === undefined ? {} : (keys[key] as Param);
}

function withVolume(keys: Keys, mapping: MappingOfJson): MappingOfJson {
  const { storage, size, ...rest } = mapping;
  const volumeKey = defaultKey(keys) ?? 'file';
  if (typeof storage !== 'string' || own(keys, 'storage') || rest[volumeKey] !== undefined || rest['volume'] !== undefined || rest['file'] !== undefined) return mapping;
  const bytes = size === undefined || size === null ? 0 : parseSize(String(size));
  return bytes === undefined ? mapping : { [volumeKey]: printNewVolume(storage, bytes), ...rest };
}
