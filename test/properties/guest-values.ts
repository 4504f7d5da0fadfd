// Random values for every option of a guest as a manifest may write it: text, mapping, lists; and what each option is
// to a manifest. Built on the generators of test/pve; what depends on the cluster (bridges, storages) is tied to it here.
import fc from 'fast-check';
import { splitFamily } from '../../controller/pve/families.ts';
import { familyOf, type Guest, isDisk, optionKeys } from '../../controller/pve/guest-options.ts';
import { splitProperties } from '../../controller/pve/property-parts.ts';
import { CREATE_ONLY } from '../../controller/kinds/guest/create-only.ts';
import { rootOnly } from '../../controller/pve/root-only.ts';
import type { Json } from '../../controller/model/json.ts';
import { arbitraryValue } from '../pve/arbitrary.ts';
import { methodOf, optionOf, tablesOf, type Version } from '../pve/tables.ts';

export type Sort =
  /** Said elsewhere in the manifest, or written by Proxmox: a finding. */
  | 'not-here'
  /** Sent when the guest is made and never seen again. */
  | 'create-only'
  /** The same, and without a backup to restore a finding. */
  | 'restore-only'
  | 'disk' | 'plain';

const NOT_HERE: Readonly<Record<Guest, ReadonlySet<string>>> = {
  qemu: new Set(['vmid', 'node', 'name', 'pool', 'archive', 'start', 'template', 'storage', 'ha-managed', 'unused', 'cdrom', 'force', 'lock']),
  lxc: new Set(['vmid', 'node', 'hostname', 'pool', 'ostemplate', 'restore', 'start', 'template', 'storage', 'ha-managed', 'unused', 'force', 'lock']),
};

/** Every parameter of the creation call; of a family its first member and one further up. */
export function optionsOf(guest: Guest, version: Version): readonly string[] {
  return [...methodOf('POST', `/nodes/{node}/${guest}`, version).params.keys()]
    .flatMap((name) => (name.endsWith('[n]') ? [name.replace('[n]', '0'), name.replace('[n]', '2')] : [name])).sort();
}

export function sortOf(guest: Guest, option: string, version: Version): Sort {
  const family = splitFamily(option)?.family ?? option;
  if (NOT_HERE[guest].has(option) || NOT_HERE[guest].has(family)) return 'not-here';
  if (['archive', 'restore'].includes(String(optionOf(guest, option, version).requires))) return 'restore-only';
  if (CREATE_ONLY.has(option)) return 'create-only';
  return isDisk(guest, option) ? 'disk' : 'plain';
}

/** Options that have values which only root may set. */
export function isSometimesHeld(guest: Guest, version: Version, option: string): boolean {
  return fc.sample(manifestValue(guest, version, option), { numRuns: 20, seed: 7 }).some((value) => isHeldForRoot(guest, version, option, value));
}

/** Only root may set it to this value, so a token's plan holds it. */
export function isHeldForRoot(guest: Guest, version: Version, option: string, value: Json): boolean {
  return rootOnly(tablesOf(version), guest, option, value) !== undefined;
}

// What has to agree with the rest of the guest or with the cluster. Everything else comes from the API's own data.
const TIED: Readonly<Record<Guest, Readonly<Record<string, (version: Version) => fc.Arbitrary<Json>>>>> = {
  qemu: {
    balloon: () => fc.integer({ min: 0, max: 1024 }),
    boot: () => fc.constantFrom('order=scsi9', 'order=scsi9;net9', 'order=net9', 'cdn', 'legacy=cd'),
    memory: () => fc.integer({ min: 1024, max: 9000 }),
    vcpus: () => fc.integer({ min: 1, max: 2 }),
    cicustom: () => fc.constantFrom('user=local:snippets/user.yaml', 'meta=local:snippets/user.yaml,network=local:snippets/net.yaml'),
    vmstatestorage: () => fc.constantFrom('local', 'shared'),
    // Keys as people have them, one a line; Proxmox wants them percent-encoded.
    sshkeys: () => fc.uniqueArray(fc.stringMatching(/^[a-z0-9+/]{20}$/), { minLength: 1, maxLength: 3 }).chain((keys) => {
      const lines = keys.map((key, at) => `ssh-ed25519 ${key} somebody@host${at}`);
      return fc.constantFrom<Json>(lines, lines.join('\n'), `${lines.join('\n')}\n`, encodeURIComponent(lines.join('\n')));
    }),
    tpmstate: () => fc.constant<Json>({ storage: 'shared', version: 'v2.0' }),
    vmgenid: () => fc.constantFrom('1', '0', '5a25e4c0-3c4e-4a39-9b8e-5d1b6c4a9f10'),
  },
  lxc: {
    memory: () => fc.integer({ min: 64, max: 9000 }),
    'ssh-public-keys': () => fc.constant('ssh-ed25519 AAAAC3Nz somebody@host'),
  },
};

/** A valid value of the option as a manifest may write it. */
export function manifestValue(guest: Guest, version: Version, option: string): fc.Arbitrary<Json> {
  const tied = TIED[guest][familyOf(option)];
  if (tied) return tied(version);
  if (isDisk(guest, option)) return diskValue(guest, version, option);
  const text = arbitraryValue(optionOf(guest, option, version), version).map((value) => onThisCluster(option, value));
  return fc.tuple(text, fc.boolean()).map(([value, asMapping]) => (asMapping ? mappingOf(guest, version, option, value) : value));
}

function onThisCluster(option: string, value: string | number): string | number {
  return familyOf(option) === 'net' ? String(value).replace(/bridge=[^,]+/, 'bridge=vmbr0') : value;
}

/** The same value as people prefer to write it: a mapping with yes and no, numbers, and lists. */
function mappingOf(guest: Guest, version: Version, option: string, value: string | number): Json {
  const param = optionOf(guest, option, version);
  const keys = optionKeys(param);
  if (!keys) return param.type === 'boolean' ? Number(value) === 1 : value;
  const parts = splitProperties(keys, String(value));
  if (!('values' in parts)) return value;
  return Object.fromEntries(Object.entries(parts.values).map(([key, text]) => [key, typed(keys[key]?.type, text)]));
}

function typed(type: string | undefined, text: string): Json {
  if (type === 'boolean' && /^[01]$/.test(text)) return text === '1';
  return type === 'integer' && String(Number(text)) === text ? Number(text) : text;
}

// These name the volume itself, or make Proxmox copy one: a manifest says them as `storage` and `source`.
const OF_VOLUME = new Set(['file', 'volume', 'size', 'import-from', 'format', 'media', 'shared', 'cyls', 'heads', 'secs', 'trans', 'ms-cert', 'pre-enrolled-keys', 'efitype']);

function diskValue(guest: Guest, version: Version, option: string): fc.Arbitrary<Json> {
  const keys = optionKeys(optionOf(guest, option, version)) ?? {};
  const given = arbitraryValue(optionOf(guest, option, version), version).map((value) => {
    const parts = splitProperties(keys, String(value));
    return 'values' in parts ? Object.fromEntries(Object.entries(parts.values).filter(([key]) => !OF_VOLUME.has(key)).map(([key, text]) => [key, typed(keys[key]?.type, text)])) : {};
  });
  return fc.tuple(given, fc.constantFrom('local', 'shared'), fc.integer({ min: 1, max: 8 })).map(([more, storage, gib]): Json => ({ ...more, storage, size: `${gib}G` }));
}
