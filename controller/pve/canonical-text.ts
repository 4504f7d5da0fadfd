// One value in one fixed spelling: numbers and booleans, sizes in bytes, addresses, lists. Equal texts mean the same.
import type { Param } from './param.ts';
import { parseBoolean } from './property-parts.ts';
import { parseSize } from './sizes.ts';
import { splitList } from './text-check.ts';

// In these lists the first counts most: resolvers, boot devices.
const ORDERED = new Set(['address-list', 'dns-name-list', 'lxc-ip-with-ll-iface-list', 'pve-qm-bootdev-list']);

/** Whether the first of such a list counts most. */
export const isOrdered = (format: string): boolean => ORDERED.has(format);

/** `text` must have passed check.ts; one that has not comes back as it is. */
export function canonicalText(param: Param, text: string): string {
  if (param.type === 'boolean') return parseBoolean(text) ?? text;
  if (param.type === 'integer' || param.type === 'number') return text.trim() !== '' && Number.isFinite(Number(text)) ? String(Number(text)) : text;
  if (typeof param.format !== 'string') return text;
  switch (param.format) {
    case 'disk-size': return String(parseSize(text) ?? text);
    case 'mac-addr': return text.toUpperCase();
    case 'pve-tag-list': return canonicalSet(text.toLowerCase());
    case 'pve-cpuset': return canonicalCpuSet(text);
    case 'ip': case 'ipv6': case 'CIDR': case 'CIDRv6': case 'pve-ipv6-config': return text.toLowerCase();
    default: return canonicalList(param.format, text);
  }
}

function canonicalList(format: string, text: string): string {
  if (!/-a?list$/.test(format)) return text;
  return ORDERED.has(format) ? splitList(text).join(';') : canonicalSet(text);
}

/** Each once, sorted, joined by semicolons; the parts may stand apart by comma, semicolon or blank. */
export function canonicalSet(text: string): string {
  return [...new Set(splitList(text))].sort().join(';');
}

/** `8-11,0` → `0,8,9,10,11`. */
function canonicalCpuSet(text: string): string {
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const range = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
    if (!range) return text;
    const [from, to] = [Number(range[1]), Number(range[2] ?? range[1])];
    if (to - from > CPUS_MAX) return text;
    for (let cpu = from; cpu <= to; cpu += 1) numbers.add(cpu);
  }
  return [...numbers].sort((a, b) => a - b).join(',');
}

// More than any host has; a longer range is compared as written instead of being counted out.
const CPUS_MAX = 8192;
