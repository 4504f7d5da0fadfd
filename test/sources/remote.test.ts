import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { Store } from '../../controller/model/doors.ts';
import { remoteSource } from '../../controller/sources/remote.ts';
import type { RemoteOptions } from '../../controller/sources/remote.ts';
import { serveGit } from './git-https.ts';
import type { GitHttps } from './git-https.ts';
import { handClock, makePlace, nextCall } from './repositories.ts';
import type { HandClock, Place } from './repositories.ts';

let place: Place;
let server: GitHttps;
let store: Store;
let clock: HandClock;
beforeEach(async () => {
  place = makePlace();
  place.bare('infra.git');
  place.workTree('work');
  server = await serveGit(place.dir);
  store = createMemoryStore();
  clock = handClock();
});
afterEach(async () => {
  await server.close();
  place.remove();
});

function push(files: Readonly<Record<string, string>>, ...args: readonly string[]): string {
  const id = place.commit('work', files, ...args);
  place.git('work', 'push', '-q', '--force', place.path('infra.git'), 'main');
  return id;
}

function source(more: Partial<RemoteOptions> = {}) {
  return remoteSource({
    url: server.url('infra.git'), mirror: place.path('mirror'), branch: 'main', path: 'clusters/one', store, clock, random: () => 0.5, pollMs: 60_000,
    https: { caFile: server.caFile }, ...more,
  });
}

describe('over https', () => {
  test('the head of the branch, with the files of the cluster alone', async () => {
    const id = push({ 'clusters/one/a.yaml': 'a: 1\n', 'clusters/two/b.yaml': 'b: 2\n' });
    expect(await source().latest()).toEqual({ id, revision: `main@sha1:${id}`, files: [{ path: 'clusters/one/a.yaml', text: 'a: 1\n' }] });
    expect((await source({ path: 'clusters/two' }).latest()).files.map(({ path }) => path)).toEqual(['clusters/two/b.yaml']);
  });

  test('a new commit is there at the next look', async () => {
    const one = source();
    push({ 'clusters/one/a.yaml': 'a: 1\n' });
    await one.latest();
    const id = push({ 'clusters/one/a.yaml': 'a: 2\n' });
    expect(await one.latest()).toMatchObject({ id, files: [{ text: 'a: 2\n' }] });
  });

  test('the branch is pinned: another one, or another HEAD, changes nothing', async () => {
    const id = push({ 'clusters/one/a.yaml': 'a: 1\n' });
    place.git('work', 'checkout', '-q', '-b', 'other');
    place.commit('work', { 'clusters/one/a.yaml': 'a: 9\n' });
    place.git('work', 'push', '-q', place.path('infra.git'), 'other');
    place.git('infra.git', 'symbolic-ref', 'HEAD', 'refs/heads/other');
    expect((await source().latest()).id).toBe(id);
  });

  test('a token is given when the server asks, and stands in no argument', async () => {
    const id = push({ 'clusters/one/a.yaml': 'a: 1\n' });
    const locked = await serveGit(place.dir, { password: "s3cret'x" });
    writeFileSync(place.path('token'), "s3cret'x\nnot this\n");
    const https = { caFile: locked.caFile, tokenFile: place.path('token'), username: 'deploy' };
    expect((await source({ url: locked.url('infra.git'), https }).latest()).id).toBe(id);
    expect(locked.authorizations()).toContain(`Basic ${Buffer.from("deploy:s3cret'x").toString('base64')}`);
    writeFileSync(place.path('token'), 'wrong');
    await expect(source({ url: locked.url('infra.git'), https }).latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREACHABLE', fix: expect.stringContaining('token') }] });
    const byName = { caFile: locked.caFile, tokenEnv: 'OUR_TOKEN', username: 'deploy' };
    vi.stubEnv('OUR_TOKEN', "s3cret'x");
    expect((await source({ url: locked.url('infra.git'), https: byName }).latest()).id).toBe(id);
    vi.unstubAllEnvs();
    await expect(source({ url: locked.url('infra.git'), https: byName }).latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREACHABLE' }] });
    await locked.close();
  });

  test('a certificate that nobody vouches for is refused', async () => {
    push({ 'clusters/one/a.yaml': 'a: 1\n' });
    await expect(source({ https: {} }).latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREACHABLE', fix: expect.stringContaining('certificate authority') }] });
  });

  test.each([
    ['http://example.org/x.git'], ['file:///srv/x.git'], ['/srv/x.git'], ['ext::sh -c true'], ['git://example.org/x'], ['-oProxyCommand=x:y'], ['ssh://-oProxyCommand=x/y'], ['https://a:b@example.org/x'],
  ])('%s is no address to fetch from', (url) => {
    expect(() => source({ url })).toThrow(/is neither an https nor an ssh address|holds a password/);
  });
});

describe('what goes wrong', () => {
  test('unreachable: said with the reason; the next look finds it again', async () => {
    push({ 'clusters/one/a.yaml': 'a: 1\n' });
    const one = source();
    await one.latest();
    const { port } = server;
    await server.close();
    await expect(one.latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREACHABLE', fact: expect.stringMatching(/cannot be fetched: fatal: unable to access/) }] });
    server = await serveGit(place.dir, { port });
    const id = push({ 'clusters/one/a.yaml': 'a: 2\n' });
    expect((await source({ https: { caFile: server.caFile } }).latest()).id).toBe(id);
  });

  test('the branch is gone, or never was', async () => {
    await expect(source().latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREADABLE', fact: expect.stringMatching(/has no branch main$/) }] });
  });

  test('rewritten history is followed and told, as long as that commit is the head, also by another process', async () => {
    const first = push({ 'clusters/one/a.yaml': 'a: 1\n' });
    expect((await source().latest()).warnings).toBeUndefined();
    const second = push({ 'clusters/one/a.yaml': 'a: 2\n' }, '--amend');
    const told = { id: second, warnings: [{ code: 'SOURCE_REWRITTEN', fact: `the history of main was rewritten: ${second.slice(0, 12)} does not contain ${first.slice(0, 12)}, which was followed before` }] };
    expect(await source().latest()).toMatchObject(told);
    expect(await source().latest()).toMatchObject(told);
    push({ 'clusters/one/a.yaml': 'a: 3\n' });
    expect((await source().latest()).warnings).toBeUndefined();
  });

  test('a commit without the folder of the cluster has no files, and says so', async () => {
    push({ 'clusters/one/a.yaml': 'a: 1\n' });
    place.git('work', 'rm', '-q', '-r', 'clusters');
    const id = push({ 'README.md': '' });
    expect(await source().latest()).toMatchObject({ id, files: [], warnings: [{ code: 'SOURCE_UNREADABLE', fact: expect.stringContaining('has no folder "clusters/one"; nothing is deleted') }] });
  });

  test.each([
    ['torn objects', (mirror: string) => rmSync(`${mirror}/objects`, { recursive: true })],
    ['a lock on the configuration', (mirror: string) => writeFileSync(`${mirror}/config.lock`, '')],
    ['a torn HEAD', (mirror: string) => writeFileSync(`${mirror}/HEAD`, '')],
    ['a lock that a killed fetch left', (mirror: string) => writeFileSync(`${mirror}/refs/latido/fetched.lock`, '')],
    ['a torn branch', (mirror: string) => writeFileSync(`${mirror}/refs/latido/fetched`, '')],
  ])('the copy is made anew after %s', async (_, damage) => {
    push({ 'clusters/one/a.yaml': 'a: 1\n' });
    await source().latest();
    damage(place.path('mirror'));
    const id = push({ 'clusters/one/a.yaml': 'a: 2\n' });
    expect(await source().latest()).toMatchObject({ id, files: [{ text: 'a: 2\n' }] });
  });

  test('a disk that takes no memory does not stop a commit', async () => {
    const id = push({ 'clusters/one/a.yaml': 'a: 1\n' });
    const full: Store = { ...store, read: () => Promise.reject(new Error('EIO')), write: () => Promise.reject(new Error('ENOSPC')) };
    expect((await source({ store: full }).latest()).id).toBe(id);
  });

  test('a torn memory tells of no rewrite, and is written anew', async () => {
    push({ 'clusters/one/a.yaml': 'a: 1\n' });
    await store.write('source.json', '{"format":"latido.sou');
    const { id, warnings } = await source().latest();
    expect(warnings).toBeUndefined();
    expect(JSON.parse(await store.read('source.json') ?? '')).toMatchObject({ branch: 'main', head: id });
  });
});

describe('polling', () => {
  test('tells of a new commit, once, after the interval with its jitter', async () => {
    push({ 'clusters/one/a.yaml': 'a: 1\n' });
    const one = source({ random: () => 0.25 });
    await one.latest();
    const changed = nextCall();
    const stop = one.watch(changed.call);
    await clock.waits(60_000);
    expect(clock.asleep()).toEqual([54_000]);
    clock.pass(54_000);
    await clock.waits(60_000);
    expect(changed.calls()).toBe(0);
    const id = push({ 'clusters/one/a.yaml': 'a: 2\n' });
    clock.pass(54_000);
    await changed.next();
    expect((await one.latest()).id).toBe(id);
    await clock.waits(60_000);
    clock.pass(54_000);
    await clock.waits(60_000);
    expect(changed.calls()).toBe(1);
    stop();
    expect(clock.asleep()).toEqual([]);
  });

  test('tells that the repository went away, and that it is back', async () => {
    push({ 'clusters/one/a.yaml': 'a: 1\n' });
    const one = source();
    await one.latest();
    const changed = nextCall();
    const stop = one.watch(changed.call);
    const { port } = server;
    await server.close();
    await clock.waits(60_000);
    clock.pass(60_000);
    await changed.next();
    server = await serveGit(place.dir, { port });
    await clock.waits(60_000);
    clock.pass(60_000);
    await changed.next();
    stop();
  });
});
