// `latido manual`, hidden: the manual page latido(1), as the package ships it.
// In: the command line's words. Out: troff with the man macros. Must never describe an option by itself: program.ts does.
import type { Command } from 'commander';
import { commandWords } from './command-words.ts';
import type { ArgumentWords, CommandWords, OptionWords } from './command-words.ts';
import { knownNames } from './completion.ts';
import type { Context, ExitCode } from './context.ts';
import { MANUAL_SECTIONS } from './manual-sections.ts';
import type { Entry } from './manual-sections.ts';

export interface ManualOptions { readonly date: string }

export function manualCommand({ date }: ManualOptions, program: Command, { terminal, world }: Context): ExitCode {
  terminal.out(manualText(commandWords(program, knownNames(world)), { version: world.version, date }));
  return 0;
}

/** @param about date as `2026-11-22` */
export function manualText(root: CommandWords, about: { readonly version: string; readonly date: string }): string {
  const groups = [...new Set(root.children.map(({ group }) => group))];
  const { description, files, environment, exit, examples, seeAlso } = MANUAL_SECTIONS;
  return `${[
    `.TH LATIDO 1 "${about.date}" "latido ${escaped(about.version)}" "User Commands"`,
    '.SH NAME', `latido \\- ${text(nameLine(root.description))}`,
    '.SH SYNOPSIS', '.B latido', '.I COMMAND', '[\\fIARGUMENT\\fR] [\\fIOPTION\\fR ...]',
    '.SH DESCRIPTION', ...paragraphs(description),
    '.SH OPTIONS', ...root.options.flatMap(optionLines),
    '.SH COMMANDS', ...groups.flatMap((group) => [`.SS ${escaped(group.replace(/:$/, ''))}`, ...root.children.filter((child) => child.group === group).flatMap(commandLines)]),
    '.SH EXIT STATUS', ...exit.flatMap(entryLines),
    '.SH ENVIRONMENT', ...environment.flatMap(entryLines),
    '.SH FILES', ...files.flatMap(entryLines),
    '.SH EXAMPLES', ...examples.flatMap(exampleLines).slice(1),
    '.SH SEE ALSO', seeAlso.map(([name, section]) => `.BR ${name} (${section})`).join(',\n'),
  ].join('\n')}\n`;
}

/** apropos shows it behind the name: no full stop, no capital. */
function nameLine(description: string): string {
  return description.replace(/\.$/, '').replace(/^The /, 'the ');
}

function commandLines(command: CommandWords): readonly string[] {
  const { path, description, options, arguments: args, children } = command;
  const given = args.map(({ written }) => ` \\fI${escaped(written)}\\fR`).join('');
  return [
    '.TP', `\\fBlatido ${escaped(path.join(' '))}\\fR${given}`, prose(sentence(description)), '.RS',
    ...args.filter((argument) => argument.description !== '').flatMap(argumentLines),
    ...options.filter(({ names }) => !names.includes('--help')).flatMap(optionLines), '.RE',
    ...children.flatMap(commandLines),
  ];
}

function argumentLines({ written, description, fallback }: ArgumentWords): readonly string[] {
  return ['.TP', `\\fI${escaped(written)}\\fR`, prose(`${description}${fallback === undefined ? '' : ` (default: ${fallback})`}`)];
}

function optionLines({ names, placeholder, description, fallback }: OptionWords): readonly string[] {
  const written = names.map((name) => `\\fB${escaped(name)}\\fR`).join(', ');
  return ['.TP', `${written}${placeholder === undefined ? '' : ` \\fI${escaped(placeholder)}\\fR`}`, prose(`${description}${fallback === undefined ? '' : ` (default: ${fallback})`}`)];
}

function entryLines([term, meaning]: Entry): readonly string[] {
  return ['.TP', `\\fB${escaped(term)}\\fR`, prose(meaning)];
}

function exampleLines([does, command]: Entry): readonly string[] {
  return ['.PP', prose(does), '.PP', '.RS 4', '.nf', ...command.split('\n').map(text), '.fi', '.RE'];
}

function paragraphs(texts: readonly string[]): readonly string[] {
  return texts.flatMap((one, i) => [...(i === 0 ? [] : ['.PP']), prose(one)]);
}

function sentence(description: string): string {
  return `${description.slice(0, 1).toUpperCase()}${description.slice(1)}${/[.!?]$/.test(description) ? '' : '.'}`;
}

/** Wrapped in the source, each sentence on lines of its own: what reads troff knows its ends by that. */
function prose(raw: string): string {
  const lines = raw.split(/(?<=[.!?]) /).flatMap((one) => one.match(/\S.{0,70}(?=\s|$)/g) ?? []);
  return lines.map(text).join('\n');
}

/** A line of text: a dot or an apostrophe at its start would be a request. */
function text(line: string): string {
  return escaped(line).replace(/^([.'])/, '\\&$1');
}

/** `-` would become a hyphen, which nobody can paste into a shell. */
function escaped(raw: string): string {
  return raw.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq').replaceAll('`', '\\(ga').replaceAll('^', '\\(ha').replaceAll('~', '\\(ti');
}
