// In: one document. Out: its head (kind, name, annotations) and spec, and what is wrong with its outer shape.
// Must never look into spec: that is the kind's schema.
import type { Finding, FindingCode } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { Json } from '../model/json.ts';
import type { Ref } from '../model/ref.ts';
import type { ManifestDocument } from './parse.ts';
import { oneOf, pointerStep, shown, suggestion } from './words.ts';

export const API_VERSION = 'latido/v1';

export interface Head {
  readonly ref: Ref;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Json;
  readonly document: ManifestDocument;
}

/** The head is there as soon as kind and name can be read, so that others may refer to a document with mistakes. */
export interface Shape { readonly head?: Head; readonly findings: readonly Finding[] }

const TOP_KEYS = ['apiVersion', 'kind', 'metadata', 'spec'];
const METADATA_KEYS = ['name', 'annotations'];
// Wide enough for everything that Proxmox calls an id (`web`, `tests/ci`, `alice@pve`, `debian-12.qcow2`); each kind narrows it.
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@+/-]*$/;
const NAME_LENGTH_MAX = 128;

export function shapeOf(document: ManifestDocument, kinds: readonly string[]): Shape {
  const { value } = document;
  const report = reporter(document);
  if (!isJsonMap(value)) return { findings: [report('', 'MANIFEST_SCHEMA', `the document is ${shown(value, '')}, not a manifest`, `start with apiVersion: ${API_VERSION}, kind, metadata and spec`)] };
  const { apiVersion, kind, metadata, spec } = value;
  const findings = unknownKeys(value, '', TOP_KEYS, report);
  if (apiVersion === undefined) findings.push(report('', 'MANIFEST_SCHEMA', 'apiVersion is missing', `add "apiVersion: ${API_VERSION}"`));
  else if (apiVersion !== API_VERSION) findings.push(report('/apiVersion', 'MANIFEST_SCHEMA', `apiVersion is ${shown(apiVersion, 'apiVersion')}, and this latido reads ${API_VERSION}`, `write "apiVersion: ${API_VERSION}"`));
  if (kind === undefined) findings.push(report('', 'MANIFEST_SCHEMA', 'kind is missing', `add "kind: …": ${oneOf(kinds)}`));
  else if (typeof kind !== 'string' || !kinds.includes(kind)) findings.push(report('/kind', 'MANIFEST_SCHEMA', `there is no kind ${shown(kind, 'kind')}`, suggestion(String(kind), kinds, `write ${oneOf(kinds)}`)));
  if (metadata === undefined) findings.push(report('', 'MANIFEST_SCHEMA', 'metadata is missing', 'add "metadata: { name: … }"'));
  const name = metadata === undefined ? undefined : nameOf(metadata, document, report, findings);
  if (spec !== undefined && spec !== null && !isObject(spec)) findings.push(report('/spec', 'MANIFEST_SCHEMA', `spec must be a map, and is ${shown(spec, 'spec')}`, 'write its fields below it, indented'));
  if (typeof kind !== 'string' || !kinds.includes(kind) || name === undefined) return { findings };
  const ref = { kind, name };
  const head = { ref, annotations: annotationsOf(metadata ?? null, report, findings), spec: spec ?? {}, document };
  return { head, findings: findings.map((finding) => ({ ...finding, ref })) };
}

type Report = (pointer: string, code: FindingCode, fact: string, fix: string) => Finding;

function reporter(document: ManifestDocument): Report {
  return (pointer, code, fact, fix) => ({ code, severity: 'error', fact, fix, place: document.place(pointer) });
}

function nameOf(metadata: Json, document: ManifestDocument, report: Report, findings: Finding[]): string | undefined {
  if (!isJsonMap(metadata)) {
    findings.push(report('/metadata', 'MANIFEST_SCHEMA', `metadata must be a map, and is ${shown(metadata, 'metadata')}`, 'write "metadata: { name: … }"'));
    return undefined;
  }
  findings.push(...unknownKeys(metadata, '/metadata', METADATA_KEYS, report));
  const { name } = metadata;
  if (typeof name === 'string' && NAME.test(name) && !name.endsWith('/') && !name.includes('//') && name.length <= NAME_LENGTH_MAX) return name;
  if (name === undefined) findings.push(report('/metadata', 'MANIFEST_SCHEMA', 'metadata.name is missing', 'add "name: …" to metadata'));
  else if (typeof name === 'string') findings.push(report('/metadata/name', 'NAME_INVALID', `${shown(name, 'name')} cannot be a name`, `write up to ${NAME_LENGTH_MAX} letters, digits and . _ - @ + /, a letter or digit first`));
  else findings.push(report('/metadata/name', 'MANIFEST_SCHEMA', `metadata.name must be text, and is ${shown(name, 'name')}`, typeof name === 'number' || typeof name === 'boolean' ? `write it in quotes: "${document.written('/metadata/name') ?? String(name)}"` : 'write a name'));
  return undefined;
}

function annotationsOf(metadata: Json, report: Report, findings: Finding[]): Readonly<Record<string, string>> {
  const annotations = isJsonMap(metadata) ? metadata['annotations'] : undefined;
  if (annotations === undefined || annotations === null) return {};
  if (!isJsonMap(annotations)) {
    findings.push(report('/metadata/annotations', 'MANIFEST_SCHEMA', `metadata.annotations must be a map, and is ${shown(annotations, 'annotations')}`, 'write "annotations: { key: text }"'));
    return {};
  }
  const texts: Record<string, string> = {};
  for (const [key, value] of Object.entries(annotations)) {
    if (typeof value === 'string') texts[key] = value;
    else findings.push(report(`/metadata/annotations${pointerStep(key)}`, 'MANIFEST_SCHEMA', `the annotation "${key}" must be text, and is ${shown(value, key)}`, 'write it in quotes'));
  }
  return texts;
}

function unknownKeys(map: { readonly [key: string]: Json }, at: string, known: readonly string[], report: Report): Finding[] {
  return Object.keys(map).filter((key) => !known.includes(key))
    .map((key) => report(`${at}${pointerStep(key)}`, 'MANIFEST_SCHEMA', `there is no field ${at === '' ? '' : 'metadata.'}${key}`, suggestion(key, known, `write ${oneOf(known)}`)));
}

function isJsonMap(value: Json): value is { readonly [key: string]: Json } {
  return isObject(value);
}
