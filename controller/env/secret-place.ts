// In: where a secret is. Out: the secret, for the wire.
// Must never put a secret, or a part of one, into a message.
import { readFile, stat } from 'node:fs/promises';
import type { SecretPlace } from '../config/schema.ts';
import { failure, type Finding } from '../model/finding.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A token or a password is one short line; anything longer is another file. */
const FILE_BYTES_MAX = 4096;

/** One line without its end. Throws Failure AUTH_FAILED. @param what for the message: `the token of the forge` */
export async function readSecret(place: SecretPlace, what: string, environment: Environment): Promise<string> {
  const [text, source] = 'file' in place ? [(await readSecretFile(place.file)).text, place.file] : [environment[place.env] ?? '', `the environment variable ${place.env}`];
  const line = text.replace(/\r?\n$/, '');
  if (line === '') throw failure('AUTH_FAILED', `${source} does not hold ${what}`, { fix: 'file' in place ? 'write it there, in one line' : 'set it for the service' });
  if (/[\r\n]/.test(line)) throw failure('AUTH_FAILED', `${source} holds several lines instead of ${what}`, { fix: 'write it in one line' });
  return line;
}

/** Throws Failure AUTH_FAILED. */
export async function readSecretFile(file: string): Promise<{ readonly text: string; readonly warnings: readonly Finding[] }> {
  try {
    const { mode, size, isFile } = await facts(file);
    if (isFile && (mode & 0o007) !== 0) throw failure('AUTH_FAILED', `everybody may use the credentials in ${file}`, { fix: `chmod 600 ${file}, and make a new secret` });
    if (isFile && size > FILE_BYTES_MAX) throw failure('AUTH_FAILED', `${file} has ${size} bytes and so holds no credentials`);
    return { text: await readFile(file, 'utf8'), warnings: isFile && (mode & 0o070) !== 0 ? [groupMayRead(file)] : [] };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code !== 'string') throw error;
    throw failure('AUTH_FAILED', `the credentials in ${file} could not be read: ${code}`, { fix: code === 'ENOENT' ? `write the API token to ${file}, readable by this user only` : `let this user read ${file}` });
  }
}

async function facts(file: string): Promise<{ readonly mode: number; readonly size: number; readonly isFile: boolean }> {
  const found = await stat(file);
  return { mode: found.mode, size: found.size, isFile: found.isFile() };
}

function groupMayRead(file: string): Finding {
  return { code: 'AUTH_FAILED', severity: 'warning', fact: `the group of ${file} may read the credentials`, fix: `chmod 600 ${file}` };
}
