import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPackage } from '../../.package/build.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
/** Any moment; the first of 2026. */
const EPOCH = 1_767_225_600;
const hasDpkg = spawnSync('dpkg-deb', ['--version']).status === 0;
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

// Without dpkg-deb there is no package to look at.
describe.skipIf(!hasDpkg)('the Debian package', () => {
  const work = mkdtempSync(join(tmpdir(), 'latido-package-test-'));
  const deb = join(work, 'latido.deb');
  const unpacked = join(work, 'unpacked');
  const inside = (path: string) => join(unpacked, path);
  const latido = (...args: readonly string[]) => spawnSync(process.execPath, [inside('usr/bin/latido'), ...args], { encoding: 'utf8', cwd: work, env: { ...process.env, HOME: work, NO_COLOR: '1' } });
  const field = (name: string) => execFileSync('dpkg-deb', ['--field', deb, name], { encoding: 'utf8' }).trim();

  beforeAll(async () => {
    await buildPackage(ROOT, EPOCH, deb);
    execFileSync('dpkg-deb', ['--raw-extract', deb, unpacked]);
  }, 120_000);
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  test('is the same bytes when it is built again, whatever the mask of who builds', async () => {
    const again = join(work, 'again.deb');
    const mask = spawnSync('sh', ['-c', `umask 077; exec "$0" --import tsx -e "$1"`, process.execPath, `import { buildPackage } from ${JSON.stringify(join(ROOT, '.package', 'build.ts'))}; await buildPackage(${JSON.stringify(ROOT)}, ${EPOCH}, ${JSON.stringify(again)});`], { cwd: ROOT, encoding: 'utf8' });
    expect(mask.status, mask.stderr).toBe(0);
    expect(readFileSync(again).equals(readFileSync(deb))).toBe(true);
  });
  test('says what it needs', () => {
    expect(field('Depends')).toBe('nodejs (>= 20), git, openssh-client, adduser, procps');
    expect(field('Architecture')).toBe('all');
    expect(field('Version')).toBe((JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version);
  });
  test('belongs to root, and nobody else may write to it', () => {
    const lines = execFileSync('dpkg-deb', ['--contents', deb], { encoding: 'utf8' }).trim().split('\n');
    expect(lines.filter((line) => !/^(?:drwxr-xr-x|-rw-r--r--|-rwxr-xr-x|lrwxrwxrwx) root\/root /.test(line))).toEqual([]);
    expect(lines.filter((line) => line.startsWith('-rwx')).map((line) => line.split(/\s+/).at(-1))).toEqual(['./usr/lib/latido/latido.js']);
  });
  test.each(['etc/latido/config.yaml', 'usr/lib/systemd/system/latido.service', 'usr/lib/systemd/system/latido-node.service', 'usr/share/man/man1/latido.1.gz', 'usr/share/bash-completion/completions/latido', 'usr/share/zsh/vendor-completions/_latido', 'usr/share/fish/vendor_completions.d/latido.fish', 'usr/share/doc/latido/copyright', 'usr/share/doc/latido/examples/ci/github-actions.yml', 'usr/lib/latido/schema/pve/9.2.json'])('has %s', (path) => {
    expect(existsSync(inside(path))).toBe(true);
  });
  test('names no folder of the machine that built it', () => {
    expect(spawnSync('grep', ['-rlF', ROOT, unpacked], { encoding: 'utf8' }).stdout).toBe('');
  });
  test('its configuration is a file that dpkg asks about', () => expect(readFileSync(inside('DEBIAN/conffiles'), 'utf8')).toBe('/etc/latido/config.yaml\n'));
  test('carries the licence of each package in it', () => {
    const text = readFileSync(inside('usr/share/doc/latido/copyright'), 'utf8');
    for (const name of ['commander', 'yaml', 'undici', 'pino']) expect(text).toMatch(new RegExp(`^Comment: ${name} [\\d.]+, bundled$`, 'm'));
  });
  test.each(['postinst', 'prerm', 'postrm'])('%s is a script', (name) => expect(spawnSync('sh', ['-n', inside(`DEBIAN/${name}`)]).status).toBe(0));

  describe('the program in it', () => {
    test('--version', () => expect(latido('--version').stdout.trim()).toBe(field('Version')));
    test('validate', () => {
      const { status, stdout } = latido('validate', join(ROOT, 'clusters', 'unq-lab'));
      expect([status, stdout.split('\n')[0]]).toEqual([0, expect.stringMatching(/^Valid: /)]);
    });
    test('rehearse: the simulated cluster is in it', () => {
      // The first seed cuts the power while a guest is made: Proxmox keeps it locked until a person unlocks it.
      const { status, stdout, stderr } = latido('rehearse', join(ROOT, 'clusters', 'unq-lab'), '--seed', '2');
      expect(status, stdout + stderr).toBe(0);
    });
    test('the hook of a repository starts what is installed', () => {
      const repository = join(work, 'manifests.git');
      expect(latido('init', '--server', repository).status).toBe(0);
      expect(readFileSync(join(repository, 'hooks', 'pre-receive'), 'utf8')).toContain(`'${inside('usr/bin/latido')}'`);
    });
    test('the configuration as it comes is refused, and told where', () => {
      const { status, stderr } = latido('run', '--config', inside('etc/latido/config.yaml'));
      expect([status, stderr]).toEqual([1, expect.stringContaining('CONFIG_INVALID')]);
    });
    test('an old Node.js is told so before anything else', () => {
      const old = spawnSync(process.execPath, ['-e', `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } }); import(${JSON.stringify(inside('usr/lib/latido/latido.js'))});`], { encoding: 'utf8' });
      expect([old.status, old.stderr]).toEqual([1, expect.stringMatching(/^latido needs Node\.js 20\.19 or newer; .* is 18\.20\.4\n {2}fix: /)]);
    });
    test('what is loaded lazily stays apart: neither YAML nor HTTP are in what starts', () => {
      const program = inside('usr/lib/latido/program');
      const starts = linked(join(program, 'main.js'));
      expect(starts.length).toBeLessThan(readdirSync(join(program, 'parts')).length / 2);
      expect(starts.filter((file) => /node_modules\/(?:yaml|undici|pino|hono|selfsigned)\//.test(readFileSync(file, 'utf8')))).toEqual([]);
    });
    test('the manual page names every command of the help', () => {
      const page = gunzipSync(readFileSync(inside('usr/share/man/man1/latido.1.gz'))).toString().replaceAll('\\-', '-');
      const commands = [...latido('--help').stdout.matchAll(/^ {2}([a-z][\w-]*)\b/gm)].map(([, name]) => name ?? '');
      expect(commands.length).toBeGreaterThan(15);
      expect(commands.filter((name) => !page.includes(`\\fBlatido ${name}\\fR`))).toEqual([]);
    });
  });

  describe.skipIf(!hasSystemd).each(['latido.service', 'latido-node.service'])('%s', (unit) => {
    const file = () => inside(`usr/lib/systemd/system/${unit}`);
    test('systemd understands it', () => {
      const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file()], { encoding: 'utf8' });
      // The program is there only once the package is installed.
      expect(stderr.split('\n').filter((line) => line.includes(unit) && !/is not executable/.test(line))).toEqual([]);
    });
    test('is exposed to little', () => {
      const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', file()], { encoding: 'utf8' });
      expect(Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(unit === 'latido.service' ? 2 : 3);
    });
  });
});

/** The file and all that it imports before it runs. */
function linked(file: string, seen = new Set<string>()): readonly string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  return [file, ...[...text.matchAll(/^(?:import|export)\b[^'"]*?(?:from )?["'](\.[^'"]+)["'];$/gm)].flatMap(([, path]) => linked(join(dirname(file), path ?? ''), seen))];
}
