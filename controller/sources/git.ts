// In: a repository and arguments. Out: what git printed, or a GitError with what it said. The one place here that starts git.
// Must never ask a person, take a repository or a program from the environment, nor print a secret.
import { simpleGit } from 'simple-git';

export interface GitCall {
  /** `key=value`, as after `git -c`; seen in the list of processes, so never a secret. */
  readonly config?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Given up when nothing was printed for so long; of what is quiet by nature, the longest it may take. */
  readonly silentMs?: number;
}

/** Git ended with an exit code other than 0; some of its answers are that and nothing printed. */
export class GitError extends Error {
  constructor(readonly exitCode: number, readonly stderr: string) {
    super(`git ended with exit code ${exitCode}: ${stderr}`);
    this.name = 'GitError';
  }
}

/** What reads a repository on this machine answers in milliseconds, unless it hangs on a dead network disk. */
const SILENT_MS = 60_000;
const SAID_MAX = 300;
// Inside of a receiving hook, new objects lie in a quarantine folder that only these name.
const QUARANTINE = ['GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_QUARANTINE_PATH'];
const OURS = ['GIT_TERMINAL_PROMPT'];
// All else stays behind: GIT_DIR and its kin would lead git to another repository, GIT_SSL_NO_VERIFY to another server.
const INHERITED = ['PATH', 'HOME', 'XDG_CONFIG_HOME', 'TMPDIR', 'SSH_AUTH_SOCK', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY', ...QUARANTINE];
// Each of them is a value of ours, made from paths that the configuration names; simple-git refuses them from anybody else.
const UNSAFE = { allowUnsafeSshCommand: true, allowUnsafeCredentialHelper: true, allowUnsafeProtocolOverride: true, allowUnsafeGpgProgram: true } as const;

/** Standard output without its last line end. @throws GitError */
export async function git(dir: string, args: readonly string[], call: GitCall = {}): Promise<string> {
  let failed: GitError | undefined;
  const runner = simpleGit({
    baseDir: dir, config: ['core.useReplaceRefs=false', ...call.config ?? []], allowEnvironment: [...QUARANTINE, ...OURS], unsafe: UNSAFE,
    timeout: { block: call.silentMs ?? SILENT_MS }, ...(call.signal === undefined ? {} : { abort: call.signal }),
    // simple-git takes an exit code without a word for success, and makes an error of its own of whatever is answered here.
    errors: (error, { exitCode, stdErr }) => (exitCode === 0 ? error : failed = new GitError(exitCode, Buffer.concat(stdErr).toString('utf8'))),
  });
  return runner.env(environment(call.environment ?? {})).raw([...args]).then((text) => text.replace(/\n$/, ''), (error: unknown) => {
    throw failed ?? error;
  });
}

/** What git said that tells a person most: its first line of an error, without the web of hints around it. */
export function saidBy(error: unknown): string {
  const text = error instanceof GitError ? error.stderr : error instanceof Error ? error.message : String(error);
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const telling = lines.find((line) => /^(fatal|error|ssh|remote|Host key|Permission)|REMOTE HOST IDENTIFICATION|: (Permission denied|Connection)/i.test(line)) ?? lines[0] ?? 'git said nothing';
  return withoutCredentials(telling.replaceAll(/^[@\s]+|[@\s]+$/g, '')).slice(0, SAID_MAX);
}

/** Git itself hides the password of an address, not what stands before the colon. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/(https?:\/\/)[^/\s@]*@/g, '$1');
}

function environment(more: Readonly<Record<string, string>>): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]));
  return { ...Object.fromEntries(inherited), LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', ...more };
}
