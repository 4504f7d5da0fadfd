import type { Desired, DesiredObject } from '../model/desired.ts';
import type { Finding } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { Registry } from '../model/kind.ts';
import { nearest } from '../model/nearest.ts';
import { compareText, refText } from '../model/ref.ts';
import type { Ref } from '../model/ref.ts';
import { pointerStep } from './words.ts';

/** What every object needs, asked once: by its ref's text. */
export type Needs = ReadonlyMap<string, readonly Ref[]>;

export function needsOf(desired: Desired, registry: Registry): Needs {
  return new Map(desired.objects.map((object) => [refText(object.ref), registry.get(object.ref.kind)?.requires(object, desired) ?? []]));
}

/** Names that no manifest defines, unless the cluster may have them. `defined` holds documents with mistakes as well. */
export function missingReferences(desired: Desired, needs: Needs, defined: readonly Ref[], registry: Registry): readonly Finding[] {
  const known = new Set(defined.map(refText));
  return desired.objects.flatMap((object) => (needs.get(refText(object.ref)) ?? [])
    .filter((ref) => !known.has(refText(ref)) && registry.get(ref.kind)?.mayBeLiveOnly !== true)
    .map((ref): Finding => ({
      code: 'REFERENCE_MISSING', severity: 'error', ref: object.ref, place: object.place(whereNamed(object, ref.name)),
      fact: `no manifest defines ${refText(ref)}`, fix: missingFix(ref, defined),
    })));
}

function missingFix(ref: Ref, defined: readonly Ref[]): string {
  const near = nearest(ref.name, defined.filter(({ kind }) => kind === ref.kind).map(({ name }) => name));
  return near === undefined ? `add a document with kind: ${ref.kind} and name: ${ref.name}, or name another` : `did you mean "${near}"?`;
}

/** Objects that need each other in a circle, each circle once; without recursion, because chains can be long. */
export function cycles(desired: Desired, needs: Needs): readonly Finding[] {
  const objects = new Map(desired.objects.map((object) => [refText(object.ref), object]));
  const state = new Map<string, 'open' | 'done'>();
  const findings: Finding[] = [];
  for (const start of [...objects.keys()].sort(compareText)) {
    const path = [{ key: start, next: 0 }];
    if (state.has(start)) continue;
    state.set(start, 'open');
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const need = needs.get(top.key)?.[top.next++];
      const key = need && refText(need);
      if (key === undefined) {
        state.set(top.key, 'done');
        path.pop();
      } else if (state.get(key) === 'open') findings.push(...circle(path.map((step) => step.key).slice(path.findIndex((step) => step.key === key)), objects));
      else if (!state.has(key) && objects.has(key)) {
        state.set(key, 'open');
        path.push({ key, next: 0 });
      }
    }
  }
  return findings;
}

function circle(keys: readonly string[], objects: ReadonlyMap<string, DesiredObject>): readonly Finding[] {
  const first = objects.get(keys[0] ?? '');
  const second = objects.get(keys[1] ?? keys[0] ?? '');
  if (!first || !second) return [];
  const fact = keys.length === 1 ? `${keys[0]} needs itself` : `${[...keys, keys[0]].join(' needs ')}`;
  return [{ code: 'REFERENCE_CYCLE', severity: 'error', ref: first.ref, place: first.place(whereNamed(first, second.ref.name)), fact, fix: 'remove one of these references' }];
}

/** Where an object writes a name: a value that is the name, else a key, else a text that contains it, else its spec. */
export function whereNamed(object: DesiredObject, name: string): string {
  const at = (test: (key: string, value: unknown) => boolean): string | undefined => firstWhere(object.spec, '/spec', test);
  return at((_, value) => value === name) ?? at((key) => key === name) ?? at((_, value) => typeof value === 'string' && value.split(/[,:;=/\s]/).includes(name)) ?? '/spec';
}

function firstWhere(value: unknown, pointer: string, test: (key: string, value: unknown) => boolean): string | undefined {
  for (const [key, inner] of Array.isArray(value) || isObject(value) ? Object.entries(value) : []) {
    const here = `${pointer}${pointerStep(key)}`;
    if (test(key, inner)) return here;
    const below = firstWhere(inner, here, test);
    if (below !== undefined) return below;
  }
  return undefined;
}
