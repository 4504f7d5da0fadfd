// In: the text of a SOPS file (YAML, age) and age identities. Out: the encrypted values by name, once the MAC has proved that
// nobody changed them. Facts: getsops/sops, sops.go (Tree.Decrypt) and stores/yaml. Must never put a value into a message.
import { createHash } from 'node:crypto';
import { armor, Decrypter } from 'age-encryption';
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, Scalar } from 'yaml';
import type { YAMLMap } from 'yaml';
import { sopsRules } from './sops-rules.ts';
import type { SopsRules } from './sops-rules.ts';
import { clearValue, openValue, SealedError } from './sops-value.ts';
import type { PlainValue } from './sops-value.ts';

export { SealedError };

const DATA_KEY_BYTES = 32;
const DEPTH_MAX = 32;
const VALUES_MAX = 10_000;
/** The first 32 bytes of a MAC over encrypted values alone: SHA-256 of `sops`, so that it never equals one over all values. */
const ONLY_ENCRYPTED = createHash('sha256').update('sops').digest();

/** What can be seen of a file without a key: the rules and the tree. Throws SealedError. */
export interface SealedTree { readonly rules: SopsRules; readonly tree: YAMLMap }

export function parseSops(text: string): SealedTree {
  const documents = parseAllDocuments(text, { version: '1.2', stringKeys: true, uniqueKeys: true, prettyErrors: false, logLevel: 'silent' });
  if (!Array.isArray(documents)) throw new SealedError('is empty');
  const [document, another] = documents;
  if (document === undefined || document.errors.length > 0) throw new SealedError('is not valid YAML');
  if (another !== undefined) throw new SealedError('holds several documents, and latido opens files of one');
  const tree = document.contents;
  if (!isMap(tree)) throw new SealedError('is not a mapping of names');
  const section: unknown = isMap(tree.get('sops')) ? (tree.get('sops') as YAMLMap).toJSON() : undefined;
  return { rules: sopsRules(section), tree };
}

/** By name (`db/password`). Throws SealedError. */
export async function openSops({ rules, tree }: SealedTree, identities: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const key = await dataKey(rules.dataKeys, identities);
  const leaves = leavesOf(tree).filter(({ path }) => path[0] !== 'sops');
  const hash = createHash('sha512');
  if (rules.macOnlyEncrypted) hash.update(ONLY_ENCRYPTED);
  const values = new Map<string, string>();
  for (const leaf of leaves) {
    const isEncrypted = rules.isEncrypted(leaf.keys);
    const value = plainOf(leaf, isEncrypted, key);
    if (value !== undefined && (isEncrypted || !rules.macOnlyEncrypted)) hash.update(value.bytes);
    if (value !== undefined && isEncrypted) values.set(leaf.path.join('/'), value.text);
  }
  if (macOf(rules, key) !== hash.digest('hex').toUpperCase()) throw new SealedError('was changed by somebody without its key: the MAC does not fit what is in it');
  return values;
}

async function dataKey(sealed: readonly string[], identities: readonly string[]): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  for (const identity of identities) addIdentity(decrypter, identity);
  for (const one of sealed) {
    const key = await decrypter.decrypt(unarmored(one)).catch(() => undefined);
    if (key !== undefined && key.length !== DATA_KEY_BYTES) throw new SealedError('has a data key of a wrong length');
    if (key !== undefined) return key;
  }
  throw new SealedError('does not open with our age key: it is not among the recipients, or the file is damaged');
}

function addIdentity(decrypter: Decrypter, identity: string): void {
  try {
    decrypter.addIdentity(identity);
  } catch {
    throw new SealedError('cannot be opened: what is configured as age key is none');
  }
}

function unarmored(text: string): Uint8Array {
  try {
    return armor.decode(text);
  } catch {
    throw new SealedError('has a data key that is no armored age file');
  }
}

function macOf({ mac, lastModified }: SopsRules, key: Uint8Array): string {
  try {
    return openValue(mac, key, lastModified).text;
  } catch {
    throw new SealedError('was changed by somebody without its key: its MAC does not open');
  }
}

interface Leaf {
  /** Keys alone, as they are bound to the value. */
  readonly keys: readonly string[];
  /** Keys and places in lists. */
  readonly path: readonly string[];
  readonly scalar: Scalar;
}

function leavesOf(tree: YAMLMap): readonly Leaf[] {
  const leaves: Leaf[] = [];
  const walk = (node: unknown, keys: readonly string[], path: readonly string[]): void => {
    if (path.length > DEPTH_MAX) throw new SealedError(`is nested deeper than ${DEPTH_MAX}`);
    if (leaves.length > VALUES_MAX) throw new SealedError(`holds more than ${VALUES_MAX} values`);
    if (isAlias(node)) throw new SealedError('holds an alias (`*name`), which SOPS does not write');
    if (isMap(node)) for (const { key, value } of node.items) walk(value, [...keys, nameOf(key)], [...path, nameOf(key)]);
    else if (isSeq(node)) node.items.forEach((item, index) => walk(item, keys, [...path, String(index)]));
    else if (isScalar(node)) leaves.push({ keys, path, scalar: node });
  };
  walk(tree, [], []);
  return leaves;
}

function nameOf(key: unknown): string {
  if (!isScalar(key)) throw new SealedError('has a key that is not a word');
  return String(key.value);
}

function plainOf({ keys, scalar, path }: Leaf, isEncrypted: boolean, key: Uint8Array): PlainValue | undefined {
  const isPlain = scalar.type === Scalar.PLAIN;
  const written = isPlain ? scalar.source ?? '' : String(scalar.value ?? '');
  if (!isEncrypted || (isPlain && clearValue(written, true) === undefined)) return clearValue(written, isPlain);
  try {
    return openValue(written, key, `${keys.join(':')}:`);
  } catch (error) {
    if (error instanceof SealedError) throw new SealedError(`${path.join('/')} ${error.message}`);
    throw error;
  }
}
