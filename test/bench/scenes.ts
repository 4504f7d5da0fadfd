// In: a number of guests and a scene. Out: the figures of planning it. Makes the manifests (a Git repository), the lab
// (its own process) and the state folder that the scene needs, and leaves nothing behind.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa, execaNode } from 'execa';
import { createFileStore } from '../../controller/env/file-store.ts';
import { writeInventory } from '../../controller/status/inventory.ts';
import { manifestsOf, memoriesOf, type Scene } from './fleet.ts';
import type { LabCounts, LabReady } from './lab-process.ts';
import { measure, medianOf, type Measured } from './measure.ts';

export type Work = 'validate' | Scene;
export interface Figures {
  readonly work: Work;
  readonly guests: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly calls: number;
  readonly bytes: number;
  readonly labCpuMs: number;
}

/** What validate needs to know of a cluster: nothing answers there. */
const NO_LAB: LabReady = { endpoints: ['https://127.0.0.1:8006'], fingerprint: Array.from({ length: 32 }, () => '00').join(':'), token: '' };

export async function validateFigures(guests: number, runs: number): Promise<Figures> {
  return withFolder(async (folder) => {
    const dir = await repository(join(folder, 'manifests'), guests, NO_LAB);
    const taken: Measured[] = [];
    for (let run = 0; run < runs; run += 1) taken.push(await measure(['validate', dir]));
    const { output, ...figures } = medianOf(taken);
    if (!output.startsWith('Valid')) throw new Error(`the manifests are not valid:\n${output.slice(0, 2000)}`);
    return { work: 'validate', guests, ...figures, calls: 0, bytes: 0, labCpuMs: 0 };
  });
}

export async function planFigures(guests: number, scene: Scene, runs: number): Promise<Figures> {
  return withFolder((folder) => withLab(guests, scene, async (lab, counts) => {
    const dir = await repository(join(folder, 'manifests'), guests, lab);
    const state = join(folder, 'state');
    if (scene === 'unchanged') await writeInventory(createFileStore(state), memoriesOf(guests));
    const taken: (Measured & LabCounts & { readonly labCpuMs: number })[] = [];
    for (let run = 0; run < runs; run += 1) {
      const before = await counts();
      const out = join(folder, 'plan.json');
      const measured = await measure(['plan', dir, '--state', state, '--out', out], { LATIDO_BENCH_TOKEN: lab.token });
      const after = await counts();
      demandPlan(await readFile(out, 'utf8'), scene, guests);
      taken.push({ ...measured, calls: after.calls - before.calls, bytes: after.bytes - before.bytes, labCpuMs: after.cpuMs - before.cpuMs });
    }
    const { output: _output, ...figures } = medianOf(taken);
    return { work: scene, guests, ...figures };
  }));
}

/** A figure of a plan that is not the one that was meant says nothing. */
function demandPlan(text: string, scene: Scene, guests: number): void {
  const { counts } = JSON.parse(text) as { readonly counts: Readonly<Record<string, number>> };
  const made = scene === 'create' ? guests - 1 : 0;
  const adopted = scene === 'unchanged' ? 0 : guests - made;
  if (counts['create'] !== made || Number(counts['adopt']) < adopted || (scene === 'unchanged' && counts['update'] !== 0)) throw new Error(`not the plan of ${scene} that was meant: ${JSON.stringify(counts)}`);
}

async function repository(dir: string, guests: number, lab: LabReady): Promise<string> {
  await mkdir(join(dir, 'guests'), { recursive: true });
  const cluster = ['apiVersion: latido/v1', 'kind: Cluster', 'metadata: { name: bench }', 'spec:', '  endpoints:', ...lab.endpoints.map((url) => `    - ${url}`), `  tls: { fingerprint: "${lab.fingerprint}" }`, '  credentials: { tokenEnv: LATIDO_BENCH_TOKEN }', ''].join('\n');
  for (const { file, text } of manifestsOf(guests, cluster)) await writeFile(join(dir, file), text);
  const git = (...args: string[]) => execa('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', ...args], { cwd: dir });
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'all guests');
  return dir;
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'latido-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function withLab<T>(guests: number, scene: Scene, work: (lab: LabReady, counts: () => Promise<LabCounts>) => Promise<T>): Promise<T> {
  const process = execaNode(fileURLToPath(new URL('./lab-process.js', import.meta.url)), [String(guests), scene], { ipc: true, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit', reject: false });
  const message = async () => (await process.getOneMessage()) as unknown;
  try {
    const ready = (await message()) as LabReady;
    return await work(ready, async () => {
      const answer = message();
      await process.sendMessage('counts');
      return (await answer) as LabCounts;
    });
  } finally {
    process.kill();
    await process;
  }
}
