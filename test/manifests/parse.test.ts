import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../controller/manifests/limits.ts';
import { parseFiles } from '../../controller/manifests/parse.ts';

function read(text: string, limits = LIMITS) {
  return parseFiles([{ path: 'a.yaml', text }], limits);
}
function values(text: string) {
  const { documents, findings } = read(text);
  expect(findings).toEqual([]);
  return documents.map((document) => document.value);
}
/** `line:column fact` of every finding. */
function mistakes(text: string, limits = LIMITS) {
  return read(text, limits).findings.map(({ place, fact }) => `${place?.line}:${place?.column} ${fact}`);
}

test.each([['an empty file', ''], ['a file of comments', '# nothing\n\n# here\n'], ['a file of empty documents', '---\n---\n']])('%s has no document, and is warned of', (_, text) => {
  const { documents, findings } = read(text);
  expect(documents).toEqual([]);
  expect(findings).toMatchObject([{ code: 'MANIFEST_UNREADABLE', severity: 'warning', place: { line: 1, column: 1 } }]);
});

describe('what is read', () => {
  test.each([
    ['a document', 'a: 1\nb: [x, true, null, 1.5]\n', [{ a: 1, b: ['x', true, null, 1.5] }]],
    ['several documents', 'a: 1\n---\nb: 2\n...\n---\nc: 3', [{ a: 1 }, { b: 2 }, { c: 3 }]],
    ['empty documents are none', '---\n---\n# only a comment\n---\na: 1\n---\n', [{ a: 1 }]],
    ['a byte order mark', '\uFEFFa: 1', [{ a: 1 }]],
    ['Windows line ends', 'a: 1\r\nb:\r\n  - x\r\n', [{ a: 1, b: ['x'] }]],
    ['yes, no, on and off are text in YAML 1.2', 'a: yes\nb: off\nc: 02:00\nd: 2024-01-31', [{ a: 'yes', b: 'off', c: '02:00', d: '2024-01-31' }]],
    ['keys are text as written', '100: a\n1.0: b\ntrue: c\n', [{ 100: 'a', '1.0': 'b', true: 'c' }]],
    ['anchors', 'a: &x { m: 1 }\nb: *x\nc: [*x]', [{ a: { m: 1 }, b: { m: 1 }, c: [{ m: 1 }] }]],
    ['an anchor written again', 'a: &x 1\nb: *x\nc: &x 2\nd: *x', [{ a: 1, b: 1, c: 2, d: 2 }]],
    ['merge keys: own keys win, the first map wins', 'a: &a { x: 1, y: 1 }\nb: &b { x: 2, z: 2 }\nc: { <<: [*a, *b], y: 3 }', [{ a: { x: 1, y: 1 }, b: { x: 2, z: 2 }, c: { y: 3, x: 1, z: 2 } }]],
    ['a quoted "<<" is a key like any other', '"<<": 1', [{ '<<': 1 }]],
    ['-0 is 0', 'a: -0', [{ a: 0 }]],
    ['names of Object are keys like any other', 'constructor: 1\ntoString: 2\nhasOwnProperty: 3', [{ constructor: 1, toString: 2, hasOwnProperty: 3 }]],
    ['block texts', 'a: |\n  one\n  two\nb: >-\n  three\n  four\n', [{ a: 'one\ntwo\n', b: 'three four' }]],
  ])('%s', (_, text, expected) => {
    expect(values(text)).toEqual(expected);
  });
});

describe('what is refused, and where', () => {
  test.each([
    ['a tab', 'a:\n\tb: 1', ['2:1 a tab is used to indent']],
    ['a duplicate key', 'a: 1\nb:\n  c: 1\n  c: 2\na: 3', ['4:3 the key "c" is written twice in the same map', '5:1 the key "a" is written twice in the same map']],
    ['duplicates that only differ in quotes', 'a: { 1: x, "1": y }', ['1:12 the key "1" is written twice in the same map']],
    ['a key that is a map', '? { a: 1 }\n: 2', ['1:3 a key is not a plain text']],
    ['an empty key', ': 1', ['1:1 a key is empty']],
    ['a key that would reach the prototype', 'a:\n  __proto__: { x: 1 }', ['2:3 the key "__proto__" is not allowed']],
    ['an unknown anchor', 'a: *x', ['1:4 *x names an anchor that is not defined before it in this document']],
    ['an anchor of another document', 'a: &x 1\n---\nb: *x', ['3:4 *x names an anchor that is not defined before it in this document']],
    ['a value that contains itself', 'a: &x\n  b: *x', ['2:6 *x stands inside of its own value']],
    ['merging a list', 'a: &x [1]\nb: { <<: 1 }', ['2:6 "<<" merges something that is not a map']],
    ['a huge number', 'a: 123456789012345678901', ['1:4 123456789012345678901 is a number too large to be kept exactly']],
    ['not a number', 'a: .nan\nb: -.inf\nc: 1e999', ['1:4 .nan is not a finite number', '2:4 -.inf is not a finite number', '3:4 1e999 is not a finite number']],
    ['an octal', 'a: 0110', ['1:4 0110 would be read as the number 110']],
    ['a hexadecimal', 'a: 0x8086', ['1:4 0x8086 would be read as the number 32902']],
    ['an exponent, which a hash can look like', 'a: 12e5', ['1:4 12e5 would be read as the number 1200000']],
    ['a date by tag', 'a: !!timestamp 2024-01-31', ['1:16 the tag !!timestamp is not allowed']],
    ['a tag of a program', 'a: !ruby/object:X { b: 1 }', ['1:19 the tag !ruby/object:X is not allowed']],
    ['a set', 'a: !!set { b, c }', ['1:10 the tag !!set is not allowed']],
    ['YAML 1.1', '%YAML 1.1\n---\na: yes', ['3:1 the document asks for YAML 1.1']],
    ['NUL', 'a: 1\nb: "x\u0000y"', ['2:6 the file contains the control character U+0000']],
    ['a lone carriage return', 'a: 1 # \rb: 2', ['1:8 the file contains the control character U+000D']],
    ['two keys on a line', 'a: b: c', ['1:4 a second "key:" stands on the same line']],
    ['a value with an at sign', 'a: @home', ['1:4 a value starts with a character that YAML reserves']],
    ['a bad escape', 'a: "C:\\windows"', ['1:7 a text in double quotes has an unknown escape after a backslash']],
    ['bad indentation', 'a:\n    b: 1\n  c: 2', ['3:1 the indentation does not fit the lines above']],
    ['an open quote: where it begins', 'a: 1\nb: "x\nc: 2\nd: 3\n', ['2:4 a quote is opened here and never closed']],
    ['an open bracket: where it begins', 'a: { b: [1, 2\nc: 3\n', ['1:9 a bracket is opened here and never closed']],
  ])('%s', (_, text, expected) => {
    expect(mistakes(text)).toEqual(expected);
  });

  test('every finding says what to do', () => {
    const { findings } = read('a: 1\na: 2\n---\nb: "\n---\nc: *x\n');
    expect(findings.length).toBeGreaterThan(1);
    expect(findings.filter((finding) => finding.fix === undefined || finding.severity !== 'error')).toEqual([]);
  });

  test('a broken document spoils no other', () => {
    const { documents, findings } = read('a: 1\n---\nb: }\n---\nc: 3\n');
    expect(documents.map((document) => document.value)).toEqual([{ a: 1 }, { c: 3 }]);
    expect(findings.map((finding) => finding.place?.line)).toEqual([3]);
  });

  test('a file that could not be read is a finding of its own', () => {
    const { findings } = parseFiles([{ path: 'x.yaml', text: '', unreadable: 'the file is not UTF-8 text' }]);
    expect(findings).toMatchObject([{ code: 'MANIFEST_UNREADABLE', fact: 'the file is not UTF-8 text', place: { file: 'x.yaml' } }]);
  });
});

describe('limits', () => {
  const laughs = ['a: &a [x, x, x, x, x, x, x, x, x]', ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`)].join('\n');

  test('a billion laughs are counted, not expanded', () => {
    expect(mistakes(laughs)[0]).toMatch(/the document holds more than 100000 values, aliases written out$/);
  });

  test('too many plain values', () => {
    expect(mistakes(`[${'1,'.repeat(50)}]`, { ...LIMITS, values: 50 })).toEqual(['1:1 the document holds more than 50 values, aliases written out']);
    expect(mistakes(`[${'1,'.repeat(49)}]`, { ...LIMITS, values: 50 })).toEqual([]);
  });

  test.each([['[', ']'], ['{a: ', '}'], ['- ', '']])('nesting of %s', (open, close) => {
    expect(mistakes(open.repeat(51) + 'x' + close.repeat(51))).toEqual([expect.stringContaining('values are nested more than 50 deep')]);
    expect(mistakes(open.repeat(50) + 'x' + close.repeat(50))).toEqual([]);
  });

  test.each(['[', '{a: ', '- ', '? ', '}', '[[]', '"', '&a '])('a file of nothing but %s ends in findings, not in an overflow', (piece) => {
    const count = mistakes(piece.repeat(10_000)).length;
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(10);
  });

  test('file, total, count of files and of documents', () => {
    const files = [{ path: 'a.yaml', text: 'a: 1' }, { path: 'b.yaml', text: 'b: 1\n---\nc: 1' }];
    const facts = (change: Partial<typeof LIMITS>) => parseFiles(files, { ...LIMITS, ...change }).findings.map((finding) => finding.fact);
    expect(facts({})).toEqual([]);
    expect(facts({ fileBytes: 5 })).toEqual(['the file is larger than 5 bytes']);
    expect(facts({ totalBytes: 10 })).toEqual(['the files are larger than 10 bytes together']);
    expect(facts({ files: 1 })).toEqual(['2 files are more than the 1 allowed']);
    expect(facts({ documents: 2 })).toEqual(['there are more than 2 documents']);
  });
});
