// In: one parsed schema/pve/<version>.json. Out: lookup of methods by exact template or by concrete path.
// Must never read files, know a clock or hold state beyond its own tables.

import { familyLast, splitFamily } from './families.ts';
import { type Keys, keysOf, type Param } from './param.ts';
import { propertyKeys } from './property-formats.ts';

export type { Keys, Param } from './param.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface ApiMethod {
  readonly method: HttpMethod;
  /** Of the tables that it stands in, `9.2`. */
  readonly version: string;
  /** The template, `/nodes/{node}/qemu/{vmid}/config`. */
  readonly path: string;
  /** By name as the API writes it: `net[n]` stands for the family net0, net1 … */
  readonly params: ReadonlyMap<string, Param>;
  /** True when undeclared parameters are accepted. */
  readonly open: boolean;
  /** Proxmox's rule of who may call it, as in the API data (`check`, `user`, `description`-free). */
  readonly permissions: Readonly<Record<string, unknown>> | undefined;
  readonly protected: boolean;
  /** The path parameter that names the node which must answer. */
  readonly proxyTo: string | undefined;
  readonly allowToken: boolean;
}

export interface Match { readonly method: ApiMethod; readonly pathParams: Readonly<Record<string, string>> }

export interface ApiTables {
  /** `9.2` */
  readonly version: string;
  method(method: HttpMethod, template: string): ApiMethod | undefined;
  /** The method that serves a concrete, already percent-decoded path; literal segments win over parameters. */
  match(method: string, path: string): Match | undefined;
  /** Whether any method is served at this concrete path. */
  knows(path: string): boolean;
  readonly all: readonly ApiMethod[];
}

interface RawTables {
  readonly version: string;
  readonly defs: readonly Param[];
  readonly methods: Readonly<Record<string, {
    readonly p: Readonly<Record<string, number>>; readonly open?: 1; readonly perm?: Record<string, unknown>;
    readonly prot?: 1; readonly proxy?: string; readonly notoken?: 1;
  }>>;
}

interface Branch { literals: Map<string, Branch>; param?: { name: string; next: Branch }; methods: Map<string, ApiMethod> }

/** @param json the parsed file; its shape is ours (schema/pve/generate.ts), so only the top level is checked. */
export function apiTables(json: unknown): ApiTables {
  const raw = json as RawTables;
  if (typeof raw?.version !== 'string' || !Array.isArray(raw.defs)) throw new TypeError('not a schema/pve table');
  const root = newBranch();
  const defs = withKeys(raw);
  const byVerb: Record<HttpMethod, Map<string, ApiMethod>> = { GET: new Map(), POST: new Map(), PUT: new Map(), DELETE: new Map() };
  const all: ApiMethod[] = [];
  for (const [key, entry] of Object.entries(raw.methods)) {
    const [verb, path] = key.split(' ') as [HttpMethod, string];
    const method: ApiMethod = {
      method: verb, path, version: raw.version,
      params: new Map(Object.entries(entry.p).map(([name, at]) => [name, defs[at] ?? {}])),
      open: entry.open === 1, permissions: entry.perm, protected: entry.prot === 1,
      proxyTo: entry.proxy, allowToken: entry.notoken !== 1,
    };
    byVerb[verb].set(path, method);
    all.push(method);
    place(root, path, method);
  }
  const find = (path: string) => walk(root, segments(path), 0, {});
  return {
    version: raw.version,
    method: (verb, template) => byVerb[verb].get(template),
    match: (verb, path) => {
      const found = find(path);
      const method = found?.branch.methods.get(verb);
      return found && method && { method, pathParams: found.params };
    },
    knows: (path) => find(path) !== undefined,
    all,
  };
}

/** The definition of a concrete parameter name: `net0` is found under `net[n]`. */
export function paramOf(method: ApiMethod, name: string): Param | undefined {
  const exact = method.params.get(name);
  if (exact) return name.includes('[') ? undefined : exact;
  const parts = splitFamily(name);
  if (!parts || parts.index > (familyLast(method.path, parts.family) ?? Infinity)) return undefined;
  return method.params.get(`${parts.family}[n]`);
}

/** The definitions with the keys of named property strings filled in. */
function withKeys(raw: RawTables): readonly Param[] {
  const ideAt = raw.methods['POST /nodes/{node}/qemu']?.p['ide[n]'];
  const ide = ideAt === undefined ? undefined : keysOf(raw.defs[ideAt] ?? {});
  return raw.defs.map((def) => fill(def, (format) => (format === 'pve-qm-ide' ? ide : propertyKeys(format, raw.version))));
}

function fill(param: Param, keysFor: (format: string) => Keys | undefined): Param {
  const items = param.items && { items: fill(param.items, keysFor) };
  const oneOf = param.oneOf && { oneOf: param.oneOf.map((one) => fill(one, keysFor)) };
  const keys = typeof param.format === 'string' ? keysFor(param.format) : undefined;
  return { ...param, ...items, ...oneOf, ...(keys ? { format: keys, named: param.format as string } : {}) };
}

function newBranch(): Branch {
  return { literals: new Map(), methods: new Map() };
}

function segments(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function place(root: Branch, path: string, method: ApiMethod): void {
  let at = root;
  for (const part of segments(path)) {
    if (part.startsWith('{')) {
      at.param ??= { name: part.slice(1, -1), next: newBranch() };
      at = at.param.next;
    } else {
      let next = at.literals.get(part);
      if (!next) at.literals.set(part, (next = newBranch()));
      at = next;
    }
  }
  at.methods.set(method.method, method);
}

function walk(at: Branch, parts: readonly string[], depth: number, params: Record<string, string>): { branch: Branch; params: Record<string, string> } | undefined {
  const part = parts[depth];
  if (part === undefined) return at.methods.size > 0 ? { branch: at, params } : undefined;
  const literal = at.literals.get(part);
  const found = literal && walk(literal, parts, depth + 1, params);
  if (found || !at.param) return found;
  const name = at.param.name;
  // {volume} and {upid}-like parameters take one segment; only /storage/…/content/{volume} may hold slashes.
  const rest = name === 'volume' ? parts.slice(depth).join('/') : part;
  return walk(at.param.next, parts, name === 'volume' && !at.param.next.literals.size ? parts.length : depth + 1, { ...params, [name]: rest });
}
