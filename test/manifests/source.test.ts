import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../controller/manifests/limits.ts';
import { readCommit, readDirectory, readSource } from '../../controller/manifests/source.ts';
import type { Source } from '../../controller/manifests/source.ts';

let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'latido-source-')); });
afterEach(() => { rmSync(dir, { recursive: true, force: true }); });

function write(files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}
function git(...args: readonly string[]): string {
  const identity = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  return execFileSync('git', [...args], { cwd: dir, encoding: 'utf8', stdio: 'pipe', env: { PATH: process.env['PATH'], HOME: dir, ...identity } }).trim();
}
function commit(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  write(files);
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-q', '-m', 'one');
  return git('rev-parse', 'HEAD');
}
/** `path: text`, with the temporary folder left out. */
function shown(source: Source): readonly string[] {
  return source.files.map((file) => `${file.path.replace(`${dir}/`, '')}: ${file.unreadable ?? file.text}`);
}

describe('a folder', () => {
  test('manifests below it, sorted, and nothing else', async () => {
    write({ 'b.yaml': '2', 'a/x.yml': '1', 'README.md': 'no', '.hidden.yaml': 'no', '.git-like/x.yaml': 'no', 'a/.#x.yaml': 'no' });
    const source = await readDirectory(dir);
    expect(source.revision).toBe('dir');
    expect(shown(source)).toEqual(['a/x.yml: 1', 'b.yaml: 2']);
  });

  test('the only cluster of a repository is meant', async () => {
    write({ 'clusters/one/a.yaml': '1', 'examples/b.yaml': '2', 'clusters/README.md': '' });
    expect(shown(await readDirectory(dir))).toEqual(['clusters/one/a.yaml: 1']);
    expect(shown(await readDirectory(join(dir, 'examples')))).toEqual(['examples/b.yaml: 2']);
  });

  test('of two clusters one has to be named', async () => {
    write({ 'clusters/one/a.yaml': '1', 'clusters/two/b.yaml': '2' });
    await expect(readDirectory(dir)).rejects.toThrow(/holds 2 clusters: one, two/);
    await expect(readSource(dir)).rejects.toThrow(/holds 2 clusters: one, two/);
  });

  test('what is no text, no file or too large is said, not left out', async () => {
    write({ 'a.yaml': new Uint8Array([0x61, 0xff, 0xfe]), 'b.yaml': 'x'.repeat(20), 'c.yaml': 'y' });
    execFileSync('mkfifo', [join(dir, 'pipe.yaml')]);
    expect(shown(await readDirectory(dir, { ...LIMITS, fileBytes: 10 }))).toEqual([
      'a.yaml: the file is not UTF-8 text', 'b.yaml: the file is larger than 10 bytes', 'c.yaml: y', 'pipe.yaml: it is not a plain file',
    ]);
  });

  test('too many files, too many bytes, no folder', async () => {
    write({ 'a.yaml': 'xx', 'b.yaml': 'yy' });
    await expect(readDirectory(dir, { ...LIMITS, files: 1 })).rejects.toThrow(/holds 2 manifests, more than the 1 allowed/);
    await expect(readDirectory(dir, { ...LIMITS, totalBytes: 3 })).rejects.toThrow(/holds 4 bytes of manifests, more than the 3 allowed/);
    await expect(readDirectory(join(dir, 'nothing'))).rejects.toThrow(/is not a folder that can be read/);
    await expect(readSource(join(dir, 'a.yaml'))).rejects.toThrow(/is not a folder that can be read/);
  });
});

/** The same tree with links, read from disk and from a commit. */
describe.each(['disk', 'commit'])('links on %s', (where) => {
  async function readLinks(links: Readonly<Record<string, string>>) {
    write({ 'c/a.yaml': 'a', 'shared/s.yaml': 's', 'shared/text': 't' });
    for (const [path, target] of Object.entries(links)) symlinkSync(target, join(dir, path));
    commit();
    // An untracked manifest makes the files on disk the source.
    if (where === 'disk') write({ 'c/new.yaml': 'n' });
    return shown(await readSource(join(dir, 'c'))).filter((line) => !line.startsWith('c/new.yaml') && !line.startsWith('c/a.yaml'));
  }
  test.each([
    ['to a file of the same repository is read', 'c/l.yaml', '../shared/s.yaml', ['c/l.yaml: s']],
    ['to a file that is no manifest by name', 'c/l.yaml', '../shared/text', ['c/l.yaml: t']],
    ['to a manifest that is read anyway is passed over', 'c/l.yaml', 'a.yaml', []],
    ['out of the tree', 'c/l.yaml', '/etc/hostname', ['c/l.yaml: it is a link that leads out of the tree']],
    ['out of the tree by dots', 'c/l.yaml', '../../../../../../etc/hostname', ['c/l.yaml: it is a link that leads out of the tree']],
    ['to nowhere', 'c/l.yaml', 'nothing', ['c/l.yaml: it is a link that leads nowhere']],
    ['to a folder', 'c/l', '../shared', ['c/l: it is a link to a folder, and such links are not followed']],
    ['of another name is none of ours', 'c/l.txt', '../shared/text', []],
  ])('%s', async (_, path, target, expected) => {
    expect(await readLinks({ [path]: target })).toEqual(expected);
  });
});

describe('a commit', () => {
  test('is read as it was committed, whatever the work tree says now', async () => {
    const id = commit({ 'a.yaml': 'old', 'x/b.yml': 'b\n', 'x/empty.yaml': '', 'x/same.yaml': 'b\n', 'README.md': 'no' });
    write({ 'a.yaml': 'new', 'c.yaml': 'new' });
    const source = await readCommit(dir, 'main');
    expect(source.revision).toBe(`main@sha1:${id}`);
    expect(source.commit).toBe(id);
    expect(shown(source)).toEqual(['a.yaml: old', 'x/b.yml: b\n', 'x/empty.yaml: ', 'x/same.yaml: b\n']);
    expect(shown(await readCommit(dir, id, 'x'))).toEqual(['x/b.yml: b\n', 'x/empty.yaml: ', 'x/same.yaml: b\n']);
    expect((await readCommit(dir, id, 'x')).revision).toBe(`sha1:${id}`);
  });

  test('bytes come back whole: no line ends, no umlauts, no BOM are touched', async () => {
    commit({ '.gitattributes': '* text eol=crlf\n', 'ä ö"x.yaml': 'ä: "…"\r\n', 'b.yaml': '\uFEFFb: 1\n' });
    const source = await readCommit(dir, 'HEAD');
    expect(source.files.map((file) => file.path)).toEqual(['b.yaml', 'ä ö"x.yaml']);
    expect(source.files[0]?.text).toBe('\uFEFFb: 1\n');
  });

  test('of a bare repository, with its only cluster', async () => {
    const id = commit({ 'clusters/unq/a.yaml': '1', 'other.yaml': 'no' });
    git('clone', '-q', '--bare', '.', 'bare.git');
    const source = await readCommit(join(dir, 'bare.git'), 'main');
    expect(source.revision).toBe(`main@sha1:${id}`);
    expect(shown(source)).toEqual(['clusters/unq/a.yaml: 1']);
  });

  test('of two clusters one has to be named', async () => {
    commit({ 'clusters/one/a.yaml': '1', 'clusters/two/b.yaml': '2' });
    await expect(readCommit(dir, 'main')).rejects.toThrow(/clusters holds 2 clusters: one, two/);
    expect(shown(await readCommit(dir, 'main', './clusters/two/'))).toEqual(['clusters/two/b.yaml: 2']);
  });

  test('is read from its repository, not from the one that the environment names', async () => {
    commit({ 'a.yaml': '1' });
    const before = process.env['GIT_DIR'];
    process.env['GIT_DIR'] = '/nonexistent';
    try {
      expect(shown(await readCommit(dir, 'main'))).toEqual(['a.yaml: 1']);
    } finally {
      if (before === undefined) delete process.env['GIT_DIR'];
      else process.env['GIT_DIR'] = before;
    }
  });

  test('submodules and large files are said', async () => {
    const id = commit({ 'a.yaml': 'x'.repeat(20) });
    git('update-index', '--add', '--cacheinfo', `160000,${id},sub`);
    git('commit', '-q', '-m', 'two');
    expect(shown(await readCommit(dir, 'main', '', { ...LIMITS, fileBytes: 10 }))).toEqual(['a.yaml: the file is larger than 10 bytes', 'sub: it is a submodule, and those are not read']);
  });

  test.each([
    ['nowhere', '', /has no commit "nowhere"/],
    ['--output=/tmp/x', '', /is not the name of a commit/],
    ['main file', '', /is not the name of a commit/],
    ['', '', /is not the name of a commit/],
    ['main', 'missing', /has no folder "missing"/],
    ['main', 'a.yaml', /has no folder "a.yaml"/],
    ['main', '../x', /is not a folder of the repository/],
    ['main', '/etc', /is not a folder of the repository/],
  ])('revision "%s", folder "%s" is refused', async (revision, subdir, expected) => {
    commit({ 'a.yaml': '1' });
    await expect(readCommit(dir, revision, subdir)).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREADABLE', fact: expect.stringMatching(expected), fix: expect.any(String) }] });
  });

  test('too many files', async () => {
    commit({ 'a.yaml': '1', 'b.yaml': '2' });
    await expect(readCommit(dir, 'main', '', { ...LIMITS, files: 1 })).rejects.toThrow(/more than the 1 allowed/);
  });

  test('a folder that is no repository', async () => {
    await expect(readCommit(dir, 'main')).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREADABLE' }] });
    await expect(readCommit(join(dir, 'nothing'), 'main')).rejects.toMatchObject({ findings: [{ code: 'SOURCE_UNREADABLE' }] });
  });
});

describe('what a person means by a folder', () => {
  test('its commit, when nothing below it has changed', async () => {
    const id = commit({ 'c/a.yaml': '1', 'other.yaml': '1', '.gitignore': 'ignored.yaml\n' });
    write({ 'other.yaml': 'changed elsewhere', 'c/notes.txt': 'no manifest', 'c/ignored.yaml': 'ignored' });
    const source = await readSource(join(dir, 'c'));
    expect([source.revision, source.commit]).toEqual([`main@sha1:${id}`, id]);
    expect(shown(source)).toEqual(['c/a.yaml: 1']);
  });

  test.each([
    ['changed', (): void => write({ 'c/a.yaml': '2' }), ['c/a.yaml: 2', 'c/b.yaml: 1']],
    ['new', (): void => write({ 'c/n/x.yaml': 'n' }), ['c/a.yaml: 1', 'c/b.yaml: 1', 'c/n/x.yaml: n']],
    ['deleted', (): void => rmSync(join(dir, 'c/b.yaml')), ['c/a.yaml: 1']],
    ['staged', (): void => { write({ 'c/a.yaml': '3' }); git('add', '-A'); }, ['c/a.yaml: 3', 'c/b.yaml: 1']],
    ['renamed', (): void => { git('mv', 'c/b.yaml', 'c/z.yaml'); }, ['c/a.yaml: 1', 'c/z.yaml: 1']],
  ])('the files as they are, when one is %s', async (_, change, expected) => {
    const id = commit({ 'c/a.yaml': '1', 'c/b.yaml': '1', '.gitignore': 'ignored.yaml\n', 'c/ignored.yaml': 'i' });
    change();
    const source = await readSource(join(dir, 'c'));
    expect([source.revision, source.commit]).toEqual([`main@sha1:${id} + uncommitted`, undefined]);
    expect(shown(source)).toEqual(expected);
  });

  test('before the first commit', async () => {
    git('init', '-q', '-b', 'main');
    write({ 'a.yaml': '1' });
    expect(await readSource(dir)).toMatchObject({ revision: 'main + uncommitted', files: [{ text: '1' }] });
  });

  test('a detached head has no branch', async () => {
    const id = commit({ 'a.yaml': '1' });
    git('checkout', '-q', '--detach');
    expect((await readSource(dir)).revision).toBe(`sha1:${id}`);
  });

  test('a folder that git ignores, and one without git, are just folders', async () => {
    commit({ '.gitignore': 'out/\n', 'a.yaml': '1' });
    write({ 'out/b.yaml': '2' });
    expect(await readSource(join(dir, 'out'))).toMatchObject({ revision: 'dir', files: [{ text: '2' }] });
    rmSync(join(dir, '.git'), { recursive: true });
    expect(await readSource(dir)).toMatchObject({ revision: 'dir', files: [{ text: '1' }, { text: '2' }] });
  });
});
