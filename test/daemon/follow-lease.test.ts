// Whether nobody has the lease, seen by one who does not want it: looking must never take it, nor ask for its release.
import { expect, test } from 'vitest';
import { createPmxcfsLease } from '../../controller/env/pmxcfs-lease.ts';
import type { ClusterFiles } from '../../controller/model/doors.ts';
import { SimulatedPmxcfs } from '../../controller/sim/pmxcfs.ts';
import { World } from '../harness/world.ts';

const local = { acquire: async () => ({ held: true as const }), renew: async () => true, release: async () => undefined };

function cluster() {
  const { sim } = new World({ nodes: [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] });
  const pmxcfs = new SimulatedPmxcfs(sim);
  const writes: string[] = [];
  const watched = (files: ClusterFiles): ClusterFiles => ({
    ...files,
    mkdir: (path) => { writes.push('mkdir'); return files.mkdir(path); },
    utime: (path, seconds) => { writes.push('utime'); return files.utime(path, seconds); },
  });
  const leaseOn = (node: string, through: (files: ClusterFiles) => ClusterFiles = (files) => files) => createPmxcfsLease({ files: through(pmxcfs.on(node)), clock: sim.clock, cluster: 'lab', local });
  return { sim, run: <T>(work: Promise<T>) => sim.clock.run(work), first: leaseOn('pve1'), second: leaseOn('pve2', watched), writes };
}

test('free before anybody took it and after it was given back; not while it is renewed', async () => {
  const { sim, run, first, second, writes } = cluster();
  expect(await run(second.isFree())).toBe(true);
  expect(await run(first.acquire())).toEqual({ held: true });
  for (let times = 0; times < 10; times += 1) {
    expect(await run(second.isFree())).toBe(false);
    await sim.clock.advance(30_000);
    expect(await run(first.renew())).toBe(true);
  }
  await run(first.release());
  expect(await run(second.isFree())).toBe(true);
  expect(writes).toEqual([]);
});

test('free when nobody renewed it for two minutes since it was first seen so, and then it can be taken', async () => {
  const { sim, run, first, second } = cluster();
  await run(first.acquire());
  expect(await run(second.isFree())).toBe(false);
  await sim.clock.advance(120_000);
  expect(await run(second.isFree())).toBe(false);
  await sim.clock.advance(2_000);
  expect(await run(second.isFree())).toBe(true);
  expect(await run(second.acquire())).toEqual({ held: true });
});

test('not when /etc/pve is away: nobody can say', async () => {
  const { sim, run, second } = cluster();
  sim.powerOff('pve2');
  expect(await run(second.isFree())).toBe(false);
});
