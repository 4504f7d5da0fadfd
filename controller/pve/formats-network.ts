// Named formats of addresses and names in networks. A check gives Proxmox's complaint, or nothing.
// Source: pve-common JSONSchema.pm, ParseUtils.pm; pve-container LXC/Config.pm; pve-network.
import { type TextCheck, textCheck } from './text-check.ts';

const OCTET = '(?:25[0-5]|(?:2[0-4]|1[0-9]|[1-9])?[0-9])';
const IPV4 = `(?:(?:${OCTET}\\.){3}${OCTET})`;
const H16 = '(?:[0-9a-fA-F]{1,4})';
const LS32 = `(?:${IPV4}|${H16}:${H16})`;
const IPV6 = `(?:${[
  `(?:${H16}:){6}${LS32}`,
  `::(?:${H16}:){5}${LS32}`,
  `(?:${H16})?::(?:${H16}:){4}${LS32}`,
  `(?:(?:${H16}:){0,1}${H16})?::(?:${H16}:){3}${LS32}`,
  `(?:(?:${H16}:){0,2}${H16})?::(?:${H16}:){2}${LS32}`,
  `(?:(?:${H16}:){0,3}${H16})?::${H16}:${LS32}`,
  `(?:(?:${H16}:){0,4}${H16})?::${LS32}`,
  `(?:(?:${H16}:){0,5}${H16})?::${H16}`,
  `(?:(?:${H16}:){0,6}${H16})?::`,
].map((one) => `(?:${one})`).join('|')})`;

const IS_IPV4 = new RegExp(`^${IPV4}$`);
const IS_IPV6 = new RegExp(`^${IPV6}$`);
const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const IS_DNS_NAME = new RegExp(`^(?:${LABEL}\\.)*${LABEL}$`);
const IS_IFACE = /^[a-z][a-z0-9_]{1,20}(?:[:.]\d+)?$/i;
const EMAIL_USER = '[\\w+\\-~]+(?:\\.[\\w+\\-~]+)*';
const IS_EMAIL = new RegExp(`^${EMAIL_USER}@[a-zA-Z0-9-]+(?:\\.[a-zA-Z0-9-]+)*$`);
const IS_EMAIL_USER = new RegExp(`^${EMAIL_USER}$`);

export const isIpv4 = (text: string): boolean => IS_IPV4.test(text);
export const isIpv6 = (text: string): boolean => IS_IPV6.test(text);
export const isIp = (text: string): boolean => isIpv4(text) || isIpv6(text);
export const isDnsName = (text: string): boolean => IS_DNS_NAME.test(text);
/** A network with a prefix of 8 … 32. */
export const isCidrv4 = (text: string): boolean => hasPrefix(text, isIpv4, 32);
/** A network with a prefix of 8 … 128. */
export const isCidrv6 = (text: string): boolean => hasPrefix(text, isIpv6, 128);

function hasPrefix(text: string, isAddress: (text: string) => boolean, bits: number): boolean {
  const found = /^(.*)\/(\d+)$/.exec(text);
  return !!found && isAddress(found[1] as string) && Number(found[2]) > 7 && Number(found[2]) <= bits;
}

/** 255.255.240.0 and its like: ones, then zeros. */
function isNetmask(text: string): boolean {
  if (!isIpv4(text)) return false;
  const bits = text.split('.').map((part) => Number(part).toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits);
}

function vlanRange(text: string): string | undefined {
  const found = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!found) return `invalid VLAN configuration '${text}'`;
  const tags = found[2] === undefined ? [found[1]] : [found[1], found[2]];
  const wrong = tags.find((tag) => Number(tag) < 2 || Number(tag) > 4094);
  if (wrong !== undefined) return `invalid VLAN tag '${wrong}'`;
  if (found[2] !== undefined && Number(found[1]) >= Number(found[2])) return `VLAN range must go from lower to higher tag '${text}'`;
  return undefined;
}

/** `source:target`, a single target, or 1 for the identity. */
function idPair(isId: (id: string) => string | undefined): TextCheck {
  return (text) => {
    const parts = text === '1' ? [] : /^[^:]+:[^:]+$/.test(text) ? text.split(':') : [text];
    const wrong = parts.map(isId).find((complaint) => complaint !== undefined);
    return wrong === undefined ? undefined : `entry '${text}' contains invalid ID - ${wrong}\n\n`;
  };
}

function linkLocalOrIp(text: string): string | undefined {
  const found = /^(fe80:[^%]+)%(.*)$/.exec(text);
  if (found && isIp(found[1] as string) && IS_IFACE.test(found[2] as string)) return undefined;
  return isIp(text) ? undefined : 'value does not look like a valid IP address';
}

const bridge = textCheck((text) => /^[-_.\w]+$/.test(text), (text) => `invalid bridge ID '${text}'`);

export function parseId(kind: string): TextCheck {
  return (text) => {
    if (text.length < 2) return `${kind} ID '${text}' cannot be shorter than 2 characters`;
    return /^[a-z][a-z0-9\-_.]*[a-z0-9]$/i.test(text) ? undefined : `${kind} ID '${text}' contains illegal characters`;
  };
}

function sdnId(kind: string, pattern: RegExp, length: number): TextCheck {
  return (text) => {
    if (!pattern.test(text)) return `${kind} ID '${text}' contains illegal characters`;
    return text.length > length ? `${kind} ID '${text}' can't be more length than ${length} characters` : undefined;
  };
}

const isSubnet = (text: string): boolean => isCidrv4(text) || isCidrv6(text);
const isWithin32Bits = (text: string): boolean => /^\d+:\d+$/.test(text) && text.split(':').every((part) => Number(part) <= 4294967295);

export const networkFormats: Readonly<Record<string, TextCheck>> = {
  'mac-addr': textCheck((text) => /^[a-f0-9][02468ace](?::[a-f0-9]{2}){5}$/i.test(text), () => 'value does not look like a valid unicast MAC address'),
  'mac-prefix': textCheck((text) => /^[a-f0-9][02468ace](?::[a-f0-9]{2}){0,2}(?::[a-f0-9]?)?$/i.test(text), () => 'value is not a valid unicast MAC address prefix'),
  ipv4: textCheck(isIpv4, () => 'value does not look like a valid IPv4 address'),
  ipv6: textCheck(isIpv6, () => 'value does not look like a valid IPv6 address'),
  ip: textCheck(isIp, () => 'value does not look like a valid IP address'),
  ipv4mask: textCheck(isNetmask, () => 'value does not look like a valid IP netmask'),
  CIDRv4: textCheck(isCidrv4, () => 'value does not look like a valid IPv4 CIDR network'),
  CIDRv6: textCheck(isCidrv6, () => 'value does not look like a valid IPv6 CIDR network'),
  CIDR: textCheck((text) => isCidrv4(text) || isCidrv6(text), () => 'value does not look like a valid CIDR network'),
  'pve-ipv4-config': textCheck((text) => /^(?:dhcp|manual)$/.test(text) || isCidrv4(text), () => 'value does not look like a valid ipv4 network configuration'),
  'pve-ipv6-config': textCheck((text) => /^(?:auto|dhcp|manual)$/.test(text) || isCidrv6(text), () => 'value does not look like a valid ipv6 network configuration'),
  'dns-name': textCheck(isDnsName, () => 'value does not look like a valid DNS name'),
  address: textCheck((text) => isIp(text) || isDnsName(text), (text) => `value does not look like a valid address: ${text}`),
  'pve-iface': textCheck((text) => IS_IFACE.test(text), (text) => `invalid network interface name '${text}'`),
  'pve-bridge-id': bridge,
  'bridge-pair': idPair((id) => bridge(id, '')),
  'storage-pair': idPair((id) => parseId('storage')(id, '')),
  'pve-vlan-id-or-range': vlanRange,
  'lxc-ip-with-ll-iface': linkLocalOrIp,
  email: textCheck((text) => IS_EMAIL.test(text), () => 'value does not look like a valid email address'),
  'email-or-username': textCheck((text) => IS_EMAIL.test(text) || IS_EMAIL_USER.test(text), () => 'value does not look like a valid email address or user name'),
  'graphite-path': textCheck(isDnsName, () => 'value does not look like a valid graphite path'),
  'pve-sdn-isis-net': textCheck((text) => /^[a-fA-F0-9]{2}(\.[a-fA-F0-9]{4}){3,9}\.[a-fA-F0-9]{2}$/.test(text), () => 'value does not look like a valid isis net'),
  'pve-sdn-bgp-rt': textCheck(isWithin32Bits, () => 'value does not look like a valid bgp route-target'),
  'pve-sdn-fabric-id': textCheck((text) => /^[a-z0-9][a-z0-9-]{0,6}[a-z0-9]?$/i.test(text), (text) => `Fabric ID '${text}' contains illegal characters`),
  'pve-sdn-subnet-id': textCheck((text) => isSubnet(text.includes('/') ? text : text.split('-').slice(1).join('/')), () => 'value does not look like a valid CIDR network'),
  'pve-sdn-zone-id': sdnId('zone', /^[a-z][a-z0-9]*[a-z0-9]$/i, 8),
  'pve-sdn-vnet-id': sdnId('vnet', /^[a-z][a-z0-9]*[a-z0-9]$/i, 8),
  'pve-sdn-controller-id': sdnId('controller', /^[a-z][a-z0-9_-]*[a-z0-9]$/i, 64),
  'pve-sdn-ipam-id': sdnId('ipam', /^[a-z][a-z0-9]*[a-z0-9]$/i, 64),
  'pve-sdn-dns-id': sdnId('dns', /^[a-z][a-z0-9]*[a-z0-9]$/i, 64),
};
