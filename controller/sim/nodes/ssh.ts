// Commands on the simulated nodes, behind the Ssh door. In: a node and argv. Out: what the program prints and its exit code, in
// virtual time. Must never answer for a node that nobody can reach, nor finish a command on one whose power went meanwhile.
import { ConnectionError } from '../../model/doors.ts';
import type { Ssh, SshResult, Stdin } from '../../model/doors.ts';
import type { Simulation } from '../simulation.ts';
import { Output } from './output.ts';
import { runProgram } from './programs.ts';
import { endOfStart } from './virtual-ip.ts';

/** A command over a connection that stands. */
const LATENCY_MS = 20;
/** Programs that write to disks and kernels take a moment, in which the power may go. */
const WORK_MS = 100;
const POLL_MS = 200;
const READS: ReadonlySet<string> = new Set(['cat', 'true', 'uname', 'grep', 'ip', 'vgs', 'lvs', 'pvs', 'lvmconfig', 'pvscan', 'wipefs', 'blkid', 'drbdsetup', 'lvm']);
/** What drbdadm is asked without doing anything. */
const DRBDADM_READS = /^(?:sh-nop|get-gi|dump-md|adjust -d)\b/;

export class SimulatedSsh implements Ssh {
  readonly #sim: Simulation;
  readonly #locked = new Set<string>();
  readonly #stats = { calls: 0 };

  constructor(sim: Simulation) {
    this.#sim = sim;
    sim.onPower((node) => void this.#locked.delete(node));
  }

  get stats(): { readonly calls: number } {
    return this.#stats;
  }

  learnNodes(): void {}

  async run(node: string, argv: readonly string[], { stdin, timeoutMs }: { readonly stdin?: Stdin; readonly timeoutMs: number }): Promise<SshResult> {
    const [result] = await this.#session(node, [argv], textOf(stdin), timeoutMs);
    if (!result) throw new Error('a command has one result');
    return result;
  }

  runAll(node: string, argvs: readonly (readonly string[])[], { timeoutMs }: { readonly timeoutMs: number }): Promise<readonly SshResult[]> {
    return this.#session(node, argvs, '', timeoutMs);
  }

  async #session(node: string, argvs: readonly (readonly string[])[], stdin: string, timeoutMs: number): Promise<readonly SshResult[]> {
    this.#stats.calls += 1;
    const { clock, state } = this.#sim;
    await clock.sleep(LATENCY_MS);
    if (!this.#sim.isUp(node)) throw new ConnectionError('unreachable', false, `ssh: connect to host ${node} port 22: No route to host`);
    const bootedAt = state.nodes[node]?.startedAtMs;
    const isGone = () => !this.#sim.isUp(node) || state.nodes[node]?.startedAtMs !== bootedAt;
    const work = this.#inTurn(node, argvs, stdin, isGone);
    let cancel = (): void => undefined;
    const limit = new Promise<never>((_resolve, reject) => {
      cancel = clock.after(timeoutMs, () => reject(new ConnectionError('timeout', true, `${argvs[0]?.[0] ?? ''} on ${node} did not end within ${timeoutMs} ms`)), { label: `a command on ${node}` });
    });
    try {
      const results = await Promise.race([work, limit]);
      if (isGone()) throw new ConnectionError('closed', true, `connection to ${node} closed by remote host`);
      return results;
    } finally {
      work.catch(() => undefined);
      limit.catch(() => undefined);
      cancel();
    }
  }

  async #inTurn(node: string, argvs: readonly (readonly string[])[], stdin: string, isGone: () => boolean): Promise<readonly SshResult[]> {
    const results: SshResult[] = [];
    for (const argv of argvs) {
      const output = new Output();
      const code = await this.#underLock(node, argv, { node, output, stdin }, isGone);
      results.push({ code, stdout: output.stream('out'), stderr: output.stream('err') });
    }
    return results;
  }

  /** `flock -w SECONDS -E CODE FILE command…`, or the command itself. */
  async #underLock(node: string, argv: readonly string[], run: Parameters<typeof runProgram>[2], isGone: () => boolean): Promise<number> {
    if (argv[0] !== 'flock') return this.#program(argv, run, isGone);
    const [, wait, seconds, conflict, code, , ...command] = argv;
    if (wait !== '-w' || conflict !== '-E') {
      run.output.err('flock: these words are not simulated\n');
      return 64;
    }
    const until = this.#sim.clock.now() + Number(seconds) * 1000;
    while (this.#locked.has(node)) {
      if (this.#sim.clock.now() >= until) return Number(code);
      await this.#sim.clock.sleep(POLL_MS);
    }
    this.#locked.add(node);
    try {
      return await this.#program(command, run, isGone);
    } finally {
      this.#locked.delete(node);
    }
  }

  async #program(argv: readonly string[], run: Parameters<typeof runProgram>[2], isGone: () => boolean): Promise<number> {
    const [program = '', ...words] = argv;
    const takesTime = !READS.has(program) && !(program === 'drbdadm' && DRBDADM_READS.test(words.join(' ')));
    // The power may go before the program has done anything, and after it has done everything.
    if (takesTime) await this.#sim.clock.sleep(WORK_MS / 2);
    if (isGone()) return 255;
    const code = runProgram(this.#sim, argv, run) || await endOfStart(this.#sim, argv, run, isGone);
    if (takesTime) await this.#sim.clock.sleep(WORK_MS / 2);
    return code;
  }
}

/** A secret never comes this far as a reference; one that does stands for itself. */
function textOf(stdin: Stdin | undefined): string {
  return (stdin ?? []).map((piece) => (typeof piece === 'string' ? piece : `secret:${piece.secret}`)).join('');
}
