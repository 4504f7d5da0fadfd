// In: a command of a step for one node. Out: how it ended. One at a time on each node, also after a kill of ours: the node's
// lock is held by the command itself, so whoever looks later waits for its end.
// Must never run a command twice: what may have had an effect is left unsettled.
import { commandText } from '../model/command.ts';
import { ConnectionError } from '../model/doors.ts';
import type { Ssh, SshResult } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import type { Finding } from '../model/finding.ts';
import type { PlannedStep } from '../model/plan.ts';
import type { Ref } from '../model/ref.ts';
import type { Action } from '../model/step.ts';
import { NODE_LOCK_BUSY, underNodeLock } from '../observe/node-lock.ts';

export type CommandAction = Extract<Action, { via: 'ssh' }>;
export type CommandEnd =
  | { readonly end: 'done'; readonly warning?: string }
  | { readonly end: 'failed'; readonly findings: readonly Finding[] }
  | { readonly end: 'unsettled'; readonly why: string };

/** Lines of a command's last words that a person is shown. */
const SAID_LINES = 6;

export async function runCommand(ssh: Ssh, ref: Ref, step: PlannedStep, action: CommandAction): Promise<CommandEnd> {
  const { node, argv, alsoDone = [], stdin } = action;
  const failed = (code: Finding['code'], fact: string, fix: string): CommandEnd => ({ end: 'failed', findings: [{ code, severity: 'error', fact: `${step.title}: ${fact}`, fix, ref, node }] });
  try {
    const result = await ssh.run(node, underNodeLock(argv), { timeoutMs: step.timeoutMs, ...(stdin === undefined ? {} : { stdin }) });
    if (result.code === 0 || alsoDone.includes(result.code)) return { end: 'done' };
    if (result.code === NODE_LOCK_BUSY) return failed('COMMAND_FAILED', `another command of latido still runs on ${node}`, 'nothing was done; the next plan looks again');
    return failed('COMMAND_FAILED', `${commandText(argv)} ended with exit code ${result.code}${said(result)}`, 'the next plan looks at what is there');
  } catch (error) {
    // A secret went between plan and wire, or does not fit: nothing was sent.
    if (error instanceof Failure) return { end: 'failed', findings: error.findings.map((finding) => ({ ...finding, ref, node })) };
    if (!(error instanceof ConnectionError)) throw error;
    if (!error.sent) return failed('NODE_UNREACHABLE', error.message, 'nothing was done; latido doctor tells which nodes answer over ssh');
    return { end: 'unsettled', why: `the connection to ${node} was lost before the command ended: ${error.message}` };
  }
}

function said({ stdout, stderr }: SshResult): string {
  const lines = `${stderr}\n${stdout}`.split('\n').map((line) => line.trimEnd()).filter((line) => line !== '');
  return lines.length === 0 ? '' : `\n${lines.slice(0, SAID_LINES).map((line) => `    ${line}`).join('\n')}`;
}
