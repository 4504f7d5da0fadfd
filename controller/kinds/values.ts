// In: a parameter of the API and a value, as a manifest writes it or as Proxmox answers it. Out: what to send, and
// whether the two mean the same. Must never know an option by name: all it knows is the parameter's definition.
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { canonicalSet, canonicalText } from '../pve/canonical-text.ts';
import { keysOf } from '../pve/param.ts';
import type { Keys, Param } from '../pve/param.ts';
import { gatherProperties, own, parseBoolean, printProperties, resolveAlias, splitProperties } from '../pve/property-parts.ts';
import type { Parts } from '../pve/property-parts.ts';

/** The value of a parameter as Proxmox takes it: text, or texts where it takes several. What is wrong is sent as written, so that Proxmox's own check can name it. */
export function requestOf(param: Param, value: Json): string | readonly string[] {
  if (param.type === 'array') return listed(value).map((item) => plainText({}, item));
  const keys = keysOf(param);
  if (!keys) return plainText(param, value);
  const parts = partsOf(keys, value);
  return isObject(value) && 'values' in parts ? printProperties(keys, parts.values) : plainText(param, value);
}

/** What a parameter means when it is not set: `default` says that it then has its default, `nothing` that it is decided elsewhere. */
export type Unset = 'default' | 'nothing';

/** Whether `live` is what `wanted` asks for. */
export function isSame(param: Param, wanted: Json | undefined, live: Json | undefined, unset: Unset = 'default'): boolean {
  return canonicalOr(param, wanted, unset) === canonicalOr(param, live, unset);
}

function canonicalOr(param: Param, value: Json | undefined, unset: Unset): string {
  if (value !== undefined && value !== null) return canonical(param, value, unset);
  if (unset === 'nothing') return '';
  const byDefault = param.type === 'boolean' ? parseBoolean(String(param.default ?? '0')) ?? '0' : param.default;
  return byDefault === undefined || byDefault === null ? '' : canonical(param, byDefault, unset);
}

/** Equal texts mean the same; `''` is not set. */
function canonical(param: Param, value: Json, unset: Unset): string {
  if (param.type === 'array') return canonicalList(listed(value).map((item) => plainText({}, item)));
  const keys = keysOf(param);
  if (!keys) return canonicalPlain(param, plainText(param, value));
  const parts = partsOf(keys, value);
  return 'values' in parts ? canonicalKeys(keys, parts.values, unset) : plainText(param, value);
}

function canonicalKeys(keys: Keys, values: Readonly<Record<string, string>>, unset: Unset): string {
  const entries = Object.entries(values).map(([key, text]) => [key, canonicalPlain(keys[key] ?? {}, text)] as const)
    .filter(([key, text]) => unset === 'nothing' || keys[key]?.default === undefined || canonicalPlain(keys[key] ?? {}, String(keys[key]?.default)) !== text);
  return entries.length === 0 ? '' : JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Some answers end in a newline that nobody sent (quirk 15). */
function canonicalPlain(param: Param, text: string): string {
  const trimmed = text.replaceAll('\r\n', '\n').replace(/\n+$/, '');
  return separatorOf(param) === ';' ? canonicalSet(trimmed) : canonicalText(param, trimmed);
}

function canonicalList(items: readonly string[]): string {
  return items.length === 0 ? '' : JSON.stringify([...new Set(items)].sort());
}

function listed(value: Json): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}

function partsOf(keys: Keys, value: Json): Parts {
  if (!isObject(value)) return splitProperties(keys, plainText({}, value));
  const entries = Object.entries(value as JsonObject).filter(([, inner]) => inner !== null);
  return gatherProperties(keys, entries.map(([key, inner]) => [key, plainText(own(keys, resolveAlias(keys, key)) ?? {}, inner)] as const));
}

/** Lists are joined, a mapping where Proxmox has a list of `key=value` is written so, yes and no are spelled as the parameter spells them. */
function plainText(param: Param, value: Json): string {
  if (Array.isArray(value)) return value.map((item: Json) => plainText({}, item)).join(separatorOf(param));
  if (isObject(value)) return Object.entries(value as JsonObject).map(([key, inner]) => `${key}=${plainText({}, inner)}`).sort().join(separatorOf(param));
  if (typeof value === 'boolean') return booleanText(param, value);
  const text = String(value ?? '');
  return param.type === 'boolean' ? parseBoolean(text) ?? text : text;
}

/** Tags are separated by semicolons, which their pattern shows; paths with blanks only by NUL; everything else by commas. */
function separatorOf(param: Param): string {
  if (param.pattern?.includes(';')) return ';';
  return typeof param.format === 'string' && param.format.endsWith('-alist') ? '\0' : ',';
}

/** `discard: true` where Proxmox has `on`, `is_mountpoint: true` where it has `yes`. */
function booleanText(param: Param, value: boolean): string {
  const words = param.enum?.includes('on') ? ['on', 'off'] : param.type === 'string' && /^(?:yes|no)$/.test(String(param.default)) ? ['yes', 'no'] : ['1', '0'];
  return (value ? words[0] : words[1]) as string;
}
