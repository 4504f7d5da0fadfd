// Run by `npm run build`: makes `npx latido` work in the checkout itself, where npm links no bin of its own.
// Must never touch anything but node_modules/.bin/latido and the executable bit of main.js.
import { chmodSync, existsSync, lstatSync, readlinkSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from './package-root.ts';

/** What was done, as a sentence. */
export function linkBin(root: string): string {
  const main = join(root, '.build', 'controller', 'main.js');
  const folder = join(root, 'node_modules', '.bin');
  if (!existsSync(main)) return 'nothing is linked: main.js is not built';
  chmodSync(main, 0o755);
  // Installed as somebody's dependency there is no such folder here: npm has linked the bin itself.
  if (!existsSync(folder)) return 'nothing is linked: there is no node_modules/.bin';
  const link = join(folder, 'latido');
  const target = relative(folder, main);
  const there = lstatSync(link, { throwIfNoEntry: false });
  if (there && !there.isSymbolicLink()) return `nothing is linked: ${link} is not a link`;
  if (there && readlinkSync(link) === target) return 'latido is linked already';
  if (there) rmSync(link);
  symlinkSync(target, link);
  return `${link} -> ${target}`;
}

const script = process.argv[1];
if (script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url)) console.log(linkBin(packageRoot()));
