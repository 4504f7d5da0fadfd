// In: the documents of one commit and the kinds. Out: a Desired that nobody checks again, or every mistake at once.
// Must never stop at the first mistake, nor report what only follows from another one.
import type { ClusterSpec, Desired, DesiredObject } from '../model/desired.ts';
import type { Finding } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { Json } from '../model/json.ts';
import type { Registry } from '../model/kind.ts';
import { compareText, refText } from '../model/ref.ts';
import { clusterFindings } from './cluster-rules.ts';
import { duplicateGuestNames, duplicateIds, duplicateMacs, duplicateRefs, firstOfEach, placeText, refsOf } from './duplicates.ts';
import { FINDINGS_PER_DOCUMENT } from './limits.ts';
import type { ManifestDocument, Parsed } from './parse.ts';
import { cycles, missingReferences, needsOf } from './references.ts';
import { schemaTroubles } from './schema.ts';
import { misplacedSecrets } from './secret-refs.ts';
import { shapeOf } from './shape.ts';
import type { Head } from './shape.ts';

export interface Validation {
  /** Only when no finding is an error. */
  readonly desired?: Desired;
  /** Sorted by file, line and column; those of the parser included. */
  readonly findings: readonly Finding[];
}

export function validate(parsed: Parsed, revision: string, registry: Registry): Validation {
  const shapes = parsed.documents.map((document) => shapeOf(document, [...registry.keys()]));
  const heads = shapes.flatMap((shape) => shape.head ?? []);
  const checked = firstOfEach(heads).filter(({ spec }) => isObject(spec)).map((head) => ({ object: usableObject(head, registry), findings: specFindings(head, registry) }));
  const written = checked.flatMap(({ object }) => object ?? []);
  const objects = [...written, ...written.flatMap((object) => registry.get(object.ref.kind)?.derives?.(object) ?? [])];
  const clusters = heads.filter((head) => head.ref.kind === 'Cluster');
  const desired = desiredOf(objects, revision, registry);
  const needs = needsOf(desired, registry);
  // A document that could not be read may be the one that the others name, or the Cluster.
  const isWhole = parsed.findings.every(({ severity }) => severity !== 'error') && shapes.every((shape) => shape.head !== undefined);
  const misplaced = misplacedSecrets(objects, registry);
  const ofKinds = [...misplaced, ...kindFindings(objects, desired, registry, isWhole && written.length === heads.length).filter((finding) => !misplaced.some((other) => isSameMistake(finding, other)))];
  const findings = inOrder([
    ...parsed.findings,
    ...shapes.flatMap((shape) => shape.findings),
    ...checked.flatMap((one) => one.findings),
    ...duplicateRefs(heads),
    ...clusterCount(clusters, isWhole),
    ...ofKinds,
    ...duplicateIds(objects, registry),
    ...duplicateMacs(objects),
    ...duplicateGuestNames(objects),
    ...(isWhole ? missingReferences(desired, needs, [...refsOf(heads), ...objects.map(({ ref }) => ref)], registry).filter((finding) => !ofKinds.some((other) => isSameMistake(finding, other))) : []),
    ...cycles(desired, needs),
    ...(objects.some(({ ref }) => ref.kind === 'Cluster') ? clusterFindings(desired) : []),
  ]);
  return findings.some(({ severity }) => severity === 'error') ? { findings } : { desired, findings };
}

/** The version of Proxmox VE that the Cluster names, before anything is checked: the kinds are made for one version. */
export function declaredVersion(parsed: Parsed): string | undefined {
  const cluster = parsed.documents.find(({ value }) => isObject(value) && value['kind'] === 'Cluster');
  const spec = isObject(cluster?.value) ? cluster.value['spec'] : undefined;
  const version = isObject(spec) ? spec['version'] : undefined;
  return typeof version === 'string' ? version : undefined;
}

/** What can be checked further: the object, without the fields that the schema refuses; nothing when it does not fit even then. */
function usableObject({ ref, spec, annotations, document }: Head, registry: Registry): DesiredObject | undefined {
  const schema = registry.get(ref.kind)?.schema;
  const troubles = schema === undefined ? [] : schemaTroubles(schema, spec, document.written);
  if (troubles.length === 0) return { ref, spec, annotations, place: document.place };
  const rest = troubles.reduce((kept, { pointer }) => without(kept, pointer.split('/').slice(2)), spec);
  return schema !== undefined && schemaTroubles(schema, rest, document.written).length === 0 ? { ref, spec: rest, annotations, place: document.place } : undefined;
}

/** A copy without the value at the path; the value itself when there is no such place. */
function without(value: Json, [step, ...rest]: readonly string[]): Json {
  if (step === undefined || !isObject(value)) return value;
  const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
  const { [key]: inner, ...others } = value as Readonly<Record<string, Json>>;
  if (inner === undefined || rest.length === 0) return others;
  return { ...others, [key]: without(inner, rest) };
}

function specFindings({ ref, spec, document }: Head, registry: Registry): readonly Finding[] {
  const kind = registry.get(ref.kind);
  const troubles = kind === undefined ? [] : schemaTroubles(kind.schema, spec, document.written);
  const findings = troubles.slice(0, FINDINGS_PER_DOCUMENT).map(({ pointer, fact, fix }) => schemaFinding(ref, document, pointer, fact, fix));
  if (troubles.length > FINDINGS_PER_DOCUMENT) findings.push(schemaFinding(ref, document, '', `${troubles.length - FINDINGS_PER_DOCUMENT} more mistakes in this document`, 'correct those that are listed first'));
  return findings;
}

/** The kinds know only objects that fit their schema: what one of them misses may be a document with mistakes. */
function kindFindings(objects: readonly DesiredObject[], desired: Desired, registry: Registry, isComplete: boolean): readonly Finding[] {
  return objects.flatMap((object) => registry.get(object.ref.kind)?.findings(object, desired) ?? []).filter(({ code }) => isComplete || code !== 'REFERENCE_MISSING');
}

function isSameMistake(a: Finding, b: Finding): boolean {
  return a.code === b.code && a.place !== undefined && b.place !== undefined && placeText(a.place) === placeText(b.place);
}

function schemaFinding(ref: Finding['ref'], document: ManifestDocument, pointer: string, fact: string, fix?: string): Finding {
  return { code: 'MANIFEST_SCHEMA', severity: 'error', ref, place: document.place(pointer), fact, ...(fix === undefined ? {} : { fix }) };
}

function clusterCount(clusters: readonly Head[], isWhole: boolean): readonly Finding[] {
  const [first, ...others] = clusters;
  if (first === undefined) return isWhole ? [{ code: 'CLUSTER_MISSING', severity: 'error', fact: 'no document has kind: Cluster', fix: 'add one with the endpoints of the cluster, or name the folder of one cluster' }] : [];
  return others.filter(({ ref }) => ref.name !== first.ref.name).map(({ ref, document }) => ({
    code: 'CLUSTER_MISSING', severity: 'error', ref, place: document.place('/kind'),
    fact: `${refText(first.ref)} is defined already at ${placeText(first.document.place('/kind'))}, and a commit is for one cluster`, fix: 'give each cluster a folder of its own, and name one of them',
  }));
}

/** Stands in while the kinds are asked for their findings; a Desired that holds it is never handed out. */
const NO_CLUSTER: DesiredObject<ClusterSpec> = { ref: { kind: 'Cluster', name: '' }, spec: { endpoints: [] }, annotations: {}, place: () => ({ file: '', line: 1, column: 1 }) };

function desiredOf(objects: readonly DesiredObject[], revision: string, registry: Registry): Desired {
  const order = new Map([...registry.keys()].map((kind, i) => [kind, i]));
  const rank = (object: DesiredObject): number => order.get(object.ref.kind) ?? order.size;
  const sorted = [...objects].sort((a, b) => rank(a) - rank(b) || compareText(a.ref.name, b.ref.name));
  const cluster = sorted.find(({ ref }) => ref.kind === 'Cluster');
  // Its spec fits the schema of Cluster, from which ClusterSpec is derived.
  return { cluster: cluster === undefined ? NO_CLUSTER : cluster as DesiredObject<ClusterSpec>, objects: sorted, revision };
}

function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const keyed = findings.map((finding) => ({ finding, text: JSON.stringify([finding.code, finding.fact, finding.place, finding.ref]) }));
  const once = new Map(keyed.map((one) => [one.text, one]));
  return [...once.values()].sort((a, b) => comparePlaces(a.finding, b.finding) || compareText(a.text, b.text)).map(({ finding }) => finding);
}

/** Findings of the whole come first. */
function comparePlaces({ place: a }: Finding, { place: b }: Finding): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return compareText(a.file, b.file) || a.line - b.line || a.column - b.column;
}
