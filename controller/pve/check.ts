// In: a method of the API (or one parameter) and what somebody wants to send. Out: the values in their types, and
// for each wrong parameter exactly the text with which Proxmox refuses it. Must never know an option by name:
// all it knows stands in the API tables. Follows pve-common JSONSchema.pm; recorded answers hold it in test/pve.
import { isObject } from '../model/json.ts';
import { type ApiMethod, paramOf } from './api-tables.ts';
import { checkTextFormat, isListFormat } from './formats.ts';
import { isOptional, type Keys, type Param } from './param.ts';
import { perlPattern } from './perl-pattern.ts';
import { own, splitProperties } from './property-parts.ts';
import { checkTogether } from './property-formats.ts';
import { parseVariants, type Variants } from './variants.ts';

export type Value = string | number | readonly string[];

export interface Checked {
  /** Only of parameters without an error; booleans as 1 and 0. */
  readonly values: Readonly<Record<string, Value>>;
  readonly errors: Readonly<Record<string, string>>;
}

export const UNDECLARED = 'property is not defined in schema and the schema does not allow additional properties';
export const MISSING = 'property is missing and it is not optional';
const NEWEST = '9.2';

/** @param params path parameters and those of query or body together; form texts and JSON values alike; null counts as absent. */
export function checkParams(method: ApiMethod, params: Readonly<Record<string, unknown>>): Checked {
  const errors = new Errors();
  const given = new Map(Object.entries(params).map(([name, value]) => [name, normalize(paramOf(method, name), value)]));
  const variants = parseVariants(method, given);
  const values: Record<string, Value> = {};
  for (const [name, param] of method.params) {
    if (!given.has(name) && isWanted(name, param, given, variants)) errors.add(placeOf(name, variants), MISSING);
  }
  for (const [name, value] of given) {
    const param = paramOf(method, name);
    if (!param || variants?.refuses(name)) {
      if (!method.open || variants?.refuses(name)) errors.add(name, UNDECLARED);
      else if (isPresent(value)) values[name] = typed(undefined, value);
      continue;
    }
    const before = errors.count;
    checkPresent(placeOf(name, variants), chooseVariant(param, given), value, isWanted(name, param, given, variants), method.version, errors);
    if (param.requires !== undefined && !isPresent(given.get(param.requires))) errors.add(param.requires, `missing property required by '${name}'`);
    if (param.oneOf && !matchesVariant(param, given)) errors.add(name, UNDECLARED);
    if (errors.count === before && isPresent(value)) values[name] = typed(param, value);
  }
  return { values, errors: errors.all };
}

/** Proxmox's complaint about one value, or nothing. `name` is how nested complaints call it (`net0.tag: …`). */
export function checkValue(param: Param, value: unknown, name = 'value', version: string = NEWEST): string | undefined {
  const errors = new Errors();
  checkPresent(name, param, normalize(param, value), !isOptional(param), version, errors);
  return errors.count === 0 ? undefined : Object.values(errors.all).join('\\n');
}

/** Checks the keys of a taken-apart property string. Errors are by place, `net0.tag`. */
export function checkKeys(place: string, keys: Keys, values: Readonly<Record<string, string>>, version: string): Readonly<Record<string, string>> {
  const errors = new Errors();
  const under = (key: string) => (place === '' ? key : `${place}.${key}`);
  for (const [key, param] of Object.entries(keys)) {
    if (param.alias === undefined) checkPresent(under(key), param, values[key], !isOptional(param), version, errors);
  }
  for (const key of Object.keys(values)) {
    const param = own(keys, key);
    if (!param) errors.add(under(key), UNDECLARED);
    else if (param.requires !== undefined && values[param.requires] === undefined) {
      errors.add(under(param.requires), `missing property required by '${under(key)}'`);
    }
  }
  return errors.all;
}

/** Several complaints about one place are joined as Proxmox does: by a backslash and an n, not a new line. */
class Errors {
  readonly all: Record<string, string> = {};
  count = 0;
  add(place: string, text: string): void {
    const known = this.all[place];
    this.all[place] = known === undefined ? text : `${known}\\n${text}`;
    this.count += 1;
  }
}

const isPresent = (value: unknown): boolean => value !== undefined && value !== null;

/** What forms cannot say: a list sent as several values becomes one text, a single value for an array becomes one. */
function normalize(param: Param | undefined, value: unknown): unknown {
  if (!param || !isPresent(value) || value === '' || value === '0' || value === 0) return value;
  if (Array.isArray(value) && param.type === 'string' && typeof param.format === 'string' && isListFormat(param.format)) return value.join(',');
  return param.type === 'array' && !Array.isArray(value) && !isObject(value) ? [value] : value;
}

function placeOf(name: string, variants: Variants | undefined): string {
  return variants?.place(name) ?? name;
}

/** Whether the absence of the parameter is an error for this object's type. */
function isWanted(name: string, param: Param, given: ReadonlyMap<string, unknown>, variants: Variants | undefined): boolean {
  if (variants) return variants.wants(name, param);
  if (name.includes('[') || isOptional(param) || param.alias !== undefined) return false;
  const type = param['type-property'] === undefined ? undefined : given.get(param['type-property']);
  if (param.oneOf) {
    const variant = type === undefined ? undefined : variantFor(param, type);
    return variant !== undefined && !isOptional(variant);
  }
  return type === undefined || (param['instance-types'] ?? []).includes(String(type));
}

/** Parameters with a definition per type of the object: the one for this object's type. */
function chooseVariant(param: Param, given: ReadonlyMap<string, unknown>): Param {
  const type = param['type-property'] === undefined ? undefined : given.get(param['type-property']);
  return param.oneOf && type !== undefined ? (variantFor(param, type) ?? param) : param;
}

function matchesVariant(param: Param, given: ReadonlyMap<string, unknown>): boolean {
  return param['type-property'] === undefined || variantFor(param, given.get(param['type-property'])) !== undefined;
}

function variantFor(param: Param, type: unknown): Param | undefined {
  return param.oneOf?.find((one) => one['instance-types'] === undefined || one['instance-types'].includes(String(type)));
}

function checkPresent(place: string, param: Param, value: unknown, wanted: boolean, version: string, errors: Errors): void {
  if (!isPresent(value)) {
    if (wanted && param.type !== 'null') errors.add(place, MISSING);
    return;
  }
  const wrongType = checkType(param, value);
  if (wrongType !== undefined) errors.add(place, wrongType);
  else if (Array.isArray(value)) {
    value.forEach((item, at) => param.items && checkPresent(`${place}[${at}]`, param.items, item, true, version, errors));
  } else if (typeof value !== 'object' && typeof value !== 'boolean') {
    const complaint = checkText(place, param, String(value), version);
    if (complaint !== undefined) errors.add(place, complaint);
  }
}

function checkType(param: Param, value: unknown): string | undefined {
  const type = param.type;
  if (type === undefined) return undefined;
  const failed = `type check ('${type}') failed`;
  if (type === 'null') return `${failed} - value is not null`;
  if (type === 'array') return Array.isArray(value) ? undefined : failed;
  if (type === 'object') return isObject(value) ? undefined : failed;
  if (Array.isArray(value)) return `${failed} - got ARRAY`;
  if (typeof value === 'boolean') return type === 'boolean' ? undefined : `${failed} - got JSON::PP::Boolean`;
  if (typeof value === 'object') return `${failed} - got HASH`;
  return isOfType(type, String(value)) ? undefined : `${failed} - got '${String(value)}'`;
}

function isOfType(type: 'string' | 'integer' | 'number' | 'boolean', text: string): boolean {
  if (type === 'boolean') return text === '0' || text === '1';
  if (type === 'integer') return /^[+-]?\d+\n?$/.test(text);
  return type === 'string' || isNumber(text);
}

function isNumber(text: string): boolean {
  return /^[+-]?(?:\d+\.\d+|\d+\.|\.\d+|\d+)(?:[eE][+-]?\d+)?$/.test(text);
}

/** Format, pattern, lengths, limits, enumeration: the first that fails, in Proxmox's order. */
function checkText(place: string, param: Param, text: string, version: string): string | undefined {
  const complaint = checkFormat(place, param, text, version);
  if (complaint !== undefined) return `invalid format - ${complaint}\n`;
  if (param.pattern && !perlPattern(param.pattern).test(text)) return 'value does not match the regex pattern';
  if (param.maxLength !== undefined && text.length > param.maxLength) return `value may only be ${param.maxLength} characters long`;
  if (param.minLength !== undefined && text.length < param.minLength) return `value must be at least ${param.minLength} characters long`;
  const numeric = isNumber(text) ? Number(text) : undefined;
  if (numeric !== undefined && param.maximum !== undefined && numeric > Number(param.maximum)) return `value must have a maximum value of ${param.maximum}`;
  if (numeric !== undefined && param.minimum !== undefined && numeric < Number(param.minimum)) return `value must have a minimum value of ${param.minimum}`;
  if (param.enum && !param.enum.includes(text)) return `value '${text}' does not have a value in the enumeration '${param.enum.join(', ')}'`;
  return undefined;
}

function checkFormat(place: string, param: Param, text: string, version: string): string | undefined {
  const format = param.format;
  if (format === undefined) return undefined;
  if (typeof format === 'string') return checkTextFormat(format, text, version);
  const parts = splitProperties(format, text);
  if ('complaint' in parts) return parts.complaint;
  const errors = Object.entries(checkKeys(place, format, parts.values, version));
  if (errors.length > 0) return ['format error', ...errors.map(([at, complaint]) => `${at}: ${complaint}`)].join('\n');
  return param.named === undefined ? undefined : checkTogether(param.named, parts.values, version);
}

function typed(param: Param | undefined, value: unknown): Value {
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'object' ? JSON.stringify(item) : String(item)));
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'object') return JSON.stringify(value);
  const isNumeric = param?.type === 'integer' || param?.type === 'number' || param?.type === 'boolean';
  return isNumeric ? Number(value) : typeof value === 'number' && !param ? value : String(value);
}
