// In: the keys of a property string (from the API tables) and its text, or its values. Out: the other one.
// Must never correct what Proxmox would refuse: what is wrong comes back as errors.
import { checkKeys } from './check.ts';
import type { Keys } from './param.ts';
import { printProperties, splitProperties } from './property-parts.ts';

export interface PropertyString {
  /** By key; aliases resolved (`virtio=MAC` → model and macaddr), booleans as 1 and 0. */
  readonly values: Readonly<Record<string, string>>;
  /** By key; `''` when the text cannot be taken apart at all. */
  readonly errors: Readonly<Record<string, string>>;
}

export function parsePropertyString(keys: Keys, text: string, version = '9.2'): PropertyString {
  const parts = splitProperties(keys, text);
  if ('complaint' in parts) return { values: {}, errors: { '': parts.complaint } };
  return { values: parts.values, errors: checkKeys('', keys, parts.values, version) };
}

/** As Proxmox prints it: default key first and bare, required keys, the rest by name; sizes in their largest unit. */
export function printPropertyString(keys: Keys, values: Readonly<Record<string, string>>): string {
  return printProperties(keys, values);
}
