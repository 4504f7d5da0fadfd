// Keys made by ssh-keygen and gpg, commits signed by the real git, verified by the real git.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { bareSource } from '../../controller/sources/bare.ts';
import { signatureTrouble } from '../../controller/sources/signatures.ts';
import type { Signers } from '../../controller/sources/signatures.ts';
import { makePlace } from './repositories.ts';
import type { Place } from './repositories.ts';

let place: Place;
const ids: Record<string, string> = {};
beforeAll(() => {
  place = makePlace();
  place.workTree('work');
  for (const name of ['ana', 'eve']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', place.path(name)]);
  writeFileSync(place.path('allowed'), `ana@example.org namespaces="git" ${readFileSync(place.path('ana.pub'), 'utf8')}`);
  mkdirSync(place.path('gnupg'), { mode: 0o700 });
  const gpg = (...args: readonly string[]) => execFileSync('gpg', ['--batch', '--homedir', place.path('gnupg'), ...args], { stdio: 'pipe' });
  // Made long ago: gpg takes no key whose own signature is of the future, and clocks of virtual machines may step back.
  for (const name of ['gina', 'gus']) gpg('--faked-system-time', '20260101T000000', '--passphrase', '', '--quick-gen-key', `${name}@example.org`, 'ed25519', 'sign', 'never');
  writeFileSync(place.path('gina.asc'), gpg('--armor', '--export', 'gina@example.org'));
  mkdirSync(place.path('keyring'), { mode: 0o700 });
  execFileSync('gpg', ['--batch', '--no-autostart', '--homedir', place.path('keyring'), '--import', place.path('gina.asc')], { stdio: 'pipe' });
  expect(execFileSync('gpg', ['--batch', '--no-autostart', '--homedir', place.path('keyring'), '--list-keys'], { encoding: 'utf8' })).toContain('gina@example.org');

  const ssh = (name: string) => ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${place.path(name)}`];
  const signed = makePlaceCommit(place);
  ids['ssh, allowed'] = signed(ssh('ana'));
  ids['ssh, not allowed'] = signed(ssh('eve'));
  ids['none'] = place.commit('work', {});
  execFileSync('git', ['config', 'gpg.program', gpgProgram(place)], { cwd: place.path('work') });
  ids['gpg, allowed'] = signed(['-c', 'user.signingKey=gina@example.org']);
  ids['gpg, not allowed'] = signed(['-c', 'user.signingKey=gus@example.org']);
  for (const [name, of] of [['ssh, changed', 'ssh, allowed'], ['gpg, changed', 'gpg, allowed']] as const) {
    const text = execFileSync('git', ['cat-file', 'commit', ids[of] ?? ''], { cwd: place.path('work'), encoding: 'utf8' });
    ids[name] = execFileSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], { cwd: place.path('work'), encoding: 'utf8', input: text.replace('\n\nchange', '\n\nchanged') }).trim();
  }
});
afterAll(() => {
  execFileSync('gpgconf', ['--homedir', place.path('gnupg'), '--kill', 'all']);
  place.remove();
});

/** The home of gpg comes by a program of our own, because git is run with a bare environment. */
function gpgProgram({ path }: Place): string {
  writeFileSync(path('gpg.sh'), `#!/bin/sh\nexec gpg --batch --homedir '${path('gnupg')}' "$@"\n`, { mode: 0o755 });
  return path('gpg.sh');
}

function makePlaceCommit({ git }: Place) {
  return (config: readonly string[]): string => {
    git('work', ...config, 'commit', '-q', '--allow-empty', '-S', '-m', 'change');
    return git('work', 'rev-parse', 'HEAD');
  };
}

const SSH = (): Signers => ({ allowedSigners: place.path('allowed') });
const GPG = (): Signers => ({ keyring: place.path('gina.asc') });
const FOLDER = (): Signers => ({ keyring: place.path('keyring') });
const BOTH = (): Signers => ({ ...SSH(), ...GPG() });

describe('the reason why a signature does not count', () => {
  test.each<readonly [commit: string, policy: string, signers: () => Signers, reason: string | undefined]>([
    ['ssh, allowed', 'ssh', SSH, undefined],
    ['ssh, allowed', 'both', BOTH, undefined],
    ['gpg, allowed', 'gpg', GPG, undefined],
    ['gpg, allowed', 'both', BOTH, undefined],
    ['gpg, allowed', 'a folder', FOLDER, undefined],
    ['gpg, not allowed', 'a folder', FOLDER, 'it is signed with a key that is not allowed'],
    ['none', 'both', BOTH, 'it is not signed'],
    ['ssh, not allowed', 'ssh', SSH, 'it is signed with a key that is not allowed'],
    ['gpg, not allowed', 'gpg', GPG, 'it is signed with a key that is not allowed'],
    ['ssh, allowed', 'gpg', GPG, 'it is signed with a key that is not allowed'],
    ['gpg, allowed', 'ssh', SSH, 'it is signed with a key that is not allowed'],
    ['ssh, changed', 'ssh', SSH, 'its signature is not of this commit'],
    ['gpg, changed', 'gpg', GPG, 'its signature is not of this commit'],
    ['ssh, allowed', 'nobody', () => ({}), 'it is signed with a key that is not allowed'],
  ])('%s, policy %s', async (commit, _, signers, reason) => {
    expect(await signatureTrouble(place.path('work'), ids[commit] ?? '', signers())).toBe(reason);
  });

  test('a policy whose files are not there accepts nobody', async () => {
    expect(await signatureTrouble(place.path('work'), ids['gpg, allowed'] ?? '', { keyring: place.path('nothing') })).toMatch(/^the keys in .*nothing cannot be read/);
    mkdirSync(place.path('empty'), { mode: 0o700 });
    expect(await signatureTrouble(place.path('work'), ids['gpg, allowed'] ?? '', { keyring: place.path('empty') })).toMatch(/^the keys in .*empty cannot be read: gpg: .*nothing exported/);
    expect(await signatureTrouble(place.path('work'), ids['ssh, allowed'] ?? '', { allowedSigners: place.path('nothing') })).toBeTypeOf('string');
  });

  test('the configuration of the repository cannot name another verifier', async () => {
    place.git('work', 'config', 'gpg.ssh.program', '/bin/true');
    place.git('work', 'config', 'gpg.openpgp.program', '/bin/true');
    expect(await signatureTrouble(place.path('work'), ids['ssh, not allowed'] ?? '', SSH())).toBe('it is signed with a key that is not allowed');
    expect(await signatureTrouble(place.path('work'), ids['gpg, not allowed'] ?? '', GPG())).toBe('it is signed with a key that is not allowed');
    place.git('work', 'config', '--unset', 'gpg.ssh.program');
    place.git('work', 'config', '--unset', 'gpg.openpgp.program');
  });
});

describe('a source whose policy asks for signatures', () => {
  const latest = (id: string) => {
    place.git('work', 'update-ref', 'refs/heads/followed', id);
    return bareSource({ repository: place.path('work', '.git'), branch: 'followed', path: '', store: createMemoryStore(), signers: SSH() }).latest();
  };

  test('hands out a signed commit', async () => {
    expect(await latest(ids['ssh, allowed'] ?? '')).toMatchObject({ id: ids['ssh, allowed'] });
  });

  test('refuses an unsigned one, and one that only a replacement makes look signed', async () => {
    const id = ids['none'] ?? '';
    const refused = { findings: [{ code: 'SIGNATURE_INVALID', fact: `the commit ${id.slice(0, 12)} of followed is not followed: it is not signed` }] };
    await expect(latest(id)).rejects.toMatchObject(refused);
    place.git('work', 'replace', id, ids['ssh, allowed'] ?? '');
    await expect(latest(id)).rejects.toMatchObject(refused);
    place.git('work', 'replace', '-d', id);
  });
});
