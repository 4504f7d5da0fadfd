// A secret in a manifest is a reference, `{ secret: NAME }`; the value is put in its place at the wire alone.
import { isObject } from './json.ts';
import type { Json } from './json.ts';

/** A type and no interface, so that it is a value of JSON. */
export type SecretRef = { readonly secret: string };

/** `storage/backup/password`: what stands in maps of maps is joined by `/`, because keys contain dots more often. */
export const SECRET_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@-]*(?:\/[A-Za-z0-9_.@-]+)*$/;
export const SECRET_NAME_MAX = 200;

export function isSecretRef(value: unknown): value is SecretRef {
  return isObject(value) && typeof value['secret'] === 'string' && Object.keys(value).length === 1;
}

export function isSecretName(name: string): boolean {
  return name.length <= SECRET_NAME_MAX && SECRET_NAME.test(name);
}

export interface WrittenSecret { /** `config.cipassword` */ readonly path: string; readonly name: string }

/** Every reference in a value, in the order in which they stand. */
export function secretsIn(value: unknown, path = ''): readonly WrittenSecret[] {
  if (isSecretRef(value)) return [{ path, name: value.secret }];
  const below = (key: string | number): string => (path === '' ? String(key) : `${path}.${key}`);
  if (Array.isArray(value)) return (value as readonly unknown[]).flatMap((item, index) => secretsIn(item, below(index)));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => secretsIn(item, below(key)));
}

/** A copy with every reference replaced. */
export function withSecrets(value: Json, valueOf: (name: string) => string): Json {
  if (isSecretRef(value)) return valueOf(value.secret);
  if (Array.isArray(value)) return value.map((item: Json) => withSecrets(item, valueOf));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withSecrets(item as Json, valueOf)]));
}
