// The simulator's core: virtual time, the HTTP protocol, and the way through the router.
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../controller/model/doors.ts';
import { LAB_TOKEN } from '../../controller/sim/cluster-spec.ts';
import { LockTable } from '../../controller/sim/locks.ts';
import { StuckError, VirtualClock } from '../../controller/sim/virtual-clock.ts';
import { lab, START_MS } from './lab.ts';

describe('virtual clock', () => {
  test('events of one instant run in the order they were made, others in the order of time', async () => {
    const clock = new VirtualClock(0);
    const seen: string[] = [];
    clock.after(20, () => seen.push('c'));
    clock.after(10, () => seen.push('a'));
    clock.after(10, () => seen.push('b'));
    await clock.advance(30);
    expect([...seen, clock.now()]).toEqual(['a', 'b', 'c', 30]);
  });

  test('a cancelled event does not run', async () => {
    const clock = new VirtualClock(0);
    let ran = 0;
    clock.after(5, () => (ran += 1))();
    await clock.advance(10);
    expect(ran).toBe(0);
  });

  test('run returns the result of work that sleeps', async () => {
    const clock = new VirtualClock(1000);
    expect(await clock.run(clock.sleep(5000).then(() => clock.now()))).toBe(6000);
  });

  test('a sleep rejects with the reason of its signal', async () => {
    const clock = new VirtualClock(0);
    const abort = new AbortController();
    const sleeping = clock.sleep(1000, abort.signal);
    clock.after(10, () => abort.abort(new Error('stop')));
    await expect(clock.run(sleeping)).rejects.toThrow('stop');
    expect(clock.now()).toBe(10);
  });

  test('work that waits for nothing is reported, although background events go on', async () => {
    const clock = new VirtualClock(0);
    clock.every(10_000, () => undefined, { background: true });
    const stuck = clock.run(new Promise<void>(() => undefined));
    await expect(stuck).rejects.toBeInstanceOf(StuckError);
  });

  test('a long sleep of somebody is no reason to give up', async () => {
    const clock = new VirtualClock(0);
    clock.every(10_000, () => undefined, { background: true });
    expect(await clock.run(clock.sleep(48 * 3600_000).then(() => clock.now()))).toBe(48 * 3600_000);
  });

  test('a thousand events in random order come out sorted', async () => {
    const clock = new VirtualClock(0);
    const seen: number[] = [];
    for (let at = 0; at < 1000; at += 1) clock.at((at * 7919) % 1009, () => seen.push(clock.now()));
    await clock.advance(2000);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen).toHaveLength(1000);
  });
});

describe('locks', () => {
  test('a waiter gives up with the text of Proxmox', async () => {
    const clock = new VirtualClock(0);
    const locks = new LockTable(clock);
    const first = locks.during('x', 'pve1', () => clock.sleep(20_000), 'timeout');
    const second = locks.during('x', 'pve1', () => undefined, "can't lock file - got timeout");
    second.catch(() => undefined);
    await clock.run(first);
    await expect(second).rejects.toThrow("can't lock file - got timeout");
  });

  test('a waiter gets its turn when the holder is done', async () => {
    const clock = new VirtualClock(0);
    const locks = new LockTable(clock);
    void locks.during('x', 'pve1', () => clock.sleep(3000), 'timeout');
    expect(await clock.run(locks.during('x', 'pve1', () => clock.now(), 'timeout'))).toBe(3000);
  });
});

test('who waits on a node that loses its power waits no longer', async () => {
  const clock = new VirtualClock(0);
  const locks = new LockTable(clock);
  void locks.during('x', 'pve1', () => clock.sleep(60_000), 'timeout');
  const waiting = locks.during('x', 'pve2', () => undefined, 'timeout', 30_000);
  clock.after(1000, () => locks.loseNode('pve2'));
  await expect(clock.run(waiting)).rejects.toThrow('pve2 lost its power');
  expect(clock.now()).toBe(1000);
});

describe('protocol', () => {
  test('GET /version', async () => {
    expect(await lab().data('/version')).toEqual({ release: '9.2', version: '9.2.11', repoid: '14a22df35955d97d' });
  });

  test.each([
    ['an unknown path', 'GET', '/nonexistent', 501, "Method 'GET /nonexistent' not implemented"],
    ['an unknown method', 'DELETE', '/version', 501, "Method 'DELETE /version' not implemented"],
    ['an unknown node', 'GET', '/nodes/nope/qemu', 500, "hostname lookup 'nope' failed - failed to get address info for: nope: Temporary failure in name resolution"],
  ])('%s', async (_name, method, path, status, reason) => {
    expect(await lab().call(method, path)).toMatchObject({ status, reason });
  });

  test('an undeclared parameter', async () => {
    expect(await lab().call('GET', '/version', { foo: 1 })).toMatchObject({
      status: 400, reason: 'Parameter verification failed.', message: 'Parameter verification failed.\n',
      errors: { foo: 'property is not defined in schema and the schema does not allow additional properties' },
    });
  });

  test('DELETE with a body', async () => {
    const { sim } = lab();
    const headers = { authorization: `PVEAPIToken=${LAB_TOKEN.id}=${LAB_TOKEN.secret}` };
    const response = await sim.clock.run(sim.handle('pve1', { method: 'DELETE', url: '/api2/json/pools/p', headers, body: 'x=1' }));
    expect(response).toMatchObject({ status: 501, reason: "Unexpected content for method 'DELETE'", body: "Unexpected content for method 'DELETE'" });
  });

  test('no credential is a 401 with an empty body', async () => {
    const { sim } = lab();
    const response = await sim.clock.run(sim.handle('pve1', { method: 'GET', url: '/api2/json/version', headers: {} }));
    expect(response).toMatchObject({ status: 401, reason: 'No ticket', body: '' });
  });
});

describe('transport', () => {
  const request = { method: 'GET', url: '/api2/json/version', headers: { authorization: `PVEAPIToken=${LAB_TOKEN.id}=${LAB_TOKEN.secret}` } };

  test('finds a node by name and by address', async () => {
    const { sim } = lab({ nodes: [{ name: 'a', address: '192.168.22.40' }] });
    const transport = sim.transport();
    expect((await sim.clock.run(transport.send('https://a:8006', request, 1000))).status).toBe(200);
    expect((await sim.clock.run(transport.send('https://192.168.22.40:8006', request, 1000))).status).toBe(200);
  });

  test('a node without power cannot be reached', async () => {
    const { sim } = lab();
    sim.powerOff('pve2');
    await expect(sim.clock.run(sim.transport().send('https://pve2:8006', request, 1000))).rejects.toMatchObject({ name: 'ConnectionError', code: 'unreachable', sent: false });
  });

  test('an answer that comes too late is a timeout, in virtual time', async () => {
    const { sim } = lab();
    sim.faults = { onRequest: () => ({ do: 'delay', ms: 60_000 }) };
    await expect(sim.clock.run(sim.transport().send('https://pve1:8006', request, 5000))).rejects.toBeInstanceOf(ConnectionError);
    expect(sim.clock.now() - START_MS).toBe(5000);
  });
});

test('the same seed and the same calls make the same cluster, and its state is plain data', async () => {
  const run = async () => {
    const one = lab();
    await one.task('POST', '/nodes/pve1/qemu', { vmid: 100, scsi0: 'shared:1', net0: 'virtio,bridge=vmbr0' });
    await one.task('POST', '/nodes/pve1/qemu/100/status/start');
    await one.task('POST', '/nodes/pve1/qemu/100/clone', { newid: 101 });
    return one.sim;
  };
  const [first, second] = [await run(), await run()];
  expect(JSON.stringify(second.state)).toBe(JSON.stringify(first.state));
  expect(second.log.lines()).toEqual(first.log.lines());
  expect(JSON.parse(JSON.stringify(first.state))).toEqual(first.state);
});
