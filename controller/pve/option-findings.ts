// In: one option of a guest as a manifest writes it. Out: everything wrong with it, each with the key it is about and
// the nearest right name. The texts are Proxmox's, but for what Proxmox never gets to see.
import { isObject, type Json } from '../model/json.ts';
import type { ApiTables } from './api-tables.ts';
import { guestOption } from './canonical.ts';
import { checkKeys, checkValue } from './check.ts';
import { checkTextFormat } from './formats.ts';
import { type Guest, isDisk, optionKeys } from './guest-options.ts';
import { nearestName, nearestParam } from './nearest.ts';
import type { Keys, Param } from './param.ts';
import { defaultKey } from './property-parts.ts';
import { checkTogether } from './property-formats.ts';
import { toRequest } from './request.ts';
import { writtenParts } from './written.ts';

export interface OptionFinding {
  /** The key inside the property string; absent when the whole option is meant. */
  readonly key?: string;
  readonly text: string;
  /** The right name or value that was probably meant. */
  readonly nearest?: string;
}

export function optionFindings(tables: ApiTables, guest: Guest, option: string, value: Json): readonly OptionFinding[] {
  const param = guestOption(tables, guest, option);
  if (!param) return [unknownOption(tables, guest, option)];
  if (value === null) return [];
  const keys = optionKeys(param);
  if (!keys) return plainFindings(tables, guest, option, param, value);
  const volume = isDisk(guest, option) ? volumeFindings(keys, value, tables.version) : [];
  return volume.length > 0 ? volume : keyFindings(tables, guest, option, param, keys, value);
}

function unknownOption(tables: ApiTables, guest: Guest, option: string): OptionFinding {
  const create = tables.method('POST', `/nodes/{node}/${guest}`);
  const kind = guest === 'qemu' ? 'virtual machines' : 'containers';
  return { text: `Proxmox VE ${tables.version} has no such option of ${kind}`, ...near(create && nearestParam(option, create)) };
}

const near = (nearest: string | undefined) => (nearest === undefined ? {} : { nearest });

function plainFindings(tables: ApiTables, guest: Guest, option: string, param: Param, value: Json): readonly OptionFinding[] {
  if (isObject(value) && option !== 'env') return [{ text: `${option} has no keys: it takes one value` }];
  const shape = shapeComplaint(option, param, value);
  if (shape !== undefined) return [{ text: shape }];
  const sent = toRequest(tables, guest, option, value);
  const text = checkValue(param, sent, option, tables.version);
  return text === undefined ? [] : [{ text: text.trimEnd(), ...near(nearestValue(param, sent)) }];
}

/** What our own spelling would quietly turn into another value: a list where one number stands, yes where a text stands. */
function shapeComplaint(option: string, param: Param, value: Json): string | undefined {
  if (Array.isArray(value) && param.type !== undefined && param.type !== 'string') return `${option} takes one value, not a list`;
  const isFreeText = (param.type ?? 'string') === 'string' && param.format === undefined && param.pattern === undefined && param.enum === undefined;
  return typeof value === 'boolean' && isFreeText ? `${option} is a text: put ${value} in quotes if that is the text` : undefined;
}

function nearestValue(param: Param | undefined, text: string): string | undefined {
  return param?.enum && !param.enum.includes(text) ? nearestName(text, param.enum) : undefined;
}

/** `storage` and `size` in a disk's mapping are ours; Proxmox sees only what they make together. */
function volumeFindings(keys: Keys, value: Json, version: string): readonly OptionFinding[] {
  if (!isObject(value) || value['storage'] === undefined || keys['storage']) return [];
  const volumeKey = defaultKey(keys) ?? 'file';
  const doubled = [volumeKey, 'file', 'volume'].find((key) => value[key] !== undefined);
  if (doubled !== undefined) return [{ key: 'storage', text: `storage cannot stand beside ${doubled}, which names the storage itself` }];
  const storage = checkTextFormat('pve-storage-id', String(value['storage']), version);
  if (storage !== undefined) return [{ key: 'storage', text: storage }];
  const size = value['size'] === undefined || value['size'] === null ? undefined : checkTextFormat('disk-size', String(value['size']), version);
  return size === undefined ? [] : [{ key: 'size', text: size }];
}

function keyFindings(tables: ApiTables, guest: Guest, option: string, param: Param, keys: Keys, value: Json): readonly OptionFinding[] {
  const unknown = isObject(value) ? unknownKeys(guest, option, keys, Object.keys(value)) : [];
  if (unknown.length > 0) return unknown;
  const parts = writtenParts(guest, option, keys, value);
  if ('complaint' in parts) {
    const key = /: ([^:]+)$/.exec(parts.complaint)?.[1];
    return [{ ...(key === undefined ? {} : { key }), text: parts.complaint, ...near(key === undefined ? undefined : nearestName(key, Object.keys(keys))) }];
  }
  const errors = Object.entries(checkKeys('', keys, parts.values, tables.version));
  if (errors.length > 0) return errors.map(([key, text]) => ({ key, text: text.trimEnd(), ...near(nearestValue(keys[key], parts.values[key] ?? '')) }));
  const together = param.named === undefined ? undefined : checkTogether(param.named, parts.values, tables.version);
  const whole = together ?? wholeComplaint(tables, guest, option, param, value);
  return whole === undefined ? [] : [{ text: whole.trimEnd() }];
}

function unknownKeys(guest: Guest, option: string, keys: Keys, names: readonly string[]): readonly OptionFinding[] {
  const known = [...Object.keys(keys), ...(isDisk(guest, option) ? ['storage', 'size'] : [])];
  return names.filter((name) => !known.includes(name)).map((name) => (
    { key: name, text: `invalid key in comma-separated list property: ${name}`, ...near(nearestName(name, known)) }
  ));
}

/** Limits of the option as a whole: its length. */
function wholeComplaint(tables: ApiTables, guest: Guest, option: string, param: Param, value: Json): string | undefined {
  return checkValue(param, toRequest(tables, guest, option, value), option, tables.version);
}
