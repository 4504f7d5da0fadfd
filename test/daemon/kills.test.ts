// The daemon is killed before, in the middle of and after each of its effects (calls, journal, inventory, events, status), and
// started again on what is left: the cluster ends as if nobody had died. Then each file is torn, emptied and taken away.
import { expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { canonicalCluster } from '../harness/canonical-cluster.ts';
import { killPoints, Mortal, played } from '../harness/mortal.ts';
import type { KillPoint } from '../harness/mortal.ts';
import { DaemonWorld, leaseOf, sourceOf, vm } from './daemon-world.ts';

/** Real time, for machines that do much else. */
const PATIENCE_MS = 600_000;

const FIRST = vm('web', 101, 'memory: 512, scsi0: { storage: local, size: 1G }', 'placement: { node: pve1 }, power: running') + vm('gone', 102, 'memory: 256', 'placement: { node: pve1 }, reclaim: delete');
const SECOND = vm('web', 101, 'memory: 768, scsi0: { storage: local, size: 2G }', 'placement: { node: pve1 }, power: running') + vm('new', 103, 'memory: 256', 'placement: { node: pve2 }, power: running');

interface Ended { readonly cluster: unknown; readonly remembered: unknown; readonly ready: unknown; readonly mortal: Mortal; readonly restarts: number }

async function story(point?: KillPoint): Promise<Ended> {
  const daemon = new DaemonWorld();
  let restarts = 0;
  const begin = (at?: KillPoint): Mortal => {
    const mortal = new Mortal(daemon.world, daemon.store, at);
    const name = `daemon ${restarts}`;
    daemon.start({ env: mortal.env, source: sourceOf(mortal, daemon.source), lease: leaseOf(mortal, daemon.lease.of(name)), control: { listen: async () => undefined } }, name);
    void mortal.died.then(() => {
      // The lock of a process that is gone is free.
      if (daemon.lease.holder === name) daemon.lease.holder = undefined;
      restarts += 1;
      begin();
    });
    return mortal;
  };
  daemon.source.push(FIRST);
  const mortal = begin(point);
  await daemon.pass(100);
  daemon.set(101, 'memory', '4096');
  await daemon.pass(400);
  daemon.source.push(SECOND);
  await daemon.pass(900);
  return { cluster: canonicalCluster(daemon.sim.state), remembered: JSON.parse(daemon.store.snapshot()['inventory.json'] ?? '{}'), ready: ready(daemon), mortal, restarts };
}

test('killed at each of its effects, it ends in the same cluster', async () => {
  const unharmed = await story();
  expect(unharmed.ready).toMatchObject({ status: 'True', reason: 'InSync' });
  const points = killPoints(unharmed.mortal.effects);
  expect(points.length).toBeGreaterThan(100);
  const files = new Set(unharmed.mortal.effects.flatMap(({ via, what }) => (via === 'file' ? [what] : [])));
  expect([...files]).toEqual(expect.arrayContaining(['commit.json', 'daemon.json', 'inventory.json', 'status.json']));
  for (const point of played(points)) {
    const { cluster, remembered, ready, restarts } = await story(point);
    expect({ cluster, remembered, ready, restarts }, `${JSON.stringify(point)} ${unharmed.mortal.effects[point.effect]?.what ?? ''}`).toEqual({ cluster: unharmed.cluster, remembered: unharmed.remembered, ready: unharmed.ready, restarts: 1 });
  }
}, PATIENCE_MS);

function ready(daemon: DaemonWorld) {
  const { status, reason, revision } = daemon.ready();
  return { status, reason, revision };
}

const FILES = ['commit.json', 'daemon.json', 'inventory.json', 'status.json', 'events.jsonl', 'history.jsonl', 'journal.jsonl'];

test.each(FILES.flatMap((name) => (['torn', 'rubbish', 'empty', 'missing'] as const).map((harm) => [name, harm] as const)))('%s %s: it goes on, and the file is made anew', async (name, harm) => {
  const unharmed = await story();
  const daemon = new DaemonWorld();
  daemon.source.push(FIRST);
  const running = daemon.start();
  await daemon.pass(100);
  await running.stop();
  const { [name]: text = '', ...others } = daemon.store.snapshot();
  expect(text).not.toBe('');
  const harmed = { torn: text.slice(0, text.length / 2), rubbish: '\u0000\u0000{]\n"x"\n', empty: '', missing: '' }[harm];
  const store = createMemoryStore({ ...others, ...(harm === 'missing' ? {} : { [name]: harmed }) });
  const again = daemon.start({ env: daemon.world.envOf(daemon.sim.transport(), store) });
  await daemon.pass(400);
  expect(daemon.ready(store)).toMatchObject({ status: 'True' });
  daemon.source.push(SECOND);
  await daemon.pass(900);
  await again.stop();
  const { guests } = canonicalCluster(daemon.sim.state);
  // Without an inventory nobody knows that the guest which left Git was ours to destroy: it is released, not destroyed.
  const wanted = (unharmed.cluster as { guests: object }).guests;
  if (name === 'inventory.json') expect(guests).toMatchObject(wanted);
  else expect(guests).toEqual(wanted);
  expect(daemon.ready(store)).toMatchObject({ status: 'True' });
  const after = store.snapshot()[name] ?? '';
  for (const line of name.endsWith('.jsonl') ? after.split('\n').filter((each) => each !== '') : [after]) expect(() => JSON.parse(line) as unknown).not.toThrow();
}, PATIENCE_MS);
