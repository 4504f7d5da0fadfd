// In: desired state, one observation, the kinds, what we remember. Out: the ordered plan. Pure.
// Reads as: pair and diff, put in order, ask each kind for its steps, hold what is unsafe, name the result.
import type { Change, FieldChange, Memory } from '../model/change.ts';
import { DEFAULT_MARK, policyOf } from '../model/desired.ts';
import type { Desired, DesiredObject } from '../model/desired.ts';
import type { Facts } from '../model/facts.ts';
import { Failure } from '../model/finding.ts';
import type { Finding } from '../model/finding.ts';
import type { AnyKind, KindContext, Registry, Steps } from '../model/kind.ts';
import type { Plan, PlanCounts, PlannedChange, PlannedStep } from '../model/plan.ts';
import { refText } from '../model/ref.ts';
import type { Ref } from '../model/ref.ts';
import { secretsIn } from '../model/secret.ts';
import type { Hold } from '../model/step.ts';
import { changesOf } from './changes.ts';
import { fingerprintOf } from './fingerprint.ts';
import { holdSteps, objectHold } from './hold-steps.ts';
import type { Spent } from './hold-steps.ts';
import { orderChanges } from './order.ts';
import type { Ordered } from './order.ts';
import { useFacts } from './use-facts.ts';
import type { Observed, Subject } from '../model/change.ts';

export interface PlanInput {
  readonly desired: Desired;
  readonly facts: Facts;
  readonly subjects: readonly Subject[];
  readonly observed: ReadonlyMap<string, Observed>;
  readonly kinds: Registry;
  readonly warnings: readonly Finding[];
  /** What the caller knows that forbids work on an object now: it is suspended, its drift is only reported. */
  readonly hold?: (change: Change) => Hold | undefined;
  /** The fingerprint that a person approved: lifts its approvable holds, when the plan is still that one. */
  readonly approved?: string;
}

/** @throws Failure with all findings when manifests name what the cluster has not. */
export function makePlan(input: PlanInput): Plan {
  const { desired, facts, kinds } = input;
  const mark = desired.cluster.spec.mark ?? DEFAULT_MARK;
  const context: KindContext = { desired, facts, mark };
  const warnings = [...input.warnings, ...liveFindings(kinds, context)];
  const changes = changesOf(input.subjects, input.observed, kinds, context);
  const ordered = orderChanges(changes, kinds, desired);
  const planned = planChanges(ordered, kinds, context, input.hold);
  const cluster = desired.cluster.ref.name;
  const fingerprint = fingerprintOf(cluster, desired.revision, planned);
  const lifted = input.approved === fingerprint ? planned.map(lift) : planned;
  return {
    cluster, revision: desired.revision, fingerprint, warnings,
    changes: lifted.filter((change) => change.verb !== 'none' || change.hold || change.notes.length > 0),
    counts: countsOf(lifted), memories: memoriesOf(changes, kinds, facts), ...standingsOf(changes, kinds, context),
  };
}

function liveFindings(kinds: Registry, context: KindContext): readonly Finding[] {
  const findings = context.desired.objects.flatMap((object) => kinds.get(object.ref.kind)?.liveFindings?.(object, context) ?? []);
  const errors = findings.filter((finding) => finding.severity === 'error');
  if (errors.length > 0) throw new Failure(...findings);
  return findings;
}

function planChanges(ordered: readonly Ordered[], kinds: Registry, context: KindContext, forbidden: PlanInput['hold']): readonly PlannedChange[] {
  const policy = policyOf(context.desired.cluster.spec);
  const deletions = ordered.filter(({ change }) => change.verb === 'delete').length;
  const known = ordered.filter(({ change }) => change.observed.state === 'present' && (change.observed.owned || change.verb === 'delete') && kinds.get(change.ref.kind)?.neverPruned !== true).length;
  const commit = { deletions, known, namesAnything: context.desired.objects.some(({ ref }) => kinds.get(ref.kind)?.neverPruned !== true) };
  const spent: Spent = { deletions: 0, restarts: 0, migrations: 0 };
  const done = new Map<string, PlannedChange>();
  const ends = new Map<string, readonly string[]>();
  let facts = context.facts;
  for (const { change, before, carries } of ordered) {
    const unsafe = objectHold(change, context.facts, policy, spent, commit);
    // What no approval lifts is named first, or approving the rest would lift it too.
    const asked = stepsOf(change, kinds, { ...context, facts, ahead: aheadOf(before, done) });
    const carrying = stillCarries(asked.steps, carries.map((ref) => ({ ref, planned: done.get(refText(ref)) })));
    const hold = [unsafe, carrying].find((one) => one?.approvable === false) ?? forbidden?.(change) ?? unsafe ?? carrying;
    const fields = fieldsOf(change, kinds, context, facts);
    const required = before.flatMap((ref) => done.get(refText(ref)) ?? []);
    const waiting = hold ?? waitsFor(required, change, kinds);
    const held = holdSteps(asked.steps, change, facts, policy, spent, waiting);
    if (!waiting) facts = useFacts(facts, asked.uses);
    const previous = [...new Set(before.flatMap((ref) => ends.get(refText(ref)) ?? []))];
    const steps = link(change, held, previous);
    // What has nothing to do itself hands on what it stands on.
    ends.set(refText(change.ref), steps.reduce<readonly string[]>((last, step) => nextOf(last, step.id, step.hold), previous));
    done.set(refText(change.ref), {
      ref: change.ref, id: change.subject.id, verb: change.verb, requires: before, ...(hold ? { hold } : {}),
      fields: [...fields, ...(asked.fields ?? [])], steps, notes: notesOf(change, asked),
    });
  }
  return [...done.values()];
}

/** Steps of all that it builds on, near and far. */
function aheadOf(before: readonly Ref[], done: ReadonlyMap<string, PlannedChange>): NonNullable<KindContext['ahead']> {
  const ahead = new Map<string, readonly PlannedStep[]>();
  const visit = (ref: Ref): void => {
    const planned = done.get(refText(ref));
    if (!planned || ahead.has(refText(ref))) return;
    ahead.set(refText(ref), planned.steps);
    for (const next of planned.requires) visit(next);
  };
  for (const ref of before) visit(ref);
  return ahead;
}

/** Of what is there and ours: what is still to be made stands nowhere yet. */
function standingsOf(changes: readonly Change[], kinds: Registry, context: KindContext): Pick<Plan, 'standings'> {
  const standings = changes.flatMap(({ ref, subject: { desired }, observed }) => {
    const standing = desired && observed.state === 'present' && observed.owned ? kinds.get(ref.kind)?.standing?.(desired, context) : undefined;
    return standing ? [{ ref, ...standing }] : [];
  });
  return standings.length === 0 ? {} : { standings };
}

function stepsOf(change: Change, kinds: Registry, context: KindContext): Steps {
  if (change.verb === 'none' && change.observed.state !== 'present') return { steps: [] };
  const asked = kinds.get(change.ref.kind)?.steps(change, context) ?? { steps: [] };
  return change.verb === 'none' ? { steps: [], notes: asked.notes ?? [] } : asked;
}

/** What is destroyed may not carry the data of something that stays. */
function stillCarries(steps: Steps['steps'], clones: readonly { readonly ref: Ref; readonly planned: PlannedChange | undefined }[]): Hold | undefined {
  if (!steps.some((step) => step.risk === 'data-loss')) return undefined;
  const destroyed = (planned?: PlannedChange) => planned?.verb === 'delete' && planned.steps.some((step) => step.risk === 'data-loss');
  const holdsOf = (planned?: PlannedChange) => [planned?.hold, ...(planned?.steps ?? []).map((step) => step.hold)].flatMap((hold) => hold ?? []);
  const staying = clones.filter(({ planned }) => !destroyed(planned) || holdsOf(planned).length > 0);
  if (staying.length === 0) return undefined;
  const approvable = staying.every(({ planned }) => destroyed(planned) && holdsOf(planned).every((hold) => hold.approvable));
  const names = staying.map(({ ref }) => refText(ref)).sort().join(', ');
  return { code: 'REFERENCED', reason: `${names} ${staying.length === 1 ? 'is a linked clone of it and stays' : 'are linked clones of it and stay'}`, approvable };
}

/** Of the same facts as the steps: what earlier objects take may send a guest to another node. */
function fieldsOf(change: Change, kinds: Registry, context: KindContext, facts: Facts): readonly FieldChange[] {
  if (facts === context.facts || change.observed.state !== 'present' || (change.verb !== 'update' && change.verb !== 'adopt')) return change.fields;
  return kinds.get(change.ref.kind)?.diff(change.subject, change.observed, { ...context, facts }) ?? change.fields;
}

/** What does not exist yet and is held keeps all waiting that needs it; what exists can be built on although some of its own changes are held. */
function waitsFor(required: readonly PlannedChange[], { ref, verb }: Change, kinds: Registry): Hold | undefined {
  const isHeld = (change: PlannedChange) => change.hold !== undefined || change.steps.some((step) => step.hold && step.hold.code !== 'ROOT_ONLY');
  const onNodes = (other: Ref) => kinds.get(other.kind)?.isOnNodes === true;
  // What lies on nodes is laid in layers: one is made only on a whole one, and taken away only when what is above is gone.
  const missing = required.find((other) => isHeld(other) && (other.verb === 'create' || (verb === 'create' && onNodes(other.ref)) || (verb === 'delete' && other.verb === 'delete' && onNodes(ref))));
  if (!missing) return undefined;
  const why = missing.hold ?? missing.steps.find((step) => step.hold)?.hold;
  return { code: 'WAITS_FOR', reason: `${refText(missing.ref)} is held: ${why?.reason ?? ''}`, approvable: why?.approvable ?? false };
}

/** Steps of an object follow one another; its first follows the last step of each object that it requires. */
function link(change: Change, held: ReturnType<typeof holdSteps>, first: readonly string[]): readonly PlannedStep[] {
  let previous = first;
  return held.map(({ step, hold }, index) => {
    const id = `${refText(change.ref)}#${index + 1}`;
    const { hold: _own, ...rest } = step;
    const planned: PlannedStep = { ...rest, id, after: previous, ...(hold ? { hold } : {}) };
    previous = nextOf(previous, id, hold);
    return planned;
  });
}

/** What a following step waits for. A step that an approval may lift is among them: while it is held the executor passes it by. */
function nextOf(previous: readonly string[], id: string, hold: Hold | undefined): readonly string[] {
  if (!hold) return [id];
  return hold.approvable ? [...previous, id] : previous;
}

function notesOf(change: Change, asked: Steps): readonly string[] {
  return [...new Set(asked.notes ?? [])];
}

function lift(change: PlannedChange): PlannedChange {
  const { hold, ...rest } = change;
  const steps = change.steps.map((step) => {
    const { hold: held, ...free } = step;
    return held?.approvable ? free : step;
  });
  return { ...rest, steps, ...(hold && !hold.approvable ? { hold } : {}) };
}

function countsOf(changes: readonly PlannedChange[]): PlanCounts {
  const count = (verb: PlannedChange['verb']) => changes.filter((change) => change.verb === verb).length;
  return {
    create: count('create'), update: count('update'), adopt: count('adopt'), delete: count('delete'), unchanged: count('none'),
    held: changes.filter((change) => change.hold || change.steps.some((step) => step.hold)).length,
    steps: changes.reduce((sum, change) => sum + change.steps.filter((step) => !step.hold).length, 0),
  };
}

/** What to remember of each object of the manifests that exists or is about to. */
function memoriesOf(changes: readonly Change[], kinds: Registry, facts: Facts): readonly Memory[] {
  return changes.flatMap((change) => {
    const object = change.subject.desired;
    const kind = kinds.get(change.ref.kind);
    if (!object || !kind) return staysRemembered(change) && change.subject.memory ? [change.subject.memory] : [];
    const identity = change.identity ?? (change.observed.state === 'present' ? change.observed.identity : undefined);
    return [{ ref: change.ref, id: change.subject.id, fields: kind.fields(object), ...secretsOf(object, kind, facts), ...(identity ? { identity } : {}) }];
  });
}

/** The versions of the secrets that it names. */
function secretsOf(object: DesiredObject, kind: AnyKind, facts: Facts): Pick<Memory, 'secrets'> {
  if (kind.secretPaths === undefined) return {};
  const paths = kind.secretPaths(object);
  const known = secretsIn(object.spec).flatMap(({ path, name }) => (paths.includes(path) && facts.secrets?.has(name) ? [[path, facts.secrets.get(name) ?? ''] as const] : []));
  return known.length === 0 ? {} : { secrets: Object.fromEntries(known) };
}

/** What left Git is remembered until it is gone; what cannot be looked at now may still be there. */
function staysRemembered({ verb, observed }: Change): boolean {
  return verb === 'delete' || observed.state === 'busy' || observed.state === 'unknown';
}
