import type { Place } from './finding.ts';
import type { Ref } from './ref.ts';

/** One document of the commit, already valid for its kind. */
export interface DesiredObject<Spec = unknown> {
  readonly ref: Ref;
  readonly spec: Spec;
  readonly annotations: Readonly<Record<string, string>>;
  /** Where a field stands, by its path below the document (`spec.config.net0`); the nearest written parent when it was not written. */
  readonly place: (path: string) => Place;
}

/** What one commit asks for: all references resolved, nobody checks it again. */
export interface Desired {
  readonly cluster: DesiredObject<ClusterSpec>;
  /** All objects, the Cluster among them, in the order of their kind and name. */
  readonly objects: readonly DesiredObject[];
  /** `main@sha1:…`, or `dir` for a folder that is not in Git. */
  readonly revision: string;
}

const byKind = new WeakMap<Desired, ReadonlyMap<string, readonly DesiredObject[]>>();

/** The objects of one kind; indexed once, because every guest asks for it. */
export function objectsOf(desired: Desired, kind: string): readonly DesiredObject[] {
  const known = byKind.get(desired) ?? indexByKind(desired);
  return known.get(kind) ?? [];
}

function indexByKind(desired: Desired): ReadonlyMap<string, readonly DesiredObject[]> {
  const index = new Map<string, DesiredObject[]>();
  for (const object of desired.objects) {
    const list = index.get(object.ref.kind);
    if (list) list.push(object);
    else index.set(object.ref.kind, [object]);
  }
  byKind.set(desired, index);
  return index;
}

export interface Window { readonly days?: readonly ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]; readonly start?: string; /** Cron, instead of days and start. */ readonly schedule?: string; readonly hours: number; readonly timezone?: string }

export type DriftPolicy = 'enforce' | 'report' | 'ignore';
export const DRIFT_POLICIES: readonly DriftPolicy[] = ['enforce', 'report', 'ignore'];
export const DRIFT_ANNOTATION = 'latido/drift';

export interface Policy {
  /** What may happen to guests that need a restart for a change: nothing, only within a window, at once. */
  readonly restart: 'never' | 'window' | 'now';
  /** When anything at all is done: whenever it is due, or within a window. */
  readonly apply: 'always' | 'window';
  readonly windows: readonly Window[];
  /** What left Git: kept, removed after an approval, removed. */
  readonly prune: 'never' | 'confirm' | 'auto';
  /** What happens to an object that somebody changed by hand: put back, told of, left. Its annotation `latido/drift` says otherwise for one object. */
  readonly drift: DriftPolicy;
  /** Objects that exist but were not made by us: taken over when VMID and name match, only after approval, never. */
  readonly adopt: 'matching' | 'confirm' | 'never';
  readonly limits: { readonly deletions: number; readonly restarts: number; readonly migrations: number };
  readonly vmids: { readonly from: number; readonly to: number };
}

export interface ClusterSpec {
  readonly version?: string;
  readonly endpoints: readonly string[];
  readonly tls?: { readonly fingerprint?: string | readonly string[]; readonly ca?: string };
  readonly credentials?: { readonly tokenFile?: string; readonly tokenEnv?: string; readonly userFile?: string };
  readonly ssh?: { readonly user?: string; readonly port?: number; readonly key?: string; readonly knownHosts?: string; readonly addresses?: Readonly<Record<string, string>> };
  readonly policy?: Partial<Omit<Policy, 'limits'>> & { readonly limits?: Partial<Policy['limits']> };
  /** The tag or comment that says that an object is ours. */
  readonly mark?: string;
  readonly qdevice?: boolean;
  /** Datacenter options, by Proxmox's own names. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export const DEFAULT_MARK = 'latido';
export const DEFAULT_POLICY: Policy = {
  restart: 'never', apply: 'always', windows: [], prune: 'confirm', drift: 'enforce', adopt: 'matching',
  limits: { deletions: 2, restarts: 5, migrations: 10 }, vmids: { from: 100, to: 999_999_999 },
};

export function policyOf(cluster: ClusterSpec): Policy {
  const { limits, ...rest } = cluster.policy ?? {};
  return { ...DEFAULT_POLICY, ...rest, limits: { ...DEFAULT_POLICY.limits, ...limits } };
}

/** The object's own annotation, else the cluster's policy. */
export function driftPolicyOf(object: DesiredObject, policy: Policy): DriftPolicy {
  return DRIFT_POLICIES.find((each) => each === object.annotations[DRIFT_ANNOTATION]) ?? policy.drift;
}
