// The daemon's figures, each with its reason. Milliseconds, where the name says so.

export interface DaemonOptions {
  /** A full look at least so often, even when nothing told of a change. */
  readonly intervalMs: number;
  /** How often the cluster is asked for hints of drift (its recent tasks and its log); 0: never. */
  readonly hintsMs: number;
  /** How often the counters of /etc/pve are read, where it is there; a look costs two small reads. */
  readonly filesMs: number;
  /** Two rounds never start closer than this: a flood of webhooks is one look. */
  readonly gapMs: number;
  /** After effects of ours the next look comes so soon; bulk figures of Proxmox are up to ten seconds old. */
  readonly checkMs: number;
  /** First and longest pause after a failure; doubled each time. */
  readonly backOff: { readonly firstMs: number; readonly maxMs: number };
  /** A stand-by asks for the lease so often. */
  readonly standByMs: number;
  /** A daemon that follows an address looks so often whether it is here. */
  readonly followMs: number;
  /** So many looks in a row without it, and the lease is given up: when keepalived reads its configuration anew the address may be away for a moment. */
  readonly awayLooks: number;
  /** Who has the lease without the address lets it go for so long, again and again: some looks of the one that has both the address and no lease. */
  readonly yieldMs: number;
  /** The lease is renewed so often, in rounds and between them: a quarter of the 120 s of Proxmox's locks. */
  readonly renewMs: number;
  /** So many undone repairs within the window, and the object is left alone. */
  readonly pingPong: { readonly repairs: number; readonly windowMs: number };
  /** A round without any progress (no answer, no step) for so long is stuck: the client's own limits are far below. */
  readonly stuckMs: number;
  /** A round is ended after its current steps when it takes longer, so that the next one sees the world anew. */
  readonly roundMaxMs: number;
  /** On SIGTERM a running step is waited for so long; it goes on in the cluster, and the next start waits for it. Below systemd's 90 s. */
  readonly stopGraceMs: number;
}

export const DAEMON_OPTIONS: DaemonOptions = {
  intervalMs: 5 * 60_000, hintsMs: 10_000, filesMs: 1_000, gapMs: 1_000, checkMs: 15_000,
  backOff: { firstMs: 5_000, maxMs: 15 * 60_000 },
  standByMs: 10_000, followMs: 3_000, awayLooks: 4, yieldMs: 12_000, renewMs: 30_000,
  pingPong: { repairs: 5, windowMs: 60 * 60_000 },
  stuckMs: 15 * 60_000, roundMaxMs: 12 * 3600_000, stopGraceMs: 60_000,
};

/** Exponential, with a jitter of a quarter, so that daemons of many clusters do not come back in one moment. @param times failures so far, from 1 */
export function backOffMs(times: number, { firstMs, maxMs }: DaemonOptions['backOff'], random: () => number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(times - 1, 30));
  return Math.round(full * (0.75 + random() / 4));
}
