// In: where a cluster's credentials are. Out: the credentials, and what should be said about their file.
// Must never put a credential, or a part of one, into a message.
import { readFile, stat } from 'node:fs/promises';
import type { ClusterSpec } from '../model/desired.ts';
import { failure, type Finding } from '../model/finding.ts';
import type { Credentials } from './pve-session.ts';

export interface FoundCredentials { readonly credentials: Credentials; readonly warnings: readonly Finding[] }
export type Environment = Readonly<Record<string, string | undefined>>;

/** A token or a password is one short line; anything longer is another file. */
const FILE_BYTES_MAX = 4096;
const TOKEN_FIX = 'write it as user@realm!id=secret';
// Proxmox: names without spaces, colons and slashes; a token's name is one word.
const TOKEN = /^[^\s:/@!=]+(?:@[^\s:/@!=]+)*@[A-Za-z][A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]*=[\x21-\x7e]+$/;
const USER = /^[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+$/;

export async function readCredentials(where: ClusterSpec['credentials'], environment: Environment): Promise<FoundCredentials> {
  const { tokenFile, tokenEnv, userFile } = where ?? {};
  const given = [tokenFile, tokenEnv, userFile].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw failure('AUTH_FAILED', given.length === 0 ? 'the cluster has no credentials' : 'the cluster has more than one kind of credentials', { fix: 'give exactly one of credentials.tokenFile, tokenEnv, userFile' });
  }
  if (tokenFile !== undefined) {
    const { text, warnings } = await readSecret(tokenFile);
    return { credentials: { token: tokenOf(text, tokenFile) }, warnings };
  }
  if (userFile !== undefined) {
    const { text, warnings } = await readSecret(userFile);
    return { credentials: userOf(text, userFile), warnings };
  }
  return { credentials: { token: tokenFromEnvironment(tokenEnv ?? '', environment) }, warnings: [] };
}

function tokenFromEnvironment(name: string, environment: Environment): string {
  const text = environment[name];
  if (text === undefined || text === '') throw failure('AUTH_FAILED', `the environment variable ${name} is not set`, { fix: `set it to the API token; ${TOKEN_FIX}` });
  return tokenOf(text, `the environment variable ${name}`);
}

function tokenOf(text: string, source: string): string {
  const token = text.trim().replace(/^(?:authorization:\s*)?PVEAPIToken[=:]\s*/i, '');
  if (!TOKEN.test(token)) throw failure('AUTH_FAILED', `${source} does not hold an API token`, { fix: TOKEN_FIX });
  return token;
}

/** First line `user@realm`, second line the password, which may have spaces at its ends. */
function userOf(text: string, file: string): Credentials {
  const [username = '', password = '', ...rest] = text.split(/\r?\n/);
  if (!USER.test(username.trim()) || password === '' || rest.some((line) => line !== '')) {
    throw failure('AUTH_FAILED', `${file} does not hold a user and a password`, { fix: 'write user@realm on the first line and the password on the second' });
  }
  return { username: username.trim(), password };
}

async function readSecret(file: string): Promise<{ readonly text: string; readonly warnings: readonly Finding[] }> {
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
