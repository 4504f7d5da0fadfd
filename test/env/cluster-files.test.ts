// The door to /etc/pve, on an ordinary folder: values, and refusals by the names of their errnos.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFileLock } from '../../controller/env/file-lock.ts';
import { createPmxcfsLease } from '../../controller/env/pmxcfs-lease.ts';
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

test('a lease is a folder below priv/lock, stamped at each renewal and gone after its release; not where pmxcfs is not mounted', async () => {
  let nowMs = 1_700_000_000_000;
  const clock = { now: () => nowMs, sleep: () => Promise.resolve() };
  const files = createClusterFiles(root);
  const lease = createPmxcfsLease({ files, clock, cluster: 'lab', local: createFileLock(join(root, 'local')) });
  mkdirSync(join(root, 'priv', 'lock'), { recursive: true });
  expect(await lease.acquire()).toEqual({ held: false, by: 'nobody: /etc/pve is not mounted' });
  writeFileSync(join(root, '.version'), '{}');
  expect([await lease.acquire(), lease.isFresh()]).toEqual([{ held: true }, true]);
  nowMs += 15_000;
  expect([await lease.renew(), await files.mtime('priv/lock/latido-lab')]).toEqual([true, { ok: true, value: 1_700_000_015 }]);
  nowMs += 61_000;
  expect(lease.isFresh()).toBe(false);
  await lease.release();
  expect([await files.list('priv/lock'), await files.list('local')]).toEqual([{ ok: true, value: [] }, { ok: true, value: [] }]);
});
