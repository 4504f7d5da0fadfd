// `.version`, `.vmlist` and `.members` as recorded: before and after a guest was written and after pmxcfs was restarted.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ALL_CHANGED, changesBetween, isQuiet } from '../../controller/observe/file-changes.ts';
import type { Seen } from '../../controller/observe/file-changes.ts';
import { parseMembers, parseVersion, parseVmlist } from '../../controller/pmxcfs/dot-files.ts';
import { COUNTED_FILES } from '../../controller/sim/pmxcfs-process.ts';

const text = (name: string) => readFileSync(new URL(`recorded/${name}`, import.meta.url), 'utf8');

function seen(name: string): Seen {
  const [version, guests] = [parseVersion(text(`${name}-version.txt`)), parseVmlist(text(`${name}-vmlist.txt`))];
  if (!version || !guests) throw new Error(`${name} was not understood`);
  return { version, guests };
}

describe('recorded counters', () => {
  test('of one node are read whole', () => {
    const { version, guests } = seen('before-pve1');
    expect([version.starttime > 1.7e9, version.files.get('storage.cfg'), version.tasklists.size, guests.get(403)]).toEqual([true, expect.any(Number), 3, { node: 'pve1', type: 'qemu', version: expect.any(Number) }]);
    expect(parseMembers(text('before-pve1-members.txt'))).toEqual({ nodename: 'pve1', quorate: true });
  });

  test('between two looks tell the guests and the files that were written', () => {
    const changes = changesBetween(seen('before-pve1'), seen('after-pve1'));
    expect([changes.all, changes.guests.includes(403), changes.files.includes('storage.cfg'), changes.tasks.includes('pve1'), isQuiet(changes)]).toEqual([false, true, true, true, false]);
    expect(changes.files).not.toContain('ha/manager_status');
  });

  test('of one look and itself tell nothing', () => {
    expect(isQuiet(changesBetween(seen('after-pve1'), seen('after-pve1')))).toBe(true);
  });

  test('after a restart say nothing about those before', () => {
    expect(changesBetween(seen('restart-before-pve3'), seen('restart-after-pve3'))).toEqual(ALL_CHANGED);
  });

  test('the simulator counts the same files', () => {
    const { files } = seen('before-pve1').version;
    expect(COUNTED_FILES.filter((path) => !files.has(path))).toEqual([]);
    expect([...files.keys()].filter((path) => path !== 'clinfo' && !COUNTED_FILES.includes(path))).toEqual([]);
  });
});

test.each(['', '{', '[]', '{"starttime":1}', 'null'])('what pmxcfs does not write (%j) is nothing', (wrong) => {
  expect([parseVersion(wrong), parseVmlist(wrong), parseMembers(wrong)]).toEqual([undefined, undefined, undefined]);
});
