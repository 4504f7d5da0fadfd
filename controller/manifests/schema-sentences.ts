import type { ErrorObject } from 'ajv';
import { isObject } from '../model/json.ts';
import type { SchemaTrouble } from './schema.ts';
import { dotted, isSecret, oneOf, pointerStep, shown, suggestion } from './words.ts';

type Schema = { readonly [key: string]: unknown };
type Written = (pointer: string) => string | undefined;
type Sentence = { readonly fact: string; readonly fix?: string };

/** One mistake that the schema found, in words. Unknown keywords keep the validator's own words. */
export function schemaSentence(error: ErrorObject, written: Written): SchemaTrouble {
  const pointer = `${error.instancePath}${extraStep(error)}`;
  return { pointer, ...sentence(error, dotted(error.keyword === 'uniqueItems' ? error.instancePath : pointer), written) };
}

/** What is wrong with a key stands at that key, not at its map. */
function extraStep({ keyword, params, propertyName }: ErrorObject): string {
  const { additionalProperty, unevaluatedProperty, i, j } = params as { [key: string]: unknown };
  const key = propertyName ?? additionalProperty ?? unevaluatedProperty;
  if (typeof key === 'string') return pointerStep(key);
  return keyword === 'uniqueItems' ? `/${Math.max(Number(i), Number(j))}` : '';
}

function sentence(error: ErrorObject, path: string, written: Written): Sentence {
  const { keyword, data, propertyName } = error;
  const params = error.params as { readonly [key: string]: unknown };
  const schema = schemaOf(error);
  if (propertyName !== undefined) return { fact: `"${propertyName}" cannot be a name here`, fix: formFix(schema) };
  switch (keyword) {
    case 'type': return typeSentence(path, [params['type']].flat().map(String), data, written(error.instancePath));
    case 'required': return missing(path, String(params['missingProperty']), schema);
    case 'additionalProperties':
    case 'unevaluatedProperties': return unknownField(path, schema);
    case 'enum': return choice(path, data, [params['allowedValues']].flat().map((one) => (typeof one === 'string' ? one : JSON.stringify(one))));
    case 'const': return choice(path, data, [String(params['allowedValue'])]);
    case 'anyOf':
    case 'oneOf': return branches(error, path, data, written);
    case 'minimum': return { fact: `${path} is ${shown(data, path)}, and the least is ${params['limit']}`, fix: `write ${params['limit']} or more` };
    case 'maximum': return { fact: `${path} is ${shown(data, path)}, and the most is ${params['limit']}`, fix: `write ${params['limit']} or less` };
    case 'exclusiveMinimum': return { fact: `${path} is ${shown(data, path)}, and must be more than ${params['limit']}` };
    case 'exclusiveMaximum': return { fact: `${path} is ${shown(data, path)}, and must be less than ${params['limit']}` };
    case 'minLength': return params['limit'] === 1 ? { fact: `${path} is empty`, fix: 'write a value, or remove the line' } : { fact: `${path} is shorter than ${params['limit']} characters`, fix: 'write a longer one' };
    case 'maxLength': return { fact: `${path} is longer than ${params['limit']} characters`, fix: 'write a shorter one' };
    case 'minItems':
    case 'minProperties': return { fact: `${path} has fewer than ${params['limit']} ${keyword === 'minItems' ? 'items' : 'fields'}`, fix: 'add what is missing, or remove the whole field' };
    case 'maxItems':
    case 'maxProperties': return { fact: `${path} has more than ${params['limit']} ${keyword === 'maxItems' ? 'items' : 'fields'}`, fix: 'remove what is too much' };
    case 'pattern': return { fact: `${path} is ${shown(data, path)}, which does not have the right form`, fix: formFix(schema) };
    case 'uniqueItems': return { fact: `${path} repeats an item of the list`, fix: 'remove one of the two' };
    case 'multipleOf': return { fact: `${path} is ${shown(data, path)}, which is not a multiple of ${params['multipleOf']}` };
    case 'dependentRequired': return { fact: `${path}.${params['property']} needs ${path}.${params['missingProperty']} as well`, fix: `add ${params['missingProperty']}, or remove ${params['property']}` };
    case 'not':
    case 'false schema': return { fact: `${path} is not allowed here`, fix: 'remove it' };
    default: return { fact: `${path} ${error.message ?? 'is not valid'}` };
  }
}

function schemaOf({ parentSchema }: ErrorObject): Schema {
  return isObject(parentSchema) ? parentSchema : {};
}

const TYPE_WORDS: Readonly<Record<string, string>> = { string: 'text', integer: 'a whole number', number: 'a number', boolean: 'true or false', object: 'a map', array: 'a list', null: 'empty' };

function typeSentence(path: string, types: readonly string[], data: unknown, source: string | undefined): Sentence {
  const fact = `${path} must be ${oneOf(types.map((type) => TYPE_WORDS[type] ?? type))}, and is ${shown(data, path)}`;
  const fix = typeFix(path, types, data, source);
  return fix === undefined ? { fact } : { fact, fix };
}

function typeFix(path: string, types: readonly string[], data: unknown, source: string | undefined): string | undefined {
  if (data === null) return 'write a value, or remove the line';
  if (types.includes('string') && (typeof data === 'number' || typeof data === 'boolean')) return `write it in quotes: ${isSecret(path) ? '"…"' : `"${source ?? String(data)}"`}`;
  if (types.includes('integer') && typeof data === 'number') return `write ${Math.round(data)}`;
  if ((types.includes('integer') || types.includes('number')) && typeof data === 'string' && /^\d+$/.test(data)) return `write it without quotes${isSecret(path) ? '' : `: ${data}`}`;
  if (types.includes('boolean')) return /^(yes|on|1|y)$/i.test(String(data)) ? 'write true' : /^(no|off|0|n)$/i.test(String(data)) ? 'write false' : undefined;
  if (types.includes('array') && !isObject(data)) return 'write a list: [ … ]';
  if (types.includes('object')) return 'write a map: { key: value }';
  return undefined;
}

function missing(path: string, name: string, schema: Schema): Sentence {
  const field = isObject(schema['properties']) && Object.hasOwn(schema['properties'], name) ? schema['properties'][name] : undefined;
  const about = isObject(field) ? firstSentence(field['description']) : undefined;
  return { fact: `${path}.${name} is missing`, fix: `add "${name}: …"${about === undefined ? '' : ` (${about})`}` };
}

function unknownField(path: string, schema: Schema): Sentence {
  const name = path.slice(path.lastIndexOf('.') + 1);
  const names = isObject(schema['properties']) ? Object.keys(schema['properties']).sort() : [];
  return { fact: `there is no field ${path}`, fix: suggestion(name, names, names.length === 0 ? 'remove it' : `write ${oneOf(names)}`) };
}

function choice(path: string, data: unknown, allowed: readonly string[]): Sentence {
  return { fact: `${path} is ${shown(data, path)}, and can be ${oneOf(allowed)}`, fix: suggestion(String(data), allowed, `write ${oneOf(allowed)}`) };
}

function branches(error: ErrorObject, path: string, data: unknown, written: Written): Sentence {
  const all = (Array.isArray(error.schema) ? error.schema : []).filter(isObject);
  if (Array.isArray((error.params as { passingSchemas?: unknown }).passingSchemas)) return { fact: `${path} fits several forms at once`, fix: 'keep the fields of one of them' };
  const needed = all.map((branch) => [branch['required']].flat().join(' with '));
  if (isObject(data) && needed.every((names) => names !== '')) return { fact: `${path} needs ${oneOf(needed)}`, fix: 'add one of them' };
  const values = all.flatMap((branch) => (Array.isArray(branch['enum']) ? branch['enum'] : 'const' in branch ? [branch['const']] : []));
  const types = [...new Set(all.flatMap((branch) => [branch['type'] ?? []].flat().map(String)))];
  if (values.length === 0) return types.length === 0 ? { fact: `${path} has none of the forms it can have` } : typeSentence(path, types, data, written(error.instancePath));
  const forms = [...values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))), ...types.map((type) => TYPE_WORDS[type] ?? type)];
  return { fact: `${path} is ${shown(data, path)}, and can be ${oneOf(forms)}`, fix: suggestion(String(data), forms, `write ${oneOf(forms)}`) };
}

/** What a schema tells of the form that a text must have: an example, else its documentation, else the pattern itself. */
function formFix(schema: Schema): string {
  const [example] = Array.isArray(schema['examples']) ? schema['examples'] : [];
  if (example !== undefined) return `write it like ${JSON.stringify(example)}`;
  const about = firstSentence(schema['description']);
  return about ?? (typeof schema['pattern'] === 'string' ? `it must match ${schema['pattern']}` : 'choose another');
}

function firstSentence(text: unknown): string | undefined {
  return typeof text === 'string' && text !== '' ? text.split(/\.(?:\s|$)/)[0] : undefined;
}
