import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileStore } from '../../controller/env/file-store.ts';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { Store } from '../../controller/model/doors.ts';

let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'latido-store-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const STORES: readonly (readonly [string, () => Store])[] = [['file', () => createFileStore(dir)], ['memory', () => createMemoryStore()]];

for (const [kind, make] of STORES) {
  describe(`a ${kind} store`, () => {
    test('has nothing at first', async () => {
      expect(await make().read('inventory.json')).toBeUndefined();
    });
    test('gives back what was written last', async () => {
      const store = make();
      await store.write('inventory.json', 'a');
      await store.write('inventory.json', 'ñ\n');
      expect(await store.read('inventory.json')).toBe('ñ\n');
    });
    test('appends whole lines in the order of the calls', async () => {
      const store = make();
      await Promise.all(Array.from({ length: 20 }, (_, n) => store.append('journal.jsonl', `{"n":${n}}`)));
      expect(await store.read('journal.jsonl')).toBe(Array.from({ length: 20 }, (_, n) => `{"n":${n}}\n`).join(''));
    });
    test('starts a new line after a torn one', async () => {
      const store = make();
      await store.write('journal.jsonl', '{"n":1}\n{"n":');
      await store.append('journal.jsonl', '{"n":3}');
      expect(await store.read('journal.jsonl')).toBe('{"n":1}\n{"n":\n{"n":3}\n');
    });
    test('sees a write that was started before the read', async () => {
      const store = make();
      const writing = store.write('a', '1');
      expect(await store.read('a')).toBe('1');
      await writing;
    });
    for (const name of ['../x', 'a/b', '..', '.hidden', '', 'a\\b', 'a\0b', 'x'.repeat(300)]) {
      test(`refuses the name ${JSON.stringify(name.slice(0, 12))}`, async () => {
        await expect((async () => make().read(name))()).rejects.toThrow(RangeError);
        await expect((async () => make().write(name, ''))()).rejects.toThrow(RangeError);
        await expect((async () => make().append(name, ''))()).rejects.toThrow(RangeError);
      });
    }
    test('refuses a line with a line break', async () => {
      await expect((async () => make().append('a', 'b\nc'))()).rejects.toThrow(RangeError);
    });
  });
}

test('the folder and the files are for their owner alone', async () => {
  const folder = join(dir, 'deep', 'er');
  const store = createFileStore(folder);
  await store.write('a', '1');
  await store.append('b', '1');
  expect([folder, join(folder, 'a'), join(folder, 'b')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o600, 0o600]);
});

test('no temporary file is left behind', async () => {
  const store = createFileStore(dir);
  await Promise.all(['1', '2', '3'].map((text) => store.write('a', text)));
  expect(readdirSync(dir)).toEqual(['a']);
});

test('a failed replacement leaves the old file and no temporary one, and does not stop the next', async () => {
  const store = createFileStore(dir);
  await store.write('b', '1');
  rmSync(join(dir, 'b'));
  await createFileStore(join(dir, 'b')).write('in-the-way', '1');
  await expect(store.write('b', '2')).rejects.toMatchObject({ findings: [{ code: 'STATE_UNUSABLE' }] });
  expect(readdirSync(dir)).toEqual(['b']);
  await store.write('c', '3');
  expect(await store.read('c')).toBe('3');
});

test('a folder that others may write into is refused', async () => {
  chmodSync(dir, 0o777);
  await expect(createFileStore(dir).write('a', '1')).rejects.toMatchObject({ findings: [{ code: 'STATE_UNUSABLE', fix: `chmod 700 ${dir}` }] });
});

test('a folder that cannot be made is a failure with a fix', async () => {
  writeFileSync(join(dir, 'file'), '');
  await expect(createFileStore(join(dir, 'file', 'state')).write('a', '1')).rejects.toMatchObject({ findings: [{ code: 'STATE_UNUSABLE', fix: expect.stringContaining('--state') }] });
});

test('a file over the limit is not read', async () => {
  writeFileSync(join(dir, 'big'), Buffer.alloc(64 * 1024 * 1024 + 1));
  await expect(createFileStore(dir).read('big')).rejects.toMatchObject({ findings: [{ code: 'STATE_UNUSABLE' }] });
});

test('a memory store shows all its files', async () => {
  const store = createMemoryStore({ b: '2' });
  await store.append('a', '1');
  expect(store.snapshot()).toEqual({ a: '1\n', b: '2' });
});
