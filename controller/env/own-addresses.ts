// The addresses on this machine's interfaces, as the kernel writes them, without prefixes.
import { networkInterfaces } from 'node:os';

export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address)).sort();
}
