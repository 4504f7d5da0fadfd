// What `latido run` follows: the configuration or the flags, never a mixture; and which daemon the other commands ask.
import { describe, expect, test } from 'vitest';
import { CONFIG_FILE } from '../../controller/config/read.ts';
import type { World } from '../../controller/cli/context.ts';
import { configPlace, usualConfig } from '../../controller/cli/daemon-config.ts';
import { ask } from '../../controller/cli/daemon-commands.ts';
import type { RunOptions } from '../../controller/cli/program.ts';
import { failure } from '../../controller/model/finding.ts';
import { contextOf } from './fake-context.ts';

const UNQ = 'cluster: unq\nsource: { repository: /srv/latido/unq.git }\nstate: /srv/state\n';
const withFile = (files: Readonly<Record<string, string>>): World => contextOf({
  readText: (file) => (files[file] === undefined ? Promise.reject(failure('USAGE', `${file} could not be read: ENOENT`)) : Promise.resolve(files[file])),
}).context.world;
const read = async (dir: string | undefined, options: RunOptions, files: Readonly<Record<string, string>> = {}) => configPlace(dir, options, withFile(files)).read();

describe('the configuration', () => {
  test('is the one at the usual place when nothing is said', async () => expect(await read(undefined, {}, { [CONFIG_FILE]: UNQ })).toMatchObject({ cluster: 'unq', state: '/srv/state' }));
  test('is the one that is named', async () => expect(await read(undefined, { config: '/x.yaml' }, { '/x.yaml': UNQ, [CONFIG_FILE]: 'no' })).toMatchObject({ cluster: 'unq' }));
  test('is read again each time', async () => {
    const files: Record<string, string> = { [CONFIG_FILE]: UNQ };
    const place = configPlace(undefined, {}, withFile(files));
    expect((await place.read()).intervalSeconds).toBeUndefined();
    files[CONFIG_FILE] = `${UNQ}intervalSeconds: 60\n`;
    expect((await place.read()).intervalSeconds).toBe(60);
    files[CONFIG_FILE] = `${UNQ}intervalSeconds: 1\n`;
    await expect(place.read()).rejects.toThrow(/CONFIG_INVALID.*intervalSeconds is 1/);
  });
  test('what it holds for others goes through', async () => expect(await read(undefined, {}, { [CONFIG_FILE]: `${UNQ}listen: { certificate: /c, key: /k }\n` })).toMatchObject({ listen: { certificate: '/c' } }));
  test('one that is named and absent is that', async () => { await expect(read(undefined, { config: '/x.yaml' })).rejects.toThrow(/\/x\.yaml could not be read: ENOENT/); });
  test('nothing said and no file', async () => { await expect(read(undefined, {})).rejects.toThrow(/USAGE.* it is not said what to follow: no DIR, no --repo, no --config, and \/etc\/latido\/config\.yaml could not be read: ENOENT/); });
  test.each<[string | undefined, RunOptions, RegExp]>([
    ['.', { config: '/x.yaml' }, /--config and DIR exclude each other/],
    [undefined, { config: '/x.yaml', repo: '/r', sshKey: '/k' }, /--config and --repo, --ssh-key exclude each other/],
    [undefined, { branch: 'try' }, /\/etc\/latido\/config\.yaml says what to follow, so --branch would have no effect/],
    ['.', { repo: '/r' }, /DIR and --repo exclude each other/],
    [undefined, { repo: '/r' }, /with --repo the cluster has to be named/],
  ])('%s %j is refused', async (dir, options, words) => { await expect(read(dir, options, { [CONFIG_FILE]: UNQ })).rejects.toThrow(words); });
});

describe('flags', () => {
  test('say the same as the file', async () => {
    expect(await read(undefined, {
      repo: 'git@h:o/n', cluster: 'a', branch: 'live', path: 'sites/a', poll: 5, interval: 10, state: '/s', sshKey: '/k', knownHosts: '/h', gitToken: '/t', gitUser: 'u', gitCa: '/ca', allowedSigners: '/who', keyring: '/keys',
    })).toEqual({
      cluster: 'a', state: '/s', intervalSeconds: 10,
      source: {
        repository: 'git@h:o/n', branch: 'live', path: 'sites/a', pollSeconds: 5, ssh: { key: '/k', knownHosts: '/h' }, https: { token: { file: '/t' }, user: 'u', ca: '/ca' },
        signers: { allowedSigners: '/who', keyring: '/keys' },
      },
    });
  });
  test('say no more than was given', async () => expect(await read(undefined, { repo: '/r', cluster: 'a' })).toEqual({ cluster: 'a', source: { repository: '/r' } }));
});

describe('whose daemon is asked', () => {
  const where = async (options: { readonly cluster?: string; readonly state?: string }, files: Readonly<Record<string, string>>) => {
    let asked: unknown;
    const { context } = contextOf({ readText: withFile(files).readText, daemon: { ...withFile({}).daemon, ask: (place) => { asked = place; return Promise.resolve({ ok: true }); } } });
    await ask(options, { do: 'status' }, context);
    return asked;
  };
  const there = { [CONFIG_FILE]: UNQ };
  test('the one of the configuration, at its state folder', async () => expect(await where({}, there)).toEqual({ cluster: 'unq', stateDir: '/srv/state' }));
  test('another when it is named', async () => expect(await where({ cluster: 'b' }, there)).toEqual({ cluster: 'b' }));
  test('the folder that is named wins', async () => expect(await where({ state: '/x' }, there)).toEqual({ stateDir: '/x' }));
  test.each([['no file', {}], ['an invalid file', { [CONFIG_FILE]: 'cluster: []' }]])('with %s nothing is said', async (_, files) => expect(await where({}, files)).toEqual({}));
  test('a defect is not taken for a missing file', async () => { await expect(usualConfig({ readText: () => Promise.reject(new TypeError('x')) })).rejects.toThrow(TypeError); });
});
