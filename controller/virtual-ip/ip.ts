// Addresses as text and as numbers: whether one is valid, how it is written, whose network it is in. Pure.

export interface Ip { readonly family: 4 | 6; readonly value: bigint }
export interface Prefixed extends Ip { readonly prefix: number }

const BITS = { 4: 32, 6: 128 } as const;

export function parseIp(text: string): Ip | undefined {
  const value = text.includes(':') ? value6(text) : value4(text);
  return value === undefined ? undefined : { family: text.includes(':') ? 6 : 4, value };
}

/** `192.168.22.41/24`. */
export function parsePrefixed(text: string): Prefixed | undefined {
  const [, address = '', length = ''] = /^([0-9A-Fa-f.:]+)\/(\d{1,3})$/.exec(text) ?? [];
  const ip = parseIp(address);
  return ip && Number(length) <= BITS[ip.family] ? { ...ip, prefix: Number(length) } : undefined;
}

/** As `ip` and the kernel write it (RFC 5952): the only spelling that can be compared. */
export function printIp({ family, value }: Ip): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - at * 16)) & 65_535n).toString(16));
  const runs = [...groups.join(':').matchAll(/(?:^|:)(0(?::0)+)(?=:|$)/g)].map((match) => ({ at: match.index + match[0].length - (match[1]?.length ?? 0), text: match[1] ?? '' }));
  const longest = runs.sort((a, b) => b.text.length - a.text.length || a.at - b.at)[0];
  if (!longest) return groups.join(':');
  const whole = groups.join(':');
  return `${whole.slice(0, longest.at).replace(/:$/, '')}::${whole.slice(longest.at + longest.text.length).replace(/^:/, '')}`;
}

/** Whether `other` lies in the network of `network`. */
export function isInside(network: Prefixed, other: Ip): boolean {
  if (network.family !== other.family) return false;
  const shift = BigInt(BITS[network.family] - network.prefix);
  return network.value >> shift === other.value >> shift;
}

function value4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function value6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [before = [], after = []] = halves.map(groupsOf);
  if (before === 'wrong' || after === 'wrong') return undefined;
  const missing = 8 - before.length - after.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  return [...before, ...Array.from({ length: missing }, () => 0), ...after].reduce((sum, group) => sum * 65_536n + BigInt(group), 0n);
}

function groupsOf(text: string): readonly number[] | 'wrong' {
  if (text === '') return [];
  const groups = text.split(':');
  return groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group)) ? groups.map((group) => Number.parseInt(group, 16)) : 'wrong';
}
