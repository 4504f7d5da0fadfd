// In: a plan, how its apply ended, what was remembered. Out: what to remember now, what to tell, how each object stands. Pure.
import type { Desired } from '../model/desired.ts';
import { driftPolicyOf, policyOf } from '../model/desired.ts';
import type { Plan, PlannedChange } from '../model/plan.ts';
import type { ApplyResult } from '../model/progress.ts';
import { refText } from '../model/ref.ts';
import type { Ref } from '../model/ref.ts';
import type { Hold } from '../model/step.ts';
import type { NewEvent } from '../status/events.ts';
import type { Standing } from '../status/conditions.ts';
import type { Failed, ObjectRecord, Records } from '../status/record.ts';
import { isDrift, specDigest } from './decide.ts';
import { backOffMs } from './options.ts';
import type { DaemonOptions } from './options.ts';

export interface Learnt { readonly records: Records; readonly events: readonly NewEvent[] }
/** Who changed an object, and what Proxmox says of it. */
export type Blame = ReadonlyMap<string, { readonly by: string; readonly how: string }>;

/** Short holds come and go with every backup: they are shown, not told. */
const UNTOLD_HOLDS = new Set(['BUSY', 'WAITS_FOR', 'BACK_OFF', 'STALLED', 'PING_PONG', 'DRIFT_POLICY', 'SUSPENDED']);

/** Objects that drifted since the last look: worth asking who did it. */
export function newlyDrifted(plan: Plan, desired: Desired, records: Records): readonly PlannedChange[] {
  const objects = objectsByRef(desired);
  return plan.changes.filter((change) => {
    const record = records.get(refText(change.ref)) ?? {};
    return record.drift === undefined && drifted(change, objects, record);
  });
}

export function afterPlan(plan: Plan, desired: Desired, before: Records, blame: Blame, now: number): Learnt {
  const events: NewEvent[] = [];
  const records = new Map<string, ObjectRecord>();
  const objects = objectsByRef(desired);
  const changes = new Map(plan.changes.map((change) => [refText(change.ref), change]));
  const release = (ref: Ref, { held }: ObjectRecord) => {
    if (held && !UNTOLD_HOLDS.has(held.code)) events.push({ type: 'released', ref, message: `${refText(ref)} is no longer held (${held.code})` });
  };
  // What neither the commit nor the plan names any more is held no longer either.
  for (const [name, record] of before) if (!objects.has(name) && !changes.has(name)) release(refOf(name), record);
  for (const name of new Set([...objects.keys(), ...changes.keys()])) {
    const record = before.get(name) ?? {};
    const change = changes.get(name);
    const object = objects.get(name);
    if (change === undefined || (change.verb === 'none' && change.hold === undefined)) {
      release(object?.ref ?? change?.ref ?? refOf(name), record);
      if (record.drift && object) events.push({ type: 'repaired', ref: object.ref, message: `${name} is again as its manifest asks` });
      if (object) records.set(name, { synced: specDigest(object), ...(record.repairs ? { repairs: record.repairs } : {}), ...(record.frozen?.spec === specDigest(object) ? { frozen: record.frozen } : {}), ...(record.split ? { split: record.split } : {}), ...(record.trouble ? { trouble: record.trouble } : {}) });
      continue;
    }
    const hold = holdOfChange(change);
    const { held: heldBefore, drift: driftBefore, ...rest } = record;
    const held = hold && (heldBefore?.code === hold.code ? heldBefore : { code: hold.code, since: now });
    if (hold && held !== heldBefore && !UNTOLD_HOLDS.has(hold.code)) events.push({ type: 'held', ref: change.ref, message: `${change.verb === 'none' ? '' : `${change.verb} `}${name} is held: ${hold.code} ${hold.reason}` });
    if (!hold) release(change.ref, record);
    const drift = drifted(change, objects, record) ? driftBefore ?? { since: now, what: whatOf(change), ...byOf(blame.get(name)) } : change.verb === 'none' ? driftBefore : undefined;
    if (drift && !driftBefore) events.push(driftEvent(change, drift, blame.get(name), object && driftPolicyOf(object, policyOf(desired.cluster.spec))));
    records.set(name, { ...rest, ...(held ? { held } : {}), ...(drift ? { drift } : {}) });
  }
  return { records, events };
}

/** The opposite of `refText`. */
function refOf(name: string): Ref {
  const at = name.indexOf('/');
  return { kind: name.slice(0, at), name: name.slice(at + 1) };
}

function driftEvent(change: PlannedChange, drift: NonNullable<ObjectRecord['drift']>, blame: { readonly how: string } | undefined, policy: string | undefined): NewEvent {
  const how = blame === undefined ? '' : ` (${blame.how})`;
  const then = policy === 'enforce' ? '' : `; its drift policy is ${policy ?? 'enforce'}`;
  return { type: 'drift', ref: change.ref, message: `${refText(change.ref)} drifted: ${drift.what}${how}${then}`, ...(drift.by === undefined ? {} : { by: drift.by }) };
}

function byOf(blame: { readonly by: string } | undefined): { readonly by?: string } {
  return blame === undefined ? {} : { by: blame.by };
}

const FIELDS_SHOWN = 5;

function whatOf(change: PlannedChange): string {
  if (change.verb === 'create') return 'it is gone';
  if (change.verb === 'adopt') return 'it no longer carries our mark';
  const shown = change.fields.slice(0, FIELDS_SHOWN).map((field) => field.path);
  return `${shown.join(', ')}${change.fields.length > FIELDS_SHOWN ? ` and ${change.fields.length - FIELDS_SHOWN} more` : ''}`;
}

function drifted(change: PlannedChange, objects: ReturnType<typeof objectsByRef>, record: ObjectRecord): boolean {
  const object = objects.get(refText(change.ref));
  return object !== undefined && isDrift({ verb: change.verb, subject: { desired: object }, fields: change.fields }, record);
}

export interface ApplyEnd { readonly plan: Plan; readonly desired: Desired; readonly result: ApplyResult; readonly commit: string; readonly now: number; readonly options: DaemonOptions; readonly random: () => number }

export function afterApply(before: Records, end: ApplyEnd): Learnt {
  const { result, desired, now } = end;
  const events: NewEvent[] = [];
  const records = new Map(before);
  const objects = objectsByRef(desired);
  const unfinished = new Set([...result.notTried, ...result.unsettled].map(({ ref }) => refText(ref)));
  const failures = new Map(result.failed.map((entry) => [refText(entry.ref), entry]));
  for (const [name, ref] of new Map([...result.done, ...result.failed].map(({ ref: each }) => [refText(each), each] as const))) {
    const record = records.get(name) ?? {};
    const failed = failures.get(name);
    if (failed) {
      const { findings, step } = failed;
      const next = failedRecord(record.failed, findings[0], end);
      records.set(name, { ...record, failed: next });
      const message = findings.map((finding) => `${finding.code} ${oneLine(finding.fact)}`).join('; ') || step.title;
      events.push({ type: next.isTerminal ? 'stalled' : 'failed', ref, message: next.isTerminal ? `${message}; not tried again before another commit` : message });
    } else if (!unfinished.has(name) && !isPartlyHeld(end.plan, name)) {
      const { failed: over, drift, ...rest } = record;
      if (over) events.push({ type: 'recovered', ref, message: `${name} was done after ${over.times} ${over.times === 1 ? 'failure' : 'failures'}` });
      records.set(name, drift ? repaired(rest, ref, drift, objects.get(name), end, events) : rest);
    }
  }
  for (const { ref, why, step } of result.unsettled) events.push({ type: 'failed', ref, message: `${step.title}: ${why}` });
  return { records, events: events.map((event) => ({ ...event, revision: end.plan.revision })) };

  function repaired(rest: ObjectRecord, ref: Ref, drift: NonNullable<ObjectRecord['drift']>, object: ReturnType<typeof objects.get>, { options: { pingPong } }: ApplyEnd, told: NewEvent[]): ObjectRecord {
    const repairs = [...(rest.repairs ?? []), now].filter((at) => now - at < pingPong.windowMs && at <= now);
    told.push({ type: 'repaired', ref, message: `the drift of ${refText(ref)} was undone: ${drift.what}` });
    if (repairs.length < pingPong.repairs) return { ...rest, repairs };
    told.push({ type: 'frozen', ref, message: `${refText(ref)} was put back ${repairs.length} times within ${Math.round(pingPong.windowMs / 60_000)} minutes; from now on it is left alone`, ...byOf(drift.by === undefined ? undefined : { by: drift.by }) });
    return { ...rest, frozen: { since: now, spec: specDigest(object) } };
  }
}

function failedRecord(before: Failed | undefined, finding: { readonly code: string; readonly fact: string; readonly param?: string } | undefined, { now, commit, options, random }: ApplyEnd): Failed {
  const times = before?.commit === commit ? before.times + 1 : 1;
  // Proxmox names a parameter only when it refuses the value itself: the same request is refused each time.
  const isTerminal = finding?.param !== undefined;
  return { since: before?.commit === commit ? before.since : now, times, retryAt: now + backOffMs(times, options.backOff, random), isTerminal, commit, code: finding?.code ?? 'TASK_FAILED', message: (finding?.fact ?? '').split('\n')[0] ?? '' };
}

function isPartlyHeld(plan: Plan, name: string): boolean {
  return plan.changes.some((change) => refText(change.ref) === name && change.steps.some((step) => step.hold));
}

export function holdOfChange(change: PlannedChange): Hold | undefined {
  return change.hold ?? change.steps.find((step) => step.hold)?.hold;
}

/** How each object stands, by its plan and what is remembered. */
export function standingsOf(plan: Plan, desired: Desired, records: Records, result?: ApplyResult): ReadonlyMap<string, { readonly ref: Ref; readonly id: string; readonly standing: Standing }> {
  const ids = new Map(plan.memories.map((memory) => [refText(memory.ref), memory.id]));
  const out = new Map(desired.objects.map((object) => [refText(object.ref), { ref: object.ref, id: ids.get(refText(object.ref)) ?? '', standing: { is: 'ready', reason: 'InSync', message: 'as its manifest asks' } as Standing }]));
  for (const { ref, message, trouble } of plan.standings ?? []) {
    const known = out.get(refText(ref));
    if (known) out.set(refText(ref), { ...known, standing: trouble === undefined ? { is: 'ready', reason: 'InSync', message } : { is: 'waiting', reason: trouble, message } });
  }
  const objects = objectsByRef(desired);
  for (const change of plan.changes) {
    const name = refText(change.ref);
    const object = objects.get(name);
    if (change.verb === 'none' && change.hold === undefined) continue;
    const isIgnored = object !== undefined && driftPolicyOf(object, policyOf(desired.cluster.spec)) === 'ignore';
    out.set(name, { ref: change.ref, id: change.id, standing: (result && holdOfChange(change) === undefined ? standingAfter(name, records.get(name) ?? {}, result) : undefined) ?? standingOf(change, records.get(name) ?? {}, isIgnored) });
  }
  return out;
}

/** What came of an apply, for the objects that it touched; what is held besides is told by the plan. */
function standingAfter(name: string, { failed }: ObjectRecord, result: ApplyResult): Standing | undefined {
  const isOf = ({ ref }: { readonly ref: Ref }) => refText(ref) === name;
  if (result.failed.some(isOf) && failed) return { is: failed.isTerminal ? 'stalled' : 'waiting', reason: failed.code, message: failed.message };
  const unsettled = result.unsettled.find(isOf);
  if (unsettled) return { is: 'waiting', reason: 'STEP_UNSETTLED', message: `${unsettled.step.title}: ${unsettled.why}` };
  const skipped = result.notTried.find(isOf);
  if (skipped) return { is: 'waiting', reason: 'NotTried', message: `${skipped.step.title}: ${skipped.why}` };
  return result.done.some(isOf) ? { is: 'working', reason: 'Checking', message: 'done; the next look confirms it' } : undefined;
}

function standingOf(change: PlannedChange, record: ObjectRecord, isIgnored: boolean): Standing {
  const hold = holdOfChange(change);
  const since = record.held === undefined ? '' : `, held since ${new Date(record.held.since).toISOString()}`;
  if (hold?.code === 'STALLED') return { is: 'stalled', reason: record.failed?.code ?? 'Stalled', message: hold.reason };
  if (hold?.code === 'PING_PONG') return { is: 'stalled', reason: 'PingPong', message: `${hold.reason}${since}` };
  if (hold?.code === 'DRIFT_POLICY' && isIgnored) return { is: 'ready', reason: 'DriftIgnored', message: `differs in ${record.drift?.what ?? 'something'}, which is to be ignored` };
  if (hold?.code === 'DRIFT_POLICY') return { is: 'waiting', reason: 'Drifted', message: `${record.drift?.what ?? 'something'} was changed by hand${record.drift?.by === undefined ? '' : ` by ${record.drift.by}`} and is only reported${since}` };
  if (hold) return { is: 'waiting', reason: hold.code, message: `${hold.reason}${since}` };
  if (record.failed) return { is: 'waiting', reason: record.failed.code, message: record.failed.message };
  return { is: 'working', reason: record.drift ? 'Drifted' : 'Progressing', message: record.drift ? `${record.drift.what} is being put back` : `${change.verb}: ${change.steps.length} steps` };
}

function objectsByRef(desired: Desired) {
  return new Map(desired.objects.map((object) => [refText(object.ref), object]));
}

/** An event is one line, wherever it is read. */
function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, '; ');
}
