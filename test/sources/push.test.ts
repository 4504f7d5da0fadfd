// People push with the real git to the repository that `latido init --server` makes; the hook is a process of its own.
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadApiTables } from '../../controller/env/api-tables.ts';
import { meaningOf, parseUpdates } from '../../controller/sources/received.ts';
import { setUpServer } from '../../controller/sources/server-setup.ts';
import { LAB_TOKEN } from '../../controller/sim/cluster-spec.ts';
import { labCertificate, serve } from '../../controller/sim/server.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import { CLUSTER, makePlace } from './repositories.ts';
import type { Place } from './repositories.ts';

const START = Date.UTC(2026, 0, 5, 8);
// One file, made once: each push starts the hook anew. Below the project, so that packages and schemas are found.
const HOOK = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', `latido-hook-${process.pid}.mjs`);
const program = (...words: readonly string[]) => [process.execPath, HOOK, ...words];
// Nothing listens there, and the answer comes at once.
const AWAY = CLUSTER.replace('spec: { endpoints: ["https://pve1:8006"]', 'spec: { endpoints: ["https://127.0.0.1:1"], credentials: { tokenFile: TOKEN }');

beforeAll(async () => {
  await build({ entryPoints: [join(import.meta.dirname, 'hook-process.ts')], outfile: HOOK, bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error' });
});
afterAll(() => rmSync(HOOK, { force: true }));

let place: Place;
beforeEach(() => {
  place = makePlace();
  place.workTree('work');
  writeFileSync(place.path('token'), `${LAB_TOKEN.id}=${LAB_TOKEN.secret}\n`, { mode: 0o600 });
});
afterEach(() => { place.remove(); });

const server = (...words: readonly string[]) => setUpServer({ path: place.path('infra.git'), branch: 'main', program: program(...words) });
const away = () => AWAY.replace('TOKEN', place.path('token'));
/** Its credentials are for the daemon alone: known at once, without a connection that is tried several times. */
const secret = () => AWAY.replace('TOKEN', place.path('not-ours'));
const vm = (vmid: number) => `apiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: web }\nspec: { vmid: ${vmid}, placement: { node: pve1 }, power: running, config: { memory: 2048 } }\n`;
/** The lines behind `remote:`, without the blanks git pads them with. */
function push(...args: readonly string[]): { readonly code: number; readonly remote: string } {
  const { code, text } = place.tryGit('work', 'push', place.path('infra.git'), ...args);
  return { code, remote: text.split('\n').filter((line) => line.startsWith('remote:')).map((line) => line.replace(/^remote: ?/, '').trimEnd()).join('\n') };
}
const headOf = (ref: string) => place.tryGit('infra.git', 'rev-parse', '--verify', '-q', ref).text.trim();

describe('the repository', () => {
  test('is made, and made again without harm', async () => {
    expect(await server()).toEqual({ path: place.path('infra.git'), repository: 'made', hook: 'made' });
    expect(await server()).toEqual({ path: place.path('infra.git'), repository: 'there', hook: 'there' });
    expect(await server('elsewhere')).toMatchObject({ hook: 'renewed' });
    expect(statSync(place.path('infra.git/hooks/pre-receive')).mode & 0o777).toBe(0o755);
    expect(headOf('HEAD')).toBe('');
    expect(place.git('infra.git', 'symbolic-ref', 'HEAD')).toBe('refs/heads/main');
  });

  test('a hook that lost its mode gets it back: git leaves out what is not executable', async () => {
    await server();
    chmodSync(place.path('infra.git/hooks/pre-receive'), 0o644);
    await server();
    expect(statSync(place.path('infra.git/hooks/pre-receive')).mode & 0o777).toBe(0o755);
  });

  test('somebody else\'s hook, folder or work tree is left alone', async () => {
    place.bare('infra.git');
    writeFileSync(place.path('infra.git/hooks/pre-receive'), '#!/bin/sh\n');
    await expect(server()).rejects.toThrow(/is a hook that latido did not write/);
    expect(readFileSync(place.path('infra.git/hooks/pre-receive'), 'utf8')).toBe('#!/bin/sh\n');
    await expect(setUpServer({ path: place.path('work'), branch: 'main', program: [] })).rejects.toThrow(/is neither empty nor a bare repository/);
    expect(existsSync(place.path('work/hooks'))).toBe(false);
  });
});

describe('a push', () => {
  test('of an invalid commit is refused, with every finding of every cluster', async () => {
    await server();
    place.commit('work', { 'clusters/one/c.yaml': away().replace('endpoints:', 'endpoint:'), 'clusters/two/c.yaml': away(), 'clusters/two/vms.yaml': vm(110).replace('memory', 'memroy') });
    const { code, remote } = push('main');
    expect(code).toBe(1);
    expect(remote).toContain('clusters/one/c.yaml:4:');
    expect(remote).toMatch(/OPTION_UNKNOWN clusters\/two\/vms\.yaml:4:\d+ VirtualMachine\/web/);
    expect(remote).toMatch(/Refused: nothing was changed/);
    expect(remote.split('\n').every((line) => line.length <= 72)).toBe(true);
    expect(headOf('refs/heads/main')).toBe('');
  });

  test('of a valid commit is accepted although the cluster is away, and says so', async () => {
    await server();
    const id = place.commit('work', { 'clusters/one/c.yaml': away() });
    const { code, remote } = push('main');
    expect(remote).toMatch(/^clusters\/one is valid: 1 Cluster; checked against Proxmox VE 9\.1\.\nNo plan for one, and the commit is accepted all the same:\nwarning ENDPOINT_UNREACHABLE: /);
    expect({ code, head: headOf('refs/heads/main') }).toEqual({ code: 0, head: id });
  });

  test('of a valid commit is accepted although the pusher may not read the credentials', async () => {
    await server();
    place.commit('work', { 'clusters/one/c.yaml': secret() });
    expect(push('main')).toMatchObject({ code: 0, remote: expect.stringMatching(/No plan for one, and the commit is accepted all the same:\n[A-Z_]+: .*not-ours/) });
  });

  test('of a valid commit shows the plan of the live cluster, with no colour', async () => {
    await server();
    const tables = loadApiTables('9.2');
    const sim = new Simulation({ seed: 1, tables, startMs: START, cluster: {} });
    const lab = await serve(sim, { port: 0, speed: 1, certificate: await labCertificate(new Date(START)) });
    const spec = `endpoints: ${JSON.stringify(lab.endpoints.map(({ url }) => url))}, tls: { fingerprint: "${lab.fingerprint}" }, credentials: { tokenFile: ${place.path('token')} }`;
    const cluster = `apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: one }\nspec: { ${spec} }\n`;
    place.commit('work', { 'clusters/one/c.yaml': cluster, 'clusters/one/vms.yaml': vm(110) });
    const { code, remote } = await pushAside('main');
    expect(remote).toMatch(/clusters\/one is valid: 1 Cluster, 1 VirtualMachine/);
    expect(remote).toMatch(/Plan for one at main@sha1:[0-9a-f]{12}\b[\s\S]*\+ VirtualMachine\/web/);
    expect(remote).not.toContain('\u001b[3');
    expect(code).toBe(0);
    await lab.close();
  });

  test('is answered by the daemon where one runs: it gets the files, which only the hook sees', async () => {
    await server('PLANS=daemon');
    place.commit('work', { 'clusters/one/c.yaml': secret(), 'clusters/one/vms.yaml': vm(110) });
    expect(push('main')).toMatchObject({ code: 0, remote: expect.stringContaining("the daemon's plan for one, 2 files") });
  });

  test('does not wait for a plan that takes too long', async () => {
    await server('PLANS=late');
    const id = place.commit('work', { 'clusters/one/c.yaml': secret() });
    expect(push('main')).toMatchObject({ code: 0, remote: expect.stringMatching(/No plan for one: it took longer than 20 s\. The commit is accepted/) });
    expect(headOf('refs/heads/main')).toBe(id);
  });

  test('to another branch, or of a tag, is accepted and left alone', async () => {
    await server();
    place.commit('work', { 'clusters/one/c.yaml': 'not: [valid' });
    place.git('work', 'tag', 'v1');
    expect(push('main:refs/heads/try', 'v1')).toEqual({ code: 0, remote: 'refs/heads/try: accepted; only main is followed.\nrefs/tags/v1: accepted; only main is followed.' });
  });

  test('that deletes the branch, or replaces a commit, is refused', async () => {
    await server();
    const id = place.commit('work', { 'clusters/one/c.yaml': secret() });
    push('main');
    expect(push('--delete', 'main')).toMatchObject({ code: 1, remote: expect.stringContaining('cannot be deleted') });
    place.commit('work', { 'clusters/one/c.yaml': 'x' });
    expect(push(`main:refs/replace/${id}`)).toMatchObject({ code: 1, remote: expect.stringMatching(/^Refused: refs\/replace\/[0-9a-f]{40} would\nchange what a commit stands for\.$/) });
    expect(headOf('refs/heads/main')).toBe(id);
  });

  test('that rewrites history, or lets a cluster go, is told', async () => {
    await server();
    place.commit('work', { 'clusters/one/c.yaml': secret(), 'clusters/two/c.yaml': secret() });
    expect(push('main').code).toBe(0);
    place.git('work', 'rm', '-q', '-r', 'clusters/two');
    place.commit('work', {}, '--amend');
    const { code, remote } = push('--force', 'main');
    expect(remote).toMatch(/^Note: this rewrites history; [0-9a-f]{12} does not contain [0-9a-f]{12}\.\nNote: the folder clusters\/two is gone; nothing of its cluster is deleted\nbecause of that\.$/m);
    expect(code).toBe(0);
  });

  test('without a single cluster is refused', async () => {
    await server();
    place.commit('work', { 'README.md': '' });
    expect(push('main')).toMatchObject({ code: 1, remote: expect.stringMatching(/CLUSTER_MISSING: no document has kind: Cluster/) });
  });

  test('that leaves nothing but the Cluster is refused, as the daemon would', async () => {
    await server();
    place.commit('work', { 'clusters/one/c.yaml': secret() });
    expect(push('main').code).toBe(0);
    const id = place.commit('work', { 'clusters/one/vms.yaml': vm(110) });
    expect(push('main').code).toBe(0);
    place.git('work', 'rm', '-q', 'clusters/one/vms.yaml');
    place.commit('work', {});
    expect(push('main')).toMatchObject({ code: 1, remote: expect.stringMatching(/SOURCE_UNREADABLE: the commit contains nothing but its Cluster[\s\S]*Refused: nothing was changed/) });
    expect(headOf('refs/heads/main')).toBe(id);
  });

  test('of the folders that the repository names, and of no other', async () => {
    await server();
    place.git('infra.git', 'config', 'latido.path', 'sites/a');
    place.commit('work', { 'sites/a/c.yaml': secret(), 'clusters/one/c.yaml': 'not: [valid' });
    expect(push('main')).toMatchObject({ code: 0, remote: expect.stringMatching(/^sites\/a is valid/) });
    place.git('work', 'rm', '-q', '-r', 'sites');
    place.commit('work', {});
    expect(push('main')).toMatchObject({ code: 1, remote: expect.stringContaining('none of the folders sites/a') });
  });

  test('that is not signed is refused where signatures are asked for', async () => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', place.path('key')]);
    writeFileSync(place.path('allowed'), `ana@example.org ${readFileSync(place.path('key.pub'), 'utf8')}`);
    await setUpServer({ path: place.path('infra.git'), branch: 'main', program: program(), signers: { allowedSigners: place.path('allowed') } });
    place.commit('work', { 'clusters/one/c.yaml': secret() });
    expect(push('main')).toMatchObject({ code: 1, remote: expect.stringMatching(/SIGNATURE_INVALID: the commit [0-9a-f]{12} is not accepted: it is not\n {2}signed/) });
    place.git('work', '-c', 'gpg.format=ssh', '-c', `user.signingKey=${place.path('key')}`, 'commit', '-q', '--amend', '-S', '-m', 'signed');
    expect(push('main')).toMatchObject({ code: 0, remote: expect.stringMatching(/^clusters\/one is valid/) });
  });
});

/** Without blocking this process, in which the cluster runs. */
async function pushAside(...args: readonly string[]): Promise<{ readonly code: number; readonly remote: string }> {
  const { execa } = await import('execa');
  const { exitCode, stderr } = await execa('git', ['push', place.path('infra.git'), ...args], { cwd: place.path('work'), reject: false, extendEnv: false, env: { PATH: process.env['PATH'], HOME: place.dir, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' } });
  return { code: exitCode ?? -1, remote: stderr.split('\n').filter((line) => line.startsWith('remote:')).map((line) => line.replace(/^remote: ?/, '').trimEnd()).join('\n') };
}

describe('what git tells a hook', () => {
  const A = 'a'.repeat(40);
  const B = 'b'.repeat(40);
  const NONE = '0'.repeat(40);
  test('a line for each ref', () => {
    expect(parseUpdates(`${A} ${B} refs/heads/main\n${NONE} ${B} refs/tags/v 1\n${A} ${NONE} refs/heads/x\n`)).toEqual([
      { ref: 'refs/heads/main', before: A, after: B }, { ref: 'refs/tags/v 1', after: B }, { ref: 'refs/heads/x', before: A },
    ]);
  });
  test('anything else is refused', () => {
    expect(() => parseUpdates('hello\n')).toThrow(/not what git tells/);
    expect(() => parseUpdates(`${A} ${B} refs/heads/x\n`.repeat(10_001))).toThrow(/more than the 10000 allowed/);
  });
  test.each([
    ['refs/heads/main', B, 'followed'], ['refs/heads/main', undefined, 'deleted'], ['refs/heads/main2', B, 'other'], ['refs/heads/x/main', B, 'other'],
    ['refs/tags/main', B, 'other'], ['refs/replace/x', B, 'forbidden'], ['refs/replace/x', undefined, 'other'], ['refs/latido/x', B, 'forbidden'],
  ])('%s to %s is %s', (ref, after, meaning) => {
    expect(meaningOf({ ref, after }, 'main')).toBe(meaning);
  });
});
