import { nearest } from '../model/nearest.ts';
import { isObject } from '../model/json.ts';

/** More of a list than this nobody reads in a sentence. */
const LISTED_MAX = 15;
const SHOWN_LENGTH_MAX = 60;
/** Fields that should not hold a secret but might, by mistake; findings reach logs and web pages. */
const SECRET = /(password|passwd|secret|token|privatekey|apikey)$/i;

/** A value as it may stand in a sentence: short, on one line, never a secret. */
export function shown(value: unknown, path: string): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'a map';
  if (isSecret(path)) return 'something that is not shown here';
  const text = JSON.stringify(value);
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
}

export function isSecret(path: string): boolean {
  return SECRET.test(path);
}

/** `a`, `a or b`, `a, b or c`. */
export function oneOf(names: readonly string[]): string {
  if (names.length > LISTED_MAX) return `${names.slice(0, LISTED_MAX).join(', ')} …`;
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`;
}

/** What to write instead of a wrong word. */
export function suggestion(word: string, names: readonly string[], otherwise: string): string {
  const near = nearest(word, names);
  return near === undefined ? otherwise : `did you mean "${near}"?`;
}

/** A JSON pointer as people write paths: `/spec/windows/0/start` → `spec.windows.0.start`. */
export function dotted(pointer: string): string {
  return pointer.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')).join('.');
}

export function pointerStep(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
