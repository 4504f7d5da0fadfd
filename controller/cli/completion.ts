// `latido completion SHELL`: the script that has a shell complete latido's commands, options and kinds.
import type { Command } from 'commander';
import { failure } from '../model/finding.ts';
import { compareText } from '../model/ref.ts';
import { commandWords } from './command-words.ts';
import type { CommandWords, KnownNames } from './command-words.ts';
import { bashCompletion } from './completion-bash.ts';
import { fishCompletion } from './completion-fish.ts';
import { zshCompletion } from './completion-zsh.ts';
import type { Context, ExitCode, World } from './context.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = typeof SHELLS[number];

const WRITERS: Readonly<Record<Shell, (root: CommandWords) => string>> = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

export function completionCommand(shell: string, program: Command, { terminal, world }: Context): ExitCode {
  const chosen = SHELLS.find((one) => one === shell);
  if (chosen === undefined) throw failure('USAGE', `there is no completion for ${shell}`, { fix: `one of: ${SHELLS.join(', ')}` });
  terminal.out(WRITERS[chosen](commandWords(program, knownNames(world))));
  return 0;
}

/** The newest tables know every kind. */
export function knownNames({ kindsFor, tableVersions }: Pick<World, 'kindsFor' | 'tableVersions'>): KnownNames {
  return { kinds: [...kindsFor(tableVersions.at(-1) ?? '').kinds.keys()].sort(compareText), versions: tableVersions };
}
