import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCredentials } from '../../controller/env/credentials.ts';
import { Failure } from '../../controller/model/finding.ts';

const TOKEN = 'latido@pve!gitops=0f3c-secret';
let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'latido-credentials-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function file(text: string, mode = 0o600): string {
  const path = join(dir, 'secret');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Failure);
  const [found] = (error as Failure).findings;
  expect(found?.code).toBe('AUTH_FAILED');
  expect(JSON.stringify(found)).not.toContain('secret=');
  expect(JSON.stringify(found)).not.toContain('0f3c');
  return `${found?.fact} | ${found?.fix ?? ''}`;
}

for (const text of [TOKEN, `${TOKEN}\n`, `PVEAPIToken=${TOKEN}\r\n`, `Authorization: PVEAPIToken=${TOKEN}\n`]) {
  test(`a token file may hold ${JSON.stringify(text.replace('0f3c-secret', '…'))}`, async () => {
    expect(await readCredentials({ tokenFile: file(text) }, {})).toEqual({ credentials: { token: TOKEN }, warnings: [] });
  });
}

for (const text of ['', 'nonsense', 'latido@pve!gitops', 'latido!gitops=0f3c', `${TOKEN}\nmore`, 'latido@pve!git ops=0f3c']) {
  test(`a token file may not hold ${JSON.stringify(text.slice(0, 18))}, and what it holds is not told`, async () => {
    expect(await refusal(readCredentials({ tokenFile: file(text) }, {}))).toContain('does not hold an API token | write it as user@realm!id=secret');
  });
}

test('a token from the environment', async () => {
  expect((await readCredentials({ tokenEnv: 'LATIDO_TOKEN' }, { LATIDO_TOKEN: TOKEN })).credentials).toEqual({ token: TOKEN });
  expect(await refusal(readCredentials({ tokenEnv: 'LATIDO_TOKEN' }, {}))).toContain('environment variable LATIDO_TOKEN is not set');
});

test('user and password, whose spaces count', async () => {
  expect((await readCredentials({ userFile: file('root@pam\n pass word \n') }, {})).credentials).toEqual({ username: 'root@pam', password: ' pass word ' });
  for (const text of ['root@pam\n', 'root\nsecret\n', 'root@pam\na\nb\n']) expect(await refusal(readCredentials({ userFile: file(text) }, {}))).toContain('user@realm on the first line');
});

test('a file that everybody may read is refused, one for the group is warned about', async () => {
  expect(await refusal(readCredentials({ tokenFile: file(TOKEN, 0o644) }, {}))).toContain('chmod 600');
  const { warnings } = await readCredentials({ tokenFile: file(TOKEN, 0o640) }, {});
  expect(warnings).toMatchObject([{ severity: 'warning', fix: expect.stringContaining('chmod 600') }]);
});

test('what is missing or too much is said with its fix', async () => {
  expect(await refusal(readCredentials({ tokenFile: join(dir, 'none') }, {}))).toContain('ENOENT');
  expect(await refusal(readCredentials(undefined, {}))).toContain('has no credentials');
  expect(await refusal(readCredentials({ tokenFile: 'a', tokenEnv: 'B' }, {}))).toContain('exactly one');
  expect(await refusal(readCredentials({ tokenFile: file('x'.repeat(5000)) }, {}))).toContain('5000 bytes');
});
