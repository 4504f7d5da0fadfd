// In: a repository on this machine, the head of the pinned branch, the cluster's folder. Out: its commit, with what a person should hear of.
// Must never hand out a commit whose signature the policy does not accept, nor take silence for an empty folder.
import { posix } from 'node:path';
import type { SourceCommit, Store } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import type { Finding } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { readCommit } from '../manifests/source.ts';
import { git, GitError } from './git.ts';
import { signatureTrouble } from './signatures.ts';
import type { Signers } from './signatures.ts';

export interface BranchOptions {
  /** The only one that is followed, whatever the repository's HEAD says. */
  readonly branch: string;
  /** The cluster's folder below the repository's root; `` is the root. See `clusterPath`. */
  readonly path: string;
  /** Absent: the policy asks for no signature. */
  readonly signers?: Signers;
  /** Remembers the head across restarts, in `source.json`. */
  readonly store: Store;
}

interface Memory { readonly branch: string; readonly head: string; /** What `head` took the place of, without containing it. */ readonly instead?: string }

const MEMORY_FILE = 'source.json';

/** Where a cluster's manifests stand: the folder that was named, else `clusters/NAME`. @throws Failure for a path out of the repository */
export function clusterPath(cluster: string, named?: string): string {
  const path = posix.normalize(named ?? `clusters/${cluster}`).replace(/\/+$/, '').replace(/^\.$/, '');
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (path === '..' || path.startsWith('../') || posix.isAbsolute(path) || /^-|[\u0000-\u001f\u007f:]/.test(path)) {
    throw failure('SOURCE_UNREADABLE', `"${path}" is not a folder of the repository`, { fix: 'name it as seen from the root of the repository: clusters/NAME' });
  }
  return path;
}

/** @throws Failure for a name that git would not take, or take for something else */
export function checkedBranch(branch: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (!/^[-/.]|\.\.|\/\/|@\{|[\u0000-\u0020\u007f~^:?*[\\]|\.lock(\/|$)|[/.]$|^@?$/.test(branch)) return branch;
  throw failure('SOURCE_UNREADABLE', `"${branch}" is not the name of a branch`, { fix: 'name it without refs/heads/: main' });
}

/** @throws Failure SIGNATURE_INVALID, SOURCE_UNREADABLE */
export async function commitOf(repository: string, head: string, options: BranchOptions): Promise<SourceCommit> {
  await requireSignature(repository, head, options);
  const memory = await remember(repository, head, options);
  const revision = `${options.branch}@${head.length === 64 ? 'sha256' : 'sha1'}:${head}`;
  const there = await hasFolder(repository, head, options.path);
  const source = there ? await readCommit(repository, head, options.path) : undefined;
  const warnings = [...memory.instead === undefined ? [] : [rewritten(options.branch, memory.instead, head)], ...there ? [] : [folderGone(options.path, revision)]];
  return { id: head, revision, files: source?.files ?? [], ...(warnings.length === 0 ? {} : { warnings }) };
}

async function requireSignature(repository: string, head: string, { branch, signers }: BranchOptions): Promise<void> {
  if (signers === undefined) return;
  const trouble = await signatureTrouble(repository, head, signers);
  if (trouble !== undefined) throw failure('SIGNATURE_INVALID', `the commit ${head.slice(0, 12)} of ${branch} is not followed: ${trouble}`, { fix: 'sign it with an allowed key and push again, or add the key to those that the policy allows' });
}

/** Compares the head with the one before, durably: a rewrite while we were away is noticed as well. */
async function remember(repository: string, head: string, { branch, store }: BranchOptions): Promise<Memory> {
  const before = memoryOf(await store.read(MEMORY_FILE).catch(() => undefined), branch);
  if (before?.head === head) return before;
  const instead = before !== undefined && !await contains(repository, head, before.head) ? before.head : undefined;
  const memory: Memory = { branch, head, ...(instead === undefined ? {} : { instead }) };
  // On a full disk the commit still counts; only a rewrite during a restart would go unseen.
  await store.write(MEMORY_FILE, `${JSON.stringify({ format: 'latido.source/v1', ...memory })}\n`).catch(() => undefined);
  return memory;
}

/** A torn or foreign file is as good as none: it only tells of rewrites. */
function memoryOf(text: string | undefined, branch: string): Memory | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
  if (!isObject(value) || value['branch'] !== branch || typeof value['head'] !== 'string' || !/^[0-9a-f]{40,64}$/.test(value['head'])) return undefined;
  return { branch, head: value['head'], ...(typeof value['instead'] === 'string' ? { instead: value['instead'] } : {}) };
}

/** A commit that the repository no longer has cannot be in the history of one that it has whole. */
export async function contains(repository: string, head: string, older: string): Promise<boolean> {
  return git(repository, ['merge-base', '--is-ancestor', older, head]).then(() => true, (error: unknown) => {
    if (error instanceof GitError) return false;
    throw error;
  });
}

async function hasFolder(repository: string, head: string, path: string): Promise<boolean> {
  return path === '' || await git(repository, ['ls-tree', '-d', '-z', '--full-tree', head, '--', path]).then((found) => found !== '', (error: unknown) => {
    throw failure('SOURCE_UNREADABLE', `the commit ${head} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { fix: 'run git fsck in the repository' });
  });
}

function rewritten(branch: string, before: string, head: string): Finding {
  return { code: 'SOURCE_REWRITTEN', severity: 'warning', fact: `the history of ${branch} was rewritten: ${head.slice(0, 12)} does not contain ${before.slice(0, 12)}, which was followed before`, fix: 'see that this was meant; what only the old commit named is not deleted without what the policy asks for deletions' };
}

function folderGone(path: string, revision: string): Finding {
  return { code: 'SOURCE_UNREADABLE', severity: 'warning', fact: `${revision} has no folder "${path}"; nothing is deleted because of that`, fix: 'bring the folder back, or name another one for this cluster' };
}
