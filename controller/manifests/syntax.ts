import { isCollection, isScalar, visit } from 'yaml';
import type { Document, ErrorCode, YAMLError } from 'yaml';
import type { Trouble } from './values.ts';
import { SYNTAX_FINDINGS_PER_DOCUMENT } from './limits.ts';

type Sentence = Omit<Trouble, 'offset'>;

/** What the YAML library says by code, in words for somebody who writes manifests. */
const SENTENCES: Partial<Record<ErrorCode, Sentence>> = {
  TAB_AS_INDENT: { fact: 'a tab is used to indent', fix: 'indent with spaces' },
  BAD_INDENT: { fact: 'the indentation does not fit the lines above', fix: 'start all keys of a map, and all items of a list, in the same column' },
  BLOCK_AS_IMPLICIT_KEY: { fact: 'a second "key:" stands on the same line', fix: 'quote the value if it contains ": ", or write the inner map on lines of its own' },
  MULTILINE_IMPLICIT_KEY: { fact: 'a key runs over several lines', fix: 'write "key: value" on one line; perhaps a colon is missing' },
  BAD_SCALAR_START: { fact: 'a value starts with a character that YAML reserves', fix: 'write the value in quotes' },
  BAD_DQ_ESCAPE: { fact: 'a text in double quotes has an unknown escape after a backslash', fix: 'use single quotes, or write the backslash twice' },
  NON_STRING_KEY: { fact: 'a key is not a plain text', fix: 'write "key: value" with a word as the key' },
  KEY_OVER_1024_CHARS: { fact: 'a key is longer than 1024 characters', fix: 'perhaps a colon or a quote is misplaced' },
  RESOURCE_EXHAUSTION: { fact: 'values are nested too deep', fix: 'check the brackets and the indentation; no manifest needs this depth' },
  MULTIPLE_ANCHORS: { fact: 'a value has more than one anchor', fix: 'keep one &name' },
};
const FIXES: Partial<Record<ErrorCode, string>> = {
  MISSING_CHAR: 'close the quote or bracket, or add the missing colon',
  UNEXPECTED_TOKEN: 'check quotes, brackets and indentation around this place',
  BLOCK_IN_FLOW: 'inside of { } and [ ] use only { } and [ ]',
};

/** The first mistake of each line, and not all of them: one missing quote makes the rest of the file wrong. */
export function syntaxTroubles(tree: Document.Parsed, text: string): readonly Trouble[] {
  const sorted = [...tree.errors].sort((a, b) => a.pos[0] - b.pos[0]);
  const first: YAMLError[] = [];
  let lineEnd = -1;
  for (const error of sorted) {
    if (first.length === SYNTAX_FINDINGS_PER_DOCUMENT) break;
    if (first.length > 0 && error.pos[0] <= lineEnd) continue;
    first.push(error);
    const end = text.indexOf('\n', error.pos[0]);
    lineEnd = end === -1 ? text.length : end;
  }
  return first.map((error) => troubleOf(error, tree));
}

function troubleOf(error: YAMLError, tree: Document.Parsed): Trouble {
  const [offset] = error.pos;
  if (/closing .quote/.test(error.message)) return { offset: openedAt(tree, offset), fact: 'a quote is opened here and never closed', fix: 'close it; a quote inside of quotes is written twice (\'\') or after a backslash (\\")' };
  if (/end with a [}\]]/.test(error.message)) return { offset: openedAt(tree, offset), fact: 'a bracket is opened here and never closed', fix: 'close it with } or ], and indent all its lines deeper than its key' };
  return { offset, ...sentence(error) };
}

/** The library names the place where it gave up, often the end of the file; people look for where it began. */
function openedAt(tree: Document.Parsed, end: number): number {
  let start: number | undefined;
  visit(tree, (_, node) => {
    const isOpen = (isScalar(node) && node.type?.startsWith('QUOTE') === true) || (isCollection(node) && node.flow === true);
    if (isOpen && node.range && node.range[0] < end && node.range[2] >= end) start = node.range[0];
  });
  return start ?? end;
}

function sentence(error: YAMLError): Sentence {
  const known = SENTENCES[error.code];
  if (known) return known;
  const fact = (error.message.split('\n')[0] ?? '').slice(0, 200);
  return { fact: fact.charAt(0).toLowerCase() + fact.slice(1), fix: FIXES[error.code] ?? 'this is not valid YAML; see the lines just above' };
}
