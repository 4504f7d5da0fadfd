// In: the JSON Schema of a kind and one `spec`. Out: every mistake as a sentence with the place and what to write instead.
// Must never show a secret, nor report a mistake twice because a schema has several branches.
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { chooseBranches } from './schema-branches.ts';
import { schemaSentence } from './schema-sentences.ts';

export interface SchemaTrouble {
  /** JSON pointer into the document, `/spec/…`. */
  readonly pointer: string;
  readonly fact: string;
  readonly fix?: string;
}

/** @param written the scalar at a pointer as it stands in the file, for what YAML has changed (`9.10`) */
export function schemaTroubles(schema: JsonObject, spec: Json, written: (pointer: string) => string | undefined): readonly SchemaTrouble[] {
  const check = compiled(schema);
  if (check(spec)) return [];
  return chooseBranches((check.errors ?? []).map(belowSpec)).map((error) => schemaSentence(error, written));
}

function belowSpec(error: ErrorObject): ErrorObject {
  return { ...error, instancePath: `/spec${error.instancePath}` };
}

// Strict about unknown keywords, so that a misspelt one in a schema of ours is a bug and not a hole. The strict rules
// on types and `required` forbid branches that only add to what stands outside of them, and ours do that.
const ajv = new Ajv2020({ allErrors: true, verbose: true, strict: true, strictTypes: false, strictRequired: false, allowUnionTypes: true, addUsedSchema: false, logger: false });
/** Compiling takes milliseconds, checking microseconds; the schemas of a kind are constants. */
const compiledSchemas = new WeakMap<JsonObject, ValidateFunction>();

function compiled(schema: JsonObject): ValidateFunction {
  const known = compiledSchemas.get(schema);
  if (known) return known;
  for (const keyword of ownKeywords(schema)) if (ajv.getKeyword(keyword) === false) ajv.addKeyword(keyword);
  const check = ajv.compile(schema);
  compiledSchemas.set(schema, check);
  return check;
}

/** Our annotations in schemas start with `x-`. */
function ownKeywords(schema: unknown, found = new Set<string>()): ReadonlySet<string> {
  for (const [key, value] of Array.isArray(schema) || isObject(schema) ? Object.entries(schema) : []) {
    if (key.startsWith('x-')) found.add(key);
    ownKeywords(value, found);
  }
  return found;
}
