// Run by `npm run package`, with the path of the package to be written if it is to be another one: a Debian package of this checkout.
// SOURCE_DATE_EPOCH is its time, else that of the last commit: two builds of a commit are the same bytes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aboutPackage, packageContents } from './contents.ts';
import { writeDeb } from './deb.ts';

/** Where it is then. @param epoch seconds since 1970 */
export async function buildPackage(root: string, epoch: number, file?: string): Promise<string> {
  const about = aboutPackage(root, epoch);
  const to = resolve(file ?? join(root, '.build', 'package', `latido_${about.version}_all.deb`));
  mkdirSync(dirname(to), { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'latido-package-'));
  try {
    writeDeb(root, about, await packageContents(root, about, join(work, 'program')), join(work, 'root'), to);
    return to;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @throws when neither the environment nor git says it */
function sourceEpoch(root: string): number {
  const text = process.env['SOURCE_DATE_EPOCH'] ?? execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }).trim();
  if (!/^\d{1,10}$/.test(text)) throw new Error(`the time of the sources is ${text}, not seconds since 1970`);
  return Number(text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(import.meta.dirname, '..');
  const file = await buildPackage(root, sourceEpoch(root), process.argv[2]);
  console.log(`${file}: ${Math.round(statSync(file).size / 1024)} KiB`);
}
