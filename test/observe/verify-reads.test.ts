// Notes of comparisons are asked where a file names a checksum, and after the kernel's states: what ends between the two must not look
// as if it was broken off.
import { expect, test } from 'vitest';
import { READ_VERIFIES } from '../../controller/drbd/scripts.ts';
import type { Ssh } from '../../controller/model/doors.ts';
import { readNodes } from '../../controller/observe/node-reads.ts';
import { World } from '../harness/world.ts';

async function asked(checksum: string): Promise<{ readonly order: readonly string[]; readonly isTold: boolean }> {
  const world = new World({ nodes: ['n1', 'n2'].map((name) => ({ name, drbd: '8.4.11', volumeGroups: { vg0: 2 ** 31 } })), drbd: [{ name: 'r0', minor: 0, backing: 'vg0', sizeBytes: 2 ** 28, nodes: { n1: '10.0.0.1:7788', n2: '10.0.0.2:7788' } }] });
  const files = world.sim.state.below.hosts['n1']?.files ?? {};
  files['/etc/drbd.d/r0.res'] = (files['/etc/drbd.d/r0.res'] ?? '').replace('protocol C;', `protocol C; ${checksum}`);
  const order: string[] = [];
  const { ssh } = world.sim;
  const note = (argv: readonly string[]) => order.push(argv[2] === READ_VERIFIES ? 'notes' : argv.join(' '));
  const listening: Ssh = {
    run: (node, argv, options) => { note(argv); return ssh.run(node, argv, options); },
    runAll: (node, argvs, options) => { argvs.forEach(note); return ssh.runAll(node, argvs, options); },
    learnNodes: () => undefined, stats: ssh.stats,
  };
  const facts = await world.run(readNodes(listening, ['n1']));
  return { order, isTold: facts.get('n1')?.verifies !== undefined };
}

test('after the states of the kernel', async () => {
  const { order, isTold } = await asked('verify-alg sha1;');
  expect([isTold, order.filter((line) => line === 'notes').length]).toEqual([true, 1]);
  expect(order.indexOf('notes')).toBeGreaterThan(Math.max(order.indexOf('drbdsetup events2 --now --statistics'), order.indexOf('cat /proc/drbd')));
});
test('not where nothing can be compared', async () => expect(await asked('')).toMatchObject({ isTold: false, order: expect.not.arrayContaining(['notes']) }));
