// `latido apply` before its plan: what an earlier one left under way is waited for, and a person may stop the waiting.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyCommand } from '../../controller/cli/apply.ts';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { Json } from '../../controller/model/json.ts';
import { CLUSTER, World } from '../harness/world.ts';
import { contextOf } from './fake-context.ts';

const UPID = 'UPID:pve1:00001000:00002000:6500AAAA:qmclone:100:root@pam:';
const STARTED = { v: 1, event: 'started', at: 1, plan: 'ab12', step: 'VirtualMachine/web#1', title: 'clone it from template 9000', method: 'POST', path: '/nodes/pve1/qemu/9000/clone', node: 'pve1' };
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latido-apply-'));
  await writeFile(join(folder, 'cluster.yaml'), CLUSTER);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('Ctrl-C ends the waiting for an earlier apply; nothing was done, and the journal keeps what is open', async () => {
  const { env } = new World();
  const journal = [STARTED, { v: 1, event: 'posted', at: 2, step: STARTED.step, upid: UPID }].map((entry) => `${JSON.stringify(entry)}\n`).join('');
  const store = createMemoryStore();
  await store.write('journal.jsonl', journal);
  const asked: string[] = [];
  const person = new AbortController();
  const get = (path: string): Promise<Json> => {
    asked.push(path);
    if (path.endsWith('/status')) person.abort();
    if (path === '/version') return Promise.resolve({ version: '9.2.11' });
    return Promise.resolve({ status: 'running' });
  };
  const pve = { ...env.pve, stats: env.pve.stats, learnNodes: () => undefined, write: () => Promise.reject(new Error('nothing may be written')), get };
  const open = () => Promise.resolve({ env: { ...env, store, pve }, close: () => Promise.resolve() });
  const { context, told } = contextOf({ open }, {}, person.signal);
  await expect(applyCommand(folder, { yes: true }, context)).rejects.toMatchObject({ findings: [{ fact: 'nothing was done: interrupted while the end of an earlier apply was waited for' }] });
  expect(told.err).toBe('from an earlier apply: clone it from template 9000: its end is waited for\n');
  expect(await store.read('journal.jsonl')).toBe(journal);
  expect(asked).not.toContain('/cluster/resources');
});
