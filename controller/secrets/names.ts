// In: the text of the machine's file of secrets. Out: values by name (`db/password` for a map in a map), as they are written.
import { isAlias, isMap, isScalar, parseDocument, Scalar } from 'yaml';
import { isSecretName } from '../model/secret.ts';

const DEPTH_MAX = 8;
const NAMES_MAX = 10_000;

export type Named = { readonly values: ReadonlyMap<string, string> } | { readonly problem: string };

/** Never says a value, also where the text is broken. */
export function namedValues(text: string): Named {
  const document = parseDocument(text, { version: '1.2', stringKeys: true, uniqueKeys: true, prettyErrors: false, logLevel: 'silent' });
  if (document.errors.length > 0) return { problem: 'it is not valid YAML' };
  if (document.contents === null) return { values: new Map() };
  if (!isMap(document.contents)) return { problem: 'it is not a mapping of names to values' };
  const values = new Map<string, string>();
  const problem = collect(document.contents, '', 1, values);
  return problem === undefined ? { values } : { problem };
}

function collect(node: unknown, name: string, depth: number, values: Map<string, string>): string | undefined {
  if (depth > DEPTH_MAX) return `it is nested deeper than ${DEPTH_MAX}`;
  if (values.size >= NAMES_MAX) return `it holds more than ${NAMES_MAX} names`;
  if (isAlias(node)) return `${name} is an alias; write the value itself`;
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      const own = isScalar(key) ? String(key.value) : '';
      const problem = collect(value, name === '' ? own : `${name}/${own}`, depth + 1, values);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (!isSecretName(name)) return 'a name in it is none: letters, digits and . _ @ - are, joined by /';
  if (!isScalar(node) || node.value === null) return `${name} has no value, or a list`;
  if (values.has(name)) return `${name} stands there twice`;
  // 007 stays 007.
  values.set(name, node.type === Scalar.PLAIN ? node.source ?? String(node.value) : String(node.value));
  return undefined;
}
