// The daemon as a person starts it: a process, a folder of manifests, a lab behind real sockets; killed and started again.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Readable } from 'node:stream';
import { join } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject } from '../../controller/model/json.ts';
import { makePrograms } from '../e2e/program.ts';

const root = new URL('../../', import.meta.url).pathname;
const TOKEN = 'root@pam!lab=00000000-0000-4000-8000-000000000001';
/** Real time, for machines that do much else. */
const PATIENCE_MS = 180_000;
let folder = '';
let program = '';
const children: ResultPromise[] = [];

function latido(...args: readonly string[]) {
  const child = execa('node', [program, ...args], {
    cwd: root, reject: false, stdin: 'ignore', extendEnv: false, env: { PATH: process.env['PATH'], HOME: folder, LATIDO_LAB_TOKEN: TOKEN },
  });
  children.push(child as unknown as ResultPromise);
  return child;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latido-d-'));
  // Beside the folder that is followed.
  program = (await makePrograms(`${folder}-programs`)).latido;
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(children);
  for (const made of [folder, `${folder}-programs`]) await rm(made, { recursive: true, force: true });
});

async function manifests(endpoint: string, fingerprint: string, memory: number): Promise<void> {
  await writeFile(join(folder, 'cluster.yaml'), `apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec: { endpoints: ["${endpoint}"], tls: { fingerprint: "${fingerprint}" }, credentials: { tokenEnv: LATIDO_LAB_TOKEN } }
---
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: web }
spec: { vmid: 101, config: { memory: ${memory} } }
`);
}

/** Beside the folder that is followed. */
async function configured(state: string, more: string): Promise<string> {
  const file = `${folder}-programs/config.yaml`;
  await writeFile(file, `cluster: lab\nsource: { directory: ${folder} }\nstate: ${state}\n${more}\n`);
  return file;
}

async function startLab(): Promise<{ readonly endpoint: string; readonly fingerprint: string }> {
  const lab = latido('lab', '--port', '0', '--nodes', '1', '--speed', '10', '--json');
  const text = await heard(lab.stdout, /^\}$/m);
  const json: unknown = JSON.parse(text);
  if (!isObject(json) || !Array.isArray(json['endpoints']) || !isObject(json['endpoints'][0])) throw new Error(`no lab: ${text}`);
  return { endpoint: String(json['endpoints'][0]['url']), fingerprint: String(json['fingerprint']) };
}

/** What was said until the words were there; what is said later is left for the next one. */
function heard(stream: Readable, words: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const listen = (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (!words.test(text)) return;
      stream.off('data', listen);
      resolve(text);
    };
    stream.on('data', listen).once('end', () => reject(new Error(`it ended before it said ${String(words)}: ${text}`)));
  });
}

test('a folder is followed; the daemon excludes apply, answers, survives kill -9, and ends with SIGTERM', async () => {
  const { endpoint, fingerprint } = await startLab();
  await manifests(endpoint, fingerprint, 512);
  const state = join(folder, 'state');
  const first = latido('run', folder, '--state', state);
  await heard(first.stderr, /create it/);
  const apply = await latido('apply', folder, '--state', state, '--yes');
  expect(apply.stderr).toMatch(/^STATE_LOCKED: process \d+ of this machine works on this cluster/);
  expect(apply.exitCode).toBe(1);
  expect((await latido('suspend', 'VirtualMachine/web', '--reason', 'works', '--state', state)).stdout).toBe('VirtualMachine/web is suspended.');
  first.kill('SIGKILL');
  await first;
  expect((await latido('status', '--state', state)).stderr).toMatch(/^DAEMON_ABSENT: no daemon answers at/);

  const config = await configured(state, '');
  const second = latido('run', '--config', config);
  await heard(second.stderr, /the lease is ours/);
  const taken = heard(second.stderr, /is in force/);
  await manifests(endpoint, fingerprint, 768);
  await taken;
  expect((await latido('status', '--state', state)).stdout).toContain('suspended VirtualMachine/web: works');
  const set = heard(second.stderr, /set memory/);
  expect((await latido('resume', 'VirtualMachine/web', '--state', state)).exitCode).toBe(0);
  await set;
  const again = heard(second.stderr, /The old configuration stays in force\.[^]*the lease is ours/);
  await configured(state, 'follow: { address: 192.0.2.7 }');
  second.kill('SIGHUP');
  expect(await again).toContain('CONFIG_INVALID: follow is for the nodes of a cluster');
  second.kill('SIGTERM');
  expect((await second).exitCode).toBe(0);
}, PATIENCE_MS);
