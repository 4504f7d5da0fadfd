// The stand-in of /etc/pve keeps the lock protocol as recorded from a real cluster.
import { describe, expect, test } from 'vitest';
import type { ClusterFiles, FileResult } from '../../controller/model/doors.ts';
import { SimulatedPmxcfs } from '../../controller/sim/pmxcfs.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import { START_MS, tables } from '../sim/lab.ts';

const LOCK = 'priv/lock/latido-test';

function cluster(seed = 1) {
  const sim = new Simulation({ seed, tables: tables(), startMs: START_MS, cluster: {} });
  const pmxcfs = new SimulatedPmxcfs(sim);
  const [one, two, three] = ['pve1', 'pve2', 'pve3'].map((node) => pmxcfs.on(node)) as [ClusterFiles, ClusterFiles, ClusterFiles];
  const run = async (work: Promise<FileResult<unknown>>) => {
    const result = await sim.clock.run(work);
    return result.ok ? 'OK' : result.errno;
  };
  const now = () => Math.floor(sim.clock.now() / 1000);
  /** Asks each second until the lock can be made; seconds since `from`. */
  const takenAfter = async (files: ClusterFiles, from: number) => {
    for (let tries = 0; tries < 400; tries += 1) {
      await run(files.utime(LOCK, 0));
      if ((await run(files.mkdir(LOCK))) === 'OK') return now() - from;
      await sim.clock.advance(1000);
    }
    return Infinity;
  };
  return { sim, pmxcfs, one, two, three, run, now, takenAfter };
}

describe('a held lock', () => {
  test('is EEXIST for everybody, the holder too', async () => {
    const { one, three, run } = cluster();
    expect([await run(one.mkdir(LOCK)), await run(one.mkdir(LOCK)), await run(three.mkdir(LOCK))]).toEqual(['OK', 'EEXIST', 'EEXIST']);
  });

  test('is renewed by the node that wrote it, with an mtime that is not older', async () => {
    const { one, three, run, now } = cluster();
    await run(one.mkdir(LOCK));
    expect([await run(three.utime(LOCK, now())), await run(one.utime(LOCK, now() + 1)), await run(one.utime(LOCK, now() - 10)), await run(three.mtime(LOCK))]).toEqual(['EACCES', 'OK', 'EACCES', 'OK']);
  });

  test('an mtime in the future blocks its own node', async () => {
    const { one, run, now } = cluster();
    await run(one.mkdir(LOCK));
    expect([await run(one.utime(LOCK, now() + 1000)), await run(one.utime(LOCK, now()))]).toEqual(['OK', 'EACCES']);
  });

  test('is removed by any node, and is ENOENT for its holder afterwards', async () => {
    const { one, three, run, now } = cluster();
    await run(one.mkdir(LOCK));
    expect([await run(three.rmdir(LOCK)), await run(one.utime(LOCK, now())), await run(one.mkdir(LOCK))]).toEqual(['OK', 'ENOENT', 'OK']);
  });

  test('a request to release always answers EACCES', async () => {
    const { one, three, run } = cluster();
    await run(one.mkdir(LOCK));
    expect([await run(three.utime(LOCK, 0)), await run(one.utime(LOCK, 0))]).toEqual(['EACCES', 'EACCES']);
  });
});

test('of three nodes that race one wins, in every one of 30 rounds', async () => {
  const { sim, one, two, three, run } = cluster(7);
  for (let round = 0; round < 30; round += 1) {
    const results = await sim.clock.run(Promise.all([one, two, three].map((files) => files.mkdir(LOCK))));
    expect(results.map((result) => (result.ok ? 'OK' : result.errno)).sort()).toEqual(['EEXIST', 'EEXIST', 'OK']);
    await run(one.rmdir(LOCK));
  }
});

describe('a lock nobody renews', () => {
  test('goes at a request after 120 s', async () => {
    const { sim, two, three, run, now, takenAfter } = cluster();
    await run(two.mkdir(LOCK));
    const made = now();
    await sim.clock.advance(1000);
    expect(await takenAfter(three, made)).toBeGreaterThanOrEqual(121);
    expect(now() - made).toBeLessThan(124);
  });

  test('goes at the first request when nobody asked before', async () => {
    const { sim, two, three, run } = cluster();
    await run(two.mkdir(LOCK));
    await sim.clock.advance(130_000);
    expect([await run(three.mkdir(LOCK)), await run(three.utime(LOCK, 0)), await run(three.mkdir(LOCK))]).toEqual(['EEXIST', 'EACCES', 'OK']);
  });

  test('120 s count from the last renewal', async () => {
    const { sim, two, three, run, now, takenAfter } = cluster();
    await run(two.mkdir(LOCK));
    await sim.clock.advance(60_000);
    await run(two.utime(LOCK, now()));
    expect(await takenAfter(three, now())).toBeGreaterThanOrEqual(121);
  });

  test('stays for ever without a request', async () => {
    const { sim, two, three, run } = cluster();
    await run(two.mkdir(LOCK));
    await sim.clock.advance(3_600_000);
    expect(await run(three.mkdir(LOCK))).toBe('EEXIST');
  });

  test('outlives its holder by 120 s', async () => {
    const { sim, two, three, run, now, takenAfter } = cluster();
    await run(two.mkdir(LOCK));
    const made = now();
    await sim.clock.advance(5_000);
    sim.powerOff('pve2');
    expect(await takenAfter(three, made)).toBeGreaterThanOrEqual(121);
    expect(now() - made).toBeLessThan(126);
  });

  test('120 s begin anew when the judge missed writes (recorded: 177.5 s after creation, 121 s after the rejoin)', async () => {
    const { sim, two, three, run, now, takenAfter } = cluster();
    await run(two.mkdir(LOCK));
    const made = now();
    await sim.clock.advance(40_000);
    sim.corosync.cut('pve1');
    await sim.clock.advance(10_000);
    await run(three.mkdir('priv/lock/file-storage_cfg'));
    await sim.clock.advance(4_000);
    sim.corosync.heal('pve1');
    const rejoined = now();
    await sim.clock.advance(4_000);
    expect(await takenAfter(three, rejoined)).toBeGreaterThanOrEqual(120);
    expect(now() - made).toBeGreaterThanOrEqual(174);
  });

  test('a judge that missed nothing does not begin anew', async () => {
    const { sim, two, three, run, now, takenAfter } = cluster();
    await run(two.mkdir(LOCK));
    const made = now();
    await sim.clock.advance(40_000);
    sim.corosync.cut('pve1');
    await sim.clock.advance(14_000);
    sim.corosync.heal('pve1');
    await sim.clock.advance(4_000);
    await takenAfter(three, made);
    expect(now() - made).toBeLessThan(126);
  });
});

describe('without quorum', () => {
  test('a write in the first seconds blocks and is EPERM, then all are EACCES, reads go on', async () => {
    const { sim, one, run, now } = cluster();
    await run(one.mkdir(LOCK));
    sim.corosync.cut('pve1');
    const from = sim.clock.now();
    expect(await run(one.utime(LOCK, now()))).toBe('EPERM');
    expect(sim.clock.now() - from).toBeGreaterThan(7_000);
    expect([await run(one.utime(LOCK, now())), await run(one.mkdir('priv/lock/other')), await run(one.utime(LOCK, 0)), await run(one.read('storage.cfg'))]).toEqual(['EACCES', 'EACCES', 'EACCES', 'OK']);
    expect((await sim.clock.run(one.read('.members')) as { value: string }).value).toContain('"quorate": 0');
  });

  test('back: EBUSY during the resync, then the own lock is renewed again', async () => {
    const { sim, one, run, now } = cluster();
    await run(one.mkdir(LOCK));
    sim.corosync.cut('pve1');
    await sim.clock.advance(20_000);
    sim.corosync.heal('pve1');
    await sim.clock.advance(2_900);
    expect(await run(one.utime(LOCK, now()))).toBe('EBUSY');
    await sim.clock.advance(800);
    expect(await run(one.utime(LOCK, now()))).toBe('OK');
  });
});

test('a restart of pmxcfs: away for 2.1 s, then the own lock is renewed as before', async () => {
  const { sim, pmxcfs, three, run, now } = cluster();
  await run(three.mkdir(LOCK));
  pmxcfs.restart('pve3');
  expect([await run(three.read('.version')), await run(three.utime(LOCK, now()))]).toEqual(['ENOENT', 'ENOENT']);
  await sim.clock.advance(2_200);
  expect([await run(three.read('.version')), await run(three.utime(LOCK, now()))]).toEqual(['OK', 'OK']);
});
