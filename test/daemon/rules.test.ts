// Each rule of the daemon, in virtual time, on the simulated cluster.
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../controller/model/doors.ts';
import type { PveApi, Transport } from '../../controller/model/doors.ts';
import type { Json } from '../../controller/model/json.ts';
import { failure } from '../../controller/model/finding.ts';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { DaemonWorld, lines, vm, WEB } from './daemon-world.ts';
import { blame } from '../../controller/daemon/blame.ts';
import { DAEMON_OPTIONS } from '../../controller/daemon/options.ts';
import { afterApply, afterPlan } from '../../controller/daemon/outcome.ts';
import { CLUSTER, World } from '../harness/world.ts';

const MEMORY = (daemon: DaemonWorld, vmid = 101) => daemon.world.guest(vmid).config['memory'];

async function started(yaml = WEB, options: ConstructorParameters<typeof DaemonWorld>[1] = {}) {
  const daemon = new DaemonWorld({}, options);
  daemon.source.push(yaml);
  const running = daemon.start();
  await daemon.pass(60);
  return { daemon, running };
}

describe('the last good commit', () => {
  test('stays in force when a new one is invalid, and the person hears every finding', async () => {
    const { daemon, running } = await started();
    const good = daemon.source.commit?.revision;
    daemon.source.push(vm('web', 101, 'memory: 512, nonsense: 1') + vm('db', 5, 'memory: 16'));
    await daemon.pass(5);
    expect(daemon.stalled()).toMatchObject({ status: 'True', reason: 'CommitRefused' });
    expect(daemon.told('refused')[0]).toContain('nonsense');
    daemon.set(101, 'memory', '4096');
    await daemon.pass(400);
    expect(MEMORY(daemon)).toBe('512');
    expect(daemon.ready().revision).toBe(good);
    expect(daemon.told('refused')).toHaveLength(1);
    await running.stop();
  });

  test('is there after a restart while the repository is away', async () => {
    const { daemon, running } = await started();
    await running.stop();
    daemon.source.isAway = true;
    daemon.set(101, 'memory', '4096');
    const again = daemon.start();
    await daemon.pass(60);
    expect(MEMORY(daemon)).toBe('512');
    expect(daemon.ready()).toMatchObject({ status: 'False', reason: 'SourceUnreachable' });
    daemon.source.isAway = false;
    await daemon.pass(400);
    expect(daemon.ready()).toMatchObject({ status: 'True' });
    await again.stop();
  });

  test.each([
    ['the folder of the cluster is gone', []],
    ['there is nothing but the Cluster', [{ path: 'cluster.yaml', text: CLUSTER }]],
    ['it is of another cluster', [{ path: 'cluster.yaml', text: `${CLUSTER.replace('name: lab', 'name: other')}---\n${vm('db', 102, 'memory: 512')}` }]],
  ])('prunes nothing when %s', async (_, files) => {
    const { daemon, running } = await started();
    daemon.source.pushFiles(files);
    await daemon.pass(700);
    expect(daemon.sim.state.guests[101]).toBeDefined();
    expect(daemon.sim.state.guests[102]).toBeUndefined();
    expect(daemon.stalled()).toMatchObject({ status: 'True', reason: 'CommitRefused' });
    daemon.source.push(vm('web', 101, 'memory: 768'));
    await daemon.pass(60);
    expect(MEMORY(daemon)).toBe('768');
    expect(daemon.ready()).toMatchObject({ status: 'True' });
    await running.stop();
  });
});

describe('the status', () => {
  test('of a new commit is not that of the old one: it is not ready before it was done and checked', async () => {
    const { daemon, running } = await started();
    const seen: string[] = [];
    const look = async () => {
      const { status } = await running.ask({ do: 'status' }) as unknown as { readonly status: { readonly commit: { readonly revision: string }; readonly conditions: readonly { readonly type: string; readonly status: string; readonly revision: string }[] } };
      const ready = status.conditions.find(({ type }) => type === 'Ready');
      seen.push(`${status.commit.revision === ready?.revision ? 'same' : 'other'} ${String(ready?.status)}`);
    };
    const { revision } = daemon.source.push(vm('web', 101, 'memory: 768', 'power: running'));
    for (let at = 0; at < 40; at += 1) {
      await daemon.pass(0.25);
      await look();
    }
    expect(seen.every((line) => line.startsWith('same'))).toBe(true);
    expect(seen).toContain('same False');
    await daemon.pass(60);
    expect(daemon.ready()).toMatchObject({ status: 'True', revision });
    await running.stop();
  });

  test('of an object tells what came of a step at once, and the end of a failure is an event', async () => {
    const { daemon, running } = await started();
    const object = async (name: string) => JSON.stringify(((await running.ask({ do: 'status' })) as unknown as { readonly status: { readonly objects: readonly { readonly name: string; readonly conditions: unknown }[] } }).status.objects.find((each) => each.name === name)?.conditions);
    daemon.source.push(WEB + vm('db', 102, 'memory: 256'));
    await daemon.pass(8);
    expect(await object('db')).toContain('Checking');
    await daemon.pass(60);
    expect(await object('db')).toContain('InSync');
    const record = { failed: { since: 1, times: 2, retryAt: 2, isTerminal: false, commit: 'c', code: 'TASK_FAILED', message: 'x' } };
    const { plan, desired } = await daemon.world.round(WEB + vm('db', 102, 'memory: 512'));
    const change = plan.changes.find(({ ref }) => ref.name === 'db');
    const done = (change?.steps ?? []).map((step) => ({ ref: change?.ref ?? { kind: '', name: '' }, step, durationMs: 1 }));
    const { events } = afterApply(new Map([['VirtualMachine/db', record]]), { plan, desired, result: { done, failed: [], notTried: [], unsettled: [], interrupted: false }, commit: 'c', now: 3, options: DAEMON_OPTIONS, random: () => 0 });
    expect(events.map(({ type }) => type)).toEqual(['recovered']);
    await running.stop();
  });
});

describe('what was held', () => {
  const records = new Map([['VirtualMachine/web', { held: { code: 'UNKNOWN', since: 1 } }], ['VirtualMachine/busy', { held: { code: 'BUSY', since: 1 } }], ['VirtualMachine/gone', { held: { code: 'UNOWNED', since: 1 } }]]);

  test('is told when it is held no longer, also when nothing is left to do on it', async () => {
    const round = await new World().round(WEB + vm('busy', 102, ''));
    const { events } = afterPlan({ ...round.plan, changes: [] }, round.desired, records, new Map(), 2);
    expect(events.map(({ type, message }) => `${type} ${message}`)).toEqual(['released VirtualMachine/gone is no longer held (UNOWNED)', 'released VirtualMachine/web is no longer held (UNKNOWN)']);
  });
});

describe('drift', () => {
  test('is undone, and told with what, and by whom Proxmox says', async () => {
    const { daemon, running } = await started(vm('web', 101, 'memory: 512', 'power: running'));
    await daemon.world.run(daemon.world.env.pve.write('POST', '/nodes/pve1/qemu/101/status/stop', {}));
    await daemon.pass(400);
    expect(daemon.world.guest(101).process).toBeDefined();
    const drift = daemon.events().filter((event) => event.type === 'drift');
    expect(drift).toHaveLength(1);
    expect(drift[0]).toMatchObject({ ref: { kind: 'VirtualMachine', name: 'web' }, by: expect.stringContaining('@') as unknown, message: expect.stringContaining('power') as unknown });
    expect(daemon.told('repaired')).toHaveLength(1);
    await running.stop();
  });

  test('is not laid at our own door: what we did ourselves is left out', async () => {
    const [ours, theirs] = ['UPID:pve1:1:1:1:qmstart:101:latido@pve!gitops:', 'UPID:pve1:2:1:1:qmstop:101:ana@pve:'] as const;
    const posted = `${JSON.stringify({ v: 1, event: 'posted', at: 1, step: 's', upid: ours })}\n`;
    const tasks: Json = [{ upid: theirs, starttime: 10, type: 'qmstop', id: '101', user: 'ana@pve' }, { upid: ours, starttime: 20, type: 'qmstart', id: '101', user: 'latido@pve', tokenid: 'gitops' }];
    const log: Json = [{ time: 30, user: 'latido@pve!gitops', msg: 'update VM 101: -memory 512' }];
    const { env } = new World();
    const pve: PveApi = { get: (path) => Promise.resolve(path === '/cluster/tasks' ? tasks : log), write: () => Promise.resolve(null), learnNodes: () => {}, stats: { calls: 0, bytes: 0 } };
    const clock = { now: () => 60_000, sleep: () => Promise.resolve() };
    const change = { ref: { kind: 'VirtualMachine', name: 'web' }, id: '101', verb: 'update' as const, fields: [], steps: [], requires: [], notes: [] };
    expect((await blame({ ...env, pve, clock, store: createMemoryStore({ 'journal.jsonl': posted }) }, [change])).get('VirtualMachine/web')?.by).toBe('ana@pve');
  });

  test('is only reported where the annotation says so, with since when', async () => {
    const { daemon, running } = await started(vm('web', 101, 'memory: 512', '', 'latido/drift: report'));
    daemon.set(101, 'memory', '4096');
    await daemon.pass(700);
    expect(MEMORY(daemon)).toBe('4096');
    expect(daemon.told('drift')).toHaveLength(1);
    expect(daemon.ready()).toMatchObject({ status: 'False', reason: 'ObjectsHeld' });
    const answer = await running.ask({ do: 'status' });
    expect(JSON.stringify(answer)).toMatch(/Drifted.*held since 20/);
    daemon.source.push(vm('web', 101, 'memory: 1024', '', 'latido/drift: report'));
    await daemon.pass(60);
    expect(MEMORY(daemon)).toBe('1024');
    await running.stop();
  });

  test('is ignored where the policy says so, and the object is ready', async () => {
    const cluster = CLUSTER.replace('prune: auto', 'prune: auto, drift: ignore');
    const { daemon, running } = await started(`${cluster}---${WEB}`);
    daemon.set(101, 'memory', '4096');
    await daemon.pass(700);
    expect(MEMORY(daemon)).toBe('4096');
    expect(daemon.ready()).toMatchObject({ status: 'True' });
    await running.stop();
  });

  test('that may not be undone is not undone when what was known of it is lost', async () => {
    const { daemon, running } = await started(vm('web', 101, 'memory: 512', '', 'latido/drift: report'));
    await running.stop();
    daemon.set(101, 'memory', '4096');
    await daemon.store.write('daemon.json', '{"version":1,"objects":{"VirtualM');
    const again = daemon.start();
    await daemon.pass(400);
    expect(MEMORY(daemon)).toBe('4096');
    expect(daemon.told('state')).toEqual(['daemon.json is damaged and is begun anew']);
    daemon.source.push(vm('web', 101, 'memory: 1024', '', 'latido/drift: report'));
    await daemon.pass(60);
    expect(MEMORY(daemon)).toBe('1024');
    await again.stop();
  });

  test('is noticed by the traces that it leaves, long before the interval', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(vm('web', 101, 'memory: 512', 'power: running'));
    const running = daemon.start({ options: { hintsMs: 10_000, intervalMs: 24 * 3600_000 } });
    await daemon.pass(120);
    await daemon.world.run(daemon.world.env.pve.write('POST', '/nodes/pve1/qemu/101/status/stop', {}));
    await daemon.pass(60);
    expect(daemon.world.guest(101).process).toBeDefined();
    await running.stop();
  });

  test('that something else keeps making is not fought over', async () => {
    const { daemon, running } = await started();
    for (let day = 0; day < 12; day += 1) {
      daemon.set(101, 'memory', '4096');
      await daemon.pass(310);
    }
    expect(daemon.told('frozen')).toHaveLength(1);
    expect(daemon.told('repaired').length).toBe(5);
    expect(MEMORY(daemon)).toBe('4096');
    expect(daemon.stalled()).toMatchObject({ status: 'True', reason: 'ObjectsStalled' });
    expect(await running.ask({ do: 'resume', what: 'VirtualMachine/web' })).toEqual({ ok: true });
    await daemon.pass(30);
    expect(MEMORY(daemon)).toBe('512');
    await running.stop();
  });
});

describe('a person', () => {
  test('suspends an object until a moment, over a restart', async () => {
    const { daemon, running } = await started();
    const until = daemon.sim.clock.now() + 3600_000;
    expect(await running.ask({ do: 'suspend', what: 'VirtualMachine/web', reason: 'works', until })).toEqual({ ok: true });
    await running.stop();
    daemon.set(101, 'memory', '4096');
    const again = daemon.start();
    await daemon.pass(1800);
    expect(MEMORY(daemon)).toBe('4096');
    await daemon.pass(1900);
    expect(MEMORY(daemon)).toBe('512');
    expect(daemon.told('resumed')).toEqual(['the suspension of VirtualMachine/web is over (works)']);
    await again.stop();
  });

  test.each([['VirtualMachine'], ['all']])('suspends %s: a new commit creates nothing until it is resumed', async (what) => {
    const { daemon, running } = await started();
    await running.ask({ do: 'suspend', what, reason: 'a freeze' });
    daemon.source.push(WEB + vm('db', 102, 'memory: 256'));
    await daemon.pass(400);
    expect(daemon.sim.state.guests[102]).toBeUndefined();
    expect(await running.ask({ do: 'resume', what })).toEqual({ ok: true });
    await daemon.pass(10);
    expect(daemon.sim.state.guests[102]).toBeDefined();
    expect(await running.ask({ do: 'resume', what })).toMatchObject({ ok: false });
    await running.stop();
  });

  test('has all suspended when the list of suspensions is damaged', async () => {
    const { daemon, running } = await started();
    await running.ask({ do: 'suspend', what: 'VirtualMachine/web', reason: 'works' });
    await running.stop();
    await daemon.store.write('suspensions.json', '{"version":1,"suspen');
    daemon.set(101, 'memory', '4096');
    const again = daemon.start();
    await daemon.pass(700);
    expect(MEMORY(daemon)).toBe('4096');
    expect(daemon.told('state')[0]).toContain('all is suspended');
    await again.stop();
  });

  test('approves what is held, by its fingerprint and no other', async () => {
    const cluster = CLUSTER.replace('prune: auto', 'prune: confirm');
    const { daemon, running } = await started(`${cluster}---${WEB}${vm('db', 102, 'memory: 256', 'reclaim: delete')}`);
    daemon.source.push(`${cluster}---${WEB}`);
    await daemon.pass(700);
    expect(daemon.sim.state.guests[102]).toBeDefined();
    expect(daemon.told('held')).toHaveLength(1);
    const { plan } = await running.ask({ do: 'plan' }) as { plan: { fingerprint: string } };
    expect(await running.ask({ do: 'approve', fingerprint: 'plan-000000000000' })).toMatchObject({ ok: false, findings: [{ code: 'PLAN_CHANGED' }] });
    expect(await running.ask({ do: 'approve', fingerprint: plan.fingerprint })).toEqual({ ok: true });
    await daemon.pass(60);
    expect(daemon.sim.state.guests[102]).toBeUndefined();
    expect(daemon.ready()).toMatchObject({ status: 'True' });
    await running.stop();
  });

  test('asks for a look, and it comes at once', async () => {
    const { daemon, running } = await started();
    daemon.set(101, 'memory', '4096');
    expect(await running.ask({ do: 'reconcile' })).toEqual({ ok: true });
    await daemon.pass(3);
    expect(MEMORY(daemon)).toBe('512');
    await running.stop();
  });

  test('hears a clear answer to what the daemon does not know', async () => {
    const { running } = await started();
    expect(await running.ask({ do: 'dance' })).toMatchObject({ ok: false, findings: [{ code: 'USAGE' }] });
    expect(await running.ask({ do: 'suspend', what: '../x', reason: 'y' })).toMatchObject({ ok: false });
    expect(await running.ask({ do: 'suspend', what: 'all' })).toMatchObject({ ok: false });
    await running.stop();
  });
});

describe('a failure', () => {
  test('of the whole cluster is tried again with growing pauses, and told once', async () => {
    let isDown = false;
    let asked = 0;
    const wrap = (transport: Transport): Transport => ({
      send: async (...given) => {
        asked += 1;
        if (isDown) throw new ConnectionError('refused', false, 'connection refused');
        return transport.send(...given);
      },
      close: () => transport.close(),
    });
    const { daemon, running } = await started(WEB, { wrap });
    isDown = true;
    const before = asked;
    await daemon.pass(4 * 3600);
    expect(asked - before).toBeLessThan(1_000);
    expect(daemon.told('failed')).toHaveLength(1);
    expect(daemon.ready()).toMatchObject({ status: 'False', reason: 'ClusterTrouble' });
    isDown = false;
    await daemon.pass(16 * 60);
    expect(daemon.ready()).toMatchObject({ status: 'True' });
    expect(daemon.told('cluster')).toHaveLength(1);
    await running.stop();
  });

  test('that Proxmox will repeat is not repeated before another commit', async () => {
    let refused = 0;
    const wrap = (transport: Transport): Transport => ({
      send: async (endpoint, request, ...rest) => {
        if (request.method !== 'POST' || !request.url.endsWith('/qemu')) return transport.send(endpoint, request, ...rest);
        refused += 1;
        return { status: 400, reason: 'Parameter verification failed.', headers: {}, body: JSON.stringify({ data: null, errors: { memory: 'not on this machine' } }) };
      },
      close: () => transport.close(),
    });
    const { daemon, running } = await started(WEB, { wrap });
    await daemon.pass(24 * 3600);
    expect(refused).toBe(1);
    expect(daemon.stalled()).toMatchObject({ status: 'True', reason: 'ObjectsStalled' });
    expect(daemon.told('stalled')).toHaveLength(1);
    daemon.source.push(vm('web', 101, 'memory: 768'));
    await daemon.pass(30);
    expect(refused).toBe(2);
    await running.stop();
  });

  test('of one object is tried again later and later, and holds up no other', async () => {
    let tries = 0;
    const wrap = (transport: Transport): Transport => ({
      send: async (endpoint, request, ...rest) => {
        if (request.method !== 'POST' || !request.url.endsWith('/qemu') || !request.body?.includes('vmid=101')) return transport.send(endpoint, request, ...rest);
        tries += 1;
        return { status: 500, reason: 'it failed', headers: {}, body: JSON.stringify({ data: null }) };
      },
      close: () => transport.close(),
    });
    const { daemon, running } = await started(WEB + vm('db', 102, 'memory: 256'), { wrap });
    expect(daemon.sim.state.guests[102]).toBeDefined();
    await daemon.pass(6 * 3600);
    expect(tries).toBeGreaterThan(15);
    expect(tries).toBeLessThan(45);
    daemon.source.push(WEB + vm('db', 102, 'memory: 512'));
    await daemon.pass(60);
    expect(MEMORY(daemon, 102)).toBe('512');
    await running.stop();
  });

  test('of a full disk ends no daemon', async () => {
    const store = createMemoryStore();
    let isFull = false;
    const noRoom = () => Promise.reject(failure('STATE_UNUSABLE', 'could not write: ENOSPC'));
    const daemon = new DaemonWorld({}, { store: { read: (name) => store.read(name), write: (name, text) => (isFull ? noRoom() : store.write(name, text)), append: (name, line) => (isFull ? noRoom() : store.append(name, line)) } });
    daemon.source.push(WEB);
    const running = daemon.start();
    await daemon.pass(60);
    isFull = true;
    daemon.source.push(vm('web', 101, 'memory: 768'));
    await daemon.pass(600);
    // Without a journal nothing is done.
    expect(MEMORY(daemon)).toBe('512');
    isFull = false;
    await daemon.pass(1200);
    expect(MEMORY(daemon)).toBe('768');
    expect(daemon.ready(store)).toMatchObject({ status: 'True' });
    expect(lines(store, 'events.jsonl').length).toBeGreaterThan(3);
    await running.stop();
  });
});

describe('one writer', () => {
  test('the other stands by, and takes over when the first is gone', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(WEB);
    const first = daemon.start({}, 'first');
    await daemon.pass(30);
    const store = createMemoryStore();
    const second = daemon.start({ env: daemon.world.envOf(daemon.sim.transport(), store) }, 'second');
    await daemon.pass(60);
    expect(daemon.events(store).filter((event) => event.type === 'lease').map((event) => event.message)).toEqual(['standing by: first has the lease']);
    await first.stop();
    daemon.source.push(vm('web', 101, 'memory: 768'));
    await daemon.pass(60);
    expect(MEMORY(daemon)).toBe('768');
    expect(daemon.ready(store)).toMatchObject({ status: 'True' });
    await second.stop();
  });

  test('a lost lease stops before the next effect', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(Array.from({ length: 8 }, (_, i) => vm(`vm${i}`, 110 + i, 'memory: 512', 'power: running')).join(''));
    const running = daemon.start();
    await daemon.pass(1.5);
    const made = Object.keys(daemon.sim.state.tasks).length;
    expect(made).toBeGreaterThan(0);
    daemon.lease.holder = 'another';
    await daemon.pass(600);
    expect(Object.keys(daemon.sim.state.tasks).length).toBe(made);
    expect(daemon.told('lease').at(-1)).toMatch(/lost|standing by/);
    daemon.lease.holder = undefined;
    await daemon.pass(120);
    expect(Object.keys(daemon.sim.state.guests)).toHaveLength(8);
    await running.stop();
  });
});

describe('the end', () => {
  test('SIGTERM ends within the running step; the rest is done by the next start', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(Array.from({ length: 12 }, (_, i) => vm(`vm${i}`, 110 + i, 'memory: 512', 'placement: { node: pve1 }, power: running')).join(''));
    const running = daemon.start();
    await daemon.pass(1.5);
    const before = daemon.sim.clock.now();
    await running.stop();
    expect(daemon.sim.clock.now() - before).toBeLessThanOrEqual(60_000);
    expect(Object.keys(daemon.sim.state.guests).length).toBeLessThan(12);
    expect(daemon.lease.holder).toBeUndefined();
    const again = daemon.start();
    await daemon.pass(200);
    expect(Object.keys(daemon.sim.state.guests)).toHaveLength(12);
    expect(daemon.ready()).toMatchObject({ status: 'True' });
    await again.stop();
  });

  test('SIGHUP ends it to be started again', async () => {
    const { daemon, running } = await started();
    running.reload();
    expect(await daemon.sim.clock.run(running.ended)).toBe('reload');
  });

  test('a commit that names other endpoints has it started again', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(WEB);
    const running = daemon.start({ isSameCluster: (spec) => spec.endpoints.length === 2 });
    await daemon.pass(60);
    daemon.source.push(`${CLUSTER.replace(', "https://pve2:8006"', '')}---${WEB}`);
    expect(await daemon.sim.clock.run(running.ended)).toBe('reload');
  });

  test('a round that hangs ends the daemon, and systemd hears no more of it', async () => {
    let hangs = false;
    const wrap = (transport: Transport): Transport => ({ send: (...given) => (hangs && given[1].method !== 'GET' ? new Promise(() => undefined) : transport.send(...given)), close: () => transport.close() });
    const daemon = new DaemonWorld({}, { wrap });
    daemon.source.push(WEB);
    const told: string[] = [];
    const running = daemon.start({ supervisor: { watchdogMs: 60_000, tell: async (state) => void told.push(state) } });
    await daemon.pass(60);
    expect(told[0]).toBe('WATCHDOG=1');
    expect(told).toContain('READY=1');
    hangs = true;
    daemon.set(101, 'memory', '4096');
    const end = running.ended.catch((error: unknown) => error);
    await daemon.pass(2 * 3600);
    expect(await end).toMatchObject({ findings: [{ code: 'ROUND_STUCK' }] });
    const before = told.length;
    await daemon.pass(3600);
    expect(told.length).toBe(before);
  });
});

test('an idle daemon writes nothing', async () => {
  const { daemon, running } = await started();
  await daemon.pass(60);
  const before = daemon.store.snapshot();
  await daemon.pass(24 * 3600);
  expect(daemon.store.snapshot()).toEqual(before);
  await running.stop();
});
