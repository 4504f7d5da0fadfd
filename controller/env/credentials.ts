// In: where a cluster's credentials are. Out: the credentials, and what should be said about their file.
// Must never put a credential, or a part of one, into a message.
import type { ClusterSpec } from '../model/desired.ts';
import { failure, type Finding } from '../model/finding.ts';
import type { Credentials } from './pve-session.ts';
import { readSecretFile } from './secret-place.ts';
import type { Environment } from './secret-place.ts';

export interface FoundCredentials { readonly credentials: Credentials; readonly warnings: readonly Finding[] }
export type { Environment } from './secret-place.ts';

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
    const { text, warnings } = await readSecretFile(tokenFile);
    return { credentials: { token: tokenOf(text, tokenFile) }, warnings };
  }
  if (userFile !== undefined) {
    const { text, warnings } = await readSecretFile(userFile);
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
