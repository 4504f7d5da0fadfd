// In: a secret and what is remembered of it. Out: whether it is still the same, without keeping it: a salted, slow hash.
import { scrypt, timingSafeEqual } from 'node:crypto';

// 32 MiB and about a tenth of a second for each guess of whoever has got hold of inventory.json.
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const VERSION = /^scrypt-15-8-1:([0-9a-f]{32}):([0-9a-f]{64})$/;

/** @param random in [0, 1); a salt has to be another one each time, not unknown */
export async function newVersion(value: string, random: () => number): Promise<string> {
  const salt = Buffer.from(Array.from({ length: SALT_BYTES }, () => Math.floor(random() * 256)));
  return `scrypt-15-8-1:${salt.toString('hex')}:${(await hash(value, salt)).toString('hex')}`;
}

export async function isVersionOf(version: string, value: string): Promise<boolean> {
  const [, salt, wanted] = VERSION.exec(version) ?? [];
  if (salt === undefined || wanted === undefined) return false;
  return timingSafeEqual(await hash(value, Buffer.from(salt, 'hex')), Buffer.from(wanted, 'hex'));
}

function hash(value: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(value, salt, HASH_BYTES, COST, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
