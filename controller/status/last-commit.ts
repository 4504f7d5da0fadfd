// In: the commit in force. Out: `commit.json`, so that a restart has it while the repository is away.
import type { SourceCommit, Store } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';

const NAME = 'commit.json';

export async function readLastCommit(store: Store): Promise<{ readonly commit?: SourceCommit; readonly damage?: string }> {
  try {
    const text = await store.read(NAME);
    if (text === undefined) return {};
    const commit = parse(text);
    return commit ? { commit } : { damage: `${NAME} is damaged: the last good commit is not known until the source answers` };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { damage: `the last good commit is not known until the source answers: ${error.findings[0]?.fact ?? ''}` };
  }
}

function parse(text: string): SourceCommit | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value.version !== 1 || typeof value.id !== 'string' || typeof value.revision !== 'string' || !Array.isArray(value.files)) return undefined;
    const files = value.files.flatMap((file: unknown) => (isObject(file) && typeof file.path === 'string' && typeof file.text === 'string' ? [{ path: file.path, text: file.text, ...(typeof file.unreadable === 'string' ? { unreadable: file.unreadable } : {}) }] : []));
    return files.length === value.files.length ? { id: value.id, revision: value.revision, files } : undefined;
  } catch {
    return undefined;
  }
}

export async function writeLastCommit(store: Store, { id, revision, files }: SourceCommit): Promise<void> {
  await store.write(NAME, `${JSON.stringify({ version: 1, id, revision, files })}\n`);
}
