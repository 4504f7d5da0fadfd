import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { applyPlan } from '../../controller/apply/executor.ts';
import { openJournal } from '../../controller/apply/journal.ts';
import type { Env, PveApi } from '../../controller/model/doors.ts';
import type { Json, JsonObject } from '../../controller/model/json.ts';
import { ConnectionError, PveError } from '../../controller/model/doors.ts';
import type { Plan, PlannedStep } from '../../controller/model/plan.ts';
import { VirtualClock } from '../../controller/sim/virtual-clock.ts';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Writes take a second each; a path that holds `bad` is refused, one that holds `lost` breaks after it was sent. */
function world() {
  const clock = new VirtualClock(0);
  const store = createMemoryStore();
  const log: string[] = [];
  let under = 0;
  let most = 0;
  const pve: PveApi = {
    stats: { calls: 0, bytes: 0 }, learnNodes: () => {}, get: () => Promise.resolve([]),
    write: async (_, path) => {
      log.push(`${clock.now() / 1000} ${path}`);
      under += 1;
      most = Math.max(most, under);
      await clock.sleep(1000);
      under -= 1;
      if (path.includes('bad')) throw new PveError(500, 'no such thing\n');
      if (path.includes('lost')) throw new ConnectionError('closed', true, 'socket hang up');
      return null;
    },
  };
  const env: Env = { pve, clock, store, log: SILENT, random: () => 0 };
  const apply = (steps: readonly PlannedStep[], signal?: AbortSignal) => clock.run((async () => applyPlan(planOf(steps), { env, journal: await openJournal(store), version: '9.2', ...(signal ? { signal } : {}) }))());
  return { clock, store, log, apply, most: () => most };
}

/** Writes do what the test says. */
function bare(write: (path: string, clock: VirtualClock, params: JsonObject) => Promise<Json>, get: () => Json = () => []) {
  const clock = new VirtualClock(0);
  const store = createMemoryStore();
  const log: string[] = [];
  const pve: PveApi = { stats: { calls: 0, bytes: 0 }, learnNodes: () => {}, get: () => Promise.resolve(get()), write: (_, path, params) => { log.push(path); return write(path, clock, params); } };
  const env: Env = { pve, clock, store, log: SILENT, random: () => 0 };
  return { env, store, log, run: <T>(work: () => Promise<T>) => clock.run(work()) };
}

function step(id: string, more: Partial<PlannedStep> = {}): PlannedStep {
  return { id, title: id, action: { via: 'pve', method: 'POST', path: `/${id}`, params: {} }, guards: [], risk: 'none', locks: [], timeoutMs: 1000, after: [], ...more };
}

function planOf(steps: readonly PlannedStep[]): Plan {
  const change = { ref: { kind: 'VirtualMachine', name: 'x' }, id: '1', verb: 'update' as const, fields: [], steps, requires: [], notes: [] };
  return { cluster: 'c', revision: 'r', changes: [change], counts: { create: 0, update: 1, adopt: 0, delete: 0, unchanged: 0, held: 0, steps: steps.length }, warnings: [], fingerprint: 'plan-1', memories: [] };
}

const ids = (entries: readonly { readonly step: PlannedStep }[]) => entries.map(({ step: { id } }) => id);

describe('order', () => {
  test('a step waits for those before it', async () => {
    const { apply, log } = world();
    await apply([step('b', { after: ['a'] }), step('a')]);
    expect(log).toEqual(['0 /a', '1 /b']);
  });
  test('steps that share a lock follow one another, others run side by side', async () => {
    const { apply, log } = world();
    await apply([step('a', { locks: ['guest/1'] }), step('b', { locks: ['guest/1'] }), step('c', { locks: ['guest/2'] })]);
    expect(log).toEqual(['0 /a', '0 /c', '1 /b']);
  });
  test('a node works on four at a time', async () => {
    const { apply, most } = world();
    await apply(Array.from({ length: 10 }, (_, n) => step(`s${n}`, { node: 'pve1' })));
    expect(most()).toBe(4);
  });
  test('a held step is not waited for by what it does not hold', async () => {
    const { apply, log } = world();
    await apply([step('held', { hold: { code: 'ROOT_ONLY', reason: '', approvable: false } }), step('free', { after: ['held'] })]);
    expect(log).toEqual(['0 /free']);
  });
});

describe('failure', () => {
  test('ends its own branch only, with the message of Proxmox', async () => {
    const { apply } = world();
    const result = await apply([step('bad'), step('after', { after: ['bad'] }), step('other')]);
    expect(ids(result.done)).toEqual(['other']);
    expect(result.failed[0]?.findings[0]?.fact).toBe('bad: no such thing (500 POST /bad)');
    expect(result.notTried).toMatchObject([{ step: { id: 'after' }, why: 'an earlier step did not end well' }]);
  });
  test('a task that failed says why once: the last line of its log repeats it', async () => {
    const answers: Json[] = [{ status: 'stopped', exitstatus: 'no space left' }, [{ t: 'growing' }, { t: 'TASK ERROR: no space left' }]];
    const { env, store, run } = bare(() => Promise.resolve('UPID:pve1:0:0:0:resize:100:root@pam:'), () => answers.shift() ?? null);
    const result = await run(async () => applyPlan(planOf([step('grow')]), { env, journal: await openJournal(store), version: '9.2' }));
    expect(result.failed[0]?.findings[0]?.fact).toBe('grow: no space left\n    task UPID:pve1:0:0:0:resize:100:root@pam:\n    growing');
  });

  test('an answer that was lost leaves the step unsettled, and it is not sent again', async () => {
    const { apply, log, store } = world();
    const result = await apply([step('lost')]);
    expect(ids(result.unsettled)).toEqual(['lost']);
    expect(log).toHaveLength(1);
    expect((await openJournal(store)).open).toMatchObject([{ step: 'lost' }]);
  });
  test('an interrupt lets what runs end and starts nothing more', async () => {
    const { apply, clock } = world();
    const stop = new AbortController();
    clock.after(500, () => stop.abort());
    const result = await apply([step('a'), step('b', { after: ['a'] })], stop.signal);
    expect(ids(result.done)).toEqual(['a']);
    expect(result).toMatchObject({ interrupted: true, notTried: [{ step: { id: 'b' }, why: 'interrupted before it' }] });
  });
});

test('a bug in one step ends nothing that is under way', async () => {
  const { env, store, run, log } = bare(async (path, clock) => {
    if (path === '/broken') throw new Error('a bug');
    await clock.sleep(1000);
    return null;
  });
  await expect(run(async () => applyPlan(planOf([step('broken'), step('slow')]), { env, journal: await openJournal(store), version: '9.2' }))).rejects.toThrow('a bug');
  expect(log).toEqual(['/broken', '/slow']);
  expect(await store.read('journal.jsonl')).toContain('"event":"finished","at":1000,"step":"slow"');
});

describe('the digest of a file of many objects', () => {
  const write = (id: string, seen?: string) => step(id, { locks: ['file/storage.cfg'], action: { via: 'pve', method: 'PUT', path: `/storage/${id}`, params: {}, ...(seen ? { digest: { path: '/storage', value: seen } } : {}) } });
  test('is the one that the plan saw, and after a write of ours the new one', async () => {
    const sent: unknown[] = [];
    const { env, store, run } = bare((_, __, params) => { sent.push(params.digest); return Promise.resolve(null); }, () => [{ storage: 'a', digest: 'new' }]);
    await run(async () => applyPlan(planOf([write('a', 'old'), write('made'), write('b', 'old')]), { env, journal: await openJournal(store), version: '9.2' }));
    expect(sent).toEqual(['old', undefined, 'new']);
  });
});

describe('the journal', () => {
  test('says started before the effect, finished after it', async () => {
    const { apply, store } = world();
    await apply([step('a')]);
    const events = ((await store.read('journal.jsonl')) ?? '').trim().split('\n').map((line) => (JSON.parse(line) as { event: string; at: number }));
    expect(events).toMatchObject([{ event: 'started', at: 0 }, { event: 'finished', at: 1000 }]);
  });
  test('is read after a crash in the middle of a write', async () => {
    const store = createMemoryStore();
    await store.append('journal.jsonl', JSON.stringify({ event: 'started', at: 0, plan: 'p', step: 'a', title: 'a', method: 'POST', path: '/a', vmid: 5 }));
    await store.write('journal.jsonl', `${await store.read('journal.jsonl')}{"event":"posted","st`);
    const journal = await openJournal(store);
    expect(journal).toMatchObject({ torn: 1, open: [{ step: 'a', vmid: 5 }] });
    await journal.write({ event: 'settled', at: 1, step: 'a', how: 'at rest' });
    expect(await openJournal(store)).toMatchObject({ torn: 0, open: [] });
  });
});
