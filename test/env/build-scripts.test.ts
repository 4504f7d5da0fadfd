import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { linkBin } from '../../controller/env/link-bin.ts';
import { packageRoot } from '../../controller/env/package-root.ts';
import { schemaFiles } from '../../controller/env/schema-files.ts';
import { staleFiles, writeFiles } from '../../controller/env/write-schema.ts';
import type { AnyKind } from '../../controller/model/kind.ts';

let root: string;
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'latido-build-')); });
afterEach(() => rmSync(root, { recursive: true, force: true }));

function built(): string {
  const main = join(root, '.build', 'controller', 'main.js');
  mkdirSync(join(root, '.build', 'controller'), { recursive: true });
  writeFileSync(main, '#!/usr/bin/env node\n', { mode: 0o644 });
  return main;
}
function bins(): string {
  mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true });
  return join(root, 'node_modules', '.bin', 'latido');
}

test('the bin is a relative link to the executable main.js, also the second time', () => {
  const main = built();
  const link = bins();
  linkBin(root);
  expect(linkBin(root)).toBe('latido is linked already');
  expect(readlinkSync(link)).toBe('../../.build/controller/main.js');
  expect(realpathSync(link)).toBe(realpathSync(main));
  expect(statSync(main).mode & 0o777).toBe(0o755);
});

test('a link to elsewhere is replaced, a file of somebody else stays', () => {
  built();
  const link = bins();
  symlinkSync('nowhere', link);
  linkBin(root);
  expect(readlinkSync(link)).toBe('../../.build/controller/main.js');
  rmSync(link);
  writeFileSync(link, 'mine');
  expect(linkBin(root)).toContain('is not a link');
  expect(lstatSync(link).isFile()).toBe(true);
});

test('without node_modules/.bin or main.js nothing is made', () => {
  expect(linkBin(root)).toContain('not built');
  built();
  expect(linkBin(root)).toContain('no node_modules/.bin');
  expect(existsSync(join(root, 'node_modules'))).toBe(false);
});

test('the package root is the nearest folder upwards with a package.json', () => {
  writeFileSync(join(root, 'package.json'), '{}');
  mkdirSync(join(root, 'a', 'b'), { recursive: true });
  expect(packageRoot(join(root, 'a', 'b'))).toBe(root);
  expect(JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'))).toMatchObject({ name: 'latido' });
});

const kinds = new Map([['Pool', { schema: { type: 'object' } }], ['Node', { schema: {} }]] as const) as unknown as ReadonlyMap<string, AnyKind>;

test('each kind has a document schema around its spec, and one file names them all', () => {
  const files = schemaFiles(kinds);
  expect([...files.keys()]).toEqual(['Node.json', 'Pool.json', 'latido.schema.json']);
  expect(JSON.parse(files.get('Pool.json') ?? '')).toMatchObject({ properties: { kind: { const: 'Pool' }, spec: { type: 'object' } }, required: ['apiVersion', 'kind', 'metadata', 'spec'] });
  expect(JSON.parse(files.get('latido.schema.json') ?? '')).toMatchObject({ oneOf: [{ $ref: 'Node.json' }, { $ref: 'Pool.json' }] });
});

test('stale are files that differ, that are missing and that no kind has any more; folders are left alone', () => {
  const files = schemaFiles(kinds);
  mkdirSync(join(root, 'pve'));
  writeFileSync(join(root, 'Old.json'), '{}');
  writeFileSync(join(root, 'Node.json'), '{}');
  expect(staleFiles(root, files)).toEqual(['Node.json', 'Old.json', 'Pool.json', 'latido.schema.json']);
  writeFiles(root, files);
  expect(staleFiles(root, files)).toEqual([]);
  expect([existsSync(join(root, 'Old.json')), existsSync(join(root, 'pve'))]).toEqual([false, true]);
});
