// What a look before a step asks a node: only what the step's conditions are about.
import { expect, test } from 'vitest';
import type { Ssh } from '../../controller/model/doors.ts';
import { readNodes } from '../../controller/observe/node-reads.ts';
import type { Part } from '../../controller/observe/node-reads.ts';

const ANSWERS: Readonly<Record<string, string>> = { cat: '8.4.11\n', vgs: '{"report":[{"vg":[]}]}', lvs: '{"report":[{"lv":[]}]}', pvs: '{"report":[{"pv":[]}]}', ip: '[]', grep: '/etc/drbd.d/r0.res:resource r0 { on a { address 10.0.0.1:7788; } }\n' };

async function asked(...parts: readonly Part[]): Promise<readonly string[]> {
  const programs = new Set<string>();
  const ssh: Ssh = {
    stats: { calls: 0 }, learnNodes: () => {},
    run: (_node, argv) => {
      const [program = '', word = ''] = argv;
      programs.add(program === 'drbdadm' ? `drbdadm ${word}` : program);
      return Promise.resolve({ code: program === 'lvmconfig' ? 5 : 0, stdout: ANSWERS[program] ?? '', stderr: '' });
    },
  };
  const nodes = await readNodes(ssh, ['a'], new Set(parts));
  expect(nodes.get('a')?.unread).toBeUndefined();
  return [...programs].sort();
}

test.each<[readonly Part[], readonly string[]]>([
  [['drbd'], ['cat', 'drbdadm dump-md', 'drbdadm get-gi', 'drbdsetup', 'flock', 'grep']],
  [['drbd', 'drift'], ['cat', 'drbdadm adjust', 'drbdadm dump-md', 'drbdadm get-gi', 'drbdadm sh-nop', 'drbdsetup', 'flock', 'grep']],
  [['lvm'], ['flock', 'lvmconfig', 'lvs', 'pvs', 'vgs']],
  [['addresses'], ['flock', 'ip', 'sh']],
])('%j', async (parts, programs) => expect(await asked(...parts)).toEqual(programs));
