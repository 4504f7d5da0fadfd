// In: one parameter of any API method (storage, pool, cluster options, rules …) and its value as a manifest writes it
// or as the API answers it. Out: one text that means the same, whether two differ, and the text to send. Guests'
// options, whose meaning the API data does not tell in full, have canonical.ts.
import { isObject, type Json } from '../model/json.ts';
import { canonicalSet, canonicalText } from './canonical-text.ts';
import { type Keys, keysOf, type Param } from './param.ts';
import { gatherProperties, own, parseBoolean, printProperties, resolveAlias, splitProperties } from './property-parts.ts';
import { writtenText } from './written.ts';

/** Nothing when it is not set, or set to its default. Texts lose newlines at their end: some endpoints add one. */
export function canonicalParam(param: Param, value: Json | undefined): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (param.type === 'array') return canonicalArray(param, value);
  const keys = keysOf(param);
  const text = keys ? canonicalKeys(keys, value) : canonicalText(param, writtenText(param, value)).replace(/\n+$/, '');
  const byDefault = param.default === undefined || param.default === null ? undefined : canonicalText(param, String(param.default));
  return text === '' || text === byDefault ? undefined : text;
}

export function diffParam(param: Param, desired: Json | undefined, live: Json | undefined): 'same' | 'different' {
  return canonicalParam(param, desired) === canonicalParam(param, live) ? 'same' : 'different';
}

/** The text to send; an array for an array. */
export function requestParam(param: Param, value: Json): string | readonly string[] {
  if (param.type === 'array') return (Array.isArray(value) ? value : [value]).map((item: Json) => String(requestParam(param.items ?? {}, item)));
  const keys = keysOf(param);
  if (!keys || !isObject(value)) {
    const text = writtenText(param, value, ',');
    return param.type === 'boolean' ? (parseBoolean(text) ?? text) : text;
  }
  return printProperties(keys, valuesOf(keys, value) ?? {});
}

/** Items are compared as a set: mappings' `map` and their like have no order. */
function canonicalArray(param: Param, value: Json): string | undefined {
  const items: readonly Json[] = Array.isArray(value) ? value : [value];
  const texts = items.map((item) => canonicalParam(param.items ?? {}, item) ?? '');
  return texts.length === 0 ? undefined : [...new Set(texts)].sort().join('\n');
}

function canonicalKeys(keys: Keys, value: Json): string {
  const values = valuesOf(keys, value);
  if (!values) return writtenText({}, value);
  const told = Object.entries(values).flatMap(([key, text]) => {
    const canonical = canonicalKey(keys[key] ?? {}, text);
    const byDefault = keys[key]?.default;
    return byDefault !== undefined && byDefault !== null && canonicalKey(keys[key] ?? {}, String(byDefault)) === canonical ? [] : [[key, canonical] as const];
  });
  return told.map(([key, text]) => `${key}=${text}`).sort().join(',');
}

/** The lists that stand in one key are separated by semicolons; none of them has an order. */
function canonicalKey(param: Param, text: string): string {
  return text.includes(';') && param.format === undefined ? canonicalSet(text) : canonicalText(param, text);
}

function valuesOf(keys: Keys, value: Json): Readonly<Record<string, string>> | undefined {
  const parts = isObject(value)
    ? gatherProperties(keys, Object.entries(value as Readonly<Record<string, Json>>).filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, writtenText(own(keys, resolveAlias(keys, key)) ?? {}, inner)] as const))
    : splitProperties(keys, writtenText({}, value));
  return 'values' in parts ? parts.values : undefined;
}
