import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { afterAll, describe, expect, test } from 'vitest';
import { commandWords } from '../../controller/cli/command-words.ts';
import { bashCompletion } from '../../controller/cli/completion-bash.ts';
import { fishCompletion } from '../../controller/cli/completion-fish.ts';
import { zshCompletion } from '../../controller/cli/completion-zsh.ts';
import { manualText } from '../../controller/cli/manual.ts';

const words = commandWords(program(), { kinds: ['Pool', 'Storage'], versions: ['8.4', '9.2'] });
const folder = mkdtempSync(join(tmpdir(), 'latido-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));

function program(): Command {
  const latido = new Command('latido').description('The state of it.').helpCommand(false).version('1.2.3');
  latido.command('plan').argument('[DIR]', 'a folder', '.').description("what is to be done: it's shown").option('-o, --out <file>', 'write it [there]').addOption(new Option('--pve <version>', 'as this one')).addOption(new Option('--secret').hideHelp());
  latido.command('explain').argument('[KIND.field]');
  latido.command('suspend').argument('<REF>', 'what');
  latido.command('hidden', { hidden: true });
  const node = latido.command('node').description('of nodes');
  node.command('join').addArgument(new Argument('<MODE>', '.starts with a dot').choices(['soft', 'hard'])).description('add one');
  return latido;
}

describe('the words of the command line', () => {
  test('hidden commands and options are nobody\'s business', () => {
    expect(words.children.map(({ path }) => path.join(' '))).toEqual(['plan', 'explain', 'suspend', 'node']);
    expect(words.children[0]?.options.flatMap(({ names }) => names)).toEqual(['-o', '--out', '--pve', '-h', '--help']);
  });
  test('a placeholder says what may be written there', () => {
    expect(words.children.map((child) => child.arguments[0]?.value)).toEqual([{ is: 'directory' }, { is: 'words', words: ['Pool', 'Storage'] }, { is: 'words', words: ['all', 'Pool', 'Storage'] }, undefined]);
    expect(words.children[0]?.options.map(({ value }) => value?.is)).toEqual(['file', 'words', undefined]);
  });
});

const HAS = (shell: string) => spawnSync(shell, ['--version']).status === 0;
const CASES: readonly (readonly [line: string, proposed: readonly string[]])[] = [
  ['latido p', ['plan']], ['latido plan --o', ['--out']], ['latido plan --pve ', ['8.4', '9.2']], ['latido explain St', ['Storage']],
  ['latido suspend a', ['all']], ['latido node j', ['join']], ['latido node join ', ['hard', 'soft']], ['latido plan --out plan --pv', ['--pve']], ['latido hid', []],
];

describe.skipIf(!HAS('bash'))('bash', () => {
  test.each(CASES)('%s', (line, proposed) => {
    const script = `${bashCompletion(words)}\nCOMP_WORDS=(${line}${line.endsWith(' ') ? "''" : ''}); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); _latido; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expect(lines(execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }))).toEqual(proposed);
  });
  test('folders after plan', () => {
    const script = `${bashCompletion(words)}\ncd /; COMP_WORDS=(latido plan us); COMP_CWORD=2; _latido; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expect(lines(execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }))).toEqual(['usr']);
  });
});

describe.skipIf(!HAS('fish'))('fish', () => {
  const file = join(folder, 'latido.fish');
  test.each(CASES)('%s', (line, proposed) => {
    writeFileSync(file, fishCompletion(words));
    const found = execFileSync('fish', ['--no-config', '-c', `source ${file}; complete -C '${line}'`], { encoding: 'utf8', env: { ...process.env, HOME: folder } });
    expect(lines(found).map((one) => one.split('\t')[0])).toEqual(proposed);
  });
});

describe.skipIf(!HAS('zsh'))('zsh', () => {
  const file = join(folder, '_latido');
  /** What zsh's own functions are given to propose from. */
  const given = (line: string): readonly string[] => {
    writeFileSync(file, zshCompletion(words));
    const script = `compdef() { :; }; _describe() { print -rl -- "\${(P@)2}"; }; _arguments() { print -rl -- "$words[1]" "$@"; }; source ${file}; words=(${line} ''); CURRENT=$#words; _latido`;
    return lines(execFileSync('zsh', ['-f', '-c', script], { encoding: 'utf8' }));
  };
  test('commands with their descriptions', () => expect(given('latido')).toContain("plan:what is to be done: it's shown"));
  test('options and folders of a command', () => expect(given('latido plan')).toEqual(['(-h --help)--help[print this help]', '(-h --help)-h[print this help]', '(-o --out)--out[write it \\[there\\]]:value:_files', '(-o --out)-o[write it \\[there\\]]:value:_files', '--pve[as this one]:value:(8.4 9.2)', '-s', ':a folder:_files -/', 'plan']));
  test('a command below a command', () => expect(given('latido node join')).toContain(':.starts with a dot:(soft hard)'));
});

describe('the manual page', () => {
  const page = manualText(words, { version: '1.2.3', date: '2026-11-22' });
  test('describes each command and option once', () => {
    for (const { path } of words.children) expect(page.split(`\\fBlatido ${path.join(' ')}\\fR`)).toHaveLength(2);
    expect(page.split('\\fB\\-o\\fR, \\fB\\-\\-out\\fR \\fI<file>\\fR')).toHaveLength(2);
    expect(page).not.toContain('hidden');
  });
  test('a text that starts with a dot is no request', () => expect(page).toContain('\n\\&.starts with a dot\n'));
  test.skipIf(!HAS('man'))('has no warnings', () => {
    const file = join(folder, 'latido.1');
    writeFileSync(file, page);
    const { stderr, stdout } = spawnSync('man', ['--warnings', '-l', file], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '100', MANPAGER: 'cat' } });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/LATIDO\(1\)[\s\S]*EXIT STATUS[\s\S]*SEE ALSO/);
  });
});

/** In the order of the alphabet: fish and zsh have their own. */
function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '').sort();
}
