// In: the words that start a program, a file for what it says. Out: it runs as a process of its own, and dies as a person or the kernel would
// have it. Ends with us: nobody is left behind that follows a lab which is gone.
import { execa } from 'execa';

export interface OwnProcess {
  readonly pid: number;
  /** Once it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL when that is not heard. */
  stop(): Promise<void>;
}

export interface ProcessOptions { readonly cwd: string; readonly logFile: string; readonly environment?: Readonly<Record<string, string>> }

/** A daemon ends its step first; longer than that nobody waits for the end of a demo. */
const STOP_MS = 5_000;

export function startProcess([command = '', ...words]: readonly string[], { cwd, logFile, environment }: ProcessOptions): OwnProcess {
  const log = { file: logFile, append: true } as const;
  const child = execa(command, words, { cwd, reject: false, stdin: 'ignore', stdout: log, stderr: log, buffer: false, forceKillAfterDelay: STOP_MS, ...(environment ? { env: environment } : {}) });
  const ended = child.then(() => undefined);
  const end = (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal);
    return ended;
  };
  return { pid: child.pid ?? 0, ended, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
