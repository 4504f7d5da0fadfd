// In: a commit and who may sign. Out: the reason why its signature does not count, or nothing. Git itself verifies.
// Must never take a key, a program or a list of signers from anywhere but the policy.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { git, GitError, saidBy } from './git.ts';

/** At least one of them; a signature of the other sort then counts as none. */
export interface Signers {
  /** A file as `ssh-keygen -Y verify` reads it: `NAME namespaces="git" ssh-ed25519 AAAA…`. */
  readonly allowedSigners?: string;
  /** OpenPGP public keys: a file as `gpg --export` writes it, armoured or not, or a folder with a keyring (GNUPGHOME). */
  readonly keyring?: string;
}

/** Reading some public keys takes milliseconds. */
const IMPORT_MS = 30_000;

/** The reason why nobody who may has signed this commit, or nothing. */
export async function signatureTrouble(repository: string, id: string, signers: Signers): Promise<string | undefined> {
  const signed = /^gpgsig(-sha256)? /m.test((await git(repository, ['cat-file', 'commit', id])).split('\n\n')[0] ?? '');
  if (!signed) return 'it is not signed';
  // A keyring of its own for each look: nobody's own keys count, and a key that left the file is gone at once.
  const home = await mkdtemp(join(tmpdir(), 'latido-keys-'));
  try {
    if (signers.keyring !== undefined) {
      const imported = await importKeys(signers.keyring, home);
      if (imported.exitCode !== 0) return `the keys in ${signers.keyring} cannot be read: ${lastLine(imported.stderr) ?? imported.shortMessage ?? 'gpg failed'}`;
    }
    await git(repository, ['verify-commit', id], { config: verification(signers), environment: { GNUPGHOME: home } });
    return undefined;
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    return reasonOf(error);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/**
 * Of a folder, which stays as it is, only the public keys are taken. They go by a file: as bytes from one program to the next through us
 * they were seen to arrive as none, in a process that had run for minutes.
 */
async function importKeys(keyring: string, home: string) {
  const gpg = (folder: string, ...args: readonly string[]) => execa('gpg', ['--batch', '--no-autostart', '--homedir', folder, ...args], { reject: false, timeout: IMPORT_MS });
  if (!await stat(keyring).then((found) => found.isDirectory(), () => false)) return gpg(home, '--import', keyring);
  const keys = join(home, 'exported.gpg');
  const exported = await gpg(keyring, '--lock-never', '--no-auto-check-trustdb', '--output', keys, '--export');
  // Of an empty keyring gpg writes nothing, and calls that a success.
  const isWritten = await stat(keys).then(() => true, () => false);
  return isWritten ? gpg(home, '--import', keys) : { ...exported, exitCode: exported.exitCode || 2 };
}

function verification({ allowedSigners }: Signers): readonly string[] {
  return [
    `gpg.ssh.allowedSignersFile=${allowedSigners ?? '/dev/null'}`, 'gpg.ssh.revocationFile=',
    'gpg.program=gpg', 'gpg.openpgp.program=gpg', 'gpg.ssh.program=ssh-keygen', 'gpg.x509.program=false', 'gpg.minTrustLevel=undefined',
  ];
}

function reasonOf(error: GitError): string {
  const text = error.stderr;
  if (/No principal matched|No public key|Can't check signature/i.test(text)) return 'it is signed with a key that is not allowed';
  if (/BAD signature|incorrect signature|Signature verification failed|Could not verify signature/i.test(text)) return 'its signature is not of this commit';
  if (/expired/i.test(text)) return 'it is signed with a key that has expired';
  if (/revoked/i.test(text)) return 'it is signed with a key that was revoked';
  return text.trim() === '' ? 'its signature could not be verified' : saidBy(error);
}

function lastLine(text: string | undefined): string | undefined {
  return text?.trim().split('\n').at(-1)?.slice(0, 200);
}
