// Property strings as text: taking `virtio=MAC,bridge=vmbr0` apart into keys and values, and putting it together
// again in Proxmox's order. Whether the values are right is check.ts' subject.
import { isOptional, type Keys, type Param } from './param.ts';
import { parseSize, printSize } from './sizes.ts';

/** Values by key, aliases resolved; or the complaint with which Proxmox stops reading. */
export type Parts = { readonly values: Readonly<Record<string, string>> } | { readonly complaint: string };

const ON = /^(?:1|on|yes|true)$/i;
const OFF = /^(?:0|off|no|false)$/i;

/** '1' or '0' for the spellings that Proxmox takes; nothing for another text. */
export function parseBoolean(text: string): '0' | '1' | undefined {
  return ON.test(text) ? '1' : OFF.test(text) ? '0' : undefined;
}

export function splitProperties(keys: Keys, text: string): Parts {
  const values: Record<string, string> = {};
  let hasDefault = false;
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    const complaint = at > 0 && at < part.length - 1
      ? put(keys, values, part.slice(0, at), part.slice(at + 1))
      : at >= 0 ? 'missing key in comma-separated list property' : putDefault(keys, values, part, hasDefault);
    if (complaint !== undefined) return { complaint };
    hasDefault ||= at < 0;
  }
  return { values };
}

/** The same from single entries, as a mapping in a manifest gives them: no default key, aliases allowed. */
export function gatherProperties(keys: Keys, entries: Iterable<readonly [string, string]>): Parts {
  const values: Record<string, string> = {};
  for (const [key, text] of entries) {
    const complaint = put(keys, values, key, text);
    if (complaint !== undefined) return { complaint };
  }
  return { values };
}

function put(keys: Keys, values: Record<string, string>, key: string, text: string): string | undefined {
  if (has(values, key)) return `duplicate key in comma-separated list property: ${key}`;
  const named = own(keys, key);
  if (named?.alias === undefined) {
    if (!named) return `invalid key in comma-separated list property: ${key}`;
    values[key] = spelled(named, text);
    return undefined;
  }
  if (named.keyAlias !== undefined) {
    if (has(values, named.keyAlias)) return `key alias '${named.keyAlias}' is already defined`;
    values[named.keyAlias] = key;
  }
  if (has(values, named.alias)) return `key '${named.alias}' is already defined (via alias)`;
  const target = own(keys, named.alias);
  if (!target) return `invalid key in comma-separated list property: ${named.alias}`;
  values[named.alias] = spelled(target, text);
  return undefined;
}

function putDefault(keys: Keys, values: Record<string, string>, text: string, hasDefault: boolean): string | undefined {
  const key = defaultKey(keys);
  if (key === undefined) return 'value without key, but schema does not define a default key';
  // Perl's truth: a default key holding 0 counts as not set, unless it was written without its name before.
  if (hasDefault || (values[key] !== undefined && values[key] !== '0')) return `duplicate key in comma-separated list property: ${key}`;
  values[key] = spelled(keys[key] as Param, text);
  return undefined;
}

function spelled(param: Param, text: string): string {
  return param.type === 'boolean' ? (parseBoolean(text) ?? text) : text;
}

/** The key whose name may be left out. */
export function defaultKey(keys: Keys): string | undefined {
  return Object.keys(keys).find((key) => keys[key]?.default_key);
}

/** The key that stands for `key`, if it is an alias: `volume` → `file`; a network model → `macaddr`. */
export function resolveAlias(keys: Keys, key: string): string {
  return own(keys, key)?.alias ?? key;
}

/** The default key first and without its name, then the required keys, then the rest, each group by name. */
export function printProperties(keys: Keys, values: Readonly<Record<string, string>>): string {
  const first = defaultKey(keys);
  const pair = keyAlias(keys);
  const rest = Object.keys(values).filter((key) => key !== first).sort();
  const required = rest.filter((key) => keys[key] && !isOptional(keys[key]));
  const order = [...(first !== undefined && has(values, first) ? [first] : []), ...required, ...rest.filter((key) => !required.includes(key))];
  const printed = new Set<string>();
  const parts: string[] = [];
  for (const key of order) {
    if (printed.has(key)) continue;
    printed.add(key);
    const value = printValue(keys[key], values[key] as string);
    if (pair && key === pair.name && has(values, pair.value)) {
      printed.add(pair.value);
      parts.push(`${value}=${values[pair.value]}`);
    } else parts.push(key === first ? value : `${key}=${value}`);
  }
  return parts.join(',');
}

/** `virtio=MAC`: the value of `name` (model) is written as the key of `value` (macaddr). */
function keyAlias(keys: Keys): { readonly name: string; readonly value: string } | undefined {
  const found = Object.values(keys).find((param) => param.keyAlias !== undefined && param.alias !== undefined);
  return found && { name: found.keyAlias as string, value: found.alias as string };
}

function printValue(param: Param | undefined, text: string): string {
  if (param?.format !== 'disk-size') return text;
  const bytes = parseSize(text);
  return bytes === undefined ? text : printSize(bytes);
}

/** The definition of `key`, never one inherited from Object. */
export function own(keys: Keys, key: string): Param | undefined {
  return Object.hasOwn(keys, key) ? keys[key] : undefined;
}

function has(values: Readonly<Record<string, string>>, key: string): boolean {
  return Object.hasOwn(values, key);
}
