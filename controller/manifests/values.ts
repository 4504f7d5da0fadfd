// In: the node tree of one YAML document. Out: plain JSON, and what cannot be JSON with the offset where it stands.
// Must never follow an alias without counting what it expands to, nor let a key reach an object's prototype.
import { isAlias, isMap, isScalar, isSeq, Scalar } from 'yaml';
import type { Alias, Node, Pair, YAMLMap, YAMLSeq } from 'yaml';
import type { Json } from '../model/json.ts';
import { FINDINGS_PER_DOCUMENT } from './limits.ts';
import type { Limits } from './limits.ts';

export interface Trouble { readonly offset: number; readonly fact: string; readonly fix?: string }
export interface Value { readonly json: Json; readonly troubles: readonly Trouble[] }

type Known = { readonly json: Json; readonly size: number };

interface Walk {
  readonly limits: Limits;
  readonly troubles: Trouble[];
  /** What each anchor stands for; 'open' while its own value is being read. */
  readonly anchors: Map<string, Known | 'open'>;
  size: number;
  depth: number;
}

export function jsonOf(root: Node | null, limits: Limits): Value {
  const walk: Walk = { limits, troubles: [], anchors: new Map(), size: 0, depth: 0 };
  return { json: valueOf(root, 0, walk), troubles: walk.troubles };
}

function valueOf(node: unknown, parentOffset: number, walk: Walk): Json {
  // Once over the limit the document is refused anyway; walking on would only cost time.
  if (walk.size > walk.limits.values) return null;
  const sizeBefore = walk.size;
  if (isAlias(node)) return aliasOf(node, walk);
  walk.size += 1;
  if (walk.size > walk.limits.values) trouble(walk, parentOffset, tooManyValues(walk.limits));
  if (!isScalar(node) && !isMap(node) && !isSeq(node)) return null;
  refuseTag(node, walk);
  if (node.anchor !== undefined) walk.anchors.set(node.anchor, 'open');
  const json = isScalar(node) ? scalarOf(node, walk) : deeper(node, walk);
  if (node.anchor !== undefined) walk.anchors.set(node.anchor, { json, size: walk.size - sizeBefore });
  return json;
}

function deeper(node: YAMLMap | YAMLSeq, walk: Walk): Json {
  if (walk.depth >= walk.limits.depth) {
    trouble(walk, offsetOf(node), { fact: `values are nested more than ${walk.limits.depth} deep`, fix: 'check the brackets and the indentation; no manifest needs this depth' });
    return null;
  }
  walk.depth += 1;
  const json = isMap(node) ? mapOf(node, walk) : node.items.map((item) => valueOf(item, offsetOf(node), walk));
  walk.depth -= 1;
  return json;
}

function mapOf(map: YAMLMap, walk: Walk): Json {
  const offsets = new Map<string, number>();
  const json: { [key: string]: Json } = {};
  const merged: Json[] = [];
  for (const pair of map.items) {
    if (isMergeKey(pair)) {
      merged.push(...mergedMaps(pair, walk));
      continue;
    }
    const key = keyOf(pair, offsetOf(map), walk);
    const value = valueOf(pair.value, offsetOf(pair.key), walk);
    if (key === undefined) continue;
    if (offsets.has(key)) {
      trouble(walk, offsetOf(pair.key), { fact: `the key "${key}" is written twice in the same map`, fix: 'keep one of them' });
      continue;
    }
    offsets.set(key, offsetOf(pair.key));
    json[key] = value;
  }
  for (const from of merged) for (const [key, value] of Object.entries(from ?? {})) if (!Object.hasOwn(json, key)) json[key] = value;
  return json;
}

/** A key as it is written (`100` is the text 100), or nothing when it cannot be one. */
function keyOf(pair: Pair, mapOffset: number, walk: Walk): string | undefined {
  const { key } = pair;
  if (!isScalar(key)) {
    trouble(walk, key === null ? mapOffset : offsetOf(key), { fact: 'a key is not a plain text', fix: 'write "key: value" with a word as the key' });
    return undefined;
  }
  refuseTag(key, walk);
  if (key.anchor !== undefined) walk.anchors.set(key.anchor, { json: String(key.value), size: 1 });
  const text = typeof key.value === 'string' ? key.value : (key.source ?? '');
  if (text === '') trouble(walk, offsetOf(key), { fact: 'a key is empty', fix: 'write a name before the colon' });
  else if (text === '__proto__') trouble(walk, offsetOf(key), { fact: 'the key "__proto__" is not allowed', fix: 'no object of latido has such a field; remove it' });
  else return text;
  return undefined;
}

export function isMergeKey(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.value === '<<' && pair.key.type === Scalar.PLAIN;
}

function mergedMaps(pair: Pair, walk: Walk): readonly Json[] {
  const value = valueOf(pair.value, offsetOf(pair.key), walk);
  const maps = Array.isArray(value) ? value : [value];
  if (maps.every((map) => typeof map === 'object' && map !== null && !Array.isArray(map))) return maps;
  trouble(walk, offsetOf(pair.key), { fact: '"<<" merges something that is not a map', fix: 'write "<<: *name" where &name marks a map' });
  return [];
}

function aliasOf(alias: Alias, walk: Walk): Json {
  const known = walk.anchors.get(alias.source);
  if (known === undefined) trouble(walk, offsetOf(alias), { fact: `*${alias.source} names an anchor that is not defined before it in this document`, fix: `write &${alias.source} before the value that is meant` });
  else if (known === 'open') trouble(walk, offsetOf(alias), { fact: `*${alias.source} stands inside of its own value`, fix: 'a value cannot contain itself; write it out' });
  else {
    walk.size += known.size;
    if (walk.size > walk.limits.values) trouble(walk, offsetOf(alias), tooManyValues(walk.limits));
    return known.json;
  }
  return null;
}

function scalarOf(node: Scalar, walk: Walk): Json {
  const { value } = node;
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  const source = node.source ?? String(value);
  const quoted = `write it as text, "${source}", or as a plain decimal number`;
  if (typeof value !== 'number') trouble(walk, offsetOf(node), { fact: `${source} is neither text, number, true nor false`, fix: `write it as text: "${source}"` });
  else if (!Number.isFinite(value)) trouble(walk, offsetOf(node), { fact: `${source} is not a finite number`, fix: quoted });
  // 0110, 0x8086, 12e5: YAML reads numbers here that differ from what is written, and readers of YAML disagree on them.
  else if (!/^[-+]?(0|[1-9]\d*)?(\.\d*)?$/.test(source)) trouble(walk, offsetOf(node), { fact: `${source} would be read as the number ${value}`, fix: quoted });
  else if (Number.isInteger(value) && !Number.isSafeInteger(value)) trouble(walk, offsetOf(node), { fact: `${source} is a number too large to be kept exactly`, fix: `write it as text: "${source}"` });
  else return value === 0 ? 0 : value;
  return null;
}

const PLAIN_TAGS: ReadonlySet<string> = new Set(['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`));

function refuseTag(node: Scalar | YAMLMap | YAMLSeq, walk: Walk): void {
  if (node.tag === undefined || PLAIN_TAGS.has(node.tag)) return;
  trouble(walk, offsetOf(node), { fact: `the tag ${node.tag.replace('tag:yaml.org,2002:', '!!')} is not allowed`, fix: 'write plain text, numbers, lists and maps only' });
}

function tooManyValues(limits: Limits): Omit<Trouble, 'offset'> {
  return { fact: `the document holds more than ${limits.values} values, aliases written out`, fix: 'split it, or use fewer aliases' };
}

function trouble(walk: Walk, offset: number, what: Omit<Trouble, 'offset'>): void {
  if (walk.troubles.length < FINDINGS_PER_DOCUMENT) walk.troubles.push({ offset, ...what });
}

export function offsetOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0;
}
