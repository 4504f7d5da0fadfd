// Notes of comparisons beside what real kernels said of them; and the scripts that write and read them, by a real shell.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BEGIN_VERIFY, END_VERIFY, READ_VERIFIES, script, VERIFY_NOTES } from '../../controller/drbd/scripts.ts';
import { parseVerifies } from '../../controller/drbd/verify-notes.ts';
import { recorded } from './recorded.ts';

const kernel = (folder: string) => recorded(folder).filter(({ file }) => file.includes('16-verify')).flatMap(({ output }) => output.split('\n')).filter((line) => /Online [Vv]erify/.test(line)).join('\n');
const facts = (text: string) => [...parseVerifies(text, (name) => (name === 'r0' ? 0 : undefined))].map(([name, { found, ...fact }]) => [name, fact, found && [...found]]);
const OPEN = 'verify r0\ndue 100\nbegun 101\n';

describe('what real kernels said', () => {
  test('of 8.4: three blocks differ, to the only peer', () => expect(facts(`${OPEN}${kernel('drbd84')}`)).toEqual([['r0', { dueMs: 100_000, begunMs: 101_000 }, [['', 3 * 4096]]]]));
  test('of 9: half of the device differs', () => expect(facts(`${OPEN}${kernel('drbd9')}`)).toEqual([['r0', { dueMs: 100_000, begunMs: 101_000 }, [['n3', 51_180 * 4096]]]]));
});

describe('a note', () => {
  const DONE = '[ 1.0] block drbd0: Starting Online Verify from sector 0\n[ 2.0] block drbd0: Online verify done (total 1 sec; paused 0 sec; 20480 K/sec)\n';
  test.each([
    ['with its end tells all', 'verify r0\ndue 100\nbegun 101\nended 200\nfound pve2 49152\n', { dueMs: 100_000, begunMs: 101_000, endedMs: 200_000 }, [['pve2', 49_152]]],
    ['without any word of the kernel was broken off, or runs', OPEN, { dueMs: 100_000, begunMs: 101_000 }, undefined],
    ['and nothing was found', `${OPEN}${DONE}`, { dueMs: 100_000, begunMs: 101_000 }, [['', 0]]],
    ['and one began again after the last end', `${OPEN}${DONE}[ 3.0] block drbd0: Starting Online Verify from sector 0\n`, { dueMs: 100_000, begunMs: 101_000 }, undefined],
    ['and the words are of another device', `${OPEN}${DONE.replaceAll('drbd0', 'drbd1')}`, { dueMs: 100_000, begunMs: 101_000 }, undefined],
    ['and of two peers one is done', `${OPEN}[ 1.0] drbd r0/0 drbd0 b: Starting Online Verify from sector 0\n[ 1.1] drbd r0/0 drbd0 c: Starting Online Verify from sector 0\n[ 2.0] drbd r0/0 drbd0 b: Online verify done (total 1 sec)\n`, { dueMs: 100_000, begunMs: 101_000 }, undefined],
  ] as const)('%s', (_, text, fact, found) => expect(facts(text)).toEqual([['r0', fact, found]]));
  test('that is no note is none', () => expect([facts('verify r0\ngarbage\n'), facts('due 1\nbegun 2\n'), facts('')]).toEqual([[], [], []]));
});

describe('the scripts', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'latido-verify-'));
    mkdirSync(join(folder, 'bin'));
    program('dmesg', 'echo "[ 1.0] block drbd0: Starting Online Verify from sector 0"; echo "[ 1.1] usb 1-1: unrelated"');
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  function program(name: string, body: string): void {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\necho "${name} $*" >> "${folder}/calls"\n${body}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  }
  function run(text: string, ...args: readonly string[]) {
    const [shell = '', ...words] = script(text.replaceAll(VERIFY_NOTES, `${folder}/notes`), ...args);
    const { status, stdout } = spawnSync(shell, words, { encoding: 'utf8', env: { ...process.env, PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` } });
    return { status, stdout };
  }
  const calls = () => readFileSync(join(folder, 'calls'), 'utf8').split('\n').filter((line) => line.startsWith('drbdadm'));
  const note = () => readFileSync(join(folder, 'notes/verify-r0'), 'utf8').replace(/^(begun|ended) \d+$/gm, '$1 …');

  test('begin, then note, and are read back', () => {
    program('drbdadm', '');
    expect([run(BEGIN_VERIFY, 'r0', '1795100400', '0', 'r0:b/0', 'r0:c/0').status, calls(), note()]).toEqual([0, ['drbdadm -- --start=0 verify r0:b/0', 'drbdadm -- --start=0 verify r0:c/0'], 'due 1795100400\nbegun …\n']);
    expect(run(READ_VERIFIES).stdout.split('\n').filter((line) => !line.startsWith('begun'))).toEqual(['verify r0', 'due 1795100400', '[ 1.0] block drbd0: Starting Online Verify from sector 0', '']);
    expect([run(END_VERIFY, 'r0', '1795100400', 'b 0', 'c 4096').status, note()]).toEqual([0, 'due 1795100400\nbegun …\nended …\nfound b 0\nfound c 4096\n']);
    expect(run(READ_VERIFIES).stdout).not.toContain('Starting');
    expect(facts(run(READ_VERIFIES).stdout)).toEqual([['r0', expect.objectContaining({ dueMs: 1_795_100_400_000 }), [['b', 0], ['c', 4096]]]]);
    expect(readdirSync(join(folder, 'notes'))).toEqual(['verify-r0']);
  });
  test('what was broken off goes on without a place to begin at', () => {
    program('drbdadm', '');
    run(BEGIN_VERIFY, 'r0', '5', '-', 'r0');
    expect(calls()).toEqual(['drbdadm verify r0']);
  });
  test('what drbdadm refuses leaves the note that was', () => {
    program('drbdadm', '');
    run(BEGIN_VERIFY, 'r0', '5', '0', 'r0');
    program('drbdadm', 'exit 11');
    expect([run(BEGIN_VERIFY, 'r0', '6', '0', 'r0').status, note(), readdirSync(join(folder, 'notes'))]).toEqual([11, 'due 5\nbegun …\n', ['verify-r0']]);
  });
  test('the end of another one is not noted', () => {
    program('drbdadm', '');
    run(BEGIN_VERIFY, 'r0', '5', '0', 'r0');
    expect([run(END_VERIFY, 'r0', '4', 'b 0').status, note()]).toEqual([1, 'due 5\nbegun …\n']);
  });
  test('where nothing was ever compared there is nothing to read, and nothing is made', () => expect([run(READ_VERIFIES), existsSync(join(folder, 'notes'))]).toEqual([{ status: 0, stdout: '' }, false]));
});
