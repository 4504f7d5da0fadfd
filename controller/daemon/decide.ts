// In: a change, the commit, what is remembered of the object. Out: why nothing is done on it now, or nothing; whether it is drift. Pure.
import { createHash } from 'node:crypto';
import type { Change } from '../model/change.ts';
import { driftPolicyOf, policyOf } from '../model/desired.ts';
import type { Desired, DesiredObject } from '../model/desired.ts';
import type { Json } from '../model/json.ts';
import { refText } from '../model/ref.ts';
import { isSecretRef } from '../model/secret.ts';
import type { Ref } from '../model/ref.ts';
import type { Hold } from '../model/step.ts';
import { canonicalJson } from '../plan/fingerprint.ts';
import type { ObjectRecord, Records } from '../status/record.ts';
import { suspensionOf } from '../status/suspensions.ts';
import type { Suspension } from '../status/suspensions.ts';

export interface Known {
  readonly records: Records;
  readonly suspensions: readonly Suspension[];
  readonly now: number;
  /** Id of the commit that is planned. */
  readonly commit: string;
  /** What differed before is not known: the record was lost. */
  readonly blind: boolean;
  /** No pause after a failure is longer: one that ends later comes from a clock that jumped back. */
  readonly backOffMaxMs: number;
}

export function holdOf(change: Change, desired: Desired, known: Known): Hold | undefined {
  if (change.verb === 'none') return undefined;
  const record = known.records.get(refText(change.ref)) ?? {};
  return suspended(change.ref, known) ?? frozen(change, record) ?? failedBefore(record, known) ?? driftHold(change, desired, record, known);
}

function suspended(ref: Ref, { suspensions, now }: Known): Hold | undefined {
  const found = suspensionOf(ref, suspensions, now);
  if (!found) return undefined;
  const end = found.until === undefined ? '' : `, until ${new Date(found.until).toISOString()}`;
  return { code: 'SUSPENDED', reason: `${found.what === 'all' ? 'all' : found.what} is suspended${end}: ${found.reason}`, approvable: false };
}

function frozen(change: Change, record: ObjectRecord): Hold | undefined {
  if (record.frozen === undefined || record.frozen.spec !== specDigest(change.subject.desired)) return undefined;
  return { code: 'PING_PONG', reason: `something else keeps undoing latido (${record.drift?.by ?? 'nobody knows who'}); it is left alone until its manifest changes or somebody says: latido resume ${refText(change.ref)}`, approvable: false };
}

function failedBefore({ failed }: ObjectRecord, { commit, now, backOffMaxMs }: Known): Hold | undefined {
  if (failed === undefined) return undefined;
  if (failed.isTerminal) return failed.commit === commit ? { code: 'STALLED', reason: `it failed, and trying again does not mend it: ${failed.message}`, approvable: false } : undefined;
  if (!isWaiting(failed.retryAt, now, backOffMaxMs)) return undefined;
  return { code: 'BACK_OFF', reason: `it failed ${failed.times} ${failed.times === 1 ? 'time' : 'times'} and is tried again at ${new Date(failed.retryAt).toISOString()}: ${failed.message}`, approvable: false };
}

export function isWaiting(retryAt: number, now: number, backOffMaxMs: number): boolean {
  return retryAt > now && retryAt - now <= backOffMaxMs;
}

function driftHold(change: Change, desired: Desired, record: ObjectRecord, { blind }: Known): Hold | undefined {
  const object = change.subject.desired;
  if (!object || isScheduled(change.fields)) return undefined;
  const policy = driftPolicyOf(object, policyOf(desired.cluster.spec));
  if (policy === 'enforce') return undefined;
  if (isDrift(change, record)) return { code: 'DRIFT_POLICY', reason: `it was changed by hand, and its drift policy is ${policy}`, approvable: false };
  if (blind && record.synced === undefined && change.verb !== 'create') return { code: 'DRIFT_POLICY', reason: `nobody remembers whether it was changed by hand, and its drift policy is ${policy}`, approvable: false };
  return undefined;
}

/** It was once as this very manifest asks, and is no longer. */
export function isDrift(change: { readonly verb: Change['verb']; readonly subject: { readonly desired?: DesiredObject }; readonly fields: Change['fields'] }, record: ObjectRecord): boolean {
  if (isRotation(change.fields) || isScheduled(change.fields)) return false;
  return change.verb !== 'none' && change.verb !== 'delete' && change.subject.desired !== undefined && record.synced === specDigest(change.subject.desired);
}

const digests = new WeakMap<object, string>();

export function specDigest(object: DesiredObject | undefined): string {
  if (object === undefined) return '';
  const known = digests.get(object) ?? createHash('sha256').update(canonicalJson(object.spec as Json)).digest('hex').slice(0, 16);
  digests.set(object, known);
  return known;
}

/** Nothing differs but that it is time for something. */
function isScheduled(fields: Change['fields']): boolean {
  return fields.length > 0 && fields.every((field) => field.isScheduled);
}

/** The manifest names the same secrets, and one of them has another value: that was we, not somebody in the cluster. */
function isRotation(fields: Change['fields']): boolean {
  return fields.length > 0 && fields.every(({ from, to }) => from !== undefined && isSecretRef(to));
}
