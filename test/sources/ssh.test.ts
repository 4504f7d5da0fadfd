// Real git over real ssh to a real sshd: pushed to the server that `latido init --server` makes, and followed from there.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { remoteSource } from '../../controller/sources/remote.ts';
import { setUpServer } from '../../controller/sources/server-setup.ts';
import { CLUSTER, handClock, makePlace } from './repositories.ts';
import type { Place } from './repositories.ts';
import { SSHD, startSshd } from './sshd.ts';
import type { Sshd } from './sshd.ts';

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const program = [process.execPath, '--import', TSX, join(import.meta.dirname, 'hook-process.ts'), 'PLANS=daemon'];
if (SSHD === undefined) process.stderr.write('test/sources/ssh.test.ts is skipped: no sshd on this machine (apt-get install openssh-server)\n');

describe.skipIf(SSHD === undefined)('over ssh', () => {
  let place: Place;
  let sshd: Sshd;
  let mirrors = 0;
  beforeAll(async () => {
    place = makePlace();
    sshd = await startSshd(place.path('ssh'));
    place.workTree('work');
    await setUpServer({ path: place.path('infra.git'), branch: 'main', program });
  });
  afterAll(async () => {
    await sshd.close();
    place.remove();
  });

  const push = (...args: readonly string[]) => place.tryGit('work', '-c', `core.sshCommand=${sshd.command}`, 'push', sshd.url(place.path('infra.git')), ...args);
  const source = (ssh: { readonly keyFile?: string; readonly knownHostsFile?: string }) => remoteSource({
    url: sshd.url(place.path('infra.git')), mirror: place.path(`mirror-${mirrors++}`), branch: 'main', path: 'clusters/one',
    store: createMemoryStore(), clock: handClock(), random: () => 0.5, pollMs: 60_000, ssh,
  });

  test('an invalid push is refused with its findings; a valid one shows its plan and is followed', async () => {
    place.commit('work', { 'clusters/one/c.yaml': CLUSTER.replace('endpoints', 'endpoint') });
    expect(push('main')).toMatchObject({ code: 1, text: expect.stringMatching(/remote: MANIFEST_SCHEMA clusters\/one\/c\.yaml:4:/) });
    await expect(source({ keyFile: sshd.keyFile, knownHostsFile: sshd.knownHostsFile }).latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREADABLE', fact: expect.stringContaining('has no branch main') }] });
    const id = place.commit('work', { 'clusters/one/c.yaml': CLUSTER });
    expect(push('main')).toMatchObject({ code: 0, text: expect.stringContaining("remote: the daemon's plan for one, 1 files") });
    expect(await source({ keyFile: sshd.keyFile, knownHostsFile: sshd.knownHostsFile }).latest()).toMatchObject({ id, files: [{ path: 'clusters/one/c.yaml', text: CLUSTER }] });
  });

  test.each<readonly [what: string, access: () => { readonly keyFile: string; readonly knownHostsFile: string }, fix: string]>([
    ['a host that is not known', () => ({ keyFile: sshd.keyFile, knownHostsFile: '/dev/null' }), 'known hosts'],
    ['a host whose key is another', () => ({ keyFile: sshd.keyFile, knownHostsFile: sshd.wrongHostsFile }), 'known hosts'],
    ['a key that the host does not let in', () => ({ keyFile: sshd.strangerFile, knownHostsFile: sshd.knownHostsFile }), 'deploy key'],
  ])('%s is an error that says what to do', async (_, access, fix) => {
    await expect(source(access()).latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREACHABLE', fix: expect.stringContaining(fix) }] });
  });
});
