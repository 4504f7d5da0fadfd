// In: what a manifest writes of one object of a collection, and the object as it is. Out: the operations that make the
// one the other, as data. Pure; the diff and the steps are both made from these, so that what is shown is what is done.
import type { Effect, FieldChange, Subject } from '../model/change.ts';
import type { DesiredObject } from '../model/desired.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { KindContext } from '../model/kind.ts';
import { isSecretRef } from '../model/secret.ts';
import type { SecretRef } from '../model/secret.ts';
import type { Param } from '../pve/param.ts';
import { withMark, withoutMark } from './mark.ts';
import { isSecretDue } from './secret-fields.ts';
import { isSame, requestOf } from './values.ts';
import type { Unset } from './values.ts';

/** One parameter of the API that a manifest asks for. */
export interface Wanted { readonly option: string; /** Below `spec`, where it is written. */ readonly path: string; readonly value: Json }

/** Facts are there in a plan, and not when manifests are checked without a cluster. */
export type Scope = Pick<KindContext, 'desired'> & Partial<Pick<KindContext, 'facts'>>;

export type Op =
  | { readonly op: 'set'; readonly option: string; readonly path: string; readonly request: string | readonly string[] | SecretRef; readonly from: Json | undefined; readonly to: Json }
  | { readonly op: 'unset'; readonly option: string; readonly path: string; readonly from: Json }
  | { readonly op: 'refused'; readonly path: string; readonly from: Json | undefined; readonly to: Json | undefined; readonly reason: string };

/** What sets one collection's options apart from another's. */
export interface OptionRules<Spec> {
  wanted(object: DesiredObject<Spec>, scope: Scope): readonly Wanted[];
  param(option: string): Param | undefined;
  /** The option of a remembered path below `spec`. */
  optionAt(path: string): string | undefined;
  readonly unset: Unset;
  /** Equal texts mean the same, where the parameter's definition alone does not tell. */
  readonly canonical?: Readonly<Record<string, (value: Json) => string>>;
  /** Never answered in clear: sent once, never compared. */
  isSecret?(option: string, live: JsonObject): boolean;
  /** Where `{ secret: NAME }` may stand. */
  secretPaths?(object: DesiredObject<Spec>): readonly string[];
  /** Why Proxmox cannot change the option of an existing object. */
  fixed?(option: string, live: JsonObject): string | undefined;
  /** Options that a manifest decides even where it does not write them: they are taken away. */
  readonly exclusive?: readonly Wanted[];
  /** Options that cannot be deleted, with what they are set back to. */
  readonly resets?: Readonly<Record<string, string>>;
  /** The ownership mark stands in the comment. */
  readonly marksComment: boolean;
}

interface Commented { readonly comment?: string }

/** @param live empty for an object that does not exist yet */
export function opsOf<Spec extends object>(rules: OptionRules<Spec>, subject: Subject<Spec>, live: JsonObject, context: KindContext): readonly Op[] {
  const object = subject.desired;
  if (!object) return [];
  const wanted = rules.wanted(object, context);
  return [
    ...wanted.flatMap((one) => (rules.isSecret?.(one.option, live) ? secretOps(rules, one, subject, live, context) : setOps(rules, one, live))),
    ...removedOps(rules, subject, wanted, live),
    ...(rules.marksComment ? commentOps(object.spec as Commented, subject, live, context.mark) : []),
  ];
}

function setOps<Spec>(rules: OptionRules<Spec>, { option, path, value }: Wanted, live: JsonObject): readonly Op[] {
  const param = rules.param(option) ?? {};
  const from = live[option];
  const isNew = Object.keys(live).length === 0;
  if (isAsWanted(rules, option, param, value, from)) return [];
  const reason = isNew ? undefined : rules.fixed?.(option, live);
  if (reason !== undefined) return [{ op: 'refused', path, from, to: value, reason }];
  return [{ op: 'set', option, path, request: requestOf(param, value), from, to: value }];
}

/** No answer shows it: what memory does not contradict is taken as written, because there is no mark to tell whose it is. */
function secretOps<Spec>(rules: OptionRules<Spec>, { option, path, value }: Wanted, subject: Subject, live: JsonObject, { facts }: KindContext): readonly Op[] {
  const state = Object.keys(live).length === 0 ? 'absent' : 'untold';
  if (!isSecretDue(value, path, subject, { state, owned: true }, facts)) return [];
  if (isSecretRef(value)) return [{ op: 'set', option, path, request: value, from: state === 'absent' ? undefined : UNTOLD, to: value }];
  return [{ op: 'set', option, path, request: requestOf(rules.param(option) ?? {}, value), from: undefined, to: SECRET }];
}

const SECRET = '<secret>';
/** As Proxmox spells a password that it does not tell. */
const UNTOLD = '**********';

function isAsWanted<Spec>(rules: OptionRules<Spec>, option: string, param: Param, wanted: Json, live: Json | undefined): boolean {
  const canonical = rules.canonical?.[option];
  if (canonical) return live !== undefined && canonical(wanted) === canonical(live);
  return isSame(param, wanted, live, rules.unset);
}

/** Only what we had set is taken away when it left the manifest; what Proxmox cannot take away is let go of. */
function removedOps<Spec>(rules: OptionRules<Spec>, subject: Subject<Spec>, wanted: readonly Wanted[], live: JsonObject): readonly Op[] {
  const stays = new Set(wanted.map(({ option }) => option));
  const remembered = (subject.memory?.fields ?? []).flatMap((path) => {
    const option = rules.optionAt(path);
    return option === undefined ? [] : [{ option, path }];
  });
  const gone = new Map([...remembered, ...(rules.exclusive ?? [])].map((one) => [one.option, one]));
  return [...gone.values()].filter(({ option }) => !stays.has(option)).flatMap(({ option, path }): readonly Op[] => {
    const from = live[option];
    if (from === undefined || rules.isSecret?.(option, live) || rules.fixed?.(option, live) !== undefined) return [];
    const reset = rules.resets?.[option];
    if (reset === undefined) return [{ op: 'unset', option, path, from }];
    return isSame(rules.param(option) ?? {}, reset, from) ? [] : [{ op: 'set', option, path, request: reset, from, to: reset }];
  });
}

/** A person's comment is kept when the manifest writes none; our mark is added to it. */
function commentOps(spec: Commented, subject: Subject, live: JsonObject, mark: string): readonly Op[] {
  const have = String(live.comment ?? '').trimEnd();
  const isRemoved = spec.comment === undefined && subject.memory?.fields.includes('comment') === true;
  const text = spec.comment ?? (isRemoved ? '' : withoutMark(have, mark));
  const want = withMark(text, mark);
  return want === have ? [] : [{ op: 'set', option: 'comment', path: 'comment', request: want, from: live.comment, to: want }];
}

export function changesOf(ops: readonly Op[]): readonly FieldChange[] {
  return ops.map((op): FieldChange => {
    const effect: Effect = op.op === 'refused' ? 'refused' : 'live';
    return { path: op.path, from: op.from, to: op.op === 'unset' ? undefined : op.to, effect, ...(op.op === 'refused' ? { note: op.reason } : {}) };
  });
}

/** The parameters of all options that are set. */
export function paramsOf(ops: readonly Op[]): JsonObject {
  return Object.fromEntries(ops.flatMap((op) => (op.op === 'set' ? [[op.option, op.request] as const] : [])));
}

/** `delete` with the options that are taken away, or nothing. */
export function deletesOf(ops: readonly Op[]): JsonObject {
  const gone = ops.flatMap((op) => (op.op === 'unset' ? [op.option] : [])).sort();
  return gone.length === 0 ? {} : { delete: gone.join(',') };
}

export function titleOf(ops: readonly Op[]): string {
  const names = (kind: Op['op']): string => ops.filter((op) => op.op === kind).map((op) => op.path.replace(/^(?:config|options)\./, '')).sort().join(', ');
  const [set, unset] = [names('set'), names('unset')];
  return [set === '' ? '' : `set ${set}`, unset === '' ? '' : `remove ${unset}`].filter((part) => part !== '').join('; ');
}
