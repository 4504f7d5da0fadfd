// A secret in what a command reads: quoted as the file wants it, refused where it cannot stand there, and hidden in what comes back.
import { describe, expect, test } from 'vitest';
import { runCommand } from '../../controller/apply/run-command.ts';
import { parseResFile } from '../../controller/drbd/res-file.ts';
import { resText } from '../../controller/drbd/res-text.ts';
import type { Ssh, Stdin } from '../../controller/model/doors.ts';
import { wireSsh } from '../../controller/secrets/wire.ts';

const RES = resText({ name: 'r0', mark: 'lab', reclaim: 'keep', major: 8, minor: 0, hosts: [{ name: 'a', nodeId: 0, address: '10.0.0.1:7788', disk: '/dev/vg/r0' }], options: new Map(), sharedSecret: { secret: 'drbd' } });

function wired(value: string | undefined, says: (input: string) => string = () => '') {
  const read: string[] = [];
  const ssh: Ssh = {
    run: async (_node, _argv, { stdin = [] }) => {
      const input = stdin.map((piece) => (typeof piece === 'string' ? piece : `<${piece.secret}>`)).join('');
      read.push(input);
      return { code: 1, stdout: '', stderr: says(input) };
    },
    runAll: async () => [], learnNodes: () => undefined, stats: { calls: 0 },
  };
  const hide = (text: string) => (value === undefined ? text : text.replaceAll(value, '***'));
  return { read, ssh: wireSsh(ssh, () => value, hide) };
}

const step = (stdin: Stdin) => ({ title: 'write it', action: { via: 'ssh' as const, node: 'pve1', argv: ['sh'], stdin }, guards: [], risk: 'none' as const, locks: [], timeoutMs: 1, id: 'x#1', after: [] });

async function done(value: string | undefined, says?: (input: string) => string) {
  const { read, ssh } = wired(value, says);
  const { action, ...rest } = step(RES);
  const end = await runCommand(ssh, { kind: 'DrbdResource', name: 'r0' }, { ...rest, action }, action);
  return { read, end };
}

describe('the shared secret of DRBD', () => {
  test.each(['plain', 'a"b', 'a\\', '\\"', '"; } }', 'two words', '#no comment'])('%s comes back from the file as it is', async (value) => {
    const { read: [text = ''] } = await done(value);
    const files = parseResFile(text);
    expect(typeof files === 'string' ? files : files.map(({ options }) => options.get('net.shared-secret'))).toEqual([value]);
  });
  test.each([['', 'it is empty'], ['x'.repeat(64), 'it is 64 bytes long, and 63 is the most'], ['é'.repeat(32), 'it is 64 bytes long, and 63 is the most'], ['a\nb', 'it has a line end or another control character in it']])('%j is refused, and nothing is sent', async (value, why) => {
    const { read, end } = await done(value);
    expect([read, end]).toEqual([[], { end: 'failed', findings: [expect.objectContaining({ code: 'SECRET_UNFIT', fact: `the secret drbd cannot be written there: ${why}`, fix: expect.stringContaining('another value') })] }]);
  });
  test('what the program says of it is hidden, also as it was quoted', async () => {
    const { end } = await done('a"b', (input) => `Parse error: ${/shared-secret ".*"/.exec(input)?.[0]}`);
    expect(end.end === 'failed' && end.findings[0]?.fact).toContain('Parse error: shared-secret "***"');
  });
});
