// What the schema cannot say of `follow`. In: a configuration that fits the schema. Out: mistakes with their pointers. Pure.
import { isIP, isIPv6 } from 'node:net';
import type { Mistake } from './notify-checks.ts';
import type { DaemonConfig } from './schema.ts';

/** The address is compared with what the kernel says, so it has to be spelt as the kernel does. */
export function followMistakes({ follow }: Pick<DaemonConfig, 'follow'>): readonly Mistake[] {
  if (follow === undefined) return [];
  const { address } = follow;
  const pointer = '/follow/address';
  if (isIP(address) === 0) return [{ pointer, fact: `${address} is no address`, fix: 'write the address of the VirtualIP as a number, without its prefix: 10.0.0.50' }];
  const spelt = isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
  return spelt === address ? [] : [{ pointer, fact: `the nodes write ${address} as ${spelt}`, fix: `write ${spelt}` }];
}
