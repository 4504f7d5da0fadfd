// In: a path, a branch, how latido is started. Out: a bare repository there that people push to, whose hook calls latido.
// Must never overwrite a hook or a repository that somebody else made; may be run again and again.
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { failure } from '../model/finding.ts';
import { checkedBranch } from './branch.ts';
import { git, saidBy } from './git.ts';
import type { Signers } from './signatures.ts';

export interface ServerOptions {
  readonly path: string;
  readonly branch: string;
  /** The words that start latido, absolute: a hook has the PATH of whoever pushes. */
  readonly program: readonly string[];
  /** Who may sign what is pushed; absent: what the repository's configuration says stays. */
  readonly signers?: Signers;
}

export interface ServerSetup { readonly path: string; readonly repository: 'made' | 'there'; readonly hook: 'made' | 'renewed' | 'there' }

const WRITTEN_BY_US = '# Written by `latido init --server`';

/** @throws Failure SOURCE_UNREADABLE when something else is at that place, STATE_UNUSABLE when it cannot be written */
export async function setUpServer(options: ServerOptions): Promise<ServerSetup> {
  const path = resolve(options.path);
  const branch = checkedBranch(options.branch);
  try {
    const repository = await isBareRepository(path) ? 'there' : await makeRepository(path, branch);
    for (const [key, value] of Object.entries({
      'latido.branch': branch,
      // What was pushed is what is read: nobody may push a replacement for it, nor a damaged object.
      'core.useReplaceRefs': 'false', 'receive.fsckObjects': 'true',
      ...(options.signers?.allowedSigners === undefined ? {} : { 'latido.allowedSigners': resolve(options.signers.allowedSigners) }),
      ...(options.signers?.keyring === undefined ? {} : { 'latido.keyring': resolve(options.signers.keyring) }),
    })) await git(path, ['config', '--local', key, value]);
    if (repository === 'there') await git(path, ['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
    return { path, repository, hook: await writeHook(join(path, 'hooks'), hookText(options.program)) };
  } catch (error) {
    if (error instanceof Error && 'findings' in error) throw error;
    throw failure('STATE_UNUSABLE', `the repository ${path} cannot be set up: ${saidBy(error)}`, { fix: 'see that the folder can be written to by this user' });
  }
}

async function isBareRepository(path: string): Promise<boolean> {
  const entries = await readdir(path).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw failure('SOURCE_UNREADABLE', `${path} is not a folder that can be read: ${error.code ?? error.message}`, { fix: 'name a folder that is not there yet, such as /srv/git/infra.git' });
  });
  if (entries.length === 0) return false;
  const isBare = entries.includes('HEAD') && await git(path, ['rev-parse', '--is-bare-repository', '--git-dir']).catch(() => '') === 'true\n.';
  if (!isBare) throw failure('SOURCE_UNREADABLE', `${path} is neither empty nor a bare repository`, { fix: 'name a folder that is not there yet, such as /srv/git/infra.git' });
  return true;
}

async function makeRepository(path: string, branch: string): Promise<'made'> {
  await mkdir(path, { recursive: true });
  await git(path, ['init', '--quiet', '--bare', `--initial-branch=${branch}`, '.']);
  return 'made';
}

/** What is not executable git leaves out without a word, so the mode is set before the name is. */
async function writeHook(folder: string, text: string): Promise<ServerSetup['hook']> {
  const file = join(folder, 'pre-receive');
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before !== undefined && !before.includes(WRITTEN_BY_US)) throw failure('SOURCE_UNREADABLE', `${file} is a hook that latido did not write`, { fix: 'let it call `latido receive-hook` with its standard input, or move it away' });
  if (before === text) {
    await chmod(file, 0o755);
    return 'there';
  }
  await mkdir(folder, { recursive: true });
  await writeFile(`${file}.new`, text, { mode: 0o755 });
  await chmod(`${file}.new`, 0o755);
  await rename(`${file}.new`, file);
  return before === undefined ? 'made' : 'renewed';
}

function hookText(program: readonly string[]): string {
  const words = program.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  return `#!/bin/sh\n${WRITTEN_BY_US}, which may write it anew. Validates what is pushed, shows its plan, refuses what is not valid.\nexec ${words} receive-hook\n`;
}
