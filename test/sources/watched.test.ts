// A bare repository and a folder on this machine, watched: what is waited for here is the event itself, not time.
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { bareSource } from '../../controller/sources/bare.ts';
import { checkedBranch, clusterPath } from '../../controller/sources/branch.ts';
import { directorySource } from '../../controller/sources/directory.ts';
import { makePlace, nextCall } from './repositories.ts';
import type { Place } from './repositories.ts';

let place: Place;
beforeEach(() => { place = makePlace(); });
afterEach(() => { place.remove(); });

describe('a bare repository', () => {
  beforeEach(() => {
    place.bare('infra.git');
    place.workTree('work');
  });
  const source = (branch = 'main') => bareSource({ repository: place.path('infra.git'), branch, path: 'clusters/one', store: createMemoryStore() });
  const push = (text: string, branch = 'main') => {
    const id = place.commit('work', { 'clusters/one/a.yaml': text });
    place.git('work', 'push', '-q', place.path('infra.git'), `HEAD:refs/heads/${branch}`);
    return id;
  };

  test('the exact commit of the branch', async () => {
    const id = push('a: 1\n');
    expect(await source().latest()).toEqual({ id, revision: `main@sha1:${id}`, files: [{ path: 'clusters/one/a.yaml', text: 'a: 1\n' }] });
  });

  test('nothing pushed yet is told, with what to type', async () => {
    await expect(source().latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREADABLE', fact: expect.stringContaining('has no branch main'), fix: expect.stringContaining('git push') }] });
  });

  test.each(['main', 'ops/live'])('a push to %s is told at once, the first one and the next', async (branch) => {
    const one = source(branch);
    const changed = nextCall();
    const stop = one.watch(changed.call);
    push('a: 1\n', branch);
    await changed.next();
    await one.latest();
    const id = push('a: 2\n', branch);
    await changed.next();
    expect((await one.latest()).id).toBe(id);
    stop();
  });

  test('branches that git packs are followed too', async () => {
    push('a: 1\n');
    const one = source();
    await one.latest();
    place.git('infra.git', 'pack-refs', '--all');
    const changed = nextCall();
    const stop = one.watch(changed.call);
    const id = push('a: 2\n');
    await changed.next();
    expect((await one.latest()).id).toBe(id);
    stop();
  });

  test('a repository that was away is followed again', async () => {
    const one = source();
    const changed = nextCall();
    const stop = one.watch(changed.call);
    const followed = async (id: string) => {
      for (let seen = ''; seen !== id; seen = (await one.latest()).id) await changed.next();
    };
    await followed(push('a: 1\n'));
    renameSync(place.path('infra.git'), place.path('away.git'));
    await changed.next();
    await expect(one.latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREADABLE' }] });
    renameSync(place.path('away.git'), place.path('infra.git'));
    await one.latest();
    // The watch that died may still tell of its death when the first of them comes.
    for (const value of [2, 3, 4, 5]) await followed(push(`a: ${value}\n`));
    stop();
  });

  test('a push before the watch is ready is not lost', async () => {
    push('a: 1\n');
    const one = source();
    await one.latest();
    const id = push('a: 2\n');
    const changed = nextCall();
    const stop = one.watch(changed.call);
    await changed.next();
    expect((await one.latest()).id).toBe(id);
    stop();
  });
});

describe('a folder', () => {
  const write = (file: string, text: string) => {
    mkdirSync(place.path('dir', 'clusters', 'one'), { recursive: true });
    writeFileSync(place.path('dir', file), text);
  };
  const source = (path = 'clusters/one') => directorySource({ folder: place.path('dir'), path });

  test('its manifests; the id is that of the content', async () => {
    write('clusters/one/a.yaml', 'a: 1\n');
    const one = await source().latest();
    expect(one).toMatchObject({ revision: 'dir', files: [{ path: place.path('dir/clusters/one/a.yaml'), text: 'a: 1\n' }] });
    expect((await source().latest()).id).toBe(one.id);
    write('clusters/one/a.yaml', 'a: 2\n');
    expect((await source().latest()).id).not.toBe(one.id);
  });

  test('a change is told', async () => {
    write('clusters/one/a.yaml', 'a: 1\n');
    const one = source();
    const changed = nextCall();
    const stop = one.watch(changed.call);
    await changed.next();
    write('clusters/one/b.yaml', 'b: 1\n');
    for (let files = 1; files < 2; files = (await one.latest()).files.length) await changed.next();
    stop();
  });

  test('a folder that went away is an error, not an empty commit', async () => {
    write('clusters/one/a.yaml', 'a: 1\n');
    rmSync(place.path('dir'), { recursive: true });
    await expect(source().latest()).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREADABLE' }] });
  });
});

describe('names', () => {
  test.each([[undefined, 'clusters/one'], ['', ''], ['.', ''], ['sites/a/', 'sites/a'], ['./x', 'x']])('the folder %s is %s', (named, path) => {
    expect(clusterPath('one', named)).toBe(path);
  });
  test.each(['..', '../x', '/etc', 'a/../../b', '-x', 'a:b', 'a\nb'])('%j is no folder of a repository', (path) => {
    expect(() => clusterPath('one', path)).toThrow(/is not a folder of the repository/);
  });
  test.each(['main', 'ops/live', 'release-1.0', 'ñandú'])('%s is a branch', (branch) => {
    expect(checkedBranch(branch)).toBe(branch);
  });
  test.each(['', '-x', 'a b', 'a..b', 'a:b', 'x.lock', '/a', 'a/', '@', 'a~1', 'a\\b', '@{1}', '.a', 'a.'])('%j is none', (branch) => {
    expect(() => checkedBranch(branch)).toThrow(/is not the name of a branch/);
  });
});
