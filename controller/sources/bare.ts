// In: a bare repository on this machine. Out: the head of its pinned branch; watched, so that a push starts a round at once.
// Must never write to the repository: it belongs to those who push.
import { join, relative } from 'node:path';
import { watch } from 'chokidar';
import type { CommitSource } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import { checkedBranch, commitOf } from './branch.ts';
import type { BranchOptions } from './branch.ts';
import { git, saidBy } from './git.ts';

export interface BareOptions extends BranchOptions {
  readonly repository: string;
  /** The watch broke (no more inotify watches …): the interval still looks. */
  readonly onTrouble?: (why: string) => void;
}

export function bareSource(options: BareOptions): CommitSource {
  const branch = checkedBranch(options.branch);
  let shown: string | undefined;
  // A repository that goes away takes its watches with it, and they tell nothing of the one that comes back.
  let wasAway = false;
  const renewals = new Set<() => void>();
  const headNow = () => headOf(options.repository, branch).catch((error: unknown) => {
    wasAway = true;
    throw error;
  });
  return {
    async latest() {
      const head = await headNow();
      if (wasAway) for (const renew of renewals) renew();
      wasAway = false;
      shown = head;
      return commitOf(options.repository, head, options);
    },
    watch(onChange) {
      const begin = () => {
        const watcher = watch(options.repository, { ignored: (path) => !tellsOfBranches(relative(options.repository, path)) });
        // What happened before the watch was ready has no event of its own, so readiness looks too.
        const look = () => void headNow().catch(() => undefined).then((head) => (head !== shown || wasAway) && !watcher.closed && onChange());
        return watcher.on('unlinkDir', () => { wasAway = true; }).on('ready', look).on('all', look).on('error', (error) => options.onTrouble?.(error instanceof Error ? error.message : String(error)));
      };
      let watcher = begin();
      const renew = () => {
        void watcher.close();
        watcher = begin();
      };
      renewals.add(renew);
      return () => {
        renewals.delete(renew);
        void watcher.close();
      };
    },
  };
}

/** The commit that the branch stands at. @throws Failure SOURCE_UNREADABLE */
async function headOf(repository: string, branch: string): Promise<string> {
  return git(repository, ['rev-parse', '--verify', `refs/heads/${branch}^{commit}`]).catch((error: unknown) => {
    throw failure('SOURCE_UNREADABLE', `${repository} has no branch ${branch} (${saidBy(error)})`, { fix: `push one: git push ${join(repository)} ${branch}` });
  });
}

/** Loose branches and packed ones; objects come by the thousands and tell nothing. */
function tellsOfBranches(path: string): boolean {
  return path === '' || path === 'packed-refs' || path === 'refs' || path === 'refs/heads' || (path.startsWith('refs/heads/') && !path.endsWith('.lock'));
}
