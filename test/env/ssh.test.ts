// Commands on nodes through the real ssh, a real sshd and its user's real shell.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchLine, batchResults } from '../../controller/env/shell-batch.ts';
import { shellLine } from '../../controller/env/shell-line.ts';
import { createSsh } from '../../controller/env/ssh.ts';
import type { SshDoor } from '../../controller/env/ssh.ts';
import { ConnectionError } from '../../controller/model/doors.ts';
import { SSHD, startSshd } from '../sources/sshd.ts';
import type { Sshd } from '../sources/sshd.ts';

const NASTY = ["'", "''", '"', '`id`', '$(id)', '${IFS}', ';', '&& false', '| cat', '> /dev/full', '\n', '\n\nid\n', '\\', "\\'", '*', '?', '[a]', '~', '~root', '!', '!!', '#', '-', '--', '-rf', '', ' ', '\t', 'a b', 'A=b', 'if', 'é€😀', '\u202e', '\x07\x1b[31m', '%s%n', '{a,b}', "'$(reboot)'", "x'; id; echo 'y"];
const word = fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')), fc.array(fc.constantFrom(...NASTY), { maxLength: 4 }).map((parts) => parts.join('')));
/** Prints each of its words with a zero byte behind it. */
const PRINT = ['printf', '%s\\0'];

describe('a line for a shell', () => {
  test('is read as the same words by sh and by bash', () => {
    fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), fc.constantFrom('sh', 'bash'), (words, shell) => {
      const printed = execFileSync(shell, ['-c', shellLine([...PRINT, ...words])]).toString();
      expect(printed.split('\0').slice(0, -1)).toEqual(words.map(utf8));
    }), { numRuns: 100 });
  });
  test('holds no zero byte', () => expect(() => shellLine(['a\0b'])).toThrow('zero byte'));
});

/** What a lone surrogate becomes on any wire. */
function utf8(text: string): string {
  return Buffer.from(text).toString();
}

describe('several as one line', () => {
  const shell = fc.constantFrom('sh', 'bash');
  const BOUNDARY = 'latido-0123456789abcdef';
  test('each is read, run and told apart by sh and by bash', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.array(word, { minLength: 1, maxLength: 4 }), fc.nat(254)), { minLength: 1, maxLength: 5 }), shell, (commands, program) => {
      const argvs = commands.map(([words, code]) => ['sh', '-c', 'code=$1; shift; printf "%s\\0" "$@"; printf "%s" "$1" >&2; exit "$code"', 'x', String(code), ...words]);
      const { stdout, stderr } = spawnSync(program, ['-c', batchLine(argvs, BOUNDARY)]);
      expect(batchResults(stdout.toString(), stderr.toString(), BOUNDARY, argvs.length)).toEqual(commands.map(([words, code]) => ({ code, stdout: words.map((each) => `${utf8(each)}\0`).join(''), stderr: utf8(words[0] ?? '') })));
    }), { numRuns: 50 });
  });
  test.each([['', ''], [`a\n${BOUNDARY} 0\n`, ''], [`a\n${BOUNDARY} x\nb\n${BOUNDARY} 0\n`, `\n${BOUNDARY}\n\n${BOUNDARY}\n`]])('outputs %j and %j are not of two commands', (stdout, stderr) => expect(batchResults(stdout, stderr, BOUNDARY, 2)).toBeUndefined());
});

describe.skipIf(SSHD === undefined)('over ssh', () => {
  let dir: string;
  let sshd: Sshd;
  let ssh: SshDoor;
  const known = () => join(dir, 'known');

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'latido-ssh-test-'));
    sshd = await startSshd(join(dir, 'sshd'));
    // As the nodes of a cluster do: by name.
    writeFileSync(known(), readFileSync(join(dir, 'sshd', 'known'), 'utf8').replace(/^\S+/, 'pve1'));
    ssh = createSsh({ user: userInfo().username, port: sshd.port, key: sshd.keyFile, knownHosts: known(), addresses: { pve1: '127.0.0.1', pve2: '127.0.0.1' }, isLocal: (node) => node === 'here' });
  });
  afterAll(async () => {
    await ssh.close();
    await sshd.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const run = (argv: readonly string[], node = 'pve1') => ssh.run(node, argv, { timeoutMs: 20_000 });

  test('each word arrives as it is', async () => {
    for (let at = 0; at < NASTY.length; at += 12) {
      const words = NASTY.slice(at, at + 12);
      expect((await run([...PRINT, ...words])).stdout.split('\0').slice(0, -1)).toEqual(words);
    }
  });
  test('so do many random ones', async () => {
    await fc.assert(fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 20 }), async (words) => {
      expect((await run([...PRINT, ...words])).stdout.split('\0').slice(0, -1)).toEqual(words.map(utf8));
    }), { numRuns: 5 });
  });
  test('several in one session answer as each would alone', async () => {
    const argvs = [
      [...PRINT, ...NASTY], ['sh', '-c', 'echo out; echo err >&2; exit 7'], ['printf', 'no newline'], ['printf', '\\n\\n'], ['sh', '-c', 'printf "%s" "$1" >&2', 'x', '\n'], ['cat'], ['/no/such'],
      // What a shell would do to itself is done to one of its own.
      ['exit', '3'], ['cd', '/'], ['pwd'], ['exec', 'true'], ['set', '-e'], ['false'], ['sh', '-c', 'kill -9 $$'], ['sh', '-c', 'exit 255'], ['true'],
    ];
    const before = ssh.stats.calls;
    const together = await ssh.runAll('pve1', argvs, { timeoutMs: 20_000 });
    expect(ssh.stats.calls).toBe(before + 1);
    expect(together.map(({ code }) => code)).toEqual([0, 7, 0, 0, 0, 0, 127, 3, 0, 0, 0, 0, 1, 137, 255, 0]);
    const alone = [0, 1, 2, 3, 4, 5, 9, 12, 15];
    for (const at of alone) expect(together[at]).toEqual(await run(argvs[at] ?? []));
  });
  test('whatever they print, on whichever side', async () => {
    const text = fc.oneof(word, fc.constantFrom('\nlatido-', 'latido-0 0\n', '\n0\n'));
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(text, text, fc.nat(254)), { minLength: 1, maxLength: 8 }), async (wanted) => {
      const argvs = wanted.map(([out, err, code]) => ['sh', '-c', 'printf %s "$1"; printf %s "$2" >&2; exit "$3"', 'x', out, err, String(code)]);
      expect(await ssh.runAll('pve1', argvs, { timeoutMs: 20_000 })).toEqual(wanted.map(([out, err, code]) => ({ code, stdout: utf8(out), stderr: utf8(err) })));
    }), { numRuns: 8 });
  });
  test('several here too', async () => expect(await ssh.runAll('here', [['sh', '-c', 'echo out; echo err >&2; exit 7'], ['cat'], ['/no/such']], { timeoutMs: 20_000 })).toMatchObject([{ code: 7, stdout: 'out\n', stderr: 'err\n' }, { code: 0, stdout: '' }, { code: 127 }]));
  test('several that do not end in their time', () => expect(ssh.runAll('pve1', [['sleep', '1'], ['sleep', '2']], { timeoutMs: 300 })).rejects.toMatchObject({ name: 'ConnectionError', code: 'timeout', sent: true }));
  test('a shell that ends in the middle answers for none', () => expect(ssh.runAll('pve1', [['true'], ['sh', '-c', 'kill -9 $PPID'], ['true']], { timeoutMs: 20_000 })).rejects.toMatchObject({ name: 'ConnectionError', sent: true }));
  test('here too', async () => expect((await run([...PRINT, ...NASTY], 'here')).stdout.split('\0').slice(0, -1)).toEqual(NASTY));
  test('exit code and both outputs are kept', async () => expect(await run(['sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' }));
  test('standard input arrives', async () => expect((await ssh.run('pve1', ['cat'], { stdin: ["a 'b'\n", '$c'], timeoutMs: 20_000 })).stdout).toBe("a 'b'\n$c"));
  test('standard input is empty, not a person', async () => expect((await run(['cat'])).stdout).toBe(''));
  test('no such program', async () => expect((await run(['/no/such'])).code).toBe(127));
  test('no such program, here', async () => expect((await run(['/no/such'], 'here')).code).toBe(127));
  test('many at a time', async () => expect((await Promise.all(Array.from({ length: 12 }, (_, n) => run(['echo', String(n)])))).map(({ stdout }) => stdout.trim())).toEqual(Array.from({ length: 12 }, (_, n) => String(n))));
  test('what does not end in its time may have had an effect', () => expect(ssh.run('pve1', ['sleep', '2'], { timeoutMs: 300 })).rejects.toMatchObject({ name: 'ConnectionError', code: 'timeout', sent: true }));
  test('a host whose key is not known is not spoken to', () => expect(run(['true'], 'pve2')).rejects.toMatchObject({ sent: false }));
  test('a port where nobody listens', async () => {
    const none = createSsh({ port: 1, addresses: { pve1: '127.0.0.1' }, isLocal: () => false, knownHosts: known() });
    await expect(none.run('pve1', ['true'], { timeoutMs: 5_000 })).rejects.toBeInstanceOf(ConnectionError);
    await none.close();
  });
});
