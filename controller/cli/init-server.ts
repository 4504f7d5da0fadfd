// `latido init --server PATH`: a bare repository on this machine, to push to; its hook validates and shows the plan.
import { hostname, userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
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

const MODULE_OPTIONS = /^(--(?:import|require|loader|experimental-loader)|-r)(?:=(.+))?$/;

/**
 * What a program was started with, so that a hook can start it again: `--import tsx` and the like are options of the interpreter.
 * A hook runs in the repository, where no such package is found by its name, so each is named by its place.
 */
export function programOf({ execPath, execArgv, argv }: Pick<NodeJS.Process, 'execPath' | 'execArgv' | 'argv'>, resolve = (name: string) => import.meta.resolve(name)): readonly string[] {
  const isOfBefore = (at: number) => MODULE_OPTIONS.exec(execArgv[at - 1] ?? '')?.[2] === undefined && MODULE_OPTIONS.test(execArgv[at - 1] ?? '');
  const placed = (name: string, option: string) => (isBare(name) ? placeText(resolve(name), option) : name);
  const words = execArgv.map((word, at) => {
    const [, option, name] = MODULE_OPTIONS.exec(word) ?? [];
    if (option !== undefined && name !== undefined) return `${option}=${placed(name, option)}`;
    return isOfBefore(at) ? placed(word, execArgv[at - 1] ?? '') : word;
  });
  return [execPath, ...words, argv[1] ?? ''];
}

/** The name of a package: no path and no URL. */
function isBare(name: string): boolean {
  return !/^(?:\.{0,2}\/|[a-z]+:)/.test(name);
}

/** `--require` takes no URL. */
function placeText(url: string, option: string): string {
  return url.startsWith('file:') && /require|^-r$/.test(option) ? fileURLToPath(url) : url;
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
