// A daemon on each node, told to follow the cluster's address: who has the address works, and whoever has it, never two do.
import { describe, expect, test } from 'vitest';
import { Follower } from '../../controller/daemon/follower.ts';
import { perform } from '../../controller/sim/script-deeds.ts';
import { DaemonWorld, lines, vm, WEB } from './daemon-world.ts';
import { ADDRESS, Fleet } from './fleet.ts';

const MANY = Array.from({ length: 6 }, (_, i) => vm(`vm${i}`, 110 + i, 'memory: 512, scsi0: { storage: local, size: 1G }', 'placement: { node: pve3 }, power: running')).join('');
const NODES = ['pve1', 'pve2', 'pve3'];

function fleetAt(...nodes: readonly string[]): Fleet {
  return started(new Fleet(NODES), nodes);
}

function started(fleet: Fleet, nodes: readonly string[]): Fleet {
  fleet.addressOn = nodes;
  fleet.source.push(MANY);
  for (const node of ['pve1', 'pve2']) fleet.start(node);
  return fleet;
}

function leaseEvents(fleet: Fleet, node: string): readonly string[] {
  return (lines(fleet.store(node), 'events.jsonl') as readonly { readonly type: string; readonly message: string }[]).filter(({ type }) => type === 'lease').map(({ message }) => message);
}

const created = (fleet: Fleet) => Object.values(fleet.sim.state.tasks).filter(({ type }) => type === 'qmcreate').length;
const running = (fleet: Fleet) => Object.values(fleet.sim.state.guests).filter((guest) => guest.process).length;
const stepsOf = (fleet: Fleet, node: string) => lines(fleet.store(node), 'journal.jsonl').filter((entry) => (entry as { event: string }).event === 'started').length;

describe('a daemon that follows the address', () => {
  test('works only where it is, and says why it stands by elsewhere', async () => {
    const fleet = fleetAt('pve2');
    await fleet.pass(300);
    expect(fleet.acting()).toEqual(['pve2']);
    expect([stepsOf(fleet, 'pve1'), running(fleet)]).toEqual([0, 6]);
    expect(leaseEvents(fleet, 'pve1')).toEqual(['standing by: 10.0.0.50 is not on this node']);
    expect(leaseEvents(fleet, 'pve2')).toEqual(['the lease is ours: 10.0.0.50 is on this node']);
    expect([...fleet.violations]).toEqual([]);
  });

  test('that moves in the middle of a round: the step under way ends here, the rest is done there, and nothing twice', async () => {
    const fleet = fleetAt('pve1');
    await fleet.pass(1.5);
    expect(created(fleet)).toBeGreaterThan(0);
    fleet.addressOn = ['pve2'];
    await fleet.pass(30);
    expect(fleet.acting()).toEqual(['pve2']);
    expect(leaseEvents(fleet, 'pve1')).toEqual(['the lease is ours: 10.0.0.50 is on this node', 'the lease is given up: 10.0.0.50 has left this node']);
    await fleet.pass(300);
    expect([created(fleet), running(fleet)]).toEqual([6, 6]);
    expect([...fleet.violations]).toEqual([]);
  });

  test('ends its round when the address leaves: what waited is done by the other one', async () => {
    const fleet = fleetAt('pve1');
    Object.assign(fleet.sim.timings, { createMs: 40_000 });
    await fleet.pass(1.5);
    fleet.addressOn = ['pve2'];
    await fleet.pass(20);
    // The creates go on; until they have ended the lease is theirs.
    expect(fleet.acting()).toEqual(['pve1']);
    const before = stepsOf(fleet, 'pve1');
    await fleet.pass(400);
    expect([fleet.acting(), stepsOf(fleet, 'pve1'), running(fleet), created(fleet)]).toEqual([['pve2'], before, 6, 6]);
    expect([...fleet.violations]).toEqual([]);
  });

  test('keeps the lease when the address was away for a moment', async () => {
    // A round every few seconds: some of them begin while the address is away.
    const fleet = started(new Fleet(NODES, { intervalMs: 5_000 }), ['pve1']);
    await fleet.pass(300);
    for (let times = 0; times < 20; times += 1) {
      fleet.addressOn = [];
      await fleet.pass(8);
      fleet.addressOn = ['pve1'];
      await fleet.pass(7);
    }
    expect(leaseEvents(fleet, 'pve1')).toEqual(['the lease is ours: 10.0.0.50 is on this node']);
    expect(leaseEvents(fleet, 'pve2')).toEqual(['standing by: 10.0.0.50 is not on this node']);
  });

  test('goes on where the address went when its node died with the lease, once that has run out', async () => {
    const fleet = fleetAt('pve1');
    await fleet.pass(1.5);
    expect(created(fleet)).toBeGreaterThan(0);
    fleet.addressOn = ['pve2'];
    fleet.sim.powerOff('pve1');
    await fleet.pass(100);
    expect([fleet.acting(), leaseEvents(fleet, 'pve2').at(-1)]).toEqual([[], 'standing by: another node, or one that died less than two minutes ago, has the lease']);
    await fleet.pass(80);
    expect(fleet.acting()).toEqual(['pve2']);
    await fleet.pass(200);
    expect([created(fleet), running(fleet)]).toEqual([6, 6]);
    fleet.sim.powerOn('pve1');
    await fleet.pass(60);
    fleet.start('pve1');
    await fleet.pass(300);
    expect(fleet.acting()).toEqual(['pve2']);
    expect(leaseEvents(fleet, 'pve1').at(-1)).toBe('standing by: 10.0.0.50 is not on this node');
    expect([...fleet.violations]).toEqual([]);
  });

  test('on two nodes at once, as when they lose each other: one writer, and the other one says who', async () => {
    const fleet = fleetAt('pve1', 'pve2');
    await fleet.pass(300);
    expect(fleet.acting()).toHaveLength(1);
    const [worker = ''] = fleet.acting();
    const other = worker === 'pve1' ? 'pve2' : 'pve1';
    expect([stepsOf(fleet, other), leaseEvents(fleet, other)]).toEqual([0, ['standing by: another node, or one that died less than two minutes ago, has the lease']]);
    expect([...fleet.violations]).toEqual([]);
  });

  test('cut off with the address: it stops, and the other one that has it too takes over', async () => {
    const fleet = fleetAt('pve1');
    await fleet.pass(60);
    fleet.addressOn = ['pve1', 'pve2'];
    perform(fleet.sim, { do: 'network-down', node: 'pve1' });
    fleet.source.push(MANY.replaceAll('memory: 512', 'memory: 768'));
    await fleet.pass(240);
    expect(fleet.acting()).toEqual(['pve2']);
    perform(fleet.sim, { do: 'network-up', node: 'pve1' });
    fleet.addressOn = ['pve2'];
    await fleet.pass(240);
    expect([fleet.acting(), fleet.world.guest(110).config['memory']]).toEqual([['pve2'], '768']);
    expect([...fleet.violations]).toEqual([]);
  });
});

describe('an address that no node has', () => {
  test('after a minute with a free lease one of the daemons works all the same, and only one', async () => {
    const fleet = fleetAt();
    await fleet.pass(50);
    expect([fleet.acting(), created(fleet)]).toEqual([[], 0]);
    await fleet.pass(250);
    expect(running(fleet)).toBe(6);
    expect([...leaseEvents(fleet, 'pve1'), ...leaseEvents(fleet, 'pve2')].filter((message) => message.startsWith('the lease is ours'))).toEqual(['the lease is ours for now: 10.0.0.50 is not on this node, and nobody had the lease for 60 s']);
    expect([...fleet.violations]).toEqual([]);
  });

  test('is told once, though it works again and again', async () => {
    const fleet = fleetAt();
    await fleet.pass(600);
    const told = NODES.flatMap((node) => leaseEvents(fleet, node)).length;
    await fleet.pass(3600);
    fleet.source.push(MANY.replaceAll('memory: 512', 'memory: 768'));
    await fleet.pass(3600);
    expect(fleet.world.guest(110).config['memory']).toBe('768');
    expect(NODES.flatMap((node) => leaseEvents(fleet, node))).toHaveLength(told);
  });

  test('and the one that works lets go of the lease for some seconds only, so that the others stay patient', async () => {
    const fleet = fleetAt();
    await fleet.pass(600);
    const workers = new Set<string>();
    let idle = 0;
    for (let second = 0; second < 600; second += 1) {
      await fleet.pass(1);
      for (const node of fleet.acting()) workers.add(node);
      if (fleet.acting().length === 0) idle += 1;
    }
    expect(workers.size).toBe(1);
    expect(idle).toBeGreaterThan(60);
    expect(idle).toBeLessThan(150);
  });

  test('and that comes to the other node: its daemon gets the lease after the round', async () => {
    const fleet = fleetAt();
    await fleet.pass(150);
    const [first] = NODES.filter((node) => stepsOf(fleet, node) > 0);
    const other = first === 'pve1' ? 'pve2' : 'pve1';
    fleet.addressOn = [other];
    await fleet.pass(60);
    expect([fleet.acting(), leaseEvents(fleet, other).at(-1)]).toEqual([[other], 'the lease is ours: 10.0.0.50 is on this node']);
    await fleet.pass(3600);
    expect(fleet.acting()).toEqual([other]);
    expect([...fleet.violations]).toEqual([]);
  });

  test('left by a node that died with the lease: two minutes for the lease, and one of patience', async () => {
    const fleet = fleetAt('pve1');
    await fleet.pass(300);
    fleet.addressOn = [];
    fleet.sim.powerOff('pve1');
    fleet.source.push(MANY.replaceAll('memory: 512', 'memory: 768'));
    await fleet.pass(150);
    expect(stepsOf(fleet, 'pve2')).toBe(0);
    await fleet.pass(120);
    expect(fleet.world.guest(110).config['memory']).toBe('768');
    expect([...fleet.violations]).toEqual([]);
  });
});

test('the status says why it stands by', async () => {
  const daemon = new DaemonWorld();
  daemon.source.push(WEB);
  daemon.lease.holder = 'first';
  const second = daemon.start({ follow: { address: ADDRESS, patienceMs: 60_000, ownAddresses: () => Promise.reject(new Error('no netlink')) } }, 'second');
  await daemon.pass(30);
  expect(await second.ask({ do: 'status' })).toMatchObject({ status: { phase: 'stand-by', conditions: [{ type: 'Ready', reason: 'StandBy', message: '10.0.0.50 is not on this node' }, {}, {}] } });
  await second.stop();
});

test('one look that finds the address again counts from the beginning', async () => {
  const daemon = new DaemonWorld();
  const { clock } = daemon.sim;
  let own = [ADDRESS];
  let left = 0;
  const over = new AbortController();
  const follower = new Follower({ address: ADDRESS, patienceMs: 1, ownAddresses: () => Promise.resolve(own) }, { awayLooks: 3, yieldMs: 1 }, clock);
  const watch = follower.watch(1_000, over.signal, () => { left += 1; });
  for (const [seconds, has] of [[2, []], [1, [ADDRESS]], [2, []]] as const) {
    own = [...has];
    await daemon.pass(seconds);
  }
  expect([follower.hasLeft, left]).toEqual([false, 0]);
  await daemon.pass(5);
  expect([follower.hasLeft, left]).toEqual([true, 1]);
  over.abort();
  await watch;
});
