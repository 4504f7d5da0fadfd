// What the daemon has to survive, one scenario a case; each at every effect is in kills.test.ts, by chance for days in soak.test.ts.
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { ConnectionError } from '../../controller/model/doors.ts';
import type { Store, Transport } from '../../controller/model/doors.ts';
import { failure } from '../../controller/model/finding.ts';
import { Mortal } from '../harness/mortal.ts';
import { DaemonWorld, leaseOf, lines, sourceOf, vm, WEB } from './daemon-world.ts';
import { Fleet } from './fleet.ts';

const HOUR_S = 3600;
const MEMORY = (daemon: DaemonWorld | Fleet, vmid = 101) => daemon.world.guest(vmid).config['memory'];
const MANY = Array.from({ length: 6 }, (_, i) => vm(`vm${i}`, 110 + i, 'memory: 512, scsi0: { storage: local, size: 1G }', 'placement: { node: pve1 }, power: running')).join('');
const created = (daemon: DaemonWorld | Fleet) => Object.values(daemon.sim.state.tasks).filter((task) => task.type === 'qmcreate').length;

describe('kill -9', () => {
  test('while tasks run: the next one waits for them, makes nothing twice, and ends the work', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(MANY);
    const mortal = new Mortal(daemon.world, daemon.store);
    daemon.start({ env: mortal.env, source: sourceOf(mortal, daemon.source), lease: leaseOf(mortal, daemon.lease.of('first')) }, 'first');
    await daemon.pass(1.5);
    mortal.kill();
    expect(created(daemon)).toBeGreaterThan(0);
    await daemon.pass(5);
    daemon.lease.holder = undefined;
    const again = daemon.start({}, 'second');
    await daemon.pass(300);
    expect(daemon.ready()).toMatchObject({ status: 'True', reason: 'InSync' });
    expect(created(daemon)).toBe(6);
    expect(daemon.told('settled').length).toBeGreaterThan(0);
    await again.stop();
  });
});

describe('a task that a killed daemon left', () => {
  const UPID = 'UPID:pve1:000003E9:00001388:69000000:qmclone:101:latido@pve!gitops:';
  const JOURNAL = [
    { v: 1, event: 'started', at: 1, plan: 'p', step: 's', title: 'clone it', method: 'POST', path: '/nodes/pve1/qemu/100/clone' },
    { v: 1, event: 'posted', at: 2, step: 's', upid: UPID },
  ].map((entry) => `${JSON.stringify(entry)}\n`).join('');
  const leftBehind = () => {
    const task = { status: 'running', exitstatus: '', logs: 0 };
    const wrap = (transport: Transport): Transport => ({
      send: async (endpoint, request, ...rest) => {
        if (!request.url.includes('qmclone')) return transport.send(endpoint, request, ...rest);
        if (request.url.includes('/log')) task.logs += 1;
        return { status: 200, reason: 'OK', headers: {}, body: JSON.stringify({ data: { status: task.status, exitstatus: task.exitstatus } }) };
      },
      close: () => transport.close(),
    });
    const daemon = new DaemonWorld({}, { wrap, files: { 'journal.jsonl': JOURNAL } });
    daemon.source.push(WEB);
    return { task, daemon };
  };

  test('is waited for, and the status tells so; told to stop, the daemon does not wait for its end', async () => {
    const { task, daemon } = leftBehind();
    const running = daemon.start();
    await daemon.pass(120);
    expect(await running.ask({ do: 'status' })).toMatchObject({ live: { running: ['waits for what an earlier run left: clone it'] } });
    const before = daemon.sim.clock.now();
    expect(await running.stop()).toBe('stopped');
    expect(daemon.sim.clock.now() - before).toBeLessThan(5_000);
    expect([daemon.told('settled'), task.logs]).toEqual([[], 0]);
    task.status = 'stopped';
    task.exitstatus = 'clone failed';
    const again = daemon.start();
    await daemon.pass(60);
    // What its log says may be secret, and nobody knows what is.
    expect([daemon.told('settled'), task.logs]).toEqual([['clone it: its task failed: clone failed'], 0]);
    await again.stop();
  });
});

describe('power loss', () => {
  test('of the node that works: another takes over within three minutes, ends the work, and gives it back to nobody', async () => {
    const fleet = new Fleet(['pve1', 'pve2', 'pve3']);
    const yaml = MANY.replaceAll('node: pve1', 'node: pve3');
    fleet.source.push(yaml);
    fleet.start('pve1');
    await fleet.pass(1.5);
    fleet.start('pve2');
    expect(fleet.acting()).toEqual(['pve1']);
    expect(created(fleet)).toBeGreaterThan(0);
    fleet.sim.powerOff('pve1');
    await fleet.pass(180);
    expect(fleet.acting()).toEqual(['pve2']);
    await fleet.pass(200);
    expect(Object.values(fleet.sim.state.guests).filter((guest) => guest.process)).toHaveLength(6);
    expect(created(fleet)).toBe(6);
    fleet.sim.powerOn('pve1');
    await fleet.pass(60);
    fleet.start('pve1');
    await fleet.pass(300);
    expect(fleet.acting()).toEqual(['pve2']);
    expect([...fleet.violations]).toEqual([]);
  });

  test('of the whole cluster: all comes back, and so does the work', async () => {
    const fleet = new Fleet(['pve1', 'pve2', 'pve3']);
    fleet.source.push(WEB);
    for (const node of fleet.nodes) fleet.start(node);
    await fleet.pass(60);
    for (const node of fleet.nodes) fleet.sim.powerOff(node);
    fleet.source.push(vm('web', 101, 'memory: 768'));
    await fleet.pass(HOUR_S);
    for (const node of fleet.nodes) fleet.sim.powerOn(node);
    await fleet.pass(60);
    for (const node of fleet.nodes) fleet.start(node);
    await fleet.pass(600);
    expect(MEMORY(fleet)).toBe('768');
    expect([...fleet.violations]).toEqual([]);
  });
});

describe('a full disk', () => {
  /** Nothing can be written from the nth write on, until there is room again. */
  function filling(inner: Store, after: number) {
    const disk = { left: after };
    const room = () => {
      disk.left -= 1;
      if (disk.left < 0) throw failure('STATE_UNUSABLE', 'could not write: ENOSPC');
    };
    const store: Store = { read: (name) => inner.read(name), write: async (name, text) => { room(); await inner.write(name, text); }, append: async (name, line) => { room(); await inner.append(name, line); } };
    return { disk, store };
  }

  test.each([0, 1, 2, 3, 5, 8, 12, 17])('after %i writes: nothing is done that the journal does not know, and all is done when there is room', async (after) => {
    const inner = createMemoryStore();
    const { disk, store } = filling(inner, after);
    let unannounced = 0;
    const wrap = (transport: Transport): Transport => ({
      send: (endpoint, request, ...rest) => {
        const path = request.url.replace(/^\/api2\/json/, '').split('?')[0];
        if (request.method !== 'GET' && !lines(inner, 'journal.jsonl').some((entry) => (entry as { path?: string }).path === path)) unannounced += 1;
        return transport.send(endpoint, request, ...rest);
      },
      close: () => transport.close(),
    });
    const daemon = new DaemonWorld({}, { store, wrap });
    daemon.source.push(MANY);
    const running = daemon.start();
    await daemon.pass(2 * HOUR_S);
    disk.left = Infinity;
    await daemon.pass(HOUR_S);
    expect(unannounced).toBe(0);
    expect(daemon.ready(inner)).toMatchObject({ status: 'True', reason: 'InSync' });
    expect(created(daemon)).toBe(6);
    await running.stop();
  });
});

describe('a clock that jumps', () => {
  test.each([['two hours ahead', 2 * HOUR_S], ['a month ahead', 30 * 24 * HOUR_S], ['an hour back', -HOUR_S], ['a day back', -24 * HOUR_S]])('%s: at rest and at work, no commit and no drift is missed, and no watchdog barks', async (_, seconds) => {
    const daemon = new DaemonWorld();
    let jumpedMs = 0;
    const mortal = new Mortal(daemon.world, daemon.store, undefined, () => jumpedMs);
    daemon.source.push(WEB);
    const running = daemon.start({ env: mortal.env });
    await daemon.pass(60);
    jumpedMs += seconds * 1000;
    daemon.source.push(vm('web', 101, 'memory: 768'));
    await daemon.pass(60);
    expect(MEMORY(daemon)).toBe('768');
    daemon.set(101, 'memory', '4096');
    await daemon.pass(330);
    expect(MEMORY(daemon)).toBe('768');
    daemon.source.push(MANY + vm('web', 101, 'memory: 768'));
    await daemon.pass(1.5);
    jumpedMs += seconds * 1000;
    await daemon.pass(HOUR_S);
    expect(daemon.ready()).toMatchObject({ status: 'True', reason: 'InSync' });
    expect(created(daemon)).toBe(7);
    expect(daemon.told('watchdog')).toEqual([]);
    await running.stop();
  });

  test('in the middle of a long silence is no reason to think that the round is stuck', async () => {
    let jumpedMs = 0;
    let isSlow = false;
    const daemon = new DaemonWorld({}, {
      wrap: (transport) => ({ send: async (...given) => { if (isSlow) await daemon.sim.clock.sleep(20_000); return transport.send(...given); }, close: () => transport.close() }),
    });
    const mortal = new Mortal(daemon.world, daemon.store, undefined, () => jumpedMs);
    daemon.source.push(WEB);
    const running = daemon.start({ env: mortal.env });
    await daemon.pass(60);
    isSlow = true;
    daemon.source.push(vm('web', 101, 'memory: 768'));
    for (let i = 0; i < 8; i += 1) {
      await daemon.pass(10);
      jumpedMs += HOUR_S * 1000;
    }
    isSlow = false;
    await daemon.pass(HOUR_S);
    expect(daemon.told('watchdog')).toEqual([]);
    expect(daemon.ready()).toMatchObject({ status: 'True', reason: 'InSync' });
    await running.stop();
  });
});

describe('hours without', () => {
  test('the API: it asks with growing pauses, and follows the newest of the commits that came meanwhile', async () => {
    let isDown = false;
    let asked = 0;
    const daemon = new DaemonWorld({}, {
      wrap: (transport) => ({
        send: (...given) => {
          asked += 1;
          return isDown ? Promise.reject(new ConnectionError('refused', false, 'connection refused')) : transport.send(...given);
        },
        close: () => transport.close(),
      }),
    });
    daemon.source.push(WEB);
    const running = daemon.start();
    await daemon.pass(60);
    isDown = true;
    const before = asked;
    daemon.source.push(vm('web', 101, 'memory: 640'));
    await daemon.pass(4 * HOUR_S);
    daemon.source.push(vm('web', 101, 'memory: 768'));
    await daemon.pass(4 * HOUR_S);
    expect(asked - before).toBeLessThan(1_000);
    expect(daemon.ready()).toMatchObject({ status: 'False', reason: 'ClusterTrouble' });
    isDown = false;
    await daemon.pass(16 * 60);
    expect(MEMORY(daemon)).toBe('768');
    expect(daemon.told('failed').length).toBeLessThan(3);
    await running.stop();
  });

  test('Git: the last good commit is kept true, over a restart too, and the newest is followed when it is back', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(WEB);
    const running = daemon.start();
    await daemon.pass(60);
    daemon.source.isAway = true;
    await daemon.pass(6 * HOUR_S);
    daemon.set(101, 'memory', '4096');
    await daemon.pass(400);
    expect(MEMORY(daemon)).toBe('512');
    await running.stop();
    const again = daemon.start();
    daemon.set(101, 'memory', '8192');
    await daemon.pass(6 * HOUR_S);
    expect(MEMORY(daemon)).toBe('512');
    expect(daemon.told('source').length).toBeLessThan(4);
    daemon.source.push(vm('web', 101, 'memory: 768'), 'untold');
    daemon.source.isAway = false;
    await daemon.pass(330);
    expect(MEMORY(daemon)).toBe('768');
    await again.stop();
  });
});

describe('a round that never ends', () => {
  test('ends the daemon with ROUND_STUCK; the next one begins where it was', async () => {
    let hangs = false;
    const wrap = (transport: Transport): Transport => ({ send: (...given) => (hangs && given[1].method !== 'GET' ? new Promise(() => undefined) : transport.send(...given)), close: () => transport.close() });
    const daemon = new DaemonWorld({}, { wrap });
    daemon.source.push(WEB);
    const running = daemon.start();
    await daemon.pass(60);
    hangs = true;
    daemon.source.push(vm('web', 101, 'memory: 768'));
    await daemon.pass(20 * 60);
    expect(await running.ended.catch((error: unknown) => error)).toMatchObject({ findings: [{ code: 'ROUND_STUCK' }] });
    expect(daemon.told('watchdog')).toHaveLength(1);
    hangs = false;
    const again = daemon.start({ env: daemon.world.envOf(daemon.world.transport(), daemon.store) });
    await daemon.pass(60);
    expect(MEMORY(daemon)).toBe('768');
    await again.stop();
  });
});
