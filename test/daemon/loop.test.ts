// The daemon in virtual time: what it does with commits, and what it never does.
import { describe, expect, test } from 'vitest';
import { DaemonWorld, vm, WEB } from './daemon-world.ts';

describe('a commit', () => {
  test('is followed, and the cluster is in sync', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(WEB);
    const running = daemon.start();
    await daemon.pass(60);
    expect(daemon.world.guest(101).config['memory']).toBe('512');
    expect(daemon.ready()).toMatchObject({ status: 'True', reason: 'InSync', revision: daemon.source.commit?.revision });
    expect(await running.stop()).toBe('stopped');
    expect(daemon.lease.holder).toBeUndefined();
  });

  test('that is pushed is followed within two seconds', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(WEB);
    const running = daemon.start();
    await daemon.pass(100);
    daemon.source.push(WEB + vm('db', 102, 'memory: 256'));
    await daemon.pass(2);
    expect(daemon.sim.state.guests[102]).toBeDefined();
    await running.stop();
  });

  test('of which nobody told is found within the interval', async () => {
    const daemon = new DaemonWorld();
    daemon.source.push(WEB);
    const running = daemon.start();
    await daemon.pass(100);
    daemon.source.push(WEB + vm('db', 102, 'memory: 256'), 'untold');
    await daemon.pass(310);
    expect(daemon.sim.state.guests[102]).toBeDefined();
    await running.stop();
  });
});
