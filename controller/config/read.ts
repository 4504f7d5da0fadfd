// In: the text of a configuration file. Out: the configuration, or every mistake at once with its place.
// Must never read a secret, nor any file.
import { parseFiles } from '../manifests/parse.ts';
import { schemaTroubles } from '../manifests/schema.ts';
import { Failure } from '../model/finding.ts';
import type { Finding } from '../model/finding.ts';
import { followMistakes } from './follow-checks.ts';
import { toldMistakes } from './notify-checks.ts';
import { CONFIG_SCHEMA } from './schema.ts';
import type { DaemonConfig } from './schema.ts';

export const CONFIG_FILE = '/etc/latido/config.yaml';

/** Throws Failure CONFIG_INVALID with all mistakes. @param path what a person can open */
export function readConfig(text: string, path: string): DaemonConfig {
  const { documents, findings } = parseFiles([{ path, text }]);
  const [document, another] = documents;
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Failure(...errors.map((finding): Finding => ({ ...finding, code: 'CONFIG_INVALID' })));
  if (document === undefined) throw new Failure(mistake('it says nothing', { file: path, line: 1, column: 1 }, 'name at least cluster and source'));
  if (another !== undefined) throw new Failure(mistake('it holds several documents', another.place(''), 'keep one; each daemon has a file of its own'));
  const troubles = schemaTroubles(CONFIG_SCHEMA, document.value, (pointer) => document.written(below(pointer)));
  if (troubles.length > 0) throw new Failure(...troubles.map(({ pointer, fact, fix }) => mistake(ownWords(fact), document.place(below(pointer)), fix === undefined ? undefined : ownWords(fix))));
  // It fits CONFIG_SCHEMA, which says the same as the type.
  const config = document.value as unknown as DaemonConfig;
  const { repository, directory } = config.source;
  if ((repository === undefined) === (directory === undefined)) throw new Failure(mistake('source names neither a repository nor a directory, or both', document.place('/source'), 'write one of the two'));
  const told = [...followMistakes(config), ...toldMistakes(config)];
  if (told.length > 0) throw new Failure(...told.map(({ pointer, fact, fix }) => mistake(fact, document.place(pointer), fix)));
  return config;
}

function mistake(fact: string, place: Finding['place'] & object, fix?: string): Finding {
  return { code: 'CONFIG_INVALID', severity: 'error', fact, place, ...(fix === undefined ? {} : { fix }) };
}

/** Kinds are checked below `spec`; a configuration has no such level. */
function below(pointer: string): string {
  return pointer.replace(/^\/spec/, '');
}

function ownWords(text: string): string {
  return text.replaceAll(/\bspec\./g, '');
}
