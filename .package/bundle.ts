// In: the checkout. Out: the program as few ESM files that need no node_modules, and whose work is in them.
// Must never join what is loaded lazily: `latido --version` loads neither YAML nor HTTP, in the package as in the checkout.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { isObject } from '../controller/model/json.ts';
import { compareText } from '../controller/model/ref.ts';

/** A package of npm of which there is something in the bundle. @property text its licence, as it came */
export interface Bundled { readonly name: string; readonly version: string; readonly license: string; readonly text: string }

/** CommonJS packages ask for Node's own modules by `require`, which ES modules do not have. */
const REQUIRE = "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);";

/** Writes main.js and its parts to the folder. */
export async function bundleProgram(root: string, folder: string): Promise<readonly Bundled[]> {
  const { metafile } = await build({
    absWorkingDir: root, entryPoints: ['controller/main.ts'], outdir: folder, chunkNames: 'parts/[name]-[hash]',
    bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', banner: { js: REQUIRE },
    // The licences are in the copyright file of the package, all of them and whole.
    legalComments: 'none', metafile: true, logLevel: 'error',
  });
  // Only what /usr/bin/latido points to is started by its first line.
  const main = join(folder, 'main.js');
  writeFileSync(main, readFileSync(main, 'utf8').replace(/^#!.*\n/, ''));
  const folders = new Set(Object.keys(metafile.inputs).flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []));
  return [...folders].map((one) => bundled(join(root, one))).sort((a, b) => compareText(`${a.name} ${a.version}`, `${b.name} ${b.version}`));
}

function bundled(folder: string): Bundled {
  const about: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const field = (name: string) => (isObject(about) && typeof about[name] === 'string' ? about[name] : undefined);
  const file = readdirSync(folder).sort().find((name) => /^(?:licen[cs]e|copying)\b/i.test(name));
  const [name, version, license] = [field('name'), field('version'), field('license')];
  if (name === undefined || version === undefined || license === undefined || file === undefined) throw new Error(`${folder} does not say under which licence it is`);
  return { name, version, license, text: readFileSync(join(folder, file), 'utf8') };
}
