// In: the command line as commander knows it. Out: its words as values, for those who write about it: completions, the manual.
// Must never name a command or an option itself: what program.ts says is all there is.
import type { Argument, Command, Option } from 'commander';

/** What may be written in a place. */
export type Value =
  | { readonly is: 'file' } | { readonly is: 'directory' }
  | { readonly is: 'words'; readonly words: readonly string[] }
  /** A name, a number, an address: nothing to propose. */
  | { readonly is: 'free' };

/** @property names `-o`, `--out` @property placeholder `<file>` @property fallback what counts when it is not given */
export interface OptionWords { readonly names: readonly string[]; readonly placeholder?: string; readonly value?: Value; readonly description: string; readonly fallback?: string }
/** @property written `[DIR]` or `<REF>`, as in the help */
export interface ArgumentWords { readonly written: string; readonly value: Value; readonly description: string; readonly fallback?: string }
/** @property path `['plan']`; empty: latido itself */
export interface CommandWords {
  readonly path: readonly string[]; readonly description: string; readonly group: string;
  readonly options: readonly OptionWords[]; readonly arguments: readonly ArgumentWords[]; readonly children: readonly CommandWords[];
}

/** Names that stand for something which only the program knows. */
export interface KnownNames { readonly kinds: readonly string[]; readonly versions: readonly string[] }

const HELP: OptionWords = { names: ['-h', '--help'], description: 'print this help' };

export function commandWords(command: Command, known: KnownNames, path: readonly string[] = []): CommandWords {
  const visible = command.createHelp().visibleCommands(command);
  return {
    path, description: command.description(), group: command.helpGroup(),
    options: [...command.options.filter(({ hidden }) => !hidden).map((option) => optionWords(option, known)), HELP],
    arguments: command.registeredArguments.map((argument) => argumentWords(argument, known)),
    children: visible.map((child) => commandWords(child, known, [...path, child.name()])),
  };
}

/** The command and all below it, parents first. */
export function allCommands(root: CommandWords): readonly CommandWords[] {
  return [root, ...root.children.flatMap(allCommands)];
}

function optionWords(option: Option, known: KnownNames): OptionWords {
  const names = [option.short, option.long].filter((name) => name !== undefined && name !== null);
  const { description, defaultValue } = option;
  const fallback = defaultValue === undefined || typeof defaultValue === 'boolean' ? {} : { fallback: String(defaultValue) };
  const placeholder = /[<[].*$/.exec(option.flags)?.[0];
  return { names, description, ...fallback, ...(placeholder === undefined ? {} : { placeholder, value: valueOf(placeholder, option.argChoices, known) }) };
}

function argumentWords(argument: Argument, known: KnownNames): ArgumentWords {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  const { description, defaultValue } = argument;
  return {
    written: argument.required ? `<${name}>` : `[${name}]`, description, value: valueOf(argument.name(), argument.argChoices, known),
    ...(defaultValue === undefined ? {} : { fallback: String(defaultValue) }),
  };
}

function valueOf(placeholder: string, choices: readonly string[] | undefined, { kinds, versions }: KnownNames): Value {
  if (choices !== undefined) return { is: 'words', words: choices };
  const name = placeholder.replaceAll(/[<>[\].]+$|^[<[]/g, '');
  if (/^(file|plan)$/i.test(name)) return { is: 'file' };
  if (/^(dir|path)$/i.test(name)) return { is: 'directory' };
  if (/^KIND\b/.test(name)) return { is: 'words', words: kinds };
  if (name === 'REF') return { is: 'words', words: ['all', ...kinds] };
  if (name === 'version') return { is: 'words', words: versions };
  return { is: 'free' };
}
