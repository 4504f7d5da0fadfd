import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Context } from '../../controller/cli/context.ts';
import { COMMANDS } from '../../controller/cli/commands.ts';
import { createProgram } from '../../controller/cli/program.ts';

const FOLDER = resolve(import.meta.dirname, '..', '..', 'examples', 'ci');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yml'));

/** No command runs here: of the world only its versions are asked for. */
const context = { world: { version: '1', tableVersions: ['9.2'] }, terminal: {} } as unknown as Context;
const program = createProgram(context, COMMANDS, () => undefined);

test('one for each host', () => expect(files.sort()).toEqual(['forgejo.yml', 'github-actions.yml', 'gitlab-ci.yml']));

describe.each(files)('%s', (file) => {
  const document: unknown = parse(readFileSync(join(FOLDER, file), 'utf8'));
  const uses = strings(document).flatMap((text) => text.split('\n')).filter((line) => line.trim().startsWith('latido ')).map((line) => line.trim());

  test('validates and plans', () => expect(uses.map((line) => line.split(' ')[1])).toEqual(['validate', 'plan']));
  test.each(uses)('there is such a command: %s', (line) => {
    const [name = '', ...words] = (line.split(/[|>]|2>/)[0] ?? '').trim().split(/\s+/).slice(1);
    const command = program.commands.find((each) => each.name() === name);
    expect(command).toBeDefined();
    expect(words.filter((word) => word.startsWith('-')).filter((word) => !hasOption(command, word))).toEqual([]);
  });
  test('who plans has the token from the secrets of the host, and nobody else has', () => {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    expect(text).not.toMatch(/PVEAPIToken|!\w+=[0-9a-f-]{36}/);
    const jobs = document as Readonly<Record<string, unknown>>;
    const { validate } = (jobs['jobs'] ?? jobs) as Readonly<Record<string, unknown>>;
    expect(JSON.stringify(validate)).not.toContain('LATIDO_TOKEN');
  });
});

function hasOption(command: Command | undefined, word: string): boolean {
  return command?.options.some(({ short, long }) => [short, long].includes(word.split('=')[0])) ?? false;
}

function strings(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(strings);
}
