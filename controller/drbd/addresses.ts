// `ip -j addr show`: which addresses a node has. Pure.
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { AddressFact } from '../model/node-facts.ts';
import { jsonOf, rowsOf } from './status-9.ts';

export const ADDRESSES = ['ip', '-j', 'addr', 'show'];

/** Undefined: it is no such text. */
export function parseAddresses(text: string): readonly AddressFact[] | undefined {
  const value = jsonOf(text);
  if (!Array.isArray(value)) return undefined;
  return (value as readonly Json[]).filter((row): row is JsonObject => isObject(row)).flatMap((row) => rowsOf(row.addr_info).flatMap((info) => (
    typeof row.ifname === 'string' && typeof info.local === 'string' ? [{ interface: row.ifname, address: `${info.local}/${String(info.prefixlen ?? '')}` }] : []
  )));
}
