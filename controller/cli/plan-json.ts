// In: a plan. Out: its published JSON (schema: plan-schema.ts), and back from a file what names the plan.
// Must never write a secret; keys stand in a fixed order so that two files can be compared.
import type { FieldChange } from '../model/change.ts';
import { failure, type Finding } from '../model/finding.ts';
import { isObject, type Json, type JsonObject } from '../model/json.ts';
import { isInSync, type Plan, type PlannedChange, type PlannedStep } from '../model/plan.ts';
import type { Ref } from '../model/ref.ts';
import type { Action, Hold } from '../model/step.ts';
import { PLAN_FORMAT } from './plan-schema.ts';
import { jsonText, withoutSecrets } from './terminal-text.ts';

export function planToJson(plan: Plan, changes: readonly JsonObject[] = plan.changes.map(changeJson)): JsonObject {
  const { create, update, adopt, delete: deleted, unchanged, held, steps } = plan.counts;
  return {
    format: PLAN_FORMAT, cluster: plan.cluster, revision: plan.revision, fingerprint: plan.fingerprint, inSync: isInSync(plan),
    counts: { create, update, adopt, delete: deleted, unchanged, held, steps },
    changes,
    warnings: plan.warnings.map(findingJson),
  };
}

/** Few enough that a piece is small, enough that a file takes few writes. */
const CHANGES_AT_ONCE = 100;

/** The text of `planToJson` in pieces: that of ten thousand changes at once would take more memory than all else. */
export function* planTexts(plan: Plan): Generator<string, void> {
  // A quote inside of a value is escaped, so that these words are the field.
  const [before = '', after = ''] = jsonText(planToJson(plan, [])).split('"changes": []', 2);
  yield `${before}"changes": [`;
  for (let at = 0; at < plan.changes.length; at += CHANGES_AT_ONCE) {
    const texts = plan.changes.slice(at, at + CHANGES_AT_ONCE).map((change) => `\n    ${jsonText(changeJson(change)).replaceAll('\n', '\n    ')}`);
    yield `${at === 0 ? '' : ','}${texts.join(',')}`;
  }
  yield `${plan.changes.length === 0 ? '' : '\n  '}]${after}\n`;
}

/** What a file of `latido plan --out` binds an apply to. */
export interface PlanFile { readonly cluster: string; readonly revision: string; readonly fingerprint: string }

/** Throws Failure when the text is no plan of ours. */
export function parsePlanFile(text: string, file: string): PlanFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw noPlan(file, 'it is not JSON');
  }
  if (!isObject(json)) throw noPlan(file, 'it is not an object');
  if (json['format'] !== PLAN_FORMAT) throw noPlan(file, `its format is ${typeof json['format'] === 'string' ? json['format'] : 'not said'}, not ${PLAN_FORMAT}`);
  const { cluster, revision, fingerprint } = json;
  if (typeof cluster !== 'string' || typeof revision !== 'string' || typeof fingerprint !== 'string' || fingerprint === '') throw noPlan(file, 'cluster, revision or fingerprint is missing');
  return { cluster, revision, fingerprint };
}

function noPlan(file: string, why: string): Error {
  return failure('USAGE', `${file} is not a plan file: ${why}`, { fix: 'write one with: latido plan --out FILE' });
}

function changeJson(change: PlannedChange): JsonObject {
  return {
    object: refJson(change.ref), id: change.id, verb: change.verb,
    fields: change.fields.map(fieldJson),
    requires: change.requires.map(refJson),
    steps: change.steps.map(stepJson),
    ...(change.hold ? { hold: holdJson(change.hold) } : {}),
    notes: change.notes,
  };
}

function refJson(ref: Ref): JsonObject {
  return { kind: ref.kind, name: ref.name };
}

function fieldJson(field: FieldChange): JsonObject {
  const side = (name: 'from' | 'to'): JsonObject => field[name] === undefined ? {} : { [name]: withoutSecrets(field.path, field[name]) ?? null };
  return { path: field.path, ...side('from'), ...side('to'), effect: field.effect, ...(field.note === undefined ? {} : { note: field.note }) };
}

function stepJson(step: PlannedStep): JsonObject {
  return {
    id: step.id, title: step.title, after: step.after, risk: step.risk,
    ...(step.node === undefined ? {} : { node: step.node }),
    ...(step.cost ? { cost: present({ bytes: step.cost.bytes, seconds: step.cost.seconds, note: step.cost.note }) } : {}),
    action: actionJson(step.action),
    timeoutSeconds: step.timeoutMs / 1000,
    ...(step.hold ? { hold: holdJson(step.hold) } : {}),
  };
}

function actionJson(action: Action): JsonObject {
  if (action.via === 'wait') return { via: 'wait', until: { ...action.until } };
  if (action.via === 'ssh') return { via: 'ssh', node: action.node, argv: action.argv };
  return { via: 'pve', method: action.method, path: action.path, params: withoutSecrets('', action.params) ?? {} };
}

function holdJson(hold: Hold): JsonObject {
  return { code: hold.code, reason: hold.reason, approvable: hold.approvable };
}

export function findingJson(finding: Finding): JsonObject {
  return {
    code: finding.code, severity: finding.severity, fact: finding.fact,
    ...(finding.fix === undefined ? {} : { fix: finding.fix }),
    ...(finding.place ? { place: { file: finding.place.file, line: finding.place.line, column: finding.place.column } } : {}),
    ...(finding.ref ? { object: refJson(finding.ref) } : {}),
    ...(finding.node === undefined ? {} : { node: finding.node }),
  };
}

function present(fields: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}
