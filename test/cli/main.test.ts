// The program as a person starts it: a child process, a real terminal's absence, real sockets to a lab.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makePrograms } from '../e2e/program.ts';

const root = new URL('../../', import.meta.url).pathname;
const TOKEN = 'root@pam!lab=00000000-0000-4000-8000-000000000001';
let folder = '';
let program = '';
let lab: ResultPromise | undefined;

/** Without a terminal, and without the settings of whoever runs the tests. */
function latido(...args: readonly string[]) {
  return execa('node', [program, ...args], {
    cwd: root, reject: false, stdin: 'ignore', extendEnv: false, env: { PATH: process.env['PATH'], HOME: folder, LATIDO_LAB_TOKEN: TOKEN },
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latido-cli-'));
  program = (await makePrograms(join(folder, 'programs'))).latido;
});
afterAll(async () => {
  lab?.kill('SIGINT');
  await lab;
  await rm(folder, { recursive: true, force: true });
});

test('a mistake is a sentence on standard error, and exit code 1', async () => {
  const { exitCode, stdout, stderr } = await latido('plna');
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: '', stderr: "USAGE: unknown command 'plna' (Did you mean plan?)\n  fix: latido --help" });
});

const MANIFESTS = (endpoints: readonly string[], fingerprint: string) => `apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec:
  endpoints: ${JSON.stringify(endpoints)}
  tls: { fingerprint: "${fingerprint}" }
  credentials: { tokenEnv: LATIDO_LAB_TOKEN }
---
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: web }
spec:
  vmid: 110
  placement: { node: pve1 }
  power: running
  config: { memory: 2048, scsi0: { storage: shared, size: 4G } }
`;

test('a lab, a plan, an apply, and nothing left to do', async () => {
  lab = latido('lab', '--port', '0', '--speed', '50', '--json');
  const told = JSON.parse(await firstDocument(lab)) as { endpoints: { url: string }[]; fingerprint: string; token: string; clusterDocument: string };
  expect(told.token).toBe(TOKEN);
  const dir = join(folder, 'cluster');
  const state = join(folder, 'state');
  const out = join(folder, 'plan.json');
  await execa('mkdir', [dir]);
  await writeFile(join(dir, 'lab.yaml'), MANIFESTS(told.endpoints.map(({ url }) => url), told.fingerprint));

  const validated = await latido('validate', dir, '--json');
  expect(JSON.parse(validated.stdout)).toMatchObject({ valid: true, objects: { Cluster: 1, VirtualMachine: 1 } });

  const planned = await latido('plan', dir, '--state', state, '--detailed-exitcode', '--out', out);
  expect(planned).toMatchObject({ exitCode: 2, stderr: '' });
  expect(planned.stdout).toContain('+ VirtualMachine/web  (110 on pve1)');
  expect(planned.stdout).toContain(`latido apply ${dir} --state ${state} --plan ${out}`);
  expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject({ format: 'latido.plan/v1', cluster: 'lab', counts: { create: 1 } });

  const unasked = await latido('apply', dir, '--state', state);
  expect(unasked.exitCode).toBe(1);
  expect(unasked.stderr).toContain('fix: add --yes');

  const other = join(folder, 'other.json');
  await writeFile(other, JSON.stringify({ ...JSON.parse(await readFile(out, 'utf8')), fingerprint: 'plan-000000000000' }));
  expect((await latido('apply', dir, '--state', state, '--plan', other, '--yes')).stderr).toMatch(/^PLAN_CHANGED: the plan is now plan-/);

  const applied = await latido('apply', dir, '--state', state, '--plan', out, '--yes');
  expect(applied.stdout).toMatch(/Applied: \d steps done in/);
  expect(applied.stderr).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ VirtualMachine\/web: create it on pve1.*: started$/m);
  expect(applied.exitCode).toBe(0);

  const again = await latido('plan', dir, '--state', state, '--detailed-exitcode');
  expect(again).toMatchObject({ exitCode: 0, stdout: 'No changes. lab is as the files ask.' });

  const late = await latido('apply', dir, '--state', state, '--plan', out, '--yes');
  expect(late.exitCode).toBe(1);
  expect(late.stderr).toContain('PLAN_CHANGED');

  const doctor = await latido('doctor', dir, '--state', state, '--json');
  expect(JSON.parse(doctor.stdout)).toMatchObject({ healthy: true });
});

/** Standard output up to the end of one JSON document; the program goes on. */
function firstDocument(child: ResultPromise): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith('}\n')) resolve(text);
    });
    void child.then((result) => reject(new Error(String(result.stderr))));
  });
}
