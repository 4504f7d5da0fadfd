// The real socket: who may use it, what happens to a killed daemon's one, to nonsense and to long answers.
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askControl, controlSocket } from '../../controller/env/control-socket.ts';

let folder = '';
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'latido-socket-')); });
afterEach(() => rm(folder, { recursive: true }));

test('one line is answered with one line, by and for its owner alone', async () => {
  const path = join(folder, 'control.sock');
  const close = await controlSocket(path).listen(async (request) => ({ ok: true, echo: request['do'] ?? null, long: 'x'.repeat(1_000_000) }));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const answers = await Promise.all(['one', 'two', 'three'].map((word) => askControl(path, { do: word })));
  expect(answers.map((answer) => [answer['ok'], answer['echo'], String(answer['long']).length])).toEqual(['one', 'two', 'three'].map((word) => [true, word, 1_000_000]));
  await close?.();
  await expect(askControl(path, { do: 'one' })).rejects.toMatchObject({ findings: [{ code: 'DAEMON_ABSENT' }] });
});

test('a second daemon does not take it, and one that a killed daemon left is taken', async () => {
  const path = join(folder, 'control.sock');
  await writeFile(path, 'left behind');
  const close = await controlSocket(path).listen(async () => ({ ok: true }));
  expect(close).toBeDefined();
  expect(await controlSocket(path).listen(async () => ({ ok: false }))).toBeUndefined();
  expect(await askControl(path, {})).toEqual({ ok: true });
  await close?.();
});

test.each([['not json\n', 'not one line of JSON'], ['[1]\n', 'not an object'], [`${'x'.repeat(70_000)}`, 'not one line of JSON'], ['{"do":"fail"}\n', 'it broke']])('%.12s is answered with what is wrong', async (text, why) => {
  const path = join(folder, 'control.sock');
  const close = await controlSocket(path).listen(async () => { throw new Error('it broke'); });
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = createConnection(path, () => socket.write(text));
    let all = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => { all += chunk; }).on('close', () => resolve(all)).on('error', reject);
  });
  expect(JSON.parse(answer)).toMatchObject({ ok: false, findings: [{ fact: expect.stringContaining(why) as unknown }] });
  await close?.();
});

test('a path that the system would cut short is refused', async () => {
  await expect(controlSocket(join(folder, 'x'.repeat(120))).listen(async () => ({}))).rejects.toMatchObject({ findings: [{ code: 'USAGE' }] });
});
