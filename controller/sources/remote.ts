// In: the address of a repository, over https or ssh. Out: the head of its pinned branch, fetched into a bare mirror; polled with jitter.
// Must never talk to a host that was not verified, ask a person, or show a secret.
import { mkdir, rm } from 'node:fs/promises';
import type { CommitSource, Clock, SourceCommit } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import { checkedBranch, commitOf } from './branch.ts';
import type { BranchOptions } from './branch.ts';
import { git, GitError, saidBy } from './git.ts';
import { remoteAccess } from './remote-access.ts';
import type { Access } from './remote-access.ts';

export interface RemoteOptions extends BranchOptions, Access {
  /** `https://…`, `ssh://…` or `git@host:path`. */
  readonly url: string;
  /** A folder that is ours alone; made when absent, made anew when damaged. */
  readonly mirror: string;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** A large history over a slow line; git itself gives up on a silent one much earlier. */
const FETCH_MS = 15 * 60_000;
/** Many daemons that were started together must not ask together for ever. */
const JITTER = 0.2;
const FETCHED = 'refs/latido/fetched';

export function remoteSource(options: RemoteOptions): CommitSource {
  const branch = checkedBranch(options.branch);
  const access = remoteAccess(options.url, options);
  const health = { isChecked: false };
  let shown: string | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other, never joined: who asks after a push must not get what was fetched before it. */
  const look = (): Promise<SourceCommit> => {
    const next = last.then(() => newest(options, branch, access, health));
    last = next.then(({ id }) => { shown = id; }, (error: unknown) => { shown = troubleName(error); });
    return next;
  };
  return {
    latest: look,
    watch(onChange) {
      const stop = new AbortController();
      void poll(stop.signal, options, async () => {
        const before = shown;
        await look().catch(() => undefined);
        await last;
        if (shown !== before && !stop.signal.aborted) onChange();
      });
      return () => stop.abort();
    },
  };
}

async function poll(signal: AbortSignal, { clock, random, pollMs }: RemoteOptions, look: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(Math.round(pollMs * (1 - JITTER + 2 * JITTER * random())), signal).catch(() => undefined);
    if (!signal.aborted) await look();
  }
}

/** Whether the mirror was found whole since the last success: a host that is away for hours is no reason to check it each minute. */
interface Health { isChecked: boolean }

async function newest(options: RemoteOptions, branch: string, access: FetchAccess, health: Health): Promise<SourceCommit> {
  try {
    const commit = await fetchAndRead(options, branch, access);
    health.isChecked = false;
    return commit;
  } catch (error) {
    // A power loss or a kill in the middle of a fetch leaves torn objects and locks. The mirror is only a copy.
    if (isAnswer(error)) throw error;
    if (!isLocked(error)) {
      health.isChecked ||= await isWhole(options.mirror);
      if (health.isChecked) throw error;
    }
    await rm(options.mirror, { recursive: true, force: true });
    return fetchAndRead(options, branch, access);
  }
}

type FetchAccess = ReturnType<typeof remoteAccess>;

async function fetchAndRead(options: RemoteOptions, branch: string, access: FetchAccess): Promise<SourceCommit> {
  const { mirror } = options;
  await mkdir(mirror, { recursive: true, mode: 0o700 });
  await git(mirror, ['init', '--quiet', '--bare', '--initial-branch=main', '.']).catch((error: unknown) => {
    if (isLocked(error)) throw error;
    throw failure('STATE_UNUSABLE', `the copy of the repository in ${mirror} cannot be made: ${saidBy(error)}`, { fix: 'see that the state folder can be written to and has room' });
  });
  await fetchBranch(options, branch, access);
  const head = await git(mirror, ['rev-parse', '--verify', `${FETCHED}^{commit}`]);
  return commitOf(mirror, head, options);
}

async function fetchBranch({ mirror, clock }: RemoteOptions, branch: string, access: FetchAccess): Promise<void> {
  const abort = new AbortController();
  const done = new AbortController();
  void clock.sleep(FETCH_MS, done.signal).then(() => abort.abort(), () => undefined);
  try {
    await git(mirror, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', access.url, `+refs/heads/${branch}:${FETCHED}`], { config: access.config, environment: secretsOf(access), signal: abort.signal, silentMs: FETCH_MS });
  } catch (error) {
    if (isLocked(error)) throw error;
    throw unreachable(access.shown, branch, abort.signal.aborted ? new Error(`it took longer than ${FETCH_MS / 60_000} minutes`) : error);
  } finally {
    done.abort();
  }
}

/** Read at each fetch; one that is not set is empty, and the host says that it does not let us in. */
function secretsOf({ secrets }: FetchAccess): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(secrets).map(([name, ours]) => [name, process.env[ours] ?? '']));
}

/** Nobody else works in the mirror: whoever took the lock is dead. */
function isLocked(error: unknown): boolean {
  return error instanceof GitError && /\.lock'?: File exists|could not lock config/.test(error.stderr);
}

function unreachable(url: string, branch: string, error: unknown): Failure {
  const all = error instanceof GitError ? error.stderr : '';
  if (/couldn't find remote ref/i.test(all)) return failure('SOURCE_UNREADABLE', `${url} has no branch ${branch}`, { fix: 'push it, or name another branch' });
  return failure('SOURCE_UNREACHABLE', `${url} cannot be fetched: ${saidBy(error)}`, { fix: fixFor(all) });
}

function fixFor(said: string): string {
  if (/host key|REMOTE HOST IDENTIFICATION/i.test(said)) return 'compare the key of the host with what its owner says, and write it to the file of known hosts (ssh-keyscan HOST)';
  if (/certificate|SSL|TLS/i.test(said)) return 'name the certificate authority of the host; it is never left unverified';
  if (/permission denied|authentication|could not read (username|password)|access denied|403|401/i.test(said)) return 'give the repository the deploy key, or the token, that is configured here';
  return 'see whether the host answers; meanwhile the last commit stays in force';
}

/** What the other side or the policy says is no sign of a damaged copy. */
function isAnswer(error: unknown): boolean {
  return error instanceof Failure && error.findings.some(({ code }) => code === 'SIGNATURE_INVALID' || code === 'STATE_UNUSABLE');
}

async function isWhole(mirror: string): Promise<boolean> {
  return git(mirror, ['fsck', '--connectivity-only', '--no-dangling', '--no-progress'], { silentMs: FETCH_MS }).then(
    () => git(mirror, ['rev-parse', '--git-dir']).then(() => true), () => false);
}

function troubleName(error: unknown): string {
  return error instanceof Failure ? error.findings.map(({ code }) => code).join(' ') : 'defect';
}
