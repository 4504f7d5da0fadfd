// In: `local:101/vm-101-disk-0.raw,iothread=1` and the format of its keys. Out: its values by name; and back, in the
// form in which Proxmox writes it: default key first, then required keys, then the others, each group sorted.
// Must never judge values: parameters were checked before.
import type { Param } from '../pve/api-tables.ts';

export type PropertyFormat = Readonly<Record<string, Param>>;
export type Properties = Record<string, string>;

export function parseProperties(format: PropertyFormat, text: string): Properties {
  const values: Properties = {};
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    const key = at < 0 ? defaultKey(format) : part.slice(0, at);
    if (key !== undefined) put(format, values, key, at < 0 ? part : part.slice(at + 1));
  }
  return values;
}

export function printProperties(format: PropertyFormat, values: Properties): string {
  const first = defaultKey(format);
  const rest = Object.keys(values).filter((key) => key !== first).sort();
  const required = rest.filter((key) => format[key] && !format[key].optional);
  const parts: string[] = [];
  const combined = first === undefined ? undefined : combinedKey(format, first);
  if (first !== undefined && values[first] !== undefined) {
    const other = combined === undefined ? undefined : values[combined];
    parts.push(other === undefined ? values[first] : `${values[first]}=${other}`);
  }
  for (const key of [...required, ...rest.filter((one) => !required.includes(one))]) {
    const value = values[key];
    if (value !== undefined && !(key === combined && first !== undefined && values[first] !== undefined)) parts.push(`${key}=${printed(format, key, value)}`);
  }
  return parts.join(',');
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `1.5G`, `512MiB`, `4096` in bytes; nothing when it is no size. */
export function parseSize(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)(?:([KMGT])(?:iB)?)?$/.exec(text);
  return found ? Math.floor(Number(found[1]) * (UNITS[found[2] ?? ''] ?? 1)) : undefined;
}

/** The largest unit that divides the size; zero is `0T`, as Proxmox writes it. */
export function formatSize(bytes: number): string {
  let value = Math.floor(bytes);
  for (const unit of ['', 'K', 'M', 'G']) {
    if (value % 1024 !== 0) return `${value}${unit}`;
    value /= 1024;
  }
  return `${value}T`;
}

export function defaultKey(format: PropertyFormat): string | undefined {
  return Object.keys(format).find((key) => format[key]?.default_key);
}

/** The key that is written behind the default key's value: `virtio=BC:24:…`. */
function combinedKey(format: PropertyFormat, key: string): string | undefined {
  return Object.values(format).find((param) => param.keyAlias === key)?.alias;
}

function put(format: PropertyFormat, values: Properties, key: string, value: string): void {
  const param = format[key];
  if (param?.alias) {
    if (param.keyAlias) values[param.keyAlias] = key;
    return put(format, values, param.alias, value);
  }
  values[key] = param?.type === 'boolean' ? truth(value) : value;
}

function truth(value: string): string {
  if (/^(1|on|yes|true)$/i.test(value)) return '1';
  return /^(0|off|no|false)$/i.test(value) ? '0' : value;
}

function printed(format: PropertyFormat, key: string, value: string): string {
  if (format[key]?.format !== 'disk-size') return value;
  const bytes = parseSize(value);
  return bytes === undefined ? value : formatSize(bytes);
}
