// In: the changes of a plan. Out: the name of exactly these steps in this order with these holds. Pure.
// Digests, estimates and sentences are left out: they may differ between two looks at the same world.
import { createHash } from 'node:crypto';
import type { Json } from '../model/json.ts';
import type { PlannedChange } from '../model/plan.ts';
import { compareText, refText } from '../model/ref.ts';

/** Twelve hexadecimal digits, printed as `plan-1a2b3c4d5e6f`. */
export function fingerprintOf(cluster: string, revision: string, changes: readonly PlannedChange[]): string {
  // Change by change: the text of a plan of ten thousand guests would be the largest thing that we ever hold.
  const hash = createHash('sha256').update('{"changes":[');
  changes.forEach((change, at) => hash.update(`${at === 0 ? '' : ','}${canonicalJson(factsOf(change) as unknown as Json)}`));
  return `plan-${hash.update(`],"cluster":${JSON.stringify(cluster)},"revision":${JSON.stringify(revision)}}`).digest('hex').slice(0, 12)}`;
}

function factsOf(change: PlannedChange) {
  return {
    object: refText(change.ref), id: change.id, verb: change.verb, hold: change.hold?.code ?? null,
    fields: change.fields.map((field) => ({ path: field.path, from: field.from ?? null, to: field.to ?? null, effect: field.effect })),
    steps: change.steps.map((step) => ({ id: step.id, action: actionOf(step.action), after: [...step.after], hold: step.hold?.code ?? null })),
  };
}

function actionOf(action: PlannedChange['steps'][number]['action']): Json {
  const { digest: _digest, ...rest } = action as { digest?: unknown };
  return rest as Json;
}

export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item as Json)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined).sort(([a], [b]) => compareText(a, b));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner as Json)}`).join(',')}}`;
}
