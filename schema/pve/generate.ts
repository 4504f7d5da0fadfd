// In: a folder of <version>.json dumps of Proxmox's own API viewer data ("METHOD /path" → definition).
// Out: schema/pve/<version>.json, compact: every distinct parameter definition stands once in `defs`,
// methods point at it by index. Must never carry prose: names, types, limits and permissions only.
// Run: npm run schema:pve -- DIR
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

type Dict = Record<string, unknown>;
const DROPPED = new Set(['description', 'title', 'typetext', 'verbose_description', 'format_description', 'returns', 'name']);

const source = process.argv[2];
if (!source) {
  console.error('usage: npm run schema:pve -- DIR   (DIR holds <version>.json dumps of the API viewer data)');
  process.exit(1);
}
const target = dirname(fileURLToPath(import.meta.url));
for (const file of readdirSync(source).filter((name) => /^\d+\.\d+\.json$/.test(name)).sort()) {
  const compact = compactApi(JSON.parse(readFileSync(join(source, file), 'utf8')) as Record<string, Dict>);
  writeFileSync(join(target, file), render(file.replace('.json', ''), compact));
}

/** Interns parameter definitions; the order of methods and of first use makes the output stable. */
function compactApi(api: Record<string, Dict>) {
  const defs: string[] = [];
  const index = new Map<string, number>();
  const intern = (def: unknown): number => {
    const text = JSON.stringify(strip(def));
    const known = index.get(text);
    if (known !== undefined) return known;
    index.set(text, defs.length);
    return defs.push(text) - 1;
  };
  const methods = Object.keys(api).sort().map((key) => {
    const { parameters, permissions, protected: isProtected, proxyto, allowtoken } = api[key] as Dict;
    const { properties, additionalProperties } = flatten((parameters ?? {}) as Dict);
    const p = Object.fromEntries(Object.entries((properties ?? {}) as Dict).sort(byKey).map(([name, def]) => [name, intern(def)]));
    return [key, {
      p,
      ...(additionalProperties === 0 || additionalProperties === false ? {} : { open: 1 }),
      ...(permissions && Object.keys(permissions as Dict).length > 0 ? { perm: strip(permissions) } : {}),
      ...(isProtected ? { prot: 1 } : {}),
      ...(proxyto ? { proxy: proxyto } : {}),
      ...(allowtoken === 0 || allowtoken === undefined ? { notoken: 1 } : {}),
    }] as const;
  });
  return { defs, methods };
}

/** Newer dumps write section-config parameters as allOf/oneOf; older ones as one list with `instance-types`: we keep the latter. */
function flatten(parameters: Dict): Dict {
  if (!Array.isArray(parameters.allOf)) return parameters;
  const properties: Record<string, Dict> = {};
  for (const part of parameters.allOf as Dict[]) {
    Object.assign(properties, part.properties ?? {});
    if (!Array.isArray(part.oneOf)) continue;
    const typeProperty = part['type-property'] as string;
    properties[typeProperty] = part['type-property-schema'] as Dict;
    for (const variant of part.oneOf as Dict[]) {
      for (const [name, def] of Object.entries(variant.properties as Record<string, Dict>)) {
        const known = properties[name]?.['instance-types'] as string[] | undefined;
        const types = [...(known ?? []), variant['instance-type'] as string];
        properties[name] = { ...def, 'instance-types': types, 'type-property': typeProperty };
      }
    }
  }
  return { properties, additionalProperties: 0 };
}

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value as Dict).filter(([key, inner]) => !(DROPPED.has(key) && typeof inner === 'string'));
  return Object.fromEntries(entries.sort(byKey).map(([key, inner]) => [key, strip(inner)]));
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}

function render(version: string, { defs, methods }: ReturnType<typeof compactApi>): string {
  return [
    '{', `"generated": "by schema/pve/generate.ts; do not edit",`, `"version": "${version}",`, '"defs": [', defs.join(',\n'), '],', '"methods": {',
    methods.map(([key, method]) => `${JSON.stringify(key)}: ${JSON.stringify(method)}`).join(',\n'), '}', '}', '',
  ].join('\n');
}
