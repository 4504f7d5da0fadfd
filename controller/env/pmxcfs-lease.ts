// The right to be the one writer, as a lock directory in the cluster's replicated file system: Proxmox's own 120 s protocol.
// In: /etc/pve and a lock of this machine. Out: a lease that belongs to this node, and on it to this process.
// Must never act on a lease that was not renewed for half its life, nor remove a lock that is not proven ours.
import type { Clock, ClusterFiles, Lease } from '../model/doors.ts';

/** A lock that nobody renewed for longer can be released at request (pmxcfs). */
const LIFETIME_MS = 120_000;
/** Work goes on no longer than this after the last good renewal: the other half is for what is still under way. */
const FRESH_MS = LIFETIME_MS / 2;
/** How often those who stand by ask for the release of a stale lock, as the HA manager does. */
const REQUEST_EVERY_MS = 10_000;
const LOCKS = 'priv/lock';

export interface PmxcfsLeaseOptions {
  readonly files: ClusterFiles;
  readonly clock: Clock;
  /** Names the lock: `latido-<cluster>`. */
  readonly cluster: string;
  /** The lock of this machine: pmxcfs tells nodes apart, not processes. Its name must be the same for all daemons of the cluster. */
  readonly local: Lease;
}

export interface PmxcfsLease extends Lease {
  isFree(): Promise<boolean>;
  /** Whether the last good renewal is young enough to go on working without another. */
  isFresh(): boolean;
}

type Claim = { readonly held: true } | { readonly held: false; readonly by: string };

export function createPmxcfsLease(options: PmxcfsLeaseOptions): PmxcfsLease {
  const { files, clock, local } = options;
  const path = `${LOCKS}/latido-${options.cluster}`;
  /** When the last good renewal was asked for; absent: not held. */
  let renewedAtMs: number | undefined;
  let lostAtMs: number | undefined;
  let requestedAtMs: number | undefined;
  /** The newest mtime that we wrote: a clock that was set back must not make us lose. */
  let mtime = 0;
  /** The lock of others as it was when we last looked, and since when. */
  let seen: { readonly mtime: number; readonly sinceMs: number } | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  // One at a time: a renewal that overtakes an earlier one would make that one fail with an older mtime.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work, work);
    turn = mine.catch(() => undefined);
    return mine;
  };
  const ageMs = (since: number | undefined) => (since === undefined ? Infinity : clock.now() - since);
  // A clock set back past the last renewal says nothing about its age, so the lease is not fresh then either.
  const isFresh = () => ageMs(renewedAtMs) >= 0 && ageMs(renewedAtMs) < FRESH_MS;
  const lose = () => {
    renewedAtMs = undefined;
    lostAtMs = clock.now();
    return false;
  };

  /** Proves that this node wrote the lock last. The time counts from before the call, which may have waited for a membership. */
  const prove = async (): Promise<boolean> => {
    const askedAtMs = clock.now();
    const seconds = Math.max(mtime, Math.floor(askedAtMs / 1000));
    if (!(await files.utime(path, seconds)).ok) return false;
    renewedAtMs = askedAtMs;
    mtime = seconds;
    return isFresh();
  };

  const renew = async (): Promise<boolean> => {
    if (renewedAtMs === undefined) return false;
    const isOurs = (await local.renew().catch(() => false)) && ageMs(renewedAtMs) < LIFETIME_MS;
    return (isOurs && (await prove())) || lose();
  };

  const make = async (): Promise<string | undefined> => {
    const askedAtMs = clock.now();
    const made = await files.mkdir(path);
    if (!made.ok) return made.errno;
    renewedAtMs = askedAtMs;
    // pmxcfs stamps a new directory with this node's clock, which may have gone on meanwhile.
    mtime = Math.floor(clock.now() / 1000);
    return undefined;
  };

  const answeredTooLate = (): Claim => {
    lose();
    return { held: false, by: 'nobody: /etc/pve answered too late' };
  };

  const claim = async (): Promise<Claim> => {
    // Without pmxcfs the place is an ordinary folder of this machine, which excludes nobody.
    if (!(await files.read('.version')).ok) return { held: false, by: 'nobody: /etc/pve is not mounted' };
    const errno = await make();
    if (errno === undefined) return isFresh() ? { held: true } : answeredTooLate();
    if (errno !== 'EEXIST') return { held: false, by: `nobody: /etc/pve refuses writes (${errno})` };
    // The lock of a daemon that died on this very node; but what was lost is not taken back this way before it has run out.
    if ((lostAtMs === undefined || ageMs(lostAtMs) >= LIFETIME_MS) && (await prove())) return { held: true };
    if (requestedAtMs === undefined || Math.abs(ageMs(requestedAtMs)) >= REQUEST_EVERY_MS) {
      requestedAtMs = clock.now();
      await files.utime(path, 0);
      if ((await make()) === undefined) return isFresh() ? { held: true } : answeredTooLate();
    }
    return { held: false, by: 'another node, or one that died less than two minutes ago,' };
  };

  /** Looks only: nothing is asked of the one that has it. A member without quorum sees an old lock, and is refused when it takes it. */
  const isFree = async (): Promise<boolean> => {
    const found = await files.mtime(path);
    if (!found.ok) {
      seen = undefined;
      return found.errno === 'ENOENT' && (await files.read('.version')).ok;
    }
    if (seen?.mtime !== found.value) seen = { mtime: found.value, sinceMs: clock.now() };
    return ageMs(seen.sinceMs) > LIFETIME_MS;
  };

  return {
    isFresh, isFree,
    acquire: () => inTurn(async () => {
      if (await renew()) return { held: true };
      const here = await local.acquire();
      return here.held ? claim() : here;
    }),
    renew: () => inTurn(renew),
    release: () => inTurn(async () => {
      // Any node can remove any lock, so first it is proven to be ours.
      if (await renew()) await files.rmdir(path);
      renewedAtMs = undefined;
      await local.release();
    }),
  };
}
