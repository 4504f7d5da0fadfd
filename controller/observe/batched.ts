// In: a node, and commands that only read. Out: what each answers; those that are asked for in one turn go there in one session.
// Must never send a command twice.
import type { Ssh, SshResult } from '../model/doors.ts';

/** What answers one command of a node. */
export type Run = (argv: readonly string[]) => Promise<SshResult>;

interface Waiting {
  readonly argv: readonly string[];
  readonly tell: (result: SshResult) => void;
  readonly fail: (error: unknown) => void;
}

/** A line for a shell has 128 KiB; three hundred of our commands have less. */
const IN_ONE_SESSION = 300;

/** They run in the order in which they were asked for. */
export function batched(ssh: Ssh, node: string, timeoutMs: number): Run {
  let waiting: Waiting[] = [];
  const sendAll = async () => {
    const all = waiting;
    waiting = [];
    for (let at = 0; at < all.length; at += IN_ONE_SESSION) await send(ssh, node, all.slice(at, at + IN_ONE_SESSION), timeoutMs);
  };
  return (argv) => new Promise((tell, fail) => {
    if (waiting.length === 0) queueMicrotask(() => void sendAll());
    waiting.push({ argv, tell, fail });
  });
}

async function send(ssh: Ssh, node: string, asked: readonly Waiting[], timeoutMs: number): Promise<void> {
  try {
    const results = await ssh.runAll(node, asked.map(({ argv }) => argv), { timeoutMs });
    for (const [at, { tell, fail }] of asked.entries()) {
      const result = results[at];
      if (result) tell(result);
      else fail(new Error(`${node} answered ${results.length} of ${asked.length} commands`));
    }
  } catch (error) {
    for (const { fail } of asked) fail(error);
  }
}
