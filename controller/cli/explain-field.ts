// In: the kinds' schemas, the API tables of one version, and a path such as VirtualMachine.config.net0.model. Out: what is known of that field.
// Must never describe from memory: every word comes from a schema constant or from the API's own description of itself.
import { failure } from '../model/finding.ts';
import { isObject, type Json, type JsonObject } from '../model/json.ts';
import { nearest } from '../model/nearest.ts';
import { compareText } from '../model/ref.ts';
import { paramOf, type ApiTables, type HttpMethod, type Param } from '../pve/api-tables.ts';
import { changeClass, type ChangeClass } from '../pve/change-class.ts';
import { familyLast } from '../pve/families.ts';

export interface FieldNote {
  /** `VirtualMachine.placement.node` */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly description?: string;
  readonly default?: Json;
  readonly values?: readonly Json[];
  /** `100 to 999999999`, `at most 64`, a pattern: each a sentence's part. */
  readonly limits: readonly string[];
  /** What changing it costs a running guest, where the option alone tells. */
  readonly change?: string;
  readonly children: readonly FieldNote[];
}

export interface KindSchema { readonly kind: string; readonly schema: JsonObject }

/** What Proxmox calls them. */
const SHORT_NAMES: Readonly<Record<string, string>> = { vm: 'virtualmachine', ct: 'container' };
/** Where the options of a field are Proxmox's own, and which call takes them. */
const API_FIELDS: Readonly<Record<string, { readonly method: HttpMethod; readonly template: string }>> = {
  'VirtualMachine.config': { method: 'PUT', template: '/nodes/{node}/qemu/{vmid}/config' },
  'Container.config': { method: 'PUT', template: '/nodes/{node}/lxc/{vmid}/config' },
  'Cluster.options': { method: 'PUT', template: '/cluster/options' },
  'Storage.config': { method: 'POST', template: '/storage' },
  'BackupJob.config': { method: 'POST', template: '/cluster/backup' },
};
/** What a call takes and no manifest writes. */
const NOT_OPTIONS = new Set(['storage', 'type', 'id', 'schedule', 'vmid', 'pool', 'all', 'exclude', 'enabled', 'comment', 'node', 'vmid', 'digest', 'delete', 'revert', 'force', 'skiplock', 'background_delay', 'import-working-storage']);

/** @param path `KIND[.field…]`; `spec` after the kind may be written or left out. Throws Failure for what does not exist. */
export function explainField(path: string, kinds: readonly KindSchema[], tables: ApiTables): FieldNote {
  const [head = '', ...rest] = path.split('.');
  const wanted = SHORT_NAMES[head.toLowerCase()] ?? head.toLowerCase();
  const kind = kinds.find((each) => each.kind.toLowerCase() === wanted);
  if (!kind) throw unknown(`there is no kind ${head}`, head, kinds.map((each) => each.kind));
  const keys = rest[0] === 'spec' ? rest.slice(1) : rest;
  return walk({ path: kind.kind, schema: kind.schema, required: true }, keys, tables);
}

export function explainKinds(kinds: readonly KindSchema[]): readonly FieldNote[] {
  return kinds.map((each) => fromSchema({ path: each.kind, schema: each.schema, required: true })).sort((a, b) => compareText(a.path, b.path));
}

interface Spot { readonly path: string; readonly schema: JsonObject; readonly required: boolean }

function walk(spot: Spot, keys: readonly string[], tables: ApiTables): FieldNote {
  const api = API_FIELDS[spot.path];
  const [key, ...rest] = keys;
  if (api) return fromApi(spot, api, keys, tables);
  if (key === undefined) return fromSchema(spot);
  const next = childOf(spot, key);
  if (!next) throw unknown(`${spot.path} has no field ${key}`, key, childrenOf(spot).map((each) => each.path.slice(spot.path.length + 1)));
  return walk(next, rest, tables);
}

/** A list's items are looked through; a map takes any key. */
function childOf(spot: Spot, key: string): Spot | undefined {
  const named = childrenOf(spot).find((each) => each.path === `${spot.path}.${key}`);
  if (named) return named;
  for (const schema of shapesOf(spot.schema)) {
    const any = schema['additionalProperties'];
    if (isObject(any)) return { path: `${spot.path}.${key}`, schema: any as JsonObject, required: false };
  }
  return undefined;
}

function childrenOf(spot: Spot): readonly Spot[] {
  return shapesOf(spot.schema).flatMap((schema) => {
    const required = Array.isArray(schema['required']) ? schema['required'] : [];
    const properties = isObject(schema['properties']) ? schema['properties'] : {};
    return Object.entries(properties).flatMap(([key, child]) => isObject(child) ? [{ path: `${spot.path}.${key}`, schema: child as JsonObject, required: required.includes(key) }] : []);
  });
}

/** The schema itself, its alternatives, and the items of lists. */
function shapesOf(schema: JsonObject): readonly JsonObject[] {
  const alternatives = [schema['oneOf'], schema['anyOf']].flatMap((each) => Array.isArray(each) ? each as readonly Json[] : []).filter(isObject) as readonly JsonObject[];
  const items = isObject(schema['items']) ? [schema['items'] as JsonObject] : [];
  return [schema, ...[...alternatives, ...items].flatMap(shapesOf)];
}

function fromSchema(spot: Spot, depth = 0): FieldNote {
  const { schema } = spot;
  const values = Array.isArray(schema['enum']) ? schema['enum'] as readonly Json[] : undefined;
  return {
    path: spot.path, type: schemaType(schema), required: spot.required,
    ...(typeof schema['description'] === 'string' ? { description: schema['description'] } : {}),
    ...(schema['default'] === undefined ? {} : { default: schema['default'] }),
    ...(values ? { values } : {}),
    limits: schemaLimits(schema),
    children: depth > 0 ? [] : childrenOf(spot).map((child) => fromSchema(child, 1)),
  };
}

function schemaType(schema: JsonObject): string {
  const { type } = schema;
  if (type === 'array') return isObject(schema['items']) ? `list of ${schemaType(schema['items'] as JsonObject)}` : 'list';
  if (type === 'object') return isObject(schema['additionalProperties']) && !isObject(schema['properties']) ? 'map' : 'mapping';
  if (typeof type === 'string') return type;
  if (Array.isArray(type)) return type.join(' or ');
  const alternatives = [schema['oneOf'], schema['anyOf']].flatMap((each) => Array.isArray(each) ? each as readonly Json[] : []);
  if (alternatives.length > 0) return [...new Set(alternatives.filter(isObject).map((each) => schemaType(each as JsonObject)))].join(' or ');
  const first = Array.isArray(schema['enum']) ? typeof schema['enum'][0] : undefined;
  return first ?? 'any';
}

function schemaLimits(schema: JsonObject): readonly string[] {
  const number = (key: string) => typeof schema[key] === 'number' ? schema[key] : undefined;
  return [
    ...rangeText(number('minimum'), number('maximum'), ''), ...rangeText(number('minLength'), number('maxLength'), ' characters'),
    ...rangeText(number('minItems'), number('maxItems'), ' items'), ...(schema['uniqueItems'] === true ? ['no item twice'] : []),
    ...(typeof schema['pattern'] === 'string' ? [`matches ${schema['pattern']}`] : []),
  ];
}

function rangeText(from: number | string | undefined, to: number | string | undefined, unit: string): readonly string[] {
  if (from === undefined && to === undefined) return [];
  if (from !== undefined && to !== undefined) return [`${from} to ${to}${unit}`];
  return [from === undefined ? `at most ${to}${unit}` : `at least ${from}${unit}`];
}

function fromApi(spot: Spot, api: { readonly method: HttpMethod; readonly template: string }, keys: readonly string[], tables: ApiTables): FieldNote {
  const method = tables.method(api.method, api.template);
  const [option, key, ...more] = keys;
  const names = [...(method?.params.keys() ?? [])].filter((name) => !NOT_OPTIONS.has(name)).sort(compareText);
  const name = option === undefined || names.includes(option) ? option : names.includes(`${option}[n]`) ? `${option}[n]` : option;
  if (name === undefined) return { ...fromSchema(spot), children: names.flatMap((each) => paramNote(`${spot.path}.${each}`, method?.params.get(each), api.template, 1)) };
  const param = method && !NOT_OPTIONS.has(name) ? names.includes(name) ? method.params.get(name) : paramOf(method, name) : undefined;
  if (!param) throw unknown(`${spot.path} has no option ${option} in Proxmox VE ${tables.version}`, option ?? '', names);
  const path = `${spot.path}.${name}`;
  if (key === undefined) {
    const cost = changeCost(tables, api.template, name.replace('[n]', '0'), param);
    return { ...onlyOne(paramNote(path, param, api.template, 0)), ...(cost === undefined ? {} : { change: cost }) };
  }
  const inner = typeof param.format === 'object' ? param.format[key] : undefined;
  if (!inner || more.length > 0) throw unknown(`${path} has no key ${[key, ...more].join('.')}`, key, typeof param.format === 'object' ? Object.keys(param.format) : []);
  const known = inner.alias !== undefined && typeof param.format === 'object' ? param.format[inner.alias] ?? inner : inner;
  return onlyOne(paramNote(`${path}.${key}`, known, api.template, 0));
}

const COSTS: Readonly<Record<ChangeClass, string>> = {
  live: 'at once', hotplug: 'at once, a device is plugged or unplugged', pending: 'needs a restart of the guest', 'stop-start': 'only while the guest is stopped',
  'disk-move': 'the disk is copied', resize: 'the disk grows', refused: 'not possible on an existing guest',
};

/** What Proxmox would do with a sample change on a running guest; only where one value is like another. */
function changeCost(tables: ApiTables, template: string, option: string, param: Param): string | undefined {
  const guest = template.includes('/qemu') ? 'qemu' : template.includes('/lxc') ? 'lxc' : undefined;
  const sample = sampleOf(param);
  if (!guest || !sample) return undefined;
  return COSTS[changeClass(tables, { guest, running: true }, option, sample[0], sample[1])];
}

function sampleOf(param: Param): readonly [Json, Json] | undefined {
  if (param.enum && param.enum.length > 1) return [param.enum[0] ?? '', param.enum[1] ?? ''];
  if (param.type === 'boolean') return [0, 1];
  const least = Number(param.minimum ?? 1);
  return param.type === 'integer' || param.type === 'number' ? [least, least + 1] : undefined;
}

function onlyOne(notes: readonly FieldNote[]): FieldNote {
  const [note] = notes;
  if (!note) throw new TypeError('a parameter without a description of itself');
  return note;
}

function paramNote(path: string, param: Param | undefined, template: string, depth: number): readonly FieldNote[] {
  if (!param || (param.alias !== undefined && param.type === undefined)) return [];
  const keys = typeof param.format === 'object' ? Object.entries(param.format) : [];
  const family = /\.([^.]+)\[n\]$/.exec(path)?.[1];
  const last = family === undefined ? undefined : familyLast(template, family);
  return [{
    path, type: keys.length > 0 ? 'mapping or property string' : param.type ?? 'string', required: depth > 0 && Number(param.optional ?? 0) === 0 && param.type !== undefined,
    ...(param.default === undefined ? {} : { default: param.default }),
    ...(param.enum ? { values: param.enum } : {}),
    limits: [
      ...(last === undefined ? [] : [`${family}0 to ${family}${last}`]), ...rangeText(param.minimum, param.maximum, ''), ...rangeText(param.minLength, param.maxLength, ' characters'),
      ...(typeof param.format === 'string' ? [`format ${param.format}`] : []), ...(param.pattern === undefined ? [] : [`matches ${param.pattern}`]),
      ...(param.default_key === 1 ? ['may be written first, without its name'] : []), ...(param.requires === undefined ? [] : [`only together with ${param.requires}`]),
    ],
    children: depth > 0 ? [] : keys.sort(([a], [b]) => compareText(a, b)).flatMap(([key, child]) => paramNote(`${path}.${key}`, child, template, depth + 1)),
  }];
}

function unknown(fact: string, word: string, names: readonly string[]): Error {
  const near = nearest(word, names);
  const list = names.slice(0, 40).join(', ');
  return failure('USAGE', fact, { fix: near === undefined ? `there are: ${list}${names.length > 40 ? ' …' : ''}` : `did you mean ${near}?` });
}
