// What `latido doctor --config` finds on this machine: real git, a machine of literals, no cluster (that part has its own tests).
import { existsSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { daemonChecks } from '../../controller/cli/doctor-daemon.ts';
import type { World } from '../../controller/cli/context.ts';
import type { DaemonConfig } from '../../controller/config/schema.ts';
import { failure } from '../../controller/model/finding.ts';
import type { Machine } from '../../controller/model/doors.ts';
import { labCertificate } from '../../controller/sim/server.ts';
import { CLUSTER, makePlace } from '../sources/repositories.ts';
import type { Place } from '../sources/repositories.ts';
import { contextOf } from './fake-context.ts';

const NOW = Date.UTC(2026, 0, 5, 8);
const GIB = 2 ** 30;
let place: Place;
beforeEach(() => {
  place = makePlace();
  place.bare('infra.git');
  place.workTree('work');
});
afterEach(() => { place.remove(); });

function push(text: string): void {
  place.commit('work', { 'clusters/one/c.yaml': text });
  place.git('work', 'push', '-q', place.path('infra.git'), 'main');
}
const config = (more: Partial<DaemonConfig> = {}): DaemonConfig => ({ cluster: 'one', source: { repository: place.path('infra.git') }, state: place.path('state'), ...more });

const healthy: Machine = {
  isRoot: true, run: ([name]) => Promise.resolve({ exitCode: 0, stdout: `${name} version 2.39.5`, stderr: '' }), certificateAt: () => Promise.reject(new Error('not asked')),
  read: () => Promise.resolve({ ok: false, errno: 'ENOENT' }), write: () => { throw new Error('doctor writes'); }, folder: (path) => Promise.resolve(path.startsWith('/etc/pve') ? undefined : { isWritable: true, freeBytes: 20 * GIB }),
  portTrouble: () => Promise.resolve(undefined), checkSecret: () => Promise.resolve(), workersIn: () => Promise.resolve([]),
};
async function lines(what: DaemonConfig, machine: Partial<Machine> = {}, daemon: Partial<World['daemon']> = {}): Promise<readonly string[]> {
  const { context } = contextOf({ machine: () => Promise.resolve({ ...healthy, ...machine }) });
  const { world } = context;
  const nothing = () => Promise.reject(failure('DAEMON_ABSENT', 'none'));
  const doors = { ...world.daemon, store: () => ({ folder: place.path('state'), store: { read: () => Promise.resolve(undefined), write: nothing, append: nothing } }), ask: nothing, ...daemon };
  const { checks } = await daemonChecks(what, { ...world, clock: { ...world.clock, now: () => NOW }, daemon: doors });
  return checks.map(({ name, state, fact }) => `${state} ${name}: ${fact}`);
}

test('all is well, and nothing was written', async () => {
  push(CLUSTER);
  expect(await lines(config())).toEqual([
    'ok git: version 2.39.5', expect.stringMatching(/^ok source: main@sha1:[0-9a-f]{40} is valid$/), expect.stringMatching(/^ok state: .*state, 20 GiB free$/), 'ok daemon: none runs here, and nobody has the lease',
  ]);
  expect(existsSync(place.path('state'))).toBe(false);
  expect(readdirSync(place.dir).sort()).toEqual(['infra.git', 'work']);
});

test('a commit that is missing or not valid is told with its place', async () => {
  expect(await lines(config())).toContainEqual(expect.stringMatching(/^error source: SOURCE_UNREADABLE .* has no branch main/));
  push(CLUSTER.replace('endpoints', 'endpoint'));
  expect(await lines(config())).toContainEqual(expect.stringMatching(/^error source: main@sha1:\w+ is not valid, .*clusters\/one\/c\.yaml:4:\d+ MANIFEST_SCHEMA/));
});

test('a program that is missing', async () => {
  push(CLUSTER);
  expect(await lines(config({ source: { repository: place.path('infra.git'), signers: { keyring: '/keys' } } }), { run: ([name]) => (name === 'gpg' ? Promise.resolve(undefined) : healthy.run(['git'])) })).toContain('error gpg: there is no such program');
});

test('a state folder that is full, or not ours', async () => {
  push(CLUSTER);
  expect(await lines(config(), { folder: () => Promise.resolve({ isWritable: true, freeBytes: 1000 }) })).toContainEqual(expect.stringMatching(/^warning state: .* left$/));
  expect(await lines(config(), { folder: () => Promise.resolve({ isWritable: false, freeBytes: GIB }) })).toContainEqual(expect.stringMatching(/^error state: .* cannot be written to$/));
});

test('who has the lease', async () => {
  push(CLUSTER);
  expect(await lines(config(), {}, { ask: () => Promise.resolve({ ok: true, status: { phase: 'stand-by', conditions: [{ type: 'Ready', status: 'False', message: '10.0.0.50 is not on this node' }] }, live: {} }) })).toContain('ok daemon: runs here and stands by: 10.0.0.50 is not on this node');
  expect(await lines(config(), {}, { ask: () => Promise.resolve({ ok: true, status: { phase: 'waiting', conditions: [] }, live: {} }) })).toContain('ok daemon: runs here: waiting');
  expect(await lines(config(), { workersIn: () => Promise.resolve(['process 7 of this machine']) })).toContain('warning daemon: none answers here, and process 7 of this machine works with its state folder');
  expect(await lines(config(), { folder: () => Promise.resolve({ isWritable: true, freeBytes: GIB }) })).toContain('ok daemon: none runs here; a node of the cluster has the lease, or had it within the last two minutes');
});

test('the listener: its port, its certificate, its key', async () => {
  push(CLUSTER);
  const listen = { certificate: '/c.pem', key: '/k.pem' };
  const { cert, key } = await labCertificate(new Date(NOW));
  const files = (more: Readonly<Record<string, string>>): Partial<Machine> => ({ read: (file) => Promise.resolve(more[file] === undefined ? { ok: false, errno: 'EACCES' } : { ok: true, value: more[file] }) });
  const good = { '/c.pem': cert, '/k.pem': key };
  expect(await lines(config({ listen }), files(good))).toEqual(expect.arrayContaining(['ok listener: 127.0.0.1:8420 is free', expect.stringMatching(/^ok certificate: \/c\.pem is good for \d+ days$/)]));
  expect(await lines(config({ listen }), { ...files(good), portTrouble: () => Promise.resolve('EADDRINUSE') })).toContain('error listener: 127.0.0.1:8420 cannot be listened on: EADDRINUSE');
  expect(await lines(config({ listen }), { ...files(good), portTrouble: () => Promise.resolve('EADDRINUSE') }, { ask: () => Promise.resolve({ ok: true }) })).toContain("ok listener: 127.0.0.1:8420 is the daemon's");
  expect(await lines(config({ listen }), files({ '/c.pem': cert }))).toContain('error key: /k.pem could not be read: EACCES');
  expect(await lines(config({ listen }), files({ '/c.pem': 'x', '/k.pem': key }))).toContain('error certificate: /c.pem holds no certificate in PEM');
  const old = await labCertificate(new Date(Date.UTC(1990, 0, 1)));
  expect(await lines(config({ listen }), files({ '/c.pem': old.cert, '/k.pem': key }))).toContainEqual(expect.stringMatching(/^error certificate: \/c\.pem expired \d+ days ago$/));
});

test('each secret that is named, and none of them shown', async () => {
  push(CLUSTER);
  const what = config({ notify: [{ type: 'slack', name: 'chat', url: { file: '/slack' } }], forge: { type: 'github', repository: 'a/b', token: { env: 'TOKEN' } } });
  expect(await lines(what)).toContain('ok secrets: all 2 that the configuration names can be read');
  expect(await lines(what, { checkSecret: (at, name) => ('env' in at ? Promise.reject(failure('AUTH_FAILED', `the environment variable ${at.env} does not hold ${name}`)) : Promise.resolve()) }))
    .toContain('error the token of the forge: AUTH_FAILED the environment variable TOKEN does not hold the token of the forge');
});

test('whether the address to follow is here, and whether it can be followed at all', async () => {
  push(CLUSTER);
  const following = config({ follow: { address: '10.0.0.50' } });
  expect(await lines(following, {}, { ownAddresses: () => Promise.resolve(['10.0.0.50']) })).toContainEqual(expect.stringMatching(/^error follow: here no \/etc\/pve/));
  const onNode = { folder: () => Promise.resolve({ isWritable: true, freeBytes: GIB }) };
  expect(await lines(following, onNode, { ownAddresses: () => Promise.resolve(['10.0.0.50']) })).toContain('ok follow: 10.0.0.50 is on this node: its daemon is the one to work');
  const away = await lines(following, onNode, { ownAddresses: () => Promise.resolve([]) });
  expect(away).toContain('ok follow: 10.0.0.50 is not on this node: its daemon stands by');
  expect(away).toContainEqual(expect.stringMatching(/^warning follow: commits come from this machine/));
});
