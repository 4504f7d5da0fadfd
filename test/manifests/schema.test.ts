import { describe, expect, test } from 'vitest';
import { schemaTroubles } from '../../controller/manifests/schema.ts';
import { nearest } from '../../controller/model/nearest.ts';
import type { Json, JsonObject } from '../../controller/model/json.ts';

/** `pointer fact | fix` of each mistake. */
function troubles(schema: JsonObject, spec: Json): readonly string[] {
  return schemaTroubles(schema, spec, () => undefined).map(({ pointer, fact, fix }) => `${pointer} ${fact}${fix === undefined ? '' : ` | ${fix}`}`);
}
const source = { anyOf: [{ required: ['iso'] }, { required: ['template'] }, { required: ['backup', 'storage'] }] };
const byType: JsonObject = {
  oneOf: [
    { type: 'object', required: ['path'], properties: { type: { const: 'dir' }, path: { type: 'string' } } },
    { type: 'object', required: ['server', 'export'], properties: { type: { const: 'nfs' }, server: { type: 'string' }, export: { type: 'string' } } },
  ],
};

describe('branches of a schema', () => {
  test.each<readonly [string, JsonObject, Json, readonly string[]]>([
    ['one of several fields', source, {}, ['/spec spec needs iso, template or backup with storage | add one of them']],
    ['the branch that a constant names', byType, { type: 'nfs', server: 'a' }, ['/spec spec.export is missing | add "export: …"']],
    ['a value of one branch, or a type of another', { properties: { a: { anyOf: [{ enum: ['auto', 'none'] }, { type: 'integer' }] } } }, { a: 'atuo' }, ['/spec/a spec.a is "atuo", and can be auto, none or a whole number | did you mean "auto"?']],
    ['two branches at once', { oneOf: [{ required: ['a'] }, { required: ['b'] }] }, { a: 1, b: 1 }, ['/spec spec fits several forms at once | keep the fields of one of them']],
    ['a branch within a branch', { properties: { a: { anyOf: [{ type: 'string' }, { type: 'array', items: { anyOf: [{ type: 'integer', minimum: 5 }, { type: 'string' }] } }] } } }, { a: [1] }, ['/spec/a/0 spec.a.0 is 1, and the least is 5 | write 5 or more']],
    ['the same schema at two places', { properties: { a: { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: 'boolean' }] } } } }, { a: ['x', 1, 'z'] }, ['/spec/a/0 spec.a.0 must be a whole number or true or false, and is "x"', '/spec/a/2 spec.a.2 must be a whole number or true or false, and is "z"']],
    ['if and then', JSON.parse('{ "if": { "required": ["a"] }, "then": { "required": ["b"] } }') as JsonObject, { a: 1 }, ['/spec spec.b is missing | add "b: …"']],
  ])('%s', (_, schema, spec, expected) => {
    expect(troubles({ type: 'object', ...schema }, spec)).toEqual(expected);
  });
});

describe('single rules', () => {
  test.each<readonly [string, JsonObject, Json, readonly string[]]>([
    ['a field that needs another', { dependentRequired: { a: ['b'] } }, { a: 1 }, ['/spec spec.a needs spec.b as well | add b, or remove a']],
    ['a field that may not be', { properties: { a: false } }, { a: 1 }, ['/spec/a spec.a is not allowed here | remove it']],
    ['a key of the wrong form', { propertyNames: { pattern: '^net\\d+$', description: 'A slot, net0 to net31. More.' } }, { eth0: 1 }, ['/spec/eth0 "eth0" cannot be a name here | A slot, net0 to net31']],
    ['keys with slashes and tildes', { properties: { 'a/b~c': { type: 'string' } } }, { 'a/b~c': 1 }, ['/spec/a~1b~0c spec.a/b~c must be text, and is 1 | write it in quotes: "1"']],
    ['too many items', { properties: { a: { type: 'array', maxItems: 1 } } }, { a: [1, 2] }, ['/spec/a spec.a has more than 1 items | remove what is too much']],
    ['a fixed value', { properties: { a: { const: 1 } } }, { a: 2 }, ['/spec/a spec.a is 2, and can be 1 | write 1']],
    ['a pattern without example', { properties: { a: { type: 'string', pattern: '^x' } } }, { a: 'y' }, ['/spec/a spec.a is "y", which does not have the right form | it must match ^x']],
    ['names that every object has', { properties: {}, additionalProperties: false }, { constructor: 1 }, ['/spec/constructor there is no field spec.constructor | remove it']],
  ])('%s', (_, schema, spec, expected) => {
    expect(troubles({ type: 'object', ...schema }, spec)).toEqual(expected);
  });

  test('a misspelt keyword in a schema of ours is a bug, an annotation of ours is not', () => {
    expect(() => troubles({ type: 'object', requird: ['a'] }, {})).toThrow(/requird/);
    expect(troubles({ type: 'object', 'x-note': 'ours' }, {})).toEqual([]);
  });
});

describe('the nearest name', () => {
  const names = ['bridge', 'model', 'firewall', 'mtu', 'queues'];
  test.each([
    ['brigde', 'bridge'], ['Bridge', 'bridge'], ['fierwal', 'firewall'], ['mut', 'mtu'], ['queue', 'queues'],
    ['tag', undefined], ['', undefined], ['x', undefined], ['bridge', undefined], ['x'.repeat(1000), undefined],
  ])('of "%s"', (word, expected) => {
    expect(nearest(word, names)).toBe(expected);
  });
  test('of two as near, the first of the alphabet', () => {
    expect(nearest('pve9', ['pve2', 'pve1'])).toBe('pve1');
  });
});
