// What the nodes of a lab need for the addresses that its manifests name: the program, and an address of their own beside it. Pure.
import { parsePrefixed, printIp } from '../../virtual-ip/ip.ts';
import type { HostSpec } from './spec.ts';

/** As a manifest says it, checked or not. */
export interface NamedAddress { readonly address: string; readonly interface: string; readonly provider?: string }

/** Every node of a lab has an IPv4 address on it. */
const USUAL = 'vmbr0';
/** The last number of the first node's address; a network of a lab has fewer nodes than numbers above it. */
const FIRST = 201n;

/** @param at which node of the lab, from 0 */
export function hostFor(named: readonly NamedAddress[], at: number): Pick<HostSpec, 'programs' | 'addresses'> {
  if (named.length === 0) return {};
  const addresses = named.flatMap(({ address, interface: device }) => {
    const ip = parsePrefixed(address);
    if (!ip || (device === USUAL && ip.family === 4)) return [];
    return [{ interface: device, address: `${printIp({ family: ip.family, value: (ip.value >> 8n << 8n) + FIRST + BigInt(at) })}/${ip.prefix}` }];
  });
  return { programs: ['keepalived', ...(named.some(({ provider }) => provider === 'heartbeat') ? ['heartbeat' as const] : [])], ...(addresses.length > 0 ? { addresses } : {}) };
}
