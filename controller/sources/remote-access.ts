// In: an address and the keys to it. Out: how git is to be called for it: verified hosts, no questions, no secret among the arguments.
// Pure: the files named here are read by ssh and git themselves, at each fetch, so that a renewed key or token counts at once.
import { failure } from '../model/finding.ts';
import { withoutCredentials } from './git.ts';

export interface Access {
  readonly ssh?: {
    /** A private key without a passphrase; absent: what ssh finds by itself. */
    readonly keyFile?: string;
    /** Absent: those of the user and of the machine. An unknown host is refused either way. */
    readonly knownHostsFile?: string;
  };
  readonly https?: {
    /** Its first line is the token or password. */
    readonly tokenFile?: string;
    /** Instead of the file: the name of an environment variable of ours. */
    readonly tokenEnv?: string;
    /** What the host wants beside a token; most take any. */
    readonly username?: string;
    /** A certificate authority in PEM, besides those of the machine. */
    readonly caFile?: string;
  };
}

/** An address that hangs is given up after this. */
const CONNECT_S = 20;
/** A line that is dead in the middle: 3 × 15 s without an answer; less than 100 bytes a second for a minute. */
const SSH_ALIVE = ['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=3'];
const HTTP_ALIVE = ['http.lowSpeedLimit=100', 'http.lowSpeedTime=60'];

/** A name of our own, so that no setting of git's can come in under the name that the configuration gives. */
const TOKEN = 'LATIDO_GIT_TOKEN';

/** @throws Failure SOURCE_UNREADABLE for an address that is neither https nor ssh, or holds a secret */
export function remoteAccess(url: string, access: Access): { readonly url: string; /** For people. */ readonly shown: string; readonly config: readonly string[]; /** Environment variables that git is to have: its name for ours. */ readonly secrets: Readonly<Record<string, string>> } {
  const protocol = protocolOf(url);
  const shown = withoutCredentials(url);
  if (protocol === undefined) throw failure('SOURCE_UNREADABLE', `${shown} is neither an https nor an ssh address`, { fix: 'write https://host/path, ssh://user@host/path or user@host:path; a repository on this machine is of another type' });
  if (protocol === 'https' && new URL(url).password !== '') throw failure('SOURCE_UNREADABLE', `the address of ${shown} holds a password`, { fix: 'write it to a file that only latido reads, and name that file' });
  const only = ['protocol.allow=never', `protocol.${protocol}.allow=always`, 'fetch.fsckObjects=true', 'gc.autoDetach=false'];
  return { url, shown, config: [...only, ...protocol === 'ssh' ? [`core.sshCommand=${sshCommand(access.ssh ?? {})}`] : httpsConfig(access.https ?? {})], secrets: protocol === 'https' && access.https?.tokenEnv !== undefined ? { [TOKEN]: access.https.tokenEnv } : {} };
}

function protocolOf(url: string): 'https' | 'ssh' | undefined {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u0020\u007f]/.test(url) || url.startsWith('-')) return undefined;
  if (URL.canParse(url) && url.includes('://')) {
    const { protocol, hostname } = new URL(url);
    // A host that starts with a dash would be an option of ssh.
    return hostname === '' || hostname.startsWith('-') ? undefined : protocol === 'https:' ? 'https' : protocol === 'ssh:' ? 'ssh' : undefined;
  }
  return /^(?:[\w][\w.-]*@)?[\w[][\w.:\]-]*:(?![:/]{2})[^:-]/.test(url) && !/^[a-z]+::/i.test(url) ? 'ssh' : undefined;
}

function sshCommand({ keyFile, knownHostsFile }: NonNullable<Access['ssh']>): string {
  return [
    'ssh', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes', '-o', 'CheckHostIP=no', '-o', `ConnectTimeout=${CONNECT_S}`, ...SSH_ALIVE,
    ...keyFile === undefined ? [] : ['-o', shellWord(`IdentityFile="${sshPath(keyFile)}"`), '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none'],
    ...knownHostsFile === undefined ? [] : ['-o', shellWord(`UserKnownHostsFile="${sshPath(knownHostsFile)}"`), '-o', 'GlobalKnownHostsFile=/dev/null'],
  ].join(' ');
}

/** ssh puts the host and the like in place of `%h` in a path. */
function sshPath(path: string): string {
  return path.replaceAll('%', '%%');
}

function httpsConfig({ tokenFile, tokenEnv, username, caFile }: NonNullable<Access['https']>): readonly string[] {
  return [
    'http.sslVerify=true', ...HTTP_ALIVE,
    ...caFile === undefined ? [] : [`http.sslCAInfo=${caFile}`],
    // The empty one first forgets helpers of the machine; ours reads the file when git asks, so the secret is in no argument.
    'credential.helper=',
    ...tokenFile === undefined && tokenEnv === undefined ? [] : [`credential.helper=${tokenHelper(tokenFile, username ?? 'latido')}`],
  ];
}

function tokenHelper(tokenFile: string | undefined, username: string): string {
  const token = tokenFile === undefined ? `$${TOKEN}` : `$(head -n 1 ${shellWord(tokenFile)})`;
  return `!f() { test "$1" = get || exit 0; printf 'username=%s\\npassword=%s\\n' ${shellWord(username)} "${token}"; }; f`;
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
