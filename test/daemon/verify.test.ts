// Copies compared by the daemon over weeks: once for each time that is due and once only, whoever is killed meanwhile; and what is
// found is told once.
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { Env } from '../../controller/model/doors.ts';
import { perform } from '../../controller/sim/script-deeds.ts';
import { Mortal } from '../harness/mortal.ts';
import { DaemonWorld, leaseOf, sourceOf } from './daemon-world.ts';

const [MINUTE_S, HOUR_S, DAY_S] = [60, 3600, 24 * 3600];
const LOOKS = { intervalMs: 2 * HOUR_S * 1000 };

const resource = (verify: string, annotations = '') => `
apiVersion: latido/v1
kind: DrbdResource
metadata: { name: r0${annotations} }
spec:
  size: 1G
  verify: { algorithm: sha1, ${verify} }
  nodes:
    pve1: { address: "10.0.0.1:7788", volumeGroup: pve }
    pve2: { address: "10.0.0.2:7788", volumeGroup: pve }
`;

function place(): DaemonWorld {
  return new DaemonWorld({ nodes: ['pve1', 'pve2'].map((name) => ({ name, drbd: '8.4.11', volumeGroups: { pve: 2 ** 31 } })) });
}

/** When the kernel of pve1 began to compare, `11-29 03`: the hour. */
const begun = (daemon: DaemonWorld, from = 0) => (daemon.sim.state.below.hosts['pve1']?.kernelLog ?? []).filter((line) => line.includes('Starting Online Verify')).map((line) => {
  const seconds = Number(/\[\s*([\d.]+)\]/.exec(line)?.[1]);
  return new Date((daemon.sim.state.nodes['pve1']?.startedAtMs ?? 0) + seconds * 1000).toISOString().slice(5, 13).replace('T', ' ');
}).slice(from);

const ofResource = (daemon: DaemonWorld) => (JSON.parse(daemon.store.snapshot()['status.json'] ?? '{}') as { readonly objects: readonly { readonly kind: string; readonly conditions: readonly unknown[] }[] }).objects.find(({ kind }) => kind === 'DrbdResource')?.conditions[0];

describe('over two weeks', () => {
  test('it is once for each time that was due, and nobody calls it drift', async () => {
    const daemon = place();
    daemon.source.push(resource('schedule: "0 3 * * 0,3"'));
    const running = daemon.start({ options: LOOKS });
    await daemon.pass(14 * DAY_S);
    // The first is of the time before there was a resource; from 2026-11-22, a Sunday, on.
    expect(begun(daemon)).toEqual(['11-22 12', '11-25 04', '11-29 04', '12-02 04', '12-06 04']);
    expect([daemon.told('drift'), daemon.told('frozen'), daemon.told('failed'), daemon.told('copies-differ')]).toEqual([[], [], [], []]);
    expect(ofResource(daemon)).toMatchObject({ status: 'True', message: expect.stringMatching(/compared 2026-12-06T04:\d\dZ: 0 bytes differed$/) });
    await running.stop();
  }, 120_000);

  test('also when one is killed as it begins, and another one that remembers nothing takes over', async () => {
    const daemon = place();
    daemon.source.push(resource('schedule: "0 3 * * *"'));
    const first = daemon.start({ options: LOOKS }, 'first');
    await daemon.pass(11 * HOUR_S);
    await first.stop();
    const before = begun(daemon).length;
    for (let day = 0; day < 7; day += 1) {
      const mortal = new Mortal(daemon.world, createMemoryStore());
      daemon.lease.holder = undefined;
      daemon.start({ env: mortal.env, source: sourceOf(mortal, daemon.source), lease: leaseOf(mortal, daemon.lease.of(`day${day}`)), options: LOOKS }, `day${day}`);
      // Until some moment of the night: while it begins, runs, is noted, or after.
      await untilNight(daemon, day, 1 + day * 4);
      mortal.kill();
      await daemon.pass(MINUTE_S);
    }
    daemon.lease.holder = undefined;
    const last = daemon.start({ options: LOOKS, env: { ...daemon.world.env, store: createMemoryStore() } as Env }, 'last');
    await daemon.pass(10 * HOUR_S);
    const each = begun(daemon, before).map((at) => at.slice(0, 5));
    expect([each.length, new Set(each).size]).toEqual([7, 7]);
    await last.stop();
  }, 120_000);

  test('what is found is told once, with a notice for a person; and its end', async () => {
    const daemon = place();
    daemon.source.push(resource('schedule: "0 3 * * *"'));
    const running = daemon.start({ options: LOOKS });
    await daemon.pass(HOUR_S);
    perform(daemon.sim, { do: 'disk-rot', node: 'pve1', resource: 'r0', bytes: 48 * 1024 });
    await daemon.pass(3 * DAY_S);
    expect(daemon.told('copies-differ')).toEqual(['DrbdResource/r0: 48 KiB differ between pve1 and pve2']);
    expect(ofResource(daemon)).toMatchObject({ status: 'False', reason: 'CopiesDiffer', message: expect.stringContaining('48 KiB differed between pve1 and pve2') });
    perform(daemon.sim, { do: 'drbd-link-cut', a: 'pve1', b: 'pve2' });
    await daemon.pass(HOUR_S);
    expect(daemon.told('copies-differ')).toHaveLength(1);
    await running.stop();
  }, 120_000);
});

describe('policies', () => {
  test('outside of the windows nothing is begun', async () => {
    const daemon = place();
    const policy = 'apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: lab }\nspec: { endpoints: ["https://pve1:8006"], policy: { apply: window, windows: [{ start: "22:00", hours: 2 }] } }\n---';
    daemon.source.push(`${policy}${resource('schedule: "0 3 * * *"')}`);
    const running = daemon.start({ options: LOOKS });
    await daemon.pass(2 * DAY_S);
    expect(begun(daemon).map((at) => at.slice(6, 8)).every((hour) => hour === '22' || hour === '23')).toBe(true);
    expect(begun(daemon).length).toBeGreaterThan(1);
    await running.stop();
  }, 120_000);

  test('a resource that is suspended is not compared', async () => {
    const daemon = place();
    daemon.source.push(resource('schedule: "0 3 * * *"'));
    const running = daemon.start({ options: LOOKS });
    await daemon.pass(HOUR_S);
    await running.ask({ do: 'suspend', what: 'DrbdResource/r0', reason: 'a backup runs' });
    const before = begun(daemon).length;
    await daemon.pass(2 * DAY_S);
    expect(begun(daemon)).toHaveLength(before);
    await running.stop();
  }, 120_000);

  test('a drift policy that only reports does not keep it', async () => {
    const daemon = place();
    daemon.source.push(resource('schedule: "0 3 * * *"', ', annotations: { latido/drift: report }'));
    const running = daemon.start({ options: LOOKS });
    await daemon.pass(2 * DAY_S);
    expect(begun(daemon).length).toBeGreaterThan(1);
    await running.stop();
  }, 120_000);
});

/** So many seconds after the first look that follows three o'clock could begin. */
async function untilNight(daemon: DaemonWorld, day: number, seconds: number): Promise<void> {
  const next = Date.UTC(2026, 10, 23 + day, 3, 0, 0) - daemon.sim.clock.now();
  await daemon.pass(next / 1000 + LOOKS.intervalMs / 1000 + seconds);
}
