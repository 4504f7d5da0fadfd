import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readSecret } from '../../controller/env/secret-place.ts';

let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'latido-secret-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function file(text: string, mode = 0o600): { readonly file: string } {
  const path = join(dir, 'secret');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return { file: path };
}

describe('a secret', () => {
  test('is the line of a file, spaces kept', async () => expect(await readSecret(file(' a b \n'), 'the token', {})).toBe(' a b '));
  test('is a variable', async () => expect(await readSecret({ env: 'A' }, 'the token', { A: 'x' })).toBe('x'));
  test('is missed by name', () => expect(readSecret({ env: 'A' }, 'the token', {})).rejects.toThrow('the environment variable A does not hold the token'));
  test('is one line', () => expect(readSecret(file('a\nb\n'), 'the token', {})).rejects.toThrow('several lines'));
  test('is not everybody\'s', () => expect(readSecret(file('a', 0o644), 'the token', {})).rejects.toThrow('everybody may use'));
});
