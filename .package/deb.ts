// In: what is installed. Out: a Debian package, the same bytes for the same input.
// Must never depend on who builds it, when, or where.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { About, Installed } from './contents.ts';
import { writeInstalled } from './contents.ts';

const SCRIPTS = ['postinst', 'prerm', 'postrm'];
const DEPENDS = 'nodejs (>= 20), git, openssh-client, adduser, procps';

/** @param work a folder that is made anew */
export function writeDeb(root: string, about: About, installed: readonly Installed[], work: string, file: string): void {
  rmSync(work, { recursive: true, force: true });
  writeInstalled(installed, work);
  writeInstalled(controlFiles(root, about, installed), work);
  // dpkg-deb sorts what it packs, and takes no time of a file that is later than this.
  execFileSync('find', [work, '-type', 'd', '-exec', 'chmod', '755', '{}', '+']);
  execFileSync('find', [work, '-exec', 'touch', '--no-dereference', `--date=@${about.epoch}`, '{}', '+']);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', work, file], { env: { ...process.env, SOURCE_DATE_EPOCH: String(about.epoch) }, stdio: ['ignore', 'ignore', 'inherit'] });
}

function controlFiles(root: string, about: About, installed: readonly Installed[]): readonly Installed[] {
  const conffiles = installed.filter(({ path }) => path.startsWith('etc/')).map(({ path }) => `/${path}\n`);
  const sums = installed.flatMap((each) => ('content' in each && !each.path.startsWith('etc/') ? [`${createHash('md5').update(each.content).digest('hex')}  ${each.path}\n`] : []));
  const texts: readonly (readonly [name: string, text: string])[] = [['control', controlText(about, installed)], ['conffiles', conffiles.join('')], ['md5sums', sums.join('')]];
  return [
    ...texts.map(([name, text]) => ({ path: `DEBIAN/${name}`, mode: 0o644, content: Buffer.from(text) }) as const),
    ...SCRIPTS.map((script) => ({ path: `DEBIAN/${script}`, mode: 0o755, content: readFileSync(join(root, '.package', script)) }) as const),
  ];
}

function controlText({ version, description, maintainer }: About, installed: readonly Installed[]): string {
  // As dpkg counts it: each file in whole KiB, and one for each link.
  const size = installed.reduce((sum, each) => sum + ('content' in each ? Math.ceil(each.content.length / 1024) : 1), 0);
  return [
    'Package: latido', `Version: ${version}`, 'Architecture: all', `Maintainer: ${maintainer}`, `Installed-Size: ${size}`,
    `Depends: ${DEPENDS}`, 'Suggests: openssh-server, gnupg', 'Section: admin', 'Priority: optional',
    `Description: ${description}`,
    ' The cluster - nodes, guests, storages, high availability, backup jobs - is', ' YAML in Git. latido validates it, plans what a commit would change, in order',
    ' and with what is held back and why, and does exactly that. As a daemon it', ' follows every commit and undoes drift.', ' .',
    ' There is also a simulated cluster behind the real API, to try things with.', '',
  ].join('\n');
}
