// Secrets leave no trace in errors and logs.
import { isObject, type Json, type JsonObject } from '../model/json.ts';

export const REDACTED = '<secret>';

// Shorter values would blacken ordinary words of a message rather than hide anything.
const SECRET_LENGTH_MIN = 4;
const SECRET_NAMES = /pass(word|phrase)?$|secret|^ticket$|^csrfpreventiontoken$|^authorization$|^cookie$|private-?key|^keyring$|^encryption-key$/i;
const TOKEN_TEXT = /(PVEAPIToken=[^\s=]+=)[^\s"',;]+/g;
const TICKET_TEXT = /(PVE(?::|%3A)[^\s:"']+(?::|%3A)[0-9A-F]{8}(?:::|%3A%3A))[^\s"',;]+/g;

export function isSecretName(name: string): boolean {
  return SECRET_NAMES.test(name);
}

/** `text` without the given secrets, and without anything that has the shape of a token or ticket. */
export function redactText(text: string, secrets: readonly string[] = []): string {
  const hidden = secrets
    .filter((secret) => secret.length >= SECRET_LENGTH_MIN)
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .sort((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
  return hidden.replaceAll(TOKEN_TEXT, `$1${REDACTED}`).replaceAll(TICKET_TEXT, `$1${REDACTED}`);
}

/** `value` with secret fields and secret-shaped texts blackened, at any depth. */
export function redactJson(value: Json): Json {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map((item: Json) => redactJson(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value as JsonObject).map(([name, item]) => [name, isSecretName(name) ? REDACTED : redactJson(item)]));
}

/** The values of those parameters that must not be repeated to anybody. */
export function secretValues(params: JsonObject): string[] {
  return Object.entries(params).flatMap(([name, value]) => (isSecretName(name) && typeof value === 'string' ? [value] : []));
}
