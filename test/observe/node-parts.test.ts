// What a look asks a node: in two sessions, and before a step only what the step's conditions are about.
import { expect, test } from 'vitest';
import type { Ssh } from '../../controller/model/doors.ts';
import { readNodes } from '../../controller/observe/node-reads.ts';
import type { Part } from '../../controller/observe/node-reads.ts';

const ANSWERS: Readonly<Record<string, string>> = { cat: '8.4.11\n', lvm: '{"report":[]}', ip: '[]', grep: '/etc/drbd.d/r0.res:resource r0 { on a { address 10.0.0.1:7788; } }\n' };

const GENERATIONS = '0AAAAAAAAAAAAAA0:0000000000000000:0BBBBBBBBBBBBBB0:0000000000000000:1:1:0:0:0:0:0\n';

/** The programs of each session with the node `a`. */
async function sessions(answers: Readonly<Record<string, string>>, ...parts: readonly Part[]): Promise<readonly (readonly string[])[]> {
  const all: string[][] = [];
  const ssh: Ssh = {
    stats: { calls: 0 }, learnNodes: () => {}, run: () => Promise.reject(new Error('one at a time')),
    runAll: (_node, argvs) => {
      const named = argvs.map(([program = '', word = '']) => ({ program, name: program === 'drbdadm' ? `drbdadm ${word}` : program }));
      all.push(named.map(({ name }) => name));
      return Promise.resolve(named.map(({ program, name }) => ({ code: program === 'lvmconfig' ? 5 : 0, stdout: answers[name] ?? ANSWERS[program] ?? '', stderr: '' })));
    },
  };
  const nodes = await readNodes(ssh, ['a'], parts.length > 0 ? new Set(parts) : undefined);
  expect(nodes.get('a')?.unread).toBeUndefined();
  return all;
}
const asked = async (...parts: readonly Part[]) => [...new Set((await sessions({}, ...parts)).flat())].sort();

test.each<[readonly Part[], readonly string[]]>([
  [['drbd'], ['cat', 'drbdadm dump-md', 'drbdadm get-gi', 'drbdsetup', 'flock', 'grep']],
  [['drbd', 'drift'], ['cat', 'drbdadm adjust', 'drbdadm dump-md', 'drbdadm get-gi', 'drbdadm sh-nop', 'drbdsetup', 'flock', 'grep']],
  [['lvm'], ['flock', 'lvm', 'lvmconfig']],
  [['addresses'], ['flock', 'ip', 'sh']],
])('%j', async (parts, programs) => expect(await asked(...parts)).toEqual(programs));
test('all of it takes two sessions', async () => expect(await sessions({ 'drbdadm get-gi': GENERATIONS })).toEqual([
  ['flock', 'cat', 'grep', 'lvm', 'lvmconfig', 'ip', 'sh'],
  ['drbdsetup', 'cat', 'drbdadm sh-nop', 'drbdadm adjust', 'drbdadm get-gi'],
]));
test('and a third where there is no metadata yet', async () => expect((await sessions({})).slice(2)).toEqual([['drbdadm dump-md']]));
test('a node on which a command still runs is asked no further', async () => {
  const ssh: Ssh = { stats: { calls: 0 }, learnNodes: () => {}, run: () => Promise.reject(new Error('one at a time')), runAll: (_node, argvs) => Promise.resolve(argvs.map(() => ({ code: 75, stdout: '', stderr: '' }))) };
  expect((await readNodes(ssh, ['a'])).get('a')?.unread).toBe('a command of latido still runs there');
});
