// The nodes of a lab, reached by another process over a socket: the same answers and the same breaks as at the lab itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLabSsh, serveLabNodes } from '../../controller/env/lab-nodes.ts';
import { ConnectionError } from '../../controller/model/doors.ts';
import type { Ssh } from '../../controller/model/doors.ts';

let dir: string;
let stop: (() => Promise<void>) | undefined;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'latido-lab-nodes-')); });
afterEach(async () => {
  await stop?.();
  rmSync(dir, { recursive: true, force: true });
});

/** Tells what it was asked; `dead` is off, `dies` goes down in the middle. */
const nodes: Ssh = {
  learnNodes: () => undefined, stats: { calls: 0 },
  runAll: () => Promise.reject(new Error('the socket carries one command at a time')),
  run: async (node, argv, { stdin }) => {
    if (node === 'dead') throw new ConnectionError('unreachable', false, 'dead is off');
    if (node === 'dies') throw new ConnectionError('closed', true, 'dies went down');
    return { code: argv.length, stdout: JSON.stringify([node, argv, stdin]), stderr: 'said' };
  },
};
const run = async (node: string) => createLabSsh(join(dir, 's')).run(node, ["a 'b'", '$c'], { stdin: ['x\n', 'y'], timeoutMs: 1000 });

test('words and input arrive as they are, exit code and outputs come back', async () => {
  stop = await serveLabNodes(join(dir, 's'), nodes);
  expect(await run('pve1')).toEqual({ code: 2, stdout: JSON.stringify(['pve1', ["a 'b'", '$c'], ['x\ny']]), stderr: 'said' });
});
test('several are answered in their order, and are one call', async () => {
  stop = await serveLabNodes(join(dir, 's'), nodes);
  const lab = createLabSsh(join(dir, 's'));
  expect(await lab.runAll('pve1', [['a'], ['b', 'c']], { timeoutMs: 1000 })).toEqual([{ code: 1, stdout: JSON.stringify(['pve1', ['a'], ['']]), stderr: 'said' }, { code: 2, stdout: JSON.stringify(['pve1', ['b', 'c'], ['']]), stderr: 'said' }]);
  expect(lab.stats.calls).toBe(1);
});
test('what had no effect and what may have had one are told apart', async () => {
  stop = await serveLabNodes(join(dir, 's'), nodes);
  await expect(run('dead')).rejects.toMatchObject({ code: 'unreachable', sent: false });
  await expect(run('dies')).rejects.toMatchObject({ code: 'closed', sent: true });
});
test('a lab that is gone may have done it', () => expect(run('pve1')).rejects.toMatchObject({ name: 'ConnectionError', sent: true }));
