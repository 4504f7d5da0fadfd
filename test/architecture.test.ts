// Who may import whom, and what pure folders may not contain (controller/README.md). Read from the source text.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..', 'controller');

/** A folder, or a file at the top, and what it may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  safety: ['model'],
  pve: ['model'],
  pmxcfs: ['model', 'pve'],
  drbd: ['model'],
  'virtual-ip': ['model'],
  manifests: ['model'],
  status: ['model'],
  sources: ['model', 'manifests'],
  config: ['model', 'manifests'],
  secrets: ['model', 'manifests', 'config'],
  notify: ['model', 'config', 'status'],
  serve: ['model', 'config', 'daemon', 'sources', 'status'],
  kinds: ['model', 'pve', 'safety', 'drbd', 'virtual-ip'],
  plan: ['model', 'safety'],
  observe: ['model', 'pve', 'pmxcfs', 'drbd', 'virtual-ip'],
  apply: ['model', 'safety', 'observe'],
  'reconcile.ts': ['model', 'manifests', 'observe', 'plan', 'apply', 'status'],
  daemon: ['model', 'safety', 'manifests', 'observe', 'plan', 'apply', 'status', 'reconcile.ts'],
  cli: ['model', 'pve', 'kinds', 'manifests', 'sources', 'reconcile.ts', 'daemon', 'status', 'config', 'secrets', 'notify', 'serve'],
  env: ['model', 'pve', 'kinds', 'config'],
  sim: ['model', 'pve', 'drbd', 'virtual-ip'],
  'main.ts': ['model', 'pve', 'kinds', 'sources', 'cli', 'env', 'sim', 'reconcile.ts', 'manifests', 'daemon', 'config', 'secrets', 'notify', 'serve', 'observe', 'pmxcfs'],
};

const PURE = ['model', 'pve', 'pmxcfs', 'drbd', 'virtual-ip', 'kinds', 'plan', 'safety'];
const IMPURE: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['async', /\basync\b|\bawait\b|new Promise\b|Promise\.(?!<)/], ['a clock', /Date\.now|new Date\(\)|performance\.now|setTimeout|setInterval/],
  ['randomness', /Math\.random|randomUUID|randomBytes/], ['the process', /\bprocess\./],
  ['files or network', /from 'node:(?!crypto')/],
];

const files = walk(ROOT).filter((file) => file.endsWith('.ts'));

describe('imports', () => {
  test.each(files.map((file) => [relative(ROOT, file), file]))('%s', (name, file) => {
    const from = partOf(name);
    const wrong = importsOf(file).map((target) => partOf(relative(ROOT, target))).filter((part) => part !== from && MAY_IMPORT[from]?.includes(part) !== true);
    expect(wrong).toEqual([]);
  });
});

describe('pure folders', () => {
  const pure = files.filter((file) => PURE.includes(partOf(relative(ROOT, file))));
  test.each(pure.map((file) => [relative(ROOT, file), file]))('%s', (_, file) => {
    const code = withoutComments(readFileSync(file, 'utf8'));
    expect(IMPURE.filter(([, pattern]) => pattern.test(code)).map(([what]) => what)).toEqual([]);
  });
});

function partOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function walk(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)]));
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => resolve(dirname(file), match[1] ?? ''));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}
