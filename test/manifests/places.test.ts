import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseFiles } from '../../controller/manifests/parse.ts';
import type { Json } from '../../controller/model/json.ts';

const SAMPLE = `# a comment
%YAML 1.2
---
kind: Node
spec:
  config: # here
    net0: { model: virtio, bridge: vmbr0 }
    "memory": 2048
  windows:
    - start: "02:00"
      days: [sat, sun]
    - { start: 9.10 }
  nodes:
    pve1.example: { address: 10.0.0.1 }
    pve1.example.com: { address: 10.0.0.2 }
    a/b~c: 1
  shared: &shared
    cores: 2
  own: { <<: *shared, memory: 1 }
  same: *shared
`.slice('# a comment\n'.length);

function place(path: string, text = SAMPLE, index = 0): string {
  const { documents, findings } = parseFiles([{ path: 'a.yaml', text }]);
  expect(findings).toEqual([]);
  const { line, column } = documents[index]?.place(path) ?? { line: 0, column: 0 };
  return text.split('\n')[line - 1]?.slice(column - 1) ?? '';
}

describe('a place is the key, or the first token of a list item', () => {
  test.each([
    ['', 'kind: Node'],
    ['kind', 'kind: Node'],
    ['spec.config', 'config: # here'],
    ['spec.config.net0', 'net0: {'],
    ['spec.config.net0.bridge', 'bridge: vmbr0 }'],
    ['spec.config.memory', '"memory": 2048'],
    ['spec.windows.0', 'start: "02:00"'],
    ['spec.windows.0.start', 'start: "02:00"'],
    ['spec.windows.0.days.1', 'sun]'],
    ['spec.windows.1', '{ start: 9.10 }'],
    ['spec.nodes.pve1.example.address', 'address: 10.0.0.1'],
    ['spec.nodes.pve1.example.com.address', 'address: 10.0.0.2'],
    ['/spec/nodes/pve1.example.com/address', 'address: 10.0.0.2'],
    ['/spec/nodes/a~1b~0c', 'a/b~c: 1'],
    ['spec.nodes.a/b~c', 'a/b~c: 1'],
    ['spec.own.memory', 'memory: 1'],
  ])('%s', (path, expected) => {
    expect(place(path)).toMatch(new RegExp(`^${expected.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`));
  });

  test.each([
    ['spec.config.net0.bridge.more.and.more', 'bridge: vmbr0'],
    ['spec.config.net1.bridge', 'config: # here'],
    ['spec.windows.7.start', 'windows:'],
    ['spec.windows.first', 'windows:'],
    ['status.nothing', 'kind: Node'],
    ['/spec/nodes/pve2/address', 'nodes:'],
  ])('what is not written leads to its nearest written parent: %s', (path, expected) => {
    expect(place(path).startsWith(expected)).toBe(true);
  });

  test('what an alias or a merge brings is where it was written', () => {
    expect(place('spec.same.cores')).toMatch(/^cores: 2/);
    expect(place('spec.own.cores')).toMatch(/^cores: 2/);
  });

  test('the byte order mark and Windows line ends move nothing', () => {
    const { documents } = parseFiles([{ path: 'a.yaml', text: '\uFEFFa: 1\r\nb:\r\n  c: 2\r\n' }]);
    expect(documents[0]?.place('a')).toEqual({ file: 'a.yaml', line: 1, column: 1 });
    expect(documents[0]?.place('b.c')).toEqual({ file: 'a.yaml', line: 3, column: 3 });
  });

  test('what is written, before YAML made a value of it', () => {
    const [document] = parseFiles([{ path: 'a.yaml', text: SAMPLE }]).documents;
    expect(document?.written('spec.windows.1.start')).toBe('9.10');
    expect(document?.written('spec.windows.1.end')).toBeUndefined();
    expect(document?.written('spec.config')).toBeUndefined();
  });
});

describe('property', () => {
  const key = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9.]{0,8}$/), fc.string({ minLength: 1, maxLength: 6 }).filter((text) => /^[ -~]+$/.test(text)));
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof({ depthSize: 'small' },
      fc.integer(), fc.boolean(), fc.constant(null), fc.string().map((text) => text.replace(/[^ -~\n]/g, 'x')),
      fc.array(tie('tree'), { maxLength: 4 }), fc.dictionary(key, tie('tree'), { maxKeys: 5, noNullPrototype: true })),
  }));
  const style = fc.record({ collectionStyle: fc.constantFrom('any', 'flow'), defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_DOUBLE'), indent: fc.constantFrom(2, 4), lineWidth: fc.constantFrom(20, 80), crlf: fc.boolean(), indentSeq: fc.boolean() });

  test('values come back, and every place points at the key as it is written', () => {
    fc.assert(fc.property(fc.array(fc.record({ top: tree }), { minLength: 1, maxLength: 4 }), style, (trees, { crlf, ...options }) => {
      const text = trees.map((one) => `---\n${stringify(one, { ...options, keepUndefined: true })}`).join('').replaceAll('\n', crlf ? '\r\n' : '\n');
      const { documents, findings } = parseFiles([{ path: 'a.yaml', text }]);
      expect(findings).toEqual([]);
      expect(documents.map((document) => document.value)).toEqual(trees);
      for (const document of documents) {
        for (const [pointer, name] of pointers(document.value, '')) {
          const { line, column } = document.place(pointer);
          const written = text.split('\n')[line - 1]?.slice(column - 1) ?? '';
          expect([name, JSON.stringify(name), `'${name.replaceAll("'", "''")}'`, '"', "'"].some((spelling) => written.startsWith(spelling)), `${pointer} in\n${text}\nis at ${written}`).toBe(true);
        }
      }
    }), { seed: 20, numRuns: 300 });
  });

  function pointers(value: Json, at: string): readonly (readonly [string, string])[] {
    if (Array.isArray(value)) return value.flatMap((item, i) => pointers(item, `${at}/${i}`));
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([name, inner]) => {
      const pointer = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      return [[pointer, name] as const, ...pointers(inner, pointer)];
    });
  }
});
