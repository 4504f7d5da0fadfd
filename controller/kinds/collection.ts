// Many kinds are one collection of Proxmox: list, create, update, delete by id. In: a row that says what sets one apart.
// Out: the kind. Pure. Must never ask the cluster what the bulk calls have told already.
import type { Answer, Change, Observed, Read, Subject } from '../model/change.ts';
import type { Desired, DesiredObject } from '../model/desired.ts';
import type { Facts } from '../model/facts.ts';
import type { Finding } from '../model/finding.ts';
import type { JsonObject } from '../model/json.ts';
import type { KindContext, ResourceKind, Steps } from '../model/kind.ts';
import type { Ref } from '../model/ref.ts';
import type { Hold, Step } from '../model/step.ts';
import { changesOf, opsOf } from './collection-ops.ts';
import type { Op, OptionRules } from './collection-ops.ts';
import { heldStep } from './held-step.ts';
import { hasMark } from './mark.ts';

/** An object as it is: its options by Proxmox's names. */
export interface Live { readonly options: JsonObject; /** What a deletion has to know, when it was asked. */ readonly holds?: readonly string[] }

/** One change, for the functions that write its steps. */
export interface Edit<Spec> {
  readonly id: string;
  readonly object: DesiredObject<Spec> | undefined;
  readonly ops: readonly Op[];
  readonly live: Live;
  readonly context: KindContext;
}

export interface Collection<Spec> extends OptionRules<Spec> {
  readonly kind: string;
  readonly schema: JsonObject;
  readonly idSpace: string;
  readonly refersTo: readonly string[];
  readonly mayBeLiveOnly?: boolean;
  /** The bulk call that lists them: unread, all of them are unknown. */
  readonly bulk: string;
  listed(facts: Facts): ReadonlyMap<string, JsonObject>;
  findings(object: DesiredObject<Spec>, desired: Desired): readonly Finding[];
  liveFindings(object: DesiredObject<Spec>, context: KindContext): readonly Finding[];
  requires(object: DesiredObject<Spec>, desired: Desired): readonly Ref[];
  reads?(subject: Subject<Spec>, facts: Facts): readonly Read[];
  /** Corrects what was observed from the list alone. */
  refine?(observed: Observed<Live>, scene: Scene<Spec>): Observed<Live>;
  create(edit: Edit<Spec>): readonly Step[];
  update(edit: Edit<Spec>): readonly Step[];
  remove(edit: Edit<Spec>): Omit<Steps, 'uses'>;
  /** What a reader of an unchanged object should know. */
  notes?(edit: Edit<Spec>): readonly string[];
}

export interface Scene<Spec> { readonly subject: Subject<Spec>; readonly context: KindContext; readonly answer: (path: string) => Answer }

export function collectionKind<Spec extends object>(row: Collection<Spec>): ResourceKind<Spec, Live> {
  return {
    kind: row.kind, schema: row.schema, idSpace: row.idSpace, refersTo: row.refersTo, ...(row.mayBeLiveOnly ? { mayBeLiveOnly: true } : {}),
    id: (object) => object.ref.name,
    findings: (object, desired) => row.findings(object, desired),
    liveFindings: (object, context) => row.liveFindings(object, context),
    requires: (object, desired) => row.requires(object, desired),
    marked: (facts, mark) => (row.marksComment ? [...row.listed(facts)].filter(([, options]) => hasMark(String(options.comment ?? ''), mark)).map(([id]) => ({ ref: { kind: row.kind, name: id }, id })) : []),
    reads: (subject, facts) => row.reads?.(subject, facts) ?? [],
    observe: (subject, facts, answer, mark, desired) => {
      const observed = observeOne(row, subject, facts, mark);
      return row.refine?.(observed, { subject, answer, context: { facts, mark, desired } }) ?? observed;
    },
    diff: (subject, { live }, context) => changesOf(opsOf(row, subject, live.options, context)),
    steps: (change, context) => stepsOf(row, change, context),
    fields: (object) => fieldsOf(object.spec),
    secretPaths: (object) => row.secretPaths?.(object) ?? [],
  };
}

function observeOne<Spec>(row: Collection<Spec>, subject: Subject<Spec>, facts: Facts, mark: string): Observed<Live> {
  const blind = facts.unread.get(row.bulk);
  if (blind !== undefined) return { state: 'unknown', why: `${row.bulk} could not be read: ${blind}` };
  const options = row.listed(facts).get(subject.id);
  if (!options) return { state: 'absent' };
  const owned = row.marksComment ? hasMark(String(options.comment ?? ''), mark) : subject.memory !== undefined;
  return { state: 'present', live: { options }, owned };
}

function stepsOf<Spec extends object>(row: Collection<Spec>, change: Change<Spec, Live>, context: KindContext): Steps {
  const live: Live = change.observed.state === 'present' ? change.observed.live : { options: {} };
  const edit: Edit<Spec> = { id: change.subject.id, object: change.subject.desired, ops: opsOf(row, change.subject, live.options, context), live, context };
  switch (change.verb) {
    case 'create': return { steps: row.create(edit), fields: changesOf(edit.ops), notes: row.notes?.(edit) ?? [] };
    case 'delete': return row.remove(edit);
    case 'none': return { steps: [], notes: row.notes?.(edit) ?? [] };
    default: return { steps: [...row.update(edit), ...refusedSteps(edit.ops)], notes: row.notes?.(edit) ?? [] };
  }
}

function refusedSteps(ops: readonly Op[]): readonly Step[] {
  return ops.flatMap((op) => (op.op === 'refused' ? [heldStep(`change ${op.path}`, { code: 'REFUSED', reason: op.reason, approvable: false })] : []));
}

/** Writing a file of the cluster waits at most 10 s for its lock; a storage is activated within the call as well. */
const WRITE_TIMEOUT_MS = 2 * 60_000;

export interface Write {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly params: JsonObject;
  /** The file of the cluster that it changes: two writers of one file wait for each other. */
  readonly file: string;
  /** The object as the list at `bulk` told it: its digest goes with the write. */
  readonly seen?: { readonly bulk: string; readonly options: JsonObject };
  readonly hold?: Hold;
  readonly needsRoot?: string;
}

export function writeStep(title: string, { method, path, params, file, seen, hold, needsRoot }: Write): Step {
  const value = seen?.options.digest;
  return {
    title, action: { via: 'pve', method, path, params, ...(seen && typeof value === 'string' ? { digest: { path: seen.bulk, value } } : {}) }, guards: [{ is: 'quorate' }], risk: 'none', locks: [`file/${file}`], timeoutMs: WRITE_TIMEOUT_MS,
    ...(hold ? { hold } : {}), ...(needsRoot === undefined ? {} : { needsRoot }),
  };
}

/** `schedule`, `config.mode`: the fields that a manifest writes; what is below `config` and `options` one by one. */
function fieldsOf(spec: object): readonly string[] {
  return Object.entries(spec).flatMap(([key, value]) => (key === 'config' ? Object.keys(value as object).map((option) => `config.${option}`) : [key])).sort();
}
