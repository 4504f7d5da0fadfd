// The door to /etc/pve, on an ordinary folder: values, and refusals by the names of their errnos.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClusterFiles, isOnNode } from '../../controller/env/cluster-files.ts';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'latido-pve-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('reads, lists and tells times', async () => {
  mkdirSync(join(root, 'nodes'));
  writeFileSync(join(root, 'storage.cfg'), 'dir: local\n');
  const files = createClusterFiles(root);
  expect(await files.read('storage.cfg')).toEqual({ ok: true, value: 'dir: local\n' });
  expect(await files.list('')).toEqual({ ok: true, value: ['nodes', 'storage.cfg'] });
  expect(await files.mtime('storage.cfg')).toEqual({ ok: true, value: Math.floor(statSync(join(root, 'storage.cfg')).mtimeMs / 1000) });
});

test('makes a lock once, stamps it and removes it', async () => {
  const files = createClusterFiles(root);
  expect([await files.mkdir('lock'), await files.mkdir('lock')]).toEqual([{ ok: true, value: undefined }, { ok: false, errno: 'EEXIST' }]);
  expect(await files.utime('lock', 1_700_000_000)).toEqual({ ok: true, value: undefined });
  expect(await files.mtime('lock')).toEqual({ ok: true, value: 1_700_000_000 });
  expect([await files.rmdir('lock'), await files.rmdir('lock'), await files.utime('lock', 1), await files.read('lock')]).toEqual([{ ok: true, value: undefined }, ...Array.from({ length: 3 }, () => ({ ok: false, errno: 'ENOENT' }))]);
});

test('a folder without .version is no node', async () => {
  expect(await isOnNode(createClusterFiles(root))).toBe(false);
  writeFileSync(join(root, '.version'), '{}');
  expect(await isOnNode(createClusterFiles(root))).toBe(true);
});
