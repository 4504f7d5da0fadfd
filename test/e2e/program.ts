// In: a folder. Out: latido as programs that start fast: as it is, and with the lab's clock and /etc/pve in place of the machine's.
// Made once, so that sources that change meanwhile change nothing for a story under way.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = new URL('../../', import.meta.url).pathname;
const HERE = import.meta.dirname;

export interface Programs { readonly latido: string; readonly daemon: string }

export async function makePrograms(folder: string): Promise<Programs> {
  mkdirSync(folder, { recursive: true });
  // What the package carries beside its code.
  for (const name of ['package.json', 'schema', 'node_modules']) symlinkSync(join(ROOT, name), join(folder, name));
  await Promise.all([bundle(join(ROOT, 'controller/main.ts'), join(folder, 'plain'), []), bundle(join(HERE, 'daemon-process.ts'), join(folder, 'staged'), [standIns])]);
  return { latido: join(folder, 'plain/main.js'), daemon: join(folder, 'staged/daemon-process.js') };
}

async function bundle(entry: string, outdir: string, plugins: Plugin[]): Promise<void> {
  await build({ entryPoints: [entry], outdir, plugins, bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external', logLevel: 'error', sourcemap: 'inline' });
}

const STAND_INS: Readonly<Record<string, string>> = { clock: 'fast-clock.ts', 'cluster-files': 'far-cluster-files.ts' };

/** A stand-in itself may still import what it stands for. */
const standIns: Plugin = {
  name: 'stand-ins',
  setup(building) {
    building.onResolve({ filter: /(?:^\.|\/env)\/(?:clock|cluster-files)\.ts$/ }, ({ path, importer }) => {
      const standIn = STAND_INS[/([a-z-]+)\.ts$/.exec(path)?.[1] ?? ''];
      return standIn === undefined || importer.startsWith(HERE) ? undefined : { path: join(HERE, standIn) };
    });
  },
};
