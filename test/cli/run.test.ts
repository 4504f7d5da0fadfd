import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../controller/cli/commands.ts';
import type { Context, World } from '../../controller/cli/context.ts';
import type { Commands } from '../../controller/cli/program.ts';
import { runCli } from '../../controller/cli/run.ts';
import { loadApiTables, tableVersions } from '../../controller/env/api-tables.ts';
import { createRegistry } from '../../controller/kinds/index.ts';
import { ConnectionError, PveError } from '../../controller/model/doors.ts';
import { failure } from '../../controller/model/finding.ts';

const missing = () => Promise.reject(failure('USAGE', 'not in this test'));

async function latido(args: readonly string[], more: { readonly commands?: Partial<Commands>; readonly debug?: boolean } = {}) {
  const told = { out: '', err: '' };
  const style = () => ({ color: false, width: 200, rows: 24 });
  const world: World = {
    clock: { now: () => 0, sleep: () => Promise.resolve() }, version: '1.2.3', reportTo: 'https://example.org/issues', tableVersions: tableVersions(), tables: loadApiTables,
    kindsFor: (release) => ({ version: release, kinds: createRegistry(loadApiTables(release)) }),
    readText: (file) => Promise.reject(failure('USAGE', `${file} could not be read: ENOENT`)), writeText: missing, open: missing, machine: missing, lab: missing, demo: missing, simulate: missing,
    daemon: { store: () => { throw failure('DAEMON_ABSENT', 'not here'); }, open: missing, ask: () => Promise.reject(failure('DAEMON_ABSENT', 'no daemon runs', { fix: 'start it with: latido run' })), onReload: () => () => undefined, ownAddresses: () => Promise.resolve([]), warn: () => undefined, random: () => 0.5, https: { check: missing, listen: missing }, newToken: () => 'lat_test', readSecret: missing, outbound: missing, usage: () => ({ cpuSeconds: 1, residentBytes: 2, startedAtSeconds: 3 }) },
  };
  const context: Context = {
    terminal: { out: (text) => void (told.out += text), err: (text) => void (told.err += text), style, errStyle: style, interactive: false, live: false, ask: () => Promise.resolve(undefined), ticker: () => () => undefined },
    world, interruptible: (work) => work(new AbortController().signal),
  };
  const code = await runCli(args, context, { ...COMMANDS, ...more.commands }, more.debug === true);
  return { code, ...told };
}

const throwing = (error: unknown): Partial<Commands> => ({ validate: () => Promise.reject(error as Error) });

describe('a mistake on the command line', () => {
  test.each([
    [['plna'], "USAGE: unknown command 'plna' (Did you mean plan?)\n  fix: latido --help\n"],
    [['plan', '--foo'], "USAGE: unknown option '--foo'\n  fix: latido plan --help\n"],
    [['plan', 'a', 'b'], 'USAGE: too many arguments'],
    [['apply', '--approve'], "option '--approve <fingerprint>' argument missing\n  fix: latido apply --help\n"],
    [['lab', '--port', '99999999'], 'It is not a whole number from 0 to 65000.\n  fix: latido lab --help\n'],
    [['lab', '--speed', 'NaN'], 'It is not a number above 0'],
    [['explain', 'Virtualmachine.confg'], 'USAGE: VirtualMachine has no field confg\n  fix: did you mean config?\n'],
    [['explain', 'vm.config.net0.modl'], 'fix: did you mean model?\n'],
    [['explain', 'Nothing'], 'USAGE: there is no kind Nothing'],
    [['explain', 'vm', '--pve', '6.4'], 'VERSION_UNSUPPORTED: Proxmox VE 6.4 is not supported'],
    [['validate', '/does/not/exist'], 'SOURCE_UNREADABLE: /does/not/exist is not a folder'],
    [['apply', '--plan', '/does/not/exist'], 'USAGE: /does/not/exist could not be read: ENOENT'],
  ])('%j', async (args, sentence) => {
    const { code, out, err } = await latido(args);
    expect(err).toContain(sentence);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).not.toContain('    at ');
  });

  test.each([['status'], ['get', 'VirtualMachine'], ['events'], ['history'], ['suspend', 'all', '--reason', 'works'], ['resume', 'all'], ['reconcile'], ['approve', 'plan-1a2b3c4d5e6f'], ['plan', '--from-daemon']])('%s says so when no daemon runs', async (...args) => {
    const { code, err } = await latido(args);
    expect(err).toMatch(/^DAEMON_ABSENT: no daemon runs\n  fix: start it with: latido run\n/);
    expect(code).toBe(1);
  });

  test('import says what does the job today', async () => {
    const { code, err } = await latido(['import', '.']);
    expect(err).toMatch(/^USAGE: latido import is not part of this version\n  fix: .*/);
    expect(code).toBe(1);
  });
});

describe('what a command throws', () => {
  test('a refusal of Proxmox has its text and its parameters', async () => {
    const { err } = await latido(['validate'], { commands: throwing(new PveError(400, 'Parameter verification failed.\n', { memory: 'value must be\u001B[31m at least 16' })) });
    expect(err).toBe('PVE_REFUSED: Parameter verification failed.; memory: value must be\\x1b[31m at least 16\n');
  });

  test.each([[401, 'AUTH_FAILED'], [403, 'PERMISSION_DENIED'], [500, 'PVE_REFUSED']])('%i is %s', async (status, code) => {
    expect((await latido(['validate'], { commands: throwing(new PveError(status, 'no')) })).err).toBe(`${code}: no\n`);
  });

  test('an untrusted certificate says what to compare', async () => {
    const { err } = await latido(['validate'], { commands: throwing(new ConnectionError('tls', false, 'pve1 shows another certificate')) });
    expect(err).toMatch(/^TLS_UNTRUSTED: pve1 shows another certificate\n {2}fix: compare it/);
  });

  test('a defect is said to be ours, without a stack', async () => {
    const { code, out, err } = await latido(['validate'], { commands: throwing(new TypeError('x is not a function')) });
    expect(err).toBe('defect of latido 1.2.3: TypeError: x is not a function\n  fix: nothing on your side; please report it at https://example.org/issues, with the command and what LATIDO_DEBUG=1 adds\n');
    expect({ code, out }).toEqual({ code: 1, out: '' });
  });

  test('with LATIDO_DEBUG the stack is there', async () => {
    expect((await latido(['validate'], { commands: throwing(new TypeError('x')), debug: true })).err).toContain('    at ');
  });

  test('as JSON where JSON was asked for', async () => {
    const told = await latido(['validate', '--json'], { commands: throwing(failure('NODE_UNKNOWN', 'no such node', { node: 'pve9', fix: 'name another' })) });
    expect(JSON.parse(told.err)).toEqual({ format: 'latido.error/v1', findings: [{ code: 'NODE_UNKNOWN', severity: 'error', fact: 'no such node', fix: 'name another', node: 'pve9' }] });
    expect(JSON.parse((await latido(['validate', '--json'], { commands: throwing(new TypeError('x')) })).err)).toEqual({ format: 'latido.error/v1', defect: 'TypeError: x' });
  });
});

describe('help', () => {
  test('without a command is the same as --help', async () => {
    const none = await latido([]);
    expect(none).toEqual(await latido(['--help']));
    expect(none.code).toBe(0);
    // The hook is started by git alone, and not shown.
    for (const command of Object.keys(COMMANDS).filter((each) => each !== 'receiveHook' && each !== 'manual')) expect(none.out).toMatch(new RegExp(`^  ${command} `, 'm'));
  });
  test('of a command', async () => {
    expect((await latido(['plan', '--help'])).out).toContain('--detailed-exitcode');
  });
  test('version', async () => {
    expect(await latido(['--version'])).toEqual({ code: 0, out: '1.2.3\n', err: '' });
  });
});

describe('explain', () => {
  test('tells type, default, limits and the cost of a change', async () => {
    const { out } = await latido(['explain', 'vm.config.cores', '--pve', '8.4']);
    expect(out).toMatch(/type +integer\n +default +1\n +limits +at least 1\n +change +needs a restart of the guest/);
    expect(out).toContain('As Proxmox VE 8.4 has it');
  });

  test('accepts spec in the path, and any member of a family', async () => {
    expect((await latido(['explain', 'VirtualMachine.spec.placement.node'])).out).toContain('VirtualMachine.placement.node');
    expect((await latido(['explain', 'vm.config.net7'])).out).toBe((await latido(['explain', 'vm.config.net'])).out.replace('net[n]', 'net7').replace(/ {2}limits .*\n/, ''));
  });

  test.each(['7.4', '8.4', '9.2'])('every field of every kind can be explained, %s', async (version) => {
    const { out } = await latido(['explain', '--json', '--pve', version]);
    const paths = (JSON.parse(out) as { kinds: { path: string; fields: { path: string }[] }[] }).kinds.flatMap((kind) => [kind.path, ...kind.fields.map((field) => field.path)]);
    expect(paths.length).toBeGreaterThan(30);
    for (const path of paths) expect((await latido(['explain', path, '--pve', version])).code, path).toBe(0);
  });

  test('every option of a guest can be explained', async () => {
    for (const kind of ['VirtualMachine', 'Container']) {
      const { fields } = JSON.parse((await latido(['explain', `${kind}.config`, '--json'])).out) as { fields: { path: string }[] };
      expect(fields.length).toBeGreaterThan(30);
      for (const { path } of fields) expect((await latido(['explain', path])).code, path).toBe(0);
    }
  });
});
