import { failure } from '../model/finding.ts';
import type { Limits } from './limits.ts';
import type { SourceFile } from './parse.ts';

export const IS_MANIFEST = /\.ya?ml$/;
/** Editors and git keep their own files under such names. */
export function isHidden(path: string): boolean {
  return path.split('/').some((name) => name.startsWith('.') && name !== '.' && name !== '..');
}

export function fileOf(path: string, bytes: Uint8Array): SourceFile {
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return unreadable(path, 'the file is not UTF-8 text');
  }
}

export function unreadable(path: string, why: string): SourceFile {
  return { path, text: '', unreadable: why };
}

export function tooLarge(path: string, limits: Limits): SourceFile {
  return unreadable(path, `the file is larger than ${limits.fileBytes} bytes`);
}

/** Refused before a byte is read. */
export function refuseTooMuch(sizes: readonly number[], where: string, limits: Limits): void {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const fix = 'name the folder of one cluster';
  if (sizes.length > limits.files) throw failure('SOURCE_UNREADABLE', `${where} holds ${sizes.length} manifests, more than the ${limits.files} allowed`, { fix });
  if (total > limits.totalBytes) throw failure('SOURCE_UNREADABLE', `${where} holds ${total} bytes of manifests, more than the ${limits.totalBytes} allowed`, { fix });
}

/** `clusters/NAME` when that is the only one; nothing when there is no such folder. */
export function onlyCluster(names: readonly string[], where: string): string | undefined {
  const visible = names.filter((name) => !isHidden(name)).sort();
  if (visible.length <= 1) return visible[0];
  throw failure('SOURCE_UNREADABLE', `${where} holds ${visible.length} clusters: ${visible.slice(0, 10).join(', ')}${visible.length > 10 ? ' …' : ''}`, { fix: `name one of them: ${where}/${visible[0]}` });
}
