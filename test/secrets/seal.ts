// An encoder of SOPS files (YAML, age) for tests, written from the format's description and not from our decoder: maps and
// lists of strings, numbers and booleans, `ENC[AES256_GCM,…]` bound to the keys, and a MAC over all values in order.
import { createCipheriv, createHash } from 'node:crypto';
import { armor, Encrypter } from 'age-encryption';
import { stringify } from 'yaml';

export type Clear = string | number | boolean | readonly Clear[] | { readonly [key: string]: Clear };

export interface SealOptions {
  readonly recipients: readonly string[];
  /** Which values are left in clear, by any key of their path; `section` is what the file says of it. */
  readonly isClear?: (key: string) => boolean;
  readonly section?: Readonly<Record<string, unknown>>;
  readonly macOnlyEncrypted?: boolean;
  /** Another one makes another ciphertext of the same values. */
  readonly seed?: string;
}

export const LAST_MODIFIED = '2026-11-22T12:00:00Z';

export async function seal(values: { readonly [key: string]: Clear }, { recipients, isClear = (key) => key.endsWith('_unencrypted'), section = { unencrypted_suffix: '_unencrypted' }, macOnlyEncrypted = false, seed = 'seed' }: SealOptions): Promise<string> {
  let count = 0;
  const chance = (): Buffer => createHash('sha256').update(`${seed} ${(count += 1)}`).digest();
  const key = chance();
  const hash = createHash('sha512');
  if (macOnlyEncrypted) hash.update(Buffer.from('8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69', 'hex'));
  const walk = (value: Clear, keys: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((item: Clear) => walk(item, keys));
    if (typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item as Clear, [...keys, name])]));
    const text = typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
    const clear = keys.some(isClear);
    if (!clear || !macOnlyEncrypted) hash.update(text);
    return clear ? value : encrypted(text, typeOf(value), key, `${keys.join(':')}:`, chance());
  };
  const tree = walk(values, []) as object;
  const mac = encrypted(hash.digest('hex').toUpperCase(), 'str', key, LAST_MODIFIED, chance());
  const age = await Promise.all(recipients.map(async (recipient) => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    return { recipient, enc: armor.encode(await encrypter.encrypt(new Uint8Array(key))) };
  }));
  return stringify({ ...tree, sops: { age, lastmodified: LAST_MODIFIED, mac, ...section, ...(macOnlyEncrypted ? { mac_only_encrypted: true } : {}), version: '3.10.2' } }, { lineWidth: 0 });
}

function typeOf(value: string | number | boolean): string {
  return typeof value === 'string' ? 'str' : typeof value === 'boolean' ? 'bool' : Number.isInteger(value) ? 'int' : 'float';
}

function encrypted(text: string, type: string, key: Buffer, aad: string, iv: Buffer): string {
  if (text === '') return '';
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(aad));
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return `ENC[AES256_GCM,data:${data.toString('base64')},iv:${iv.toString('base64')},tag:${cipher.getAuthTag().toString('base64')},type:${type}]`;
}
