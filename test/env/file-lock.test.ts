// The lock of one machine, on a real folder; which processes live is told by the test, but for one that asks Linux.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileLock, thisMachine } from '../../controller/env/file-lock.ts';
import type { ProcessId, Processes } from '../../controller/env/file-lock.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'latido-lock-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const living = new Set<number>();
const idOf = (pid: number, startedAt = '100'): ProcessId => ({ pid, startedAt, boot: 'b1' });
function as(pid: number, startedAt?: string): Processes {
  living.add(pid);
  return { self: idOf(pid, startedAt), isAlive: (id) => living.has(id.pid) && id.startedAt === '100' && id.boot === 'b1' };
}

describe('the lock of a machine', () => {
  test('is had by one process, and by the next when it is given back', async () => {
    const [one, two] = [createFileLock(folder, as(1)), createFileLock(folder, as(2))];
    expect([await one.acquire(), await two.acquire(), await one.renew(), await two.renew()]).toEqual([{ held: true }, { held: false, by: 'process 1 of this machine' }, true, false]);
    await one.release();
    expect([await two.acquire(), await one.renew()]).toEqual([{ held: true }, false]);
  });

  test('of a process that is gone is had at once, and its claim removed', async () => {
    await createFileLock(folder, as(1)).acquire();
    living.delete(1);
    expect(await createFileLock(folder, as(2)).acquire()).toEqual({ held: true });
    expect(readdirSync(folder)).toEqual(['2-100-b1.claim']);
  });

  test('a pid that is used again is another process, and so is one of an earlier boot', async () => {
    writeFileSync(join(folder, '1-99-b1.claim'), '');
    writeFileSync(join(folder, '1-100-b0.claim'), '');
    living.add(1);
    expect(await createFileLock(folder, as(2)).acquire()).toEqual({ held: true });
  });

  test('of those that claim at once one has it or none, and never two', async () => {
    for (let round = 0; round < 40; round += 1) {
      const locks = [1, 2, 3, 4].map((pid) => createFileLock(folder, as(pid)));
      const answers = await Promise.all(locks.map((lock) => lock.acquire()));
      expect(answers.filter((answer) => answer.held).length).toBeLessThanOrEqual(1);
      await Promise.all(locks.map((lock) => lock.release()));
    }
  });

  test('is lost when its claim was removed', async () => {
    const lock = createFileLock(folder, as(1));
    await lock.acquire();
    rmSync(join(folder, '1-100-b1.claim'));
    expect(await lock.renew()).toBe(false);
  });

  test('says what is wrong when the folder cannot be made', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(createFileLock(join(folder, 'file'), as(1)).acquire()).rejects.toThrow('the lock folder');
  });
});

test('Linux tells a living process from a dead one, by its start', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  const machine = thisMachine();
  const ours = machine.self;
  expect([machine.isAlive(ours), machine.isAlive({ ...ours, startedAt: '1' }), machine.isAlive({ ...ours, boot: 'other' })]).toEqual([true, false, false]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(machine.isAlive({ ...ours, pid: child.pid ?? 0 })).toBe(false);
});
