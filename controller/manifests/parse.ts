// In: the files of one commit. Out: documents as plain JSON that remember where each field is written, and all mistakes of syntax.
// Must never read a file, nor trust one: sizes, nesting and aliases have limits, and a broken document spoils no other.
import { Composer, Parser } from 'yaml';
import type { Document } from 'yaml';
import type { Finding, Place } from '../model/finding.ts';
import type { Json } from '../model/json.ts';
import { LIMITS } from './limits.ts';
import type { Limits } from './limits.ts';
import { lineFinder } from './lines.ts';
import { locate } from './places.ts';
import type { Spot } from './places.ts';
import { syntaxTroubles } from './syntax.ts';
import { jsonOf, offsetOf } from './values.ts';
import type { Trouble } from './values.ts';

/** One file of the commit. `path` is what a person can open. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** Why its text could not be had: too large, not UTF-8, a link that leads outside. */
  readonly unreadable?: string;
}

export interface ManifestDocument {
  readonly file: string;
  readonly value: Json;
  /** `spec.config.net0`, or the JSON pointer `/spec/config/net0` where keys contain dots; see places.ts. */
  readonly place: (path: string) => Place;
  /** The scalar at the path as it is written: `9.10` where the value is the number 9.1. */
  readonly written: (path: string) => string | undefined;
}

export interface Parsed {
  readonly documents: readonly ManifestDocument[];
  readonly findings: readonly Finding[];
  /** `*.sops.yaml`: encrypted, and no manifests. */
  readonly sealed?: readonly SourceFile[];
}

const IS_SEALED = /\.sops\.ya?ml$/;

// `stringKeys`: `100:` is the key "100". Duplicates are ours to find: the library compares each key with all before it.
const YAML_OPTIONS = { version: '1.2', schema: 'core', stringKeys: true, uniqueKeys: false, prettyErrors: false, resolveKnownTags: false, logLevel: 'silent' } as const;

export function parseFiles(files: readonly SourceFile[], limits: Limits = LIMITS): Parsed {
  const documents: ManifestDocument[] = [];
  const findings: Finding[] = [];
  const sealed: SourceFile[] = [];
  const openTree = treeOpener();
  for (const file of overTotal(files, limits, findings) ? [] : files) {
    if (IS_SEALED.test(file.path) && file.unreadable === undefined && file.text.length <= limits.fileBytes) {
      sealed.push(file);
      continue;
    }
    const parsed = parseFile(file, limits, openTree);
    for (const finding of parsed.findings) findings.push(finding);
    for (const document of parsed.documents) documents.push(document);
    if (documents.length > limits.documents) {
      return { documents: [], findings: [...findings, unreadable(file.path, `there are more than ${limits.documents} documents`, 'give each cluster a folder of its own')] };
    }
  }
  return { documents, findings, ...(sealed.length > 0 ? { sealed } : {}) };
}

function overTotal(files: readonly SourceFile[], limits: Limits, findings: Finding[]): boolean {
  const total = files.reduce((sum, file) => sum + file.text.length, 0);
  if (files.length > limits.files) findings.push(unreadable(undefined, `${files.length} files are more than the ${limits.files} allowed`, 'give each cluster a folder of its own'));
  if (total > limits.totalBytes) findings.push(unreadable(undefined, `the files are larger than ${limits.totalBytes} bytes together`, 'give each cluster a folder of its own'));
  return findings.length > 0;
}

function parseFile(file: SourceFile, limits: Limits, openTree: OpenTree): Parsed {
  const { path } = file;
  const text = file.text.startsWith('\uFEFF') ? file.text.slice(1) : file.text;
  const lineOf = lineFinder(text);
  const placeOf = (offset: number): Place => ({ file: path, ...lineOf(offset) });
  const problem = file.unreadable ?? (text.length > limits.fileBytes ? `the file is larger than ${limits.fileBytes} bytes` : undefined);
  if (problem !== undefined) return { documents: [], findings: [unreadable(path, problem, 'keep manifests as small plain files')] };
  const control = forbiddenCharacter(text);
  if (control) return { documents: [], findings: [{ code: 'MANIFEST_UNREADABLE', severity: 'error', ...withoutOffset(control), place: placeOf(control.offset) }] };

  const documents: ManifestDocument[] = [];
  const findings: Finding[] = [];
  for (const tree of compose(text)) {
    const troubles = [...syntaxTroubles(tree, text), ...versionTrouble(tree)];
    const value = troubles.length === 0 ? jsonOf(tree.contents, limits) : undefined;
    for (const trouble of value?.troubles ?? troubles) findings.push({ code: 'MANIFEST_SYNTAX', severity: 'error', ...withoutOffset(trouble), place: placeOf(trouble.offset) });
    if (value === undefined || value.troubles.length > 0 || (value.json === null && !isWritten(tree))) continue;
    const [start, , end] = tree.range;
    const spot = (at: string): Spot => openTree(text, start, end, at);
    documents.push({ file: path, value: value.json, place: (at) => placeOf(spot(at).offset), written: (at) => spot(at).written });
    if (documents.length > limits.documents) break;
  }
  // A half-written file would look as if its objects had left Git.
  if (documents.length === 0 && findings.length === 0) findings.push({ code: 'MANIFEST_UNREADABLE', severity: 'warning', fact: 'the file holds no document: what it may have named before counts as gone from Git', place: placeOf(0), fix: 'write its manifests, or remove the file' });
  return { documents, findings };
}

type OpenTree = (text: string, start: number, end: number, path: string) => Spot;

/**
 * Documents are read again when a place in them is asked for, instead of keeping a tree for each: only findings and
 * changes need places, and the trees take many times the memory of the text. The last one is kept, because findings come in groups.
 */
function treeOpener(): OpenTree {
  let last: { readonly text: string; readonly start: number; readonly tree: Document } | undefined;
  return (text, start, end, path) => {
    if (last === undefined || last.text !== text || last.start !== start) {
      const [tree] = compose(text.slice(start, end));
      if (tree === undefined) return { offset: start };
      last = { text, start, tree };
    }
    const spot = locate(last.tree, path);
    return { ...spot, offset: spot.offset + start };
  };
}

/** A file of nothing but brackets yields a mistake for each; reading on would only cost time. */
const BROKEN_TOKENS_MAX = 100;

// `true` asks for a document even where there is none: mistakes hang on documents and would be lost.
function* compose(text: string): Generator<Document.Parsed> {
  yield* new Composer(YAML_OPTIONS).compose(untilBroken(text), true, text.length);
}

function* untilBroken(text: string): ReturnType<Parser['parse']> {
  let broken = 0;
  for (const token of new Parser().parse(text)) {
    if (token.type === 'error' && ++broken > BROKEN_TOKENS_MAX) return;
    yield token;
  }
}

function isWritten(tree: Document.Parsed): boolean {
  const { contents } = tree;
  return contents !== null && 'source' in contents && contents.source !== '';
}

function versionTrouble(tree: Document.Parsed): readonly Trouble[] {
  const { explicit, version } = tree.directives.yaml;
  if (explicit !== true || version === '1.2') return [];
  return [{ offset: offsetOf(tree.contents), fact: `the document asks for YAML ${version}`, fix: 'remove the %YAML line; manifests are YAML 1.2' }];
}

// Not printable by YAML's own rule; a lone carriage return is a line end to some readers and not to others.
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]|\r(?!\n)/u;

function forbiddenCharacter(text: string): Trouble | undefined {
  const offset = text.search(FORBIDDEN);
  if (offset === -1) return undefined;
  const code = text.charCodeAt(offset).toString(16).toUpperCase().padStart(4, '0');
  return { offset, fact: `the file contains the control character U+${code}`, fix: 'save it as plain UTF-8 text with normal line ends' };
}

function unreadable(path: string | undefined, fact: string, fix: string): Finding {
  return { code: 'MANIFEST_UNREADABLE', severity: 'error', fact, fix, ...(path === undefined ? {} : { place: { file: path, line: 1, column: 1 } }) };
}

function withoutOffset({ fact, fix }: Trouble): Pick<Finding, 'fact' | 'fix'> {
  return { fact, ...(fix === undefined ? {} : { fix }) };
}
