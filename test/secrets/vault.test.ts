// Where a name is looked up, in which order, and what is said when it cannot be had.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { machineSecrets } from '../../controller/env/secret-files.ts';
import type { MachineSecretsOptions } from '../../controller/env/secret-files.ts';
import { createVault } from '../../controller/secrets/vault.ts';
import { seal } from './seal.ts';

let folder = '';
let identity = '';
let recipient = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latido-vault-'));
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const sealedFile = async (values: Record<string, string>, path = 'a.sops.yaml', seed = 'seed') => ({ path, text: await seal(values, { recipients: [recipient], seed }) });
const vaultOf = (options: MachineSecretsOptions) => createVault({ machine: machineSecrets(options), random: () => 0.5 });
const asked = (...names: string[]) => new Map(names.map((name) => [name, []]));

async function secretsFile(text: string, mode = 0o600): Promise<string> {
  const path = join(folder, 'secrets.yaml');
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

/** What would go over the wire. */
async function valueOf(opened: Awaited<ReturnType<ReturnType<typeof vaultOf>['open']>>, name: string): Promise<unknown> {
  return opened.wire({ get: () => Promise.resolve(null), write: (_method, _path, params) => Promise.resolve(params), learnNodes: () => {}, stats: { calls: 0, bytes: 0 } }).write('PUT', '/', { x: { secret: name } });
}

test('the file comes before the environment, and that before the repository', async () => {
  const file = await secretsFile('a: file\nb-x: { c: "007" }\nn: 007\n');
  const opened = await vaultOf({ config: { file }, environment: { SOPS_AGE_KEY: identity, LATIDO_SECRET_A: 'env', LATIDO_SECRET_B: 'env' } })
    .open([await sealedFile({ a: 'git', b: 'git', c: 'git' })], asked('a', 'b', 'c', 'b-x/c', 'n'));
  expect(await Promise.all(['a', 'b', 'c', 'b-x/c', 'n'].map((name) => valueOf(opened, name)))).toEqual(['file', 'env', 'git', '007', '007'].map((x) => ({ x })));
  expect(opened.findings).toEqual([]);
});

test('a file that was encrypted anew with the same values has the same versions', async () => {
  const vault = vaultOf({ config: {}, environment: { SOPS_AGE_KEY: identity } });
  const first = await vault.open([await sealedFile({ a: 'same' })], asked('a'));
  const again = await sealedFile({ a: 'same' }, 'a.sops.yaml', 'another');
  const version = first.versions.get('a') ?? '';
  const other = vaultOf({ config: {}, environment: { SOPS_AGE_KEY: identity } });
  expect((await other.open([again], new Map([['a', [version]]]))).versions.get('a')).toBe(version);
  expect((await other.open([await sealedFile({ a: 'new' })], new Map([['a', [version]]]))).versions.get('a')).not.toBe(version);
});

test.each([
  ['everybody may read it', 'a: b', 0o644, 'everybody may read the secrets in'],
  ['it is a list', '- a', 0o600, 'it is not a mapping'],
  ['it is broken', 'a: "hunter2', 0o600, 'it is not valid YAML'],
  ['a name is none', '"a b": c', 0o600, 'a name in it is none'],
  ['a value is a list', 'a: [b]', 0o600, 'a has no value, or a list'],
])('a file of secrets is not used when %s', async (_, text, mode, why) => {
  const opened = await vaultOf({ config: { file: await secretsFile(text, mode) }, environment: {} }).open([], asked('a'));
  expect(opened.findings.map(({ code, fact }) => `${code} ${fact}`)).toEqual([expect.stringContaining(why)]);
  expect(JSON.stringify(opened.findings)).not.toContain('hunter2');
  expect([...opened.missing.keys()]).toEqual(['a']);
});

test.each([
  ['LATIDO_AGE_KEY_FILE', 0o600, []], ['SOPS_AGE_KEY_FILE', 0o600, []], ['LATIDO_AGE_KEY_FILE', 0o604, ['SECRET_MISSING']],
])('the key is read as age-keygen writes it: %s with mode %i', async (name, mode, codes) => {
  const path = join(folder, 'key.txt');
  await writeFile(path, `# created: today\n# public key: ${recipient}\n${identity}\n`);
  await chmod(path, mode);
  const opened = await vaultOf({ config: {}, environment: { [name]: path } }).open([await sealedFile({ a: 'x' })], asked('a'));
  expect(opened.findings.map(({ code }) => code)).toEqual(codes);
  expect(opened.versions.has('a')).toBe(codes.length === 0);
});

test('a wrong key, a file in clear and a name that stands twice are findings at their file', async () => {
  const [a, b] = [await sealedFile({ x: '1' }), await sealedFile({ x: '2' }, 'b.sops.yaml')];
  const right = await vaultOf({ config: {}, environment: { SOPS_AGE_KEY: identity } }).open([a, b, { path: 'c.sops.yaml', text: 'y: clear' }], asked('x'));
  expect(right.findings.map(({ code, place }) => `${code} ${place?.file}`)).toEqual(['DUPLICATE b.sops.yaml', 'SECRET_INVALID c.sops.yaml']);
  const wrong = await vaultOf({ config: {}, environment: { SOPS_AGE_KEY: await generateX25519Identity() } }).open([a], asked('x'));
  expect(wrong.findings.map(({ code, fact }) => `${code} ${fact}`)).toEqual(['SECRET_INVALID the encrypted file does not open with our age key: it is not among the recipients, or the file is damaged']);
});

test('without a key the encrypted files are named, and nobody is to blame', async () => {
  const opened = await vaultOf({ environment: {}, configFile: join(folder, 'none.yaml') }).open([await sealedFile({ a: 'x' })], asked('a'));
  expect(opened.isBlind).toBe(true);
  expect(opened.findings).toEqual([]);
  expect(opened.missing.get('a')?.fix).toContain('the age key that opens a.sops.yaml');
});
