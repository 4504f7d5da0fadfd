// The scripts, by a real shell in a folder of their own: a good file comes into force whole, and any other changes nothing.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CHECK_EMPTY, MAKE_VOLUME, PVCREATE_EMPTY, RELEASE_RES, script, WRITE_RES } from '../../controller/drbd/scripts.ts';

const OLD = '# latido latido reclaim=keep: x\nresource "r0" { old }\n# end\n';
const GOOD = '# latido latido reclaim=keep: x\nresource "r0" { new }\n# end\n';
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latido-scripts-'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'drbd.d'));
  put('drbd.d/r0.res', OLD);
  put('drbd.d/other.res', 'resource other {}\n');
  put('drbd.d/global_common.conf', 'global {}\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}
/** A program that keeps its words and what it was given to read, and ends as it is told. */
function program(name: string, body: string): void {
  put(`bin/${name}`, `#!/bin/sh\necho "${name} $*" >> "${folder}/calls"\n${body}\n`);
  chmodSync(join(folder, 'bin', name), 0o755);
}
function run(text: string, stdin: string, ...args: readonly string[]) {
  const [shell = '', ...words] = script(text.replaceAll('/etc/drbd.d', `${folder}/drbd.d`), ...args);
  return spawnSync(shell, words, { input: stdin, encoding: 'utf8', env: { ...process.env, PATH: `${folder}/bin:${process.env.PATH ?? ''}` } });
}
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const files = () => readdirSync(join(folder, 'drbd.d')).sort();

describe('writing a file', () => {
  test('puts it in force after drbdadm has read it among the others, in place of the old one', () => {
    program('drbdadm', `cp "$2" "${folder}/asked"`);
    const { status } = run(WRITE_RES, GOOD, 'r0', '0600');
    expect([status, read('drbd.d/r0.res'), statSync(join(folder, 'drbd.d/r0.res')).mode & 0o777, files()]).toEqual([0, GOOD, 0o600, ['global_common.conf', 'other.res', 'r0.res']]);
    expect(read('asked').split('\n').map((line) => line.replaceAll(`${folder}/drbd.d/`, ''))).toEqual(['include "global_common.conf";', 'include "other.res";', 'include ".r0.latido";', '']);
    expect(read('calls')).toMatch(/^drbdadm -c \S+ sh-nop\n$/);
  });
  test('changes nothing when drbdadm refuses it, and says why', () => {
    program('drbdadm', 'echo "parse error" >&2; exit 10');
    const { status, stderr } = run(WRITE_RES, GOOD, 'r0', '0644');
    expect([status, stderr, read('drbd.d/r0.res'), files()]).toEqual([10, 'parse error\n', OLD, ['global_common.conf', 'other.res', 'r0.res']]);
  });
  test.each(['', GOOD.slice(0, -3), GOOD.split('\n')[0] ?? ''])('changes nothing when the text broke off: %j', (text) => {
    program('drbdadm', '');
    expect([run(WRITE_RES, text, 'r0', '0644').status, read('drbd.d/r0.res'), existsSync(join(folder, 'calls'))]).toEqual([1, OLD, false]);
  });
});

describe('making a volume', () => {
  const make = () => run(MAKE_VOLUME.replaceAll('/dev/$1', `${folder}/$1`), '', 'pve', 'r0', '4194304b', 'latido');
  beforeEach(() => mkdirSync(join(folder, 'pve')));
  test('empties what drbdmeta looks at, and no more', () => {
    program('lvcreate', `head -c 2M /dev/zero | tr '\\0' x > "${folder}/pve/r0"`);
    expect([make().status, read('calls')]).toEqual([0, 'lvcreate -y -Wy -Zy -n r0 -L 4194304b --addtag latido pve\n']);
    expect(read('pve/r0')).toBe('\0'.repeat(2 ** 20) + 'x'.repeat(2 ** 20));
  });
  test('takes it away again when it cannot be written to', () => {
    program('lvcreate', `mkdir "${folder}/pve/r0"`);
    program('lvremove', '');
    expect([make().status, read('calls').split('\n')[1]]).toEqual([1, 'lvremove -y pve/r0']);
  });
  test('leaves alone what lvcreate refuses', () => {
    program('lvcreate', 'exit 5');
    expect([make().status, read('calls').split('\n').length]).toEqual([5, 2]);
  });
});

describe('releasing a file', () => {
  test('takes the first line off, and keeps its rights', () => {
    chmodSync(join(folder, 'drbd.d/r0.res'), 0o640);
    expect([run(RELEASE_RES, '', 'r0', 'latido').status, read('drbd.d/r0.res'), statSync(join(folder, 'drbd.d/r0.res')).mode & 0o777]).toEqual([0, OLD.slice(OLD.indexOf('\n') + 1), 0o640]);
  });
  test('leaves what another one marked', () => expect([run(RELEASE_RES, '', 'r0', 'other').status, read('drbd.d/r0.res')]).toEqual([0, OLD]));
});

describe('a device', () => {
  test('that holds nothing becomes a physical volume', () => {
    program('wipefs', '');
    program('pvcreate', '');
    expect([run(CHECK_EMPTY, '', '/dev/x').status, run(PVCREATE_EMPTY, '', '/dev/x').status, read('calls').split('\n').at(-2)]).toEqual([0, 0, 'pvcreate -y /dev/x']);
  });
  test('that holds something is left as it is', () => {
    program('wipefs', 'echo "0x438 ext4"');
    program('pvcreate', '');
    expect([run(CHECK_EMPTY, '', '/dev/x').stderr, run(PVCREATE_EMPTY, '', '/dev/x').status, read('calls').includes('pvcreate')]).toEqual(['/dev/x is not empty:\n0x438 ext4\n', 1, false]);
  });
  test('that cannot be read is no empty one', () => {
    program('wipefs', 'exit 1');
    program('pvcreate', '');
    expect([run(PVCREATE_EMPTY, '', '/dev/x').status, read('calls').includes('pvcreate')]).toEqual([1, false]);
  });
});
