// In: texts that come back from outside, and the secrets that are known. Out: the texts without them, however they are spelled.
import { isObject } from '../model/json.ts';
import type { Json } from '../model/json.ts';

const HIDDEN = '<secret>';
/** Shorter ones would blacken ordinary words. */
const LENGTH_MIN = 4;
/** A line of a longer secret, told alone. */
const LINE_MIN = 8;

/** Every spelling in which a value may come back, longest first. */
export function spellings(value: string): readonly string[] {
  const texts = [value, ...value.split(/\r?\n/).filter((line) => line.length >= LINE_MIN && line !== value)].filter((text) => text.length >= LENGTH_MIN);
  const all = texts.flatMap((text) => {
    const bytes = Buffer.from(text);
    return [
      text, encodeURIComponent(text), encodeURIComponent(text).replaceAll('%20', '+'), JSON.stringify(text).slice(1, -1), new URLSearchParams({ v: text }).toString().slice(2),
      bytes.toString('base64'), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex'), bytes.toString('hex').toUpperCase(),
    ];
  });
  return [...new Set(all)].sort((a, b) => b.length - a.length);
}

export function hideText(text: string, hidden: readonly string[]): string {
  return hidden.reduce((rest, one) => (rest.includes(one) ? rest.replaceAll(one, HIDDEN) : rest), text);
}

export function hideJson(value: Json, hide: (text: string) => string): Json {
  if (typeof value === 'string') return hide(value);
  if (Array.isArray(value)) return value.map((item: Json) => hideJson(item, hide));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hideJson(item as Json, hide)]));
}
