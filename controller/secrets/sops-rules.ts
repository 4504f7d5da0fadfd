// In: the `sops` section of a file. Out: which values are encrypted, how the MAC is made, the sealed data keys; or why it
// cannot be read here. Facts: getsops/sops, stores/stores.go (metadata) and sops.go (shouldBeEncrypted).
import { isObject } from '../model/json.ts';
import { SealedError } from './sops-value.ts';

export interface SopsRules {
  readonly isEncrypted: (path: readonly string[]) => boolean;
  readonly macOnlyEncrypted: boolean;
  readonly mac: string;
  /** As it is bound to the MAC. */
  readonly lastModified: string;
  /** The data key, once for each recipient: armored age files. */
  readonly dataKeys: readonly string[];
}

const KEYS_MAX = 100;
const PATTERN_MAX = 500;
const OTHER_KEYS: Readonly<Record<string, string>> = { pgp: 'PGP', kms: 'AWS KMS', gcp_kms: 'GCP KMS', azure_kv: 'Azure Key Vault', hc_vault: 'HashiCorp Vault', hckms: 'Huawei Cloud KMS' };

/** Throws SealedError. */
export function sopsRules(section: unknown): SopsRules {
  if (!isObject(section)) throw new SealedError('is not encrypted: it has no section `sops`');
  if (Array.isArray(section['key_groups']) || Number(section['shamir_threshold'] ?? 0) > 1) throw new SealedError('shares its key between groups (key_groups, shamir_threshold), which latido does not open');
  if (section['encrypted_comment_regex'] !== undefined || section['unencrypted_comment_regex'] !== undefined) throw new SealedError('lets comments choose what is encrypted (encrypted_comment_regex), which latido does not follow');
  const { mac, lastmodified } = section;
  if (typeof mac !== 'string' || mac === '' || typeof lastmodified !== 'string') throw new SealedError('has no MAC: nobody can tell whether it was changed');
  return { isEncrypted: encryptedBy(section), macOnlyEncrypted: section['mac_only_encrypted'] === true, mac, lastModified: normalTime(lastmodified), dataKeys: ageKeys(section) };
}

function ageKeys(section: Readonly<Record<string, unknown>>): readonly string[] {
  const entries: readonly unknown[] = Array.isArray(section['age']) ? section['age'] : [];
  const keys = entries.slice(0, KEYS_MAX).flatMap((entry) => (isObject(entry) && typeof entry['enc'] === 'string' ? [entry['enc']] : []));
  if (keys.length > 0) return keys;
  const others = Object.entries(OTHER_KEYS).flatMap(([name, words]) => (Array.isArray(section[name]) && section[name].length > 0 ? [words] : []));
  throw new SealedError(others.length > 0 ? `is encrypted for ${others.join(', ')} alone, and latido opens what is encrypted for an age key` : 'names no age recipient');
}

/** One rule at most; without any, what ends in `_unencrypted` is in clear. Any key of the path may decide. */
function encryptedBy(section: Readonly<Record<string, unknown>>): SopsRules['isEncrypted'] {
  const rules = ['unencrypted_suffix', 'encrypted_suffix', 'unencrypted_regex', 'encrypted_regex'].flatMap((name) => {
    const value = section[name];
    return typeof value === 'string' && value !== '' ? [{ name, value }] : [];
  });
  if (rules.length > 1) throw new SealedError(`has two rules of what is encrypted: ${rules.map(({ name }) => name).join(' and ')}`);
  const { name, value } = rules[0] ?? { name: 'unencrypted_suffix', value: '_unencrypted' };
  const matches = name.endsWith('suffix') ? (key: string) => key.endsWith(value) : patternOf(name, value);
  return name.startsWith('un') ? (path) => !path.some(matches) : (path) => path.some(matches);
}

function patternOf(name: string, pattern: string): (key: string) => boolean {
  try {
    if (pattern.length > PATTERN_MAX) throw new SealedError('too long');
    const [, flags = '', rest = ''] = /^(?:\(\?([ism]+)\))?(.*)$/s.exec(pattern) ?? [];
    const compiled = new RegExp(rest, `u${flags}`);
    return (key) => compiled.test(key);
  } catch {
    throw new SealedError(`has a pattern that is not understood: ${name}`);
  }
}

/** Whole seconds, and `Z` where there is no distance to it: so SOPS prints a time that it has read. */
function normalTime(text: string): string {
  return text.replace(/\.\d+/, '').replace(/[-+]00:00$/, 'Z');
}
