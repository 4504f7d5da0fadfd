// In: what a plan wanted remembered and how its apply ended. Out: the inventory, `inventory.json`. The parsing and the
// merging are pure. It is a help, never a truth: lost or damaged, it is rebuilt from the next plan.
import type { Memory } from '../model/change.ts';
import type { Store } from '../model/doors.ts';
import { isObject } from '../model/json.ts';
import type { Plan } from '../model/plan.ts';
import type { ApplyResult } from '../model/progress.ts';
import { compareText, refText } from '../model/ref.ts';
import { secretsIn } from '../model/secret.ts';

const NAME = 'inventory.json';
const VERSION = 1;

export interface Inventory {
  readonly memories: readonly Memory[];
  /** The name that the live cluster gave itself when this was written. */
  readonly cluster?: string;
   /** Why what was there could not be used. */
  readonly damage?: string;
}

export async function readInventory(store: Store): Promise<Inventory> {
  const text = await store.read(NAME);
  return text === undefined ? { memories: [] } : parseInventory(text);
}

export function parseInventory(text: string): Inventory {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value.version !== VERSION || !Array.isArray(value.memories)) return { memories: [], damage: 'it is not an inventory of this version' };
    return { memories: value.memories.flatMap((entry: unknown) => parseMemory(entry) ?? []), ...(typeof value.cluster === 'string' ? { cluster: value.cluster } : {}) };
  } catch {
    return { memories: [], damage: 'it is not JSON' };
  }
}

function parseMemory(entry: unknown): Memory | undefined {
  if (!isObject(entry) || !isObject(entry.ref) || typeof entry.ref.kind !== 'string' || typeof entry.ref.name !== 'string' || typeof entry.id !== 'string' || !Array.isArray(entry.fields)) return undefined;
  return { ref: { kind: entry.ref.kind, name: entry.ref.name }, id: entry.id, fields: entry.fields.filter((field): field is string => typeof field === 'string'), ...parsedSecrets(entry.secrets), ...(typeof entry.identity === 'string' ? { identity: entry.identity } : {}) };
}

function parsedSecrets(value: unknown): Pick<Memory, 'secrets'> {
  if (!isObject(value)) return {};
  return { secrets: Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string')) };
}

export async function writeInventory(store: Store, memories: readonly Memory[], cluster?: string): Promise<void> {
  const sorted = [...memories].sort((a, b) => compareText(refText(a.ref), refText(b.ref)));
  await store.write(NAME, `${JSON.stringify({ version: VERSION, ...(cluster === undefined ? {} : { cluster }), memories: sorted }, null, 1)}\n`);
}

/**
 * Objects whose steps all ended well are remembered as planned; others keep what was known too, because some fields may be set.
 * @param made identities of what this apply made, by `refText`
 */
export function nextMemories(before: readonly Memory[], plan: Plan, result: ApplyResult | undefined, made: ReadonlyMap<string, string> = new Map()): readonly Memory[] {
  const changes = new Map(plan.changes.map((change) => [keyOf(change), change]));
  const incomplete = new Set((result ? [...result.failed, ...result.notTried, ...result.unsettled] : []).map((entry) => refText(entry.ref)));
  const begun = new Set((result ? [...result.done, ...result.unsettled] : []).map((entry) => refText(entry.ref)));
  const known = new Map(before.map((memory) => [keyOf(memory), memory]));
  return plan.memories.flatMap((memory) => {
    const change = changes.get(keyOf(memory));
    if (change && isNewToUs(change) && !begun.has(refText(change.ref))) return change.verb === 'adopt' ? known.get(keyOf(memory)) ?? [] : [];
    // What is held as not ours must not become ours by being looked at.
    if (change?.hold?.code === 'NOT_OWNED') return known.get(keyOf(memory)) ?? [];
    const unfinished = change !== undefined && (incomplete.has(refText(change.ref)) || change.hold !== undefined || change.steps.some((step) => step.hold));
    if (change?.verb === 'delete' && !unfinished) return [];
    const old = known.get(keyOf(memory));
    const fields = unfinished && old ? [...new Set([...memory.fields, ...old.fields.filter(isPath)])] : memory.fields;
    // What was absent and is made anew is another object than the one that was remembered.
    const remembered = change?.verb === 'create' ? undefined : old?.identity;
    const identity = made.get(refText(memory.ref)) ?? (unfinished ? remembered ?? memory.identity : memory.identity ?? remembered);
    const { identity: _planned, secrets: _versions, ...rest } = memory;
    return [{ ...rest, fields, ...(unfinished ? secretsSoFar(memory, change, old, result) : memory.secrets ? { secrets: memory.secrets } : {}), ...(identity ? { identity } : {}) }];
  });
}

/** Before the first effect: what the plan is about to set counts as set by us, or a kill would make it nobody's. Nothing is forgotten yet. */
export function memoriesBefore(before: readonly Memory[], plan: Plan): readonly Memory[] {
  const known = new Map(before.map((memory) => [keyOf(memory), memory]));
  const changes = new Map(plan.changes.map((change) => [keyOf(change), change]));
  const planned = plan.memories.flatMap((memory): readonly Memory[] => {
    const change = changes.get(keyOf(memory));
    const old = known.get(keyOf(memory));
    if (change?.hold?.code === 'NOT_OWNED') return old ? [old] : [];
    if (change && isNewToUs(change) && (change.hold || (change.steps.length > 0 && change.steps.every((step) => step.hold)))) return old ? [old] : [];
    const { secrets: _versions, ...rest } = memory;
    const secrets = secretsSoFar(memory, change, old, undefined);
    if (!old) return [{ ...rest, ...secrets }];
    const identity = change?.verb === 'create' ? undefined : old.identity;
    return [{ ...rest, ...secrets, fields: [...new Set([...memory.fields, ...old.fields.filter(isPath)])], ...(identity ? { identity } : {}) }];
  });
  const keys = new Set(planned.map(keyOf));
  return [...planned, ...before.filter((memory) => !keys.has(keyOf(memory)))];
}

/** A secret that a plan is about to write has its old version until it was written: a kill in between has it written again. */
function secretsSoFar(memory: Memory, change: Plan['changes'][number] | undefined, old: Memory | undefined, result: ApplyResult | undefined): Pick<Memory, 'secrets'> {
  const sent = new Set((result?.done ?? []).filter(({ ref }) => refText(ref) === refText(memory.ref)).flatMap(({ step }) => (step.action.via === 'pve' ? secretsIn(step.action.params).map(({ path }) => path) : [])));
  const known = Object.entries(memory.secrets ?? {}).flatMap(([path, version]) => {
    const isPlanned = change?.fields.some((field) => field.path === path) === true && !sent.has(path.split('.').at(-1) ?? path);
    const kept = isPlanned ? old?.secrets?.[path] : version;
    return kept === undefined ? [] : [[path, kept] as const];
  });
  return known.length === 0 ? {} : { secrets: Object.fromEntries(known) };
}

/** For some kinds the memory alone says that an object is ours: what was neither made nor taken over must not get one. */
function isNewToUs({ verb }: Plan['changes'][number]): boolean {
  return verb === 'create' || verb === 'adopt';
}

/** By id: two objects may have one name, and an object may be renamed. */
function keyOf({ ref, id }: { readonly ref: Memory['ref']; readonly id: string }): string {
  return `${ref.kind}\0${id}`;
}

/** `reclaim=delete` is no field that was set in the cluster: it holds as the last manifest says. */
function isPath(field: string): boolean {
  return !field.includes('=');
}
