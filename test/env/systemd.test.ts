// systemd's own program stands in a folder of the test and writes down what it was told.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemdSupervisor } from '../../controller/env/systemd.ts';

let folder = '';
const path = process.env['PATH'];
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'latido-systemd-')); });
afterEach(async () => {
  process.env['PATH'] = path;
  await rm(folder, { recursive: true });
});

async function notifier(script: string): Promise<void> {
  await writeFile(join(folder, 'systemd-notify'), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, 'systemd-notify'), 0o755);
  process.env['PATH'] = `${folder}:${path ?? ''}`;
}

test('without systemd nobody is told', () => {
  expect(systemdSupervisor({}, 1, () => undefined)).toBeUndefined();
});

test('it is told on its socket, and the same status once', async () => {
  await notifier(`echo "$NOTIFY_SOCKET $*" >> ${folder}/told`);
  const supervisor = systemdSupervisor({ NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '7' }, 7, () => undefined);
  for (const state of ['READY=1', 'STATUS=all is well', 'STATUS=all is well', 'WATCHDOG=1', 'WATCHDOG=1', 'STATUS=two\nlines']) await supervisor?.tell(state);
  expect((await readFile(join(folder, 'told'), 'utf8')).trimEnd().split('\n')).toEqual(['/run/x READY=1', '/run/x STATUS=all is well', '/run/x WATCHDOG=1', '/run/x WATCHDOG=1', '/run/x STATUS=two lines']);
  expect(supervisor?.watchdogMs).toBe(60_000);
});

test('a watchdog of another process is none of ours', () => {
  expect(systemdSupervisor({ NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '8' }, 7, () => undefined)?.watchdogMs).toBeUndefined();
});

test('a failure is told, and ends nothing', async () => {
  await notifier('exit 3');
  const troubles: string[] = [];
  await systemdSupervisor({ NOTIFY_SOCKET: '/run/x' }, 7, (why) => troubles.push(why))?.tell('READY=1');
  expect(troubles).toHaveLength(1);
});
