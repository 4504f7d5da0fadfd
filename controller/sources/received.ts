// In: what git tells a pre-receive hook, and its repository. Out: what each pushed ref means, and the cluster folders of a commit.
// The new objects are in quarantine: only calls made in the hook's own environment see them. Reads only.
import { failure } from '../model/finding.ts';
import { compareText } from '../model/ref.ts';
import { clusterPath } from './branch.ts';
import { git, saidBy } from './git.ts';
import type { Signers } from './signatures.ts';

export interface Update {
  readonly ref: string;
  /** Absent: the ref is new. */
  readonly before?: string;
  /** Absent: the ref is to be deleted. */
  readonly after?: string;
}

/** From the repository's own configuration, which nobody can push to. */
export interface ServerSettings {
  readonly branch: string;
  /** Absent: every folder below `clusters`, or the root when there is none. */
  readonly paths?: readonly string[];
  readonly signers?: Signers;
  readonly stateDir?: string;
}

/** `git push --mirror` of a large repository stays well below. */
const UPDATES_MAX = 10_000;

/** @param input `OLD NEW REF` a line, as githooks(5) says; all zeros is none */
export function parseUpdates(input: string): readonly Update[] {
  const lines = input.split('\n').filter((line) => line !== '');
  if (lines.length > UPDATES_MAX) throw failure('USAGE', `the push moves ${lines.length} branches and tags, more than the ${UPDATES_MAX} allowed`, { fix: 'push fewer at a time' });
  return lines.map((line) => {
    const [, before = '', after = '', ref = ''] = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) (refs\/.+)$/.exec(line) ?? [];
    if (ref === '') throw failure('USAGE', 'the standard input is not what git tells a pre-receive hook', { fix: 'latido receive-hook is started by git; to check manifests run latido validate' });
    return { ref, ...(isNone(before) ? {} : { before }), ...(isNone(after) ? {} : { after }) };
  });
}

function isNone(id: string): boolean {
  return /^0+$/.test(id);
}

/** What is done with a pushed ref. Replacements would change what a commit's name stands for. */
export function meaningOf({ ref, after }: Update, branch: string): 'followed' | 'deleted' | 'forbidden' | 'other' {
  if (ref.startsWith('refs/replace/') || ref.startsWith('refs/latido/')) return after === undefined ? 'other' : 'forbidden';
  if (ref !== `refs/heads/${branch}`) return 'other';
  return after === undefined ? 'deleted' : 'followed';
}

export async function serverSettings(repository: string): Promise<ServerSettings> {
  const values = async (key: string): Promise<readonly string[]> => (await git(repository, ['config', '--local', '-z', '--get-all', key]).catch(() => '')).split('\0').filter((value) => value !== '');
  const last = async (key: string) => (await values(key)).at(-1);
  const [branch, paths, allowedSigners, keyring, stateDir] = [await last('latido.branch'), await values('latido.path'), await last('latido.allowedSigners'), await last('latido.keyring'), await last('latido.stateDir')];
  const signed = allowedSigners !== undefined || keyring !== undefined;
  return {
    branch: branch ?? 'main', ...(paths.length === 0 ? {} : { paths: paths.map((path) => clusterPath('', path)) }),
    ...(signed ? { signers: { ...(allowedSigners === undefined ? {} : { allowedSigners }), ...(keyring === undefined ? {} : { keyring }) } } : {}),
    ...(stateDir === undefined ? {} : { stateDir }),
  };
}

/** Each holds the manifests of one cluster; sorted. `` is the root. */
export async function clusterFolders(repository: string, commit: string, paths?: readonly string[]): Promise<readonly string[]> {
  const there = async (...path: readonly string[]) => (await git(repository, ['ls-tree', '-d', '-z', '--name-only', '--full-tree', commit, '--', ...path]).catch((error: unknown) => {
    throw failure('SOURCE_UNREADABLE', `the commit ${commit} cannot be read: ${saidBy(error)}`);
  })).split('\0').filter((path) => path !== '');
  if (paths !== undefined) return [...(paths.includes('') ? [''] : []), ...await there(...paths.filter((path) => path !== ''))].sort(compareText);
  const folders = (await there('clusters/')).filter((path) => !path.startsWith('clusters/.'));
  return folders.length === 0 ? [''] : folders.sort(compareText);
}
