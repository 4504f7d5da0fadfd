// `latido init --server PATH`: a bare repository on this machine, to push to; its hook validates and shows the plan.
import { hostname, userInfo } from 'node:os';
import { setUpServer } from '../sources/server-setup.ts';
import type { ServerSetup } from '../sources/server-setup.ts';
import type { Context, ExitCode } from './context.ts';
import { given } from './daemon-config.ts';
import { jsonText, safe } from './terminal-text.ts';

export interface InitServerOptions { readonly branch?: string; readonly json?: boolean; readonly allowedSigners?: string; readonly keyring?: string }

/** @param program the words that start latido: interpreter, script */
export async function initServerCommand(path: string, options: InitServerOptions, program: readonly string[], { terminal }: Context): Promise<ExitCode> {
  const branch = options.branch ?? 'main';
  const setup = await setUpServer({ path, branch, program, signers: given({ allowedSigners: options.allowedSigners, keyring: options.keyring }) });
  const isSigned = options.allowedSigners !== undefined || options.keyring !== undefined;
  terminal.out(options.json === true ? `${jsonText({ format: 'latido.server/v1', branch, ...setup })}\n` : setupText(setup, branch, isSigned ? ['Commits that no allowed key has signed are refused.'] : []));
  return 0;
}

/** What a program was started with, so that a hook can start it again: `tsx` and the like are options of the interpreter. */
export function programOf({ execPath, execArgv, argv }: Pick<NodeJS.Process, 'execPath' | 'execArgv' | 'argv'>): readonly string[] {
  return [execPath, ...execArgv, argv[1] ?? ''];
}

function setupText({ path, repository, hook }: ServerSetup, branch: string, more: readonly string[]): string {
  const address = `${safe(userInfo().username)}@${safe(hostname())}:${safe(path)}`;
  return [
    `${repository === 'made' ? 'Made' : 'Kept'} the bare repository ${safe(path)}; its hook ${HOOK_WORDS[hook]}.`,
    `A push to ${branch} is validated and answered with its plan; what is not valid is refused.`, ...more,
    '', 'In the repository with your manifests, one folder clusters/NAME for each cluster:',
    `  git remote add master ${address}`,
    `  git push master ${branch}`, '',
  ].join('\n');
}

const HOOK_WORDS = { made: 'is in place', renewed: 'was written anew', there: 'was in place already' } as const;
