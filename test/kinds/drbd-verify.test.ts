// Comparing copies by a schedule: due, begun, noted, once; what it finds is told, and copied anew when asked. On simulated nodes.
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { Plan } from '../../controller/model/plan.ts';
import { Output } from '../../controller/sim/nodes/output.ts';
import { runProgram } from '../../controller/sim/nodes/programs.ts';
import { perform } from '../../controller/sim/script-deeds.ts';
import { World } from '../harness/world.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const CLUSTER = 'apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: lab }\nspec: { endpoints: [https://pve1:8006], credentials: { tokenEnv: X }, policy: { prune: auto, limits: { deletions: 9 } } }\n';
const DAILY = '{ algorithm: crc32c, schedule: "0 15 * * *" }';
const REPAIRS = DAILY.replace(' }', ', repair: true }');

const resource = (verify: string | undefined, more: Readonly<Record<string, string>> = {}, name = 'r0') => {
  const port = name === 'r0' ? 7788 : 7789;
  const fields = { size: '256M', reclaim: 'delete', ...(verify === undefined ? {} : { verify }), ...more };
  return `---\napiVersion: latido/v1\nkind: DrbdResource\nmetadata: { name: ${name} }\nspec:\n  nodes:\n    pve1: { address: "10.0.0.1:${port}", volumeGroup: pve }\n    pve2: { address: "10.0.0.2:${port}", volumeGroup: pve }\n${Object.entries(fields).map(([key, value]) => `  ${key}: ${value}\n`).join('')}`;
};
const manifest = (verify?: string, more: Readonly<Record<string, string>> = {}) => `${CLUSTER}${resource(verify, more)}`;
const BOTH = { dualPrimary: 'true', storage: '{ id: disk-virtual, volumeGroup: drbdvg0 }' };
const GUEST = '---\napiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: web }\nspec: { vmid: 110, power: running, placement: { node: pve1 }, config: { memory: 512, scsi0: { storage: disk-virtual, size: 100M } } }\n';

function place(drbd = '8.4.11'): World {
  return new World({ nodes: ['pve1', 'pve2'].map((name) => ({ name, drbd, volumeGroups: { pve: 2 ** 31 } })) });
}

/** So many rounds, ten minutes apart; answers the titles of what was done. */
async function rounds(world: World, text: string, count = 1): Promise<readonly string[]> {
  const titles: string[] = [];
  for (let round = 0; round < count; round += 1) {
    const { done, failed, unsettled } = await world.apply(text);
    expect([failed, unsettled]).toEqual([[], []]);
    titles.push(...done.map(({ step }) => step.title));
    await world.sim.clock.advance(10 * MINUTE);
  }
  return titles;
}

/** Made, compared for the first time, and noted. */
async function compared(text: string, drbd?: string): Promise<World> {
  const world = place(drbd);
  await rounds(world, text, 4);
  expect(await titles(world, text)).toEqual([]);
  return world;
}

function hand(world: World, node: string, ...argv: readonly string[]): void {
  expect(runProgram(world.sim, argv, { node, output: new Output(), stdin: '' })).toBe(0);
}

const titles = async (world: World, text: string) => (await world.plan(text)).changes.flatMap(({ steps }) => steps.map(({ title, hold }) => `${title}${hold ? ` [${hold.code}]` : ''}`));
const standing = ({ standings }: Plan) => standings?.find(({ ref }) => ref.kind === 'DrbdResource');
const atThree = async (world: World) => world.sim.clock.advance(Date.UTC(2026, 10, 22, 15, 1) - world.sim.clock.now());
const BEGIN = 'begin to compare its copies with pve2 (verify) on pve1';

describe.each(['8.4.11', '9.2.18'])('DRBD %s', (version) => {
  test('made, then compared for the first time, then noted, and then nothing until it is due', async () => {
    const world = place(version);
    expect(await rounds(world, manifest(DAILY))).not.toContain(BEGIN);
    const first = await world.plan(manifest(DAILY));
    expect(first.changes.flatMap(({ verb, fields }) => fields.map((field) => [verb, field.path, field.from, field.to, field.note]))).toEqual([['update', 'verify.due', undefined, '2026-11-21T15:00Z', 'never compared before']]);
    expect(await rounds(world, manifest(DAILY), 3)).toEqual([BEGIN, 'note what the comparison of 2026-11-22T12:10Z found on pve1']);
    expect(await titles(world, manifest(DAILY))).toEqual([]);
    expect(standing(await world.plan(manifest(DAILY)))).toEqual({ ref: { kind: 'DrbdResource', name: 'r0' }, message: 'as its manifest asks; compared 2026-11-22T12:10Z: 0 bytes differed' });
    await atThree(world);
    expect(await rounds(world, manifest(DAILY), 5)).toEqual([BEGIN, 'note what the comparison of 2026-11-22T15:01Z found on pve1']);
  });
  test('what a disk changed by itself is found and told, and stays until somebody cures it', async () => {
    const world = await compared(manifest(DAILY), version);
    perform(world.sim, { do: 'disk-rot', node: 'pve2', resource: 'r0', bytes: 48 * 1024 });
    expect(standing(await world.plan(manifest(DAILY)))?.trouble).toBeUndefined();
    await atThree(world);
    await rounds(world, manifest(DAILY), 3);
    const plan = await world.plan(manifest(DAILY));
    expect(standing(plan)).toMatchObject({ trouble: 'CopiesDiffer', message: '48 KiB differ between pve1 and pve2 (compared 2026-11-22T15:01Z: 48 KiB differed between pve1 and pve2)' });
    expect([plan.changes.map(({ verb }) => verb), plan.changes[0]?.notes.at(-1)]).toEqual([['none'], expect.stringContaining('repair: true copies that from the node where it is in use')]);
  });
  test('repair copies it from the only Primary', async () => {
    const world = await compared(manifest(DAILY), version);
    hand(world, 'pve2', 'drbdadm', 'primary', 'r0');
    perform(world.sim, { do: 'disk-rot', node: 'pve2', resource: 'r0', bytes: 4096 });
    await atThree(world);
    await rounds(world, manifest(DAILY), 2);
    const done = await rounds(world, manifest(REPAIRS));
    expect(done.slice(0, 2)).toEqual(version.startsWith('8') ? ['end its connection on pve1', 'connect it again: what differs is copied on pve1'] : ['copy what differs from pve2 on pve1', 'wait until it is in sync (up to 4K at 20M a second, 1 min)']);
    const after = await world.plan(manifest(REPAIRS));
    expect([after.changes, standing(after)?.message, world.sim.state.below.hosts['pve1']?.replicas['r0']?.role]).toEqual([[], 'as its manifest asks; compared 2026-11-22T15:01Z: 4 KiB differed between pve1 and pve2, and they are equal again', 'Secondary']);
    // Compared once more, nothing is found: the right copy was taken, and both are it.
    await world.sim.clock.advance(DAY);
    await rounds(world, manifest(REPAIRS), 2);
    expect(standing(await world.plan(manifest(REPAIRS)))?.message).toContain('0 bytes differed');
  });
  test('with two Primaries the side without guests is copied anew, and the connection never ends while both are', async () => {
    const text = `${manifest(REPAIRS, BOTH)}${GUEST}`;
    const world = await compared(text, version);
    perform(world.sim, { do: 'disk-rot', node: 'pve2', resource: 'r0', bytes: 4096 });
    await atThree(world);
    await rounds(world, text, 2);
    const done = await rounds(world, text);
    expect(done.slice(0, 3)).toEqual(['let go of the volume group drbdvg0 on pve2', 'make it Secondary on pve2', version.startsWith('8') ? 'end its connection on pve2' : 'copy what differs from pve1 on pve2']);
    expect([await titles(world, text), standing(await world.plan(text))?.trouble, Object.values(world.sim.state.below.hosts).map(({ replicas }) => replicas['r0']?.role)]).toEqual([[], undefined, ['Primary', 'Primary']]);
  });
  test('where nobody can tell which copy is right, nothing is copied', async () => {
    const text = manifest(REPAIRS, BOTH);
    const world = await compared(text, version);
    perform(world.sim, { do: 'disk-rot', node: 'pve2', resource: 'r0', bytes: 4096 });
    await atThree(world);
    await rounds(world, text, 3);
    const plan = await world.plan(text);
    expect(plan.changes.flatMap(({ steps }) => steps.map(({ title, hold }) => [title, hold?.code, hold?.reason]))).toEqual([['make its copies equal again', 'REFUSED', expect.stringContaining('no guest runs on it, so that nobody can tell which copy is right')]]);
  });
});

test('an early DRBD 9 cannot copy only what differs, and is not asked to', async () => {
  const world = await compared(manifest(DAILY), '9.0.20');
  hand(world, 'pve2', 'drbdadm', 'primary', 'r0');
  perform(world.sim, { do: 'disk-rot', node: 'pve1', resource: 'r0', bytes: 4096 });
  await atThree(world);
  await rounds(world, manifest(DAILY), 2);
  expect((await world.plan(manifest(REPAIRS))).changes.flatMap(({ steps }) => steps.map(({ hold }) => hold?.reason))).toEqual([expect.stringContaining('DRBD 9.0.20 on pve1 cannot copy only what differs')]);
});

describe('begun', () => {
  test('by a person it is left alone, and what else is to be done waits with how far it is', async () => {
    const world = await compared(manifest(DAILY));
    hand(world, 'pve2', 'drbdadm', 'verify', 'r0');
    await world.sim.clock.advance(3_000);
    const plan = await world.plan(manifest(DAILY, { protocol: 'A' }));
    expect(new Set(plan.changes.flatMap(({ steps }) => steps.map(({ hold }) => `${hold?.code} ${hold?.reason}`)))).toEqual(new Set(['BUSY its copies are being compared, pve2 with pve1, 49 % done: nothing of it is changed until that ends']));
    expect(await titles(world, manifest(DAILY))).toEqual([]);
  });
  test('and broken off by a lost line, it goes on where it was', async () => {
    const text = manifest(DAILY, { size: '1G' });
    const world = await compared(text);
    await atThree(world);
    await world.apply(text);
    await world.sim.clock.advance(3_000);
    perform(world.sim, { do: 'drbd-link-cut', a: 'pve1', b: 'pve2' });
    await world.sim.clock.advance(MINUTE);
    expect(await titles(world, text)).toEqual([`${BEGIN} [WAITS_FOR]`]);
    perform(world.sim, { do: 'drbd-link-heal', a: 'pve1', b: 'pve2' });
    await world.sim.clock.advance(MINUTE);
    expect((await world.plan(text)).changes[0]?.fields[0]).toMatchObject({ from: '2026-11-22T15:00Z', to: '2026-11-22T15:00Z', note: 'it was broken off, and goes on' });
    expect(await rounds(world, text, 3)).toEqual([BEGIN, expect.stringContaining('note what the comparison')]);
    const began = world.sim.state.below.hosts['pve1']?.kernelLog?.filter((line) => line.includes('Starting')).map((line) => Number(/sector (\d+)/.exec(line)?.[1]));
    expect(began).toEqual([0, 0, expect.any(Number)]);
    expect(began?.[2]).toBeGreaterThan(0);
  });
  test('and its node lost its power, it begins again', async () => {
    const world = await compared(manifest(DAILY));
    await atThree(world);
    await world.apply(manifest(DAILY));
    perform(world.sim, { do: 'node-reset', node: 'pve1' });
    await world.sim.clock.advance(5 * MINUTE);
    expect((await rounds(world, manifest(DAILY), 3)).filter((title) => title === BEGIN)).toHaveLength(1);
    expect(await titles(world, manifest(DAILY))).toEqual([]);
  });
  test('not while a resync runs', async () => {
    const world = await compared(manifest(DAILY, { resyncRate: '1M' }));
    await atThree(world);
    hand(world, 'pve2', 'drbdadm', 'invalidate', 'r0');
    await world.sim.clock.advance(MINUTE);
    expect(await titles(world, manifest(DAILY, { resyncRate: '1M' }))).toEqual([`${BEGIN} [RESYNC]`]);
  });
  test('one resource at a time on a node', async () => {
    const text = `${CLUSTER}${resource(DAILY)}${resource(DAILY, {}, 'r1')}`;
    const world = place();
    await rounds(world, text);
    const begun = (await titles(world, text));
    expect(begun.toSorted()).toEqual([BEGIN, `${BEGIN} [WAITS_FOR]`].toSorted());
    expect((await rounds(world, text, 6)).filter((title) => title === BEGIN)).toHaveLength(2);
    expect(await titles(world, text)).toEqual([]);
  });
  test('whose turn it is passes on, lest one that a person keeps from it keeps all others waiting', async () => {
    const text = `${CLUSTER}${resource(DAILY)}${resource(DAILY, {}, 'r1')}`;
    const world = place();
    await rounds(world, text);
    const turns = new Set<string>();
    for (let look = 0; look < 4; look += 1) {
      const { changes } = await world.plan(text);
      const free = changes.filter(({ steps }) => steps.every(({ hold }) => hold === undefined)).map(({ ref }) => ref.name);
      expect(free).toHaveLength(1);
      turns.add(free[0] ?? '');
      await world.sim.clock.advance(10 * MINUTE);
    }
    expect([...turns].toSorted()).toEqual(['r0', 'r1']);
  });
  test('with three copies it is compared with both others, and each tells what it found', async () => {
    const text = manifest(DAILY).replace('  size', '    pve3: { address: "10.0.0.3:7788", volumeGroup: pve }\n  size');
    const world = new World({ nodes: ['pve1', 'pve2', 'pve3'].map((name) => ({ name, drbd: '9.2.18', volumeGroups: { pve: 2 ** 31 } })) });
    await rounds(world, text);
    perform(world.sim, { do: 'disk-rot', node: 'pve3', resource: 'r0', bytes: 4096 });
    expect(await rounds(world, text, 3)).toEqual(['begin to compare its copies with pve2 and pve3 (verify) on pve1', expect.stringContaining('note what')]);
    expect(world.sim.state.below.hosts['pve1']?.files['/var/lib/latido-drbd/verify-r0']).toMatch(/found pve2 0\nfound pve3 4096\n$/);
    expect(standing(await world.plan(text))).toMatchObject({ trouble: 'CopiesDiffer', message: expect.stringContaining('4 KiB differ between pve1 and pve3') });
  });
  test('it is seen by another latido that remembers nothing: awaited, noted, and not begun twice', async () => {
    const world = await compared(manifest(DAILY));
    await atThree(world);
    await world.apply(manifest(DAILY));
    const fresh = async () => (await world.round(manifest(DAILY), world.envOf(world.transport(), createMemoryStore()))).plan;
    const during = await fresh();
    expect([during.changes.flatMap(({ steps }) => steps), during.changes.flatMap(({ notes }) => notes)]).toEqual([[], [expect.stringMatching(/^its copies are being compared, pve1 with pve2, \d+ % done$/)]]);
    await world.sim.clock.advance(MINUTE);
    expect((await fresh()).changes.flatMap(({ steps }) => steps.map(({ title }) => title))).toEqual(['note what the comparison of 2026-11-22T15:01Z found on pve1']);
  });
});

test('a resource that is taken away takes with it when it was compared', async () => {
  const world = await compared(manifest(DAILY, BOTH));
  await rounds(world, `${CLUSTER}---\napiVersion: latido/v1\nkind: Pool\nmetadata: { name: p }\nspec: {}\n`, 2);
  expect(Object.keys(world.sim.state.below.hosts['pve1']?.files ?? {}).filter((path) => path.includes('verify'))).toEqual([]);
});
test('without a schedule the nodes are not asked, and nothing is due', async () => {
  const world = await compared(manifest('{ algorithm: crc32c }'));
  expect(await titles(world, manifest('{ algorithm: crc32c }'))).toEqual([]);
});
