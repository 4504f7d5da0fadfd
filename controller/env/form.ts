// Parameters as Proxmox wants them on the wire: form or query text.
import type { Json, JsonObject } from '../model/json.ts';

/** `a=1&b=x%20y`; arrays become repeated keys, flags 1 and 0; null is not sent. */
export function encodeForm(params: JsonObject): string {
  return Object.entries(params).flatMap(([name, value]) => pairs(name, value)).join('&');
}

function pairs(name: string, value: Json): string[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.map((item: Json) => pair(name, item));
  return [pair(name, value)];
}

function pair(name: string, value: Json): string {
  return `${encodeURIComponent(name)}=${encodeURIComponent(scalarText(name, value))}`;
}

function scalarText(name: string, value: Json): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  // Property strings are made by the kinds, which know their format.
  throw new TypeError(`parameter ${name} is neither text, number, flag nor a list of them`);
}
