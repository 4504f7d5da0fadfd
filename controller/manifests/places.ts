// In: the node tree of one YAML document and a path. Out: where it is written.
// Must never fail: a path that is not written leads to its nearest written parent.
import { isAlias, isMap, isPair, isScalar, isSeq } from 'yaml';
import type { Document, Pair, YAMLMap } from 'yaml';
import { isMergeKey, offsetOf } from './values.ts';

export interface Spot {
  readonly offset: number;
  /** The scalar as it is written, without quotes (`9.10`), when the whole path is written and ends in one. */
  readonly written?: string;
}

/**
 * Two spellings of a path: a JSON pointer (`/spec/nodes/pve1.example/address`), which is exact, or names joined by dots
 * (`spec.nodes.pve1.example.address`), where the longest key that fits is taken so that keys may contain dots.
 * The spot of a field is its key; of a list's item, its first token; of the document (``), its first token.
 */
export function locate(document: Document, path: string): Spot {
  let next = path.startsWith('/') ? pointerSteps(path) : dottedSteps(path);
  let node = resolved(document.contents, document);
  let offset = offsetOf(document.contents);
  while (next !== undefined) {
    const found: { offset: number; node: unknown; rest: Steps | undefined } | undefined =
      isMap(node) ? inMap(node, next, document) : isSeq(node) ? inList(node.items, next) : undefined;
    if (found === undefined) return { offset };
    ({ offset, rest: next } = found);
    node = resolved(found.node, document);
  }
  return isScalar(node) ? { offset, written: node.source } : { offset };
}

/** What may come next: the ways to read the next key off the path, and what remains of it then. */
type Steps = (keys: ReadonlySet<string> | number) => { readonly key: string; readonly rest: Steps | undefined } | undefined;

function pointerSteps(path: string): Steps | undefined {
  const cut = path.indexOf('/', 1);
  const key = path.slice(1, cut === -1 ? undefined : cut).replaceAll('~1', '/').replaceAll('~0', '~');
  return () => ({ key, rest: cut === -1 ? undefined : pointerSteps(path.slice(cut)) });
}

function dottedSteps(path: string): Steps | undefined {
  if (path === '') return undefined;
  return (keys) => {
    for (let cut = path.length; cut > 0; cut = path.lastIndexOf('.', cut - 1)) {
      const key = path.slice(0, cut);
      if (typeof keys === 'number' ? /^\d+$/.test(key) && Number(key) < keys : keys.has(key)) return { key, rest: dottedSteps(path.slice(cut + 1)) };
    }
    return undefined;
  };
}

function inMap(map: YAMLMap, next: Steps, document: Document) {
  const pairs = pairsOf(map, document, 0);
  const step = next(new Set(pairs.keys()));
  const pair = step && pairs.get(step.key);
  return step && pair && { offset: offsetOf(pair.key), node: pair.value, rest: step.rest };
}

function inList(items: readonly unknown[], next: Steps) {
  const step = next(items.length);
  const item = step && items[Number(step.key)];
  if (!step || item === undefined) return undefined;
  return { offset: offsetOf(isPair(item) ? item.key : item), node: item, rest: step.rest };
}

/** A merge inside of a merge inside of …: the depth of honest manifests is one. */
const MERGES_MAX = 8;

/** The map's own keys, then those that `<<` brings, as written in the map they come from. */
function pairsOf(map: YAMLMap, document: Document, merges: number): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const pair of map.items) {
    if (isScalar(pair.key) && !isMergeKey(pair) && !pairs.has(keyText(pair))) pairs.set(keyText(pair), pair);
  }
  if (merges > MERGES_MAX) return pairs;
  for (const pair of map.items.filter(isMergeKey)) {
    const value = resolved(pair.value, document);
    for (const from of (isSeq(value) ? value.items : [value]).map((item) => resolved(item, document))) {
      if (isMap(from)) for (const [key, inherited] of pairsOf(from, document, merges + 1)) if (!pairs.has(key)) pairs.set(key, inherited);
    }
  }
  return pairs;
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? (typeof pair.key.value === 'string' ? pair.key.value : (pair.key.source ?? '')) : '';
}

function resolved(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}
