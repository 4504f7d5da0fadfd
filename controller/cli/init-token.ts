// In: a node. Out: a user, a role with what latido needs and no more, and a token, in a file that only its owner reads.
// What is there is used or completed. Must never show the token, nor leave one behind that nobody has.
import type { Machine } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { commandText, pveumCommands } from './init-text.ts';
import { privilegesFor, ROLE, TOKEN_NAME, USER } from './privileges.ts';

const TOKEN_MODE = 0o600;

/** The commands that are still needed, in order. @throws Failure when the token exists: its secret is told once, and this is too late */
export async function tokenCommands(release: string | undefined, machine: Machine): Promise<readonly (readonly string[])[]> {
  const all = pveumCommands(release);
  const role = (await rows(['pveum', 'role', 'list'], machine)).find((row) => row['roleid'] === ROLE);
  const user = (await rows(['pveum', 'user', 'list'], machine)).find((row) => row['userid'] === USER);
  const tokens = user === undefined ? [] : await rows(['pveum', 'user', 'token', 'list', USER], machine);
  if (tokens.some((row) => row['tokenid'] === TOKEN_NAME)) throw failure('AUTH_FAILED', `the token ${USER}!${TOKEN_NAME} exists already, and Proxmox tells its secret only when it is made`, { fix: `write it to a file and name that with --token-file; or, when nothing uses it, pveum user token remove ${USER} ${TOKEN_NAME}` });
  return [...roleCommand(role, release, all.role), ...(user === undefined ? [all.user] : []), all.userRights, all.token, all.tokenRights];
}

function roleCommand(role: Row | undefined, release: string | undefined, add: readonly string[]): readonly (readonly string[])[] {
  if (role === undefined) return [add];
  const has = new Set(String(role['privs'] ?? '').split(/[\s,;]+/));
  const missing = privilegesFor(release).map(({ name }) => name).filter((name) => !has.has(name));
  return missing.length === 0 ? [] : [['pveum', 'role', 'modify', ROLE, '--privs', missing.join(','), '--append', '1']];
}

/** @param told is called before each, so that a person sees how far it came */
export async function makeToken(commands: readonly (readonly string[])[], file: string, machine: Machine, told: (line: string) => void): Promise<void> {
  for (const argv of commands) {
    told(commandText(argv));
    const output = await must(argv, machine);
    if (argv.includes('token') && argv.includes('add')) await keep(output, file, machine);
  }
}

async function keep(output: string, file: string, machine: Machine): Promise<void> {
  const answer = jsonOf(output);
  const secret = isObject(answer) ? answer['value'] : undefined;
  const written = typeof secret === 'string' ? await writeToken(`${USER}!${TOKEN_NAME}=${secret}`, file, machine) : { ok: false as const, errno: 'pveum told no secret' };
  if (written.ok) return;
  await machine.run(['pveum', 'user', 'token', 'remove', USER, TOKEN_NAME]);
  throw failure('AUTH_FAILED', `${file} could not be written (${written.errno}), and the new token was removed again`, { fix: 'name another place with --token-file' });
}

export function writeToken(token: string, file: string, machine: Machine) {
  return machine.write(file, `${token}\n`, TOKEN_MODE);
}

type Row = Readonly<Record<string, unknown>>;

async function rows(argv: readonly string[], machine: Machine): Promise<readonly Row[]> {
  const value = jsonOf(await must([...argv, '--output-format', 'json'], machine));
  return Array.isArray(value) ? value.filter((row): row is Row & Parameters<typeof isObject>[0] => isObject(row)) : [];
}

async function must(argv: readonly string[], machine: Machine): Promise<string> {
  const ran = await machine.run(argv);
  if (ran === undefined) throw failure('COMMAND_FAILED', `there is no program ${argv[0] ?? ''} on this machine`, { fix: 'run latido init on a node, or make the token there and name it with --token-file' });
  if (ran.exitCode !== 0) throw failure('COMMAND_FAILED', `${commandText(argv)} ended with exit code ${ran.exitCode}: ${ran.stderr.trim().split('\n').at(-1) ?? ''}`, { fix: 'set right what it says and run latido init again: it goes on where it was' });
  return ran.stdout;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
