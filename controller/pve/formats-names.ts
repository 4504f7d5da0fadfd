// Named formats of identifiers, access control, storage and firewall. A check gives Proxmox's complaint, or nothing.
// Sources: pve-common JSONSchema.pm, pve-access-control AccessControl.pm and Auth/Plugin.pm, pve-storage Plugin.pm,
// pve-ha-manager HA/Tools.pm, pve-manager, pve-firewall Firewall.pm. What Proxmox looks up in a node's own files
// (service names, protocols, zone.tab) is checked by its shape only.
import { isCidrv4, isCidrv6, isDnsName, isIp, isIpv4, isIpv6, parseId } from './formats-network.ts';
import { isAtLeast, type TextCheck, textCheck } from './text-check.ts';

const REALM = '[A-Za-z][A-Za-z0-9.\\-_]+';
const USER = '[^\\s:/]+';
const IS_USER_ID = new RegExp(`^${USER}@${REALM}$`);
const IS_TOKEN_ID = new RegExp(`^${USER}@${REALM}!${REALM}$`);
const IS_REALM = new RegExp(`^${REALM}$`);
const IS_FIREWALL_ALIAS = /^(?:dc\/|guest\/)?[A-Za-z][A-Za-z0-9\-_]+$/;
const CONTENT_TYPES = ['images', 'rootdir', 'vztmpl', 'iso', 'backup', 'snippets', 'none'];

const PRIVILEGES = (
  'Permissions.Modify VM.Config.Disk VM.Config.CPU VM.Config.Memory VM.Config.Network VM.Config.HWType VM.Config.Options '
  + 'VM.Allocate VM.Clone VM.Migrate VM.Snapshot VM.Snapshot.Rollback VM.Config.CDROM VM.Config.Cloudinit VM.Console VM.Backup '
  + 'VM.PowerMgmt VM.Audit Sys.PowerMgmt Sys.Modify Sys.Incoming Sys.Console Sys.Syslog Sys.Audit Datastore.Allocate '
  + 'Datastore.AllocateTemplate Datastore.AllocateSpace Datastore.Audit SDN.Allocate SDN.Audit Realm.Allocate User.Modify '
  + 'Group.Allocate Realm.AllocateUser Pool.Allocate Pool.Audit'
).split(' ');
const PRIVILEGES_OF_8 = ['Sys.AccessNetwork', 'SDN.Use', 'Mapping.Modify', 'Mapping.Use', 'Mapping.Audit'];
const PRIVILEGES_OF_9 = ['VM.GuestAgent.Unrestricted', 'VM.GuestAgent.FileRead', 'VM.GuestAgent.FileSystemMgmt',
  'VM.GuestAgent.FileWrite', 'VM.GuestAgent.Audit', 'VM.Replicate'];

/** The privileges that a role of this version may hold. */
export function privileges(version: string): readonly string[] {
  if (isAtLeast(version, '9.0')) return [...PRIVILEGES, ...PRIVILEGES_OF_8, ...PRIVILEGES_OF_9];
  return [...PRIVILEGES, 'VM.Monitor', ...(isAtLeast(version, '8.0') ? PRIVILEGES_OF_8 : [])];
}

function userId(text: string): string | undefined {
  if (text.length < 3) return `user name '${text}' is too short`;
  if (text.length > 64) return `user name '${text}' is too long (${text.length} > 64)`;
  return IS_USER_ID.test(text) ? undefined : `value '${text}' does not look like a valid user name`;
}

function poolId(text: string): string | undefined {
  if (text.split('/').length > 3) return `pool name '${text}' nested too deeply (max levels = 3)`;
  return /^[A-Za-z0-9.\-_]+(?:\/[A-Za-z0-9.\-_]+){0,2}$/.test(text) ? undefined : `pool name '${text}' contains invalid characters`;
}

function contentType(text: string, version: string): string | undefined {
  const isGood = CONTENT_TYPES.includes(text) || (text === 'import' && isAtLeast(version, '8.0'));
  return isGood ? undefined : `invalid content type '${text}'`;
}

function directoryOverride(text: string, version: string): string | undefined {
  const found = /^([a-z]+)=([^.]*(?:\.?[^.]+)+)$/.exec(text);
  const isShort = found && (found[2] as string).length < 1023 && (found[2] as string).split('/').every((part) => part.length < 255);
  if (!found || !isShort) return `invalid override '${text}'`;
  return contentType(found[1] as string, version);
}

function zfsBlockSize(text: string): string | undefined {
  if (text === '') return undefined;
  const found = /^([1-9]\d*)([km])?$/i.exec(text);
  if (!found) return `invalid ZFS blocksize format '${text}'. Use a positive number (no leading zeros) with an optional 'k' or 'm' suffix.`;
  const bytes = Number(found[1]) * { '': 1, k: 1024, m: 1024 ** 2 }[(found[2] ?? '').toLowerCase() as '' | 'k' | 'm'];
  const isGood = bytes >= 512 && bytes <= 16 * 1024 ** 2 && Number.isInteger(Math.log2(bytes));
  return isGood ? undefined : `value '${text}' is not a valid ZFS blocksize. Must be a power of 2 between 512B and 16MiB (e.g., 4k, 8k, 16k, 64k, 1m).`;
}

function replicationJob(text: string): string | undefined {
  const found = /^(\d+)-\d+$/.exec(text);
  if (!found) return `invalid replication job id '${text}'`;
  return Number(found[1]) < 100 ? `invalid replication job id '${text}' (guest IDs < 100 are reserved)` : undefined;
}

/** Numbers, ranges `a:b` and names; `text` may be a list with commas. */
function ports(text: string): string | undefined {
  const items = text.split(',');
  if (items.includes('')) return text === '' ? undefined : 'extraneous commas in list';
  for (const item of items) {
    const numbers = /^\d+(?::\d+)?$/.test(item) ? item.split(':').map(Number) : undefined;
    if (!numbers && !/^[a-z][a-z0-9\-._]*$/i.test(item)) return `invalid port '${item}'`;
    const wrong = numbers?.find((port) => port > 65535);
    if (wrong !== undefined) return `invalid port '${wrong}'`;
    if (numbers?.length === 2 && (numbers[0] as number) > (numbers[1] as number)) {
      return `backwards range '${numbers[0]}:${numbers[1]}' not allowed, did you mean '${numbers[1]}:${numbers[0]}'?`;
    }
  }
  return items.length > 15 ? 'too many entries in port list (> 15 numbers)' : undefined;
}

function addresses(text: string): string | undefined {
  if (/^\+\S+$/.test(text)) return text.length > 65 ? 'ipset name too long' : undefined;
  if (IS_FIREWALL_ALIAS.test(text)) return text.length > 64 ? 'alias name too long' : undefined;
  const items = text.split(',');
  if (items.includes('')) return 'extraneous commas in list';
  const wrong = items.find((item) => !item.split('-').every(isAddressOrNetwork));
  if (wrong !== undefined) return 'invalid IP address: Invalid IP address';
  const versions = new Set(items.map((item) => item.includes(':')));
  if (versions.size > 1) return `detected mixed ipv4/ipv6 addresses in address list '${text}'`;
  return items.length > 1 && text.includes('-') ? "you can't use a range in a list" : undefined;
}

function isAddressOrNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  if (rest.length > 0 || !isIp(address)) return false;
  return bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= (isIpv4(address) ? 32 : 128));
}

function hostAndPort(text: string): boolean {
  return /^[a-zA-Z0-9\-.]+(?::\d+)?$/.test(text) || /^\[[a-zA-Z0-9\-.:]+\](?::\d+)?$/.test(text) || isIpv6(text);
}

const isPem = (text: string): boolean => /-----BEGIN [^-\n]+-----\s[\s\S]+-----END [^-\n]+-----/.test(text);
const pem = textCheck(isPem, () => 'not a valid PEM-formatted string.');
const ipOrCidr = textCheck(isAddressOrNetwork, () => 'value does not look like a valid IP address or CIDR network');

export const nameFormats: Readonly<Record<string, TextCheck>> = {
  string: () => undefined,
  urlencoded: textCheck((text) => /^[-%a-zA-Z0-9_.!~*'()]*$/.test(text), (text) => `invalid urlencoded string: ${text}`),
  'pve-configid': textCheck((text) => /^[a-z][a-z0-9_-]+$/i.test(text), (text) => `invalid configuration ID '${text}'`),
  'pve-storage-id': parseId('storage'),
  'pve-vmid': textCheck((text) => /^[1-9]\d{2,8}$/.test(text), () => 'value does not look like a valid VM ID'),
  'pve-node': textCheck((text) => /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/.test(text), () => 'value does not look like a valid node name'),
  'pve-tag': textCheck((text) => /^[a-z0-9_][a-z0-9_\-+.]*$/i.test(text), () => 'invalid characters in tag'),
  'pve-task-status-type': textCheck((text) => /^(?:ok|error|warning|unknown)$/i.test(text), (text) => `invalid status '${text}'`),
  'ldap-simple-attr': textCheck((text) => /^[a-zA-Z0-9]+$/.test(text), (text) => `value '${text}' does not look like a simple ldap attribute name`),
  'pve-userid': userId,
  'pve-tokenid': textCheck((text) => IS_TOKEN_ID.test(text), (text) => `value '${text}' does not look like a valid token ID`),
  'pve-realm': textCheck((text) => IS_REALM.test(text), () => 'value does not look like a valid realm'),
  'pve-groupid': textCheck((text) => /^[A-Za-z0-9.\-_]+$/.test(text), (text) => `group name '${text}' contains invalid characters`),
  'pve-roleid': textCheck((text) => /^[A-Za-z0-9.\-_]+$/.test(text), (text) => `role name '${text}' contains invalid characters`),
  'pve-poolid': poolId,
  'pve-priv': (text, version) => (privileges(version).includes(text) ? undefined : `invalid privilege '${text}'`),
  'pve-ha-resource-id': textCheck((text) => /^[a-z]+:\S+$/.test(text), () => 'value does not look like a valid ha resource id'),
  'pve-ha-resource-or-vm-id': textCheck((text) => /^(?:[a-z]+:\S+|\d+)$/.test(text), () => 'value does not look like a valid ha resource id'),
  'pve-ha-node': textCheck((text) => /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?::\d+)?$/.test(text), () => 'value does not look like a valid ha node'),
  'pve-ha-group-node': textCheck((text) => /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?::\d+)?$/.test(text), () => 'value does not look like a valid ha group node'),
  'pve-storage-path': textCheck((text) => /^\/[^;()]+/.test(text), () => 'value does not look like a valid absolute path'),
  'pve-storage-path-in-property-string': textCheck((text) => /^\/[^;,=()]+/.test(text), () => 'Value does not look like a valid absolute path. These symbols are currently not allowed in path: ;,=()'),
  'pve-storage-server': textCheck((text) => isIp(text) || isDnsName(text), () => 'value does not look like a valid server name or IP address'),
  'pve-storage-portal-dns': textCheck(hostAndPort, () => 'value does not look like a valid portal address'),
  'pve-storage-vgname': textCheck((text) => /^[a-z0-9][a-z0-9\-_.]*[a-z0-9]$/i.test(text), (text) => `lvm name '${text}' contains illegal characters`),
  'pve-storage-content': contentType,
  'pve-storage-format': textCheck((text) => /^(?:raw|qcow2|vmdk|subvol)$/.test(text), (text) => `invalid format '${text}'`),
  'pve-storage-options': textCheck((text) => /^\S+$/.test(text), (text) => `invalid options '${text}'`),
  'pve-storage-zfs-blocksize': zfsBlockSize,
  'pve-dir-override': directoryOverride,
  'pve-replication-job-id': replicationJob,
  'pve-acme-domain': textCheck((text) => /^[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)+$/i.test(text), (text) => `value '${text}' does not look like a valid domain name!`),
  'pve-acme-alias': textCheck((text) => /^[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_][a-z0-9_-]*)+$/i.test(text), (text) => `value '${text}' does not look like a valid alias name!`),
  'pve-fw-sport-spec': ports,
  'pve-fw-dport-spec': ports,
  'pve-fw-addr-spec': addresses,
  'pve-fw-protocol-spec': textCheck((text) => /^(?:\d{1,3}|[a-z][a-z0-9.\-+]*)?$/i.test(text), (text) => `unknown protocol '${text}'`),
  'pve-fw-icmp-type-spec': textCheck((text) => /^(?:\d{1,3}(?:\/\d{1,3})?|[a-z][a-z\d-]*)?$/i.test(text), (text) => `invalid icmp-type value '${text}'`),
  'pve-fw-conntrack-helper': textCheck((text) => /^[a-z][a-z0-9-]*(?:,[a-z][a-z0-9-]*)*$/.test(text), () => 'extraneous commas in list'),
  IPorCIDR: ipOrCidr,
  IPorCIDRorAlias: textCheck((text) => IS_FIREWALL_ALIAS.test(text) || isAddressOrNetwork(text) || isCidrv4(text) || isCidrv6(text), () => 'value does not look like a valid IP address or CIDR network'),
  'pem-string': pem,
  'pem-certificate': pem,
  'pem-certificate-chain': pem,
};
