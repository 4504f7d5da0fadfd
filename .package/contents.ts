// In: the checkout and the bundled program. Out: what the package installs: path, mode, content.
// Must never take anything that is not in the repository or made from it.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { SHELLS } from '../controller/cli/completion.ts';
import { isObject } from '../controller/model/json.ts';
import { compareText } from '../controller/model/ref.ts';
import { bundleProgram } from './bundle.ts';
import { configFile } from './config-file.ts';
import { copyrightText } from './copyright.ts';

export type Installed =
  | { readonly path: string; readonly mode: 0o644 | 0o755; readonly content: Buffer }
  | { readonly path: string; readonly link: string };

export interface About { readonly version: string; readonly description: string; readonly maintainer: string; /** Seconds since 1970. */ readonly epoch: number }

const LIB = 'usr/lib/latido';
const DOC = 'usr/share/doc/latido';

/** Who is asked when the package is broken, until package.json has an author. */
const MAINTAINER = 'The authors of latido <latido@localhost>';

/** @param epoch seconds since 1970 */
export function aboutPackage(root: string, epoch: number): About {
  const json = packageJson(root);
  const text = (name: string) => (typeof json[name] === 'string' ? json[name] : undefined);
  const [version, description] = [text('version'), text('description')];
  if (version === undefined || description === undefined) throw new Error('package.json names no version or no description');
  return { version, description, maintainer: text('author') ?? MAINTAINER, epoch };
}

/** In order of their paths. @param work a folder for what is made on the way */
export async function packageContents(root: string, about: About, work: string): Promise<readonly Installed[]> {
  const own = (name: string) => readFileSync(join(root, '.package', name));
  const bundled = await bundleProgram(root, join(work, 'program'));
  const { name, version, type, license, bugs } = packageJson(root);
  const library = [
    file(`${LIB}/latido.js`, own('latido.js'), 0o755),
    file(`${LIB}/package.json`, `${JSON.stringify({ name, version, type, license, bugs }, null, 2)}\n`),
    ...folder(join(work, 'program'), `${LIB}/program`),
    ...folder(join(root, 'schema'), `${LIB}/schema`).filter(({ path }) => path.endsWith('.json')),
    ...folder(join(root, 'clusters', 'unq-lab'), `${LIB}/clusters/unq-lab`),
  ];
  const says = programOf(library, work);
  const day = new Date(about.epoch * 1000).toISOString().slice(0, 10);
  const completions = { bash: 'usr/share/bash-completion/completions/latido', zsh: 'usr/share/zsh/vendor-completions/_latido', fish: 'usr/share/fish/vendor_completions.d/latido.fish' };
  return [
    ...library,
    { path: 'usr/bin/latido', link: '../lib/latido/latido.js' },
    file('etc/latido/config.yaml', configFile()),
    ...['latido.service', 'latido-node.service'].map((unit) => file(`usr/lib/systemd/system/${unit}`, own(unit))),
    file('usr/share/man/man1/latido.1.gz', compressed(says('manual', '--date', day))),
    ...SHELLS.map((shell) => file(completions[shell], says('completion', shell))),
    file(`${DOC}/copyright`, copyrightText(bundled)),
    file(`${DOC}/changelog.gz`, compressed(changelog(about))),
    ...folder(join(root, 'examples'), `${DOC}/examples`),
  ].sort((a, b) => compareText(a.path, b.path));
}

/** The bundled program itself writes the page and the completions, so they are of this very version. It looks for its data above itself. */
function programOf(library: readonly Installed[], work: string): (...args: readonly string[]) => string {
  const data = library.filter(({ path }) => !path.startsWith(`${LIB}/program/`));
  writeInstalled(data.map((each) => ({ ...each, path: each.path.slice(LIB.length + 1) })), work);
  return (...args) => execFileSync(process.execPath, [join(work, 'program', 'main.js'), ...args], { encoding: 'utf8' });
}

/** Below the folder, which need not exist. */
export function writeInstalled(files: readonly Installed[], below: string): void {
  for (const each of files) {
    const path = join(below, each.path);
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    if ('link' in each) symlinkSync(each.link, path);
    else {
      writeFileSync(path, each.content);
      // The mask of whoever builds says nothing about what is installed.
      chmodSync(path, each.mode);
    }
  }
}

function folder(from: string, to: string): readonly Installed[] {
  return readdirSync(from, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? folder(join(from, entry.name), `${to}/${entry.name}`) : [file(`${to}/${entry.name}`, readFileSync(join(from, entry.name)))]));
}

function file(path: string, content: string | Buffer, mode: 0o644 | 0o755 = 0o644): Installed & { readonly content: Buffer } {
  return { path, mode, content: typeof content === 'string' ? Buffer.from(content) : content };
}

/** Without a name and a time, so that the same text is the same file. */
function compressed(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}

function changelog({ version, maintainer, epoch }: About): string {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  return `latido (${version}) unstable; urgency=medium\n\n  * Built from its sources; what changed is in their history.\n\n -- ${maintainer}  ${date}\n`;
}

function packageJson(root: string): Readonly<Record<string, unknown>> {
  const json: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return isObject(json) ? json : {};
}
