// Without /etc/pve: what the tasks and the log of a cluster hint at.
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import type { PveApi } from '../../controller/model/doors.ts';
import type { Json } from '../../controller/model/json.ts';
import { createHints, isHintless } from '../../controller/observe/hints.ts';
import type { Hints } from '../../controller/observe/hints.ts';
import { World } from '../harness/world.ts';

describe('hints of a cluster', () => {
  let world: World;
  let hints: Hints;
  const look = () => world.run(hints.look());
  beforeEach(async () => {
    world = new World({ guests: [{ vmid: 101, node: 'pve1' }, { vmid: 102, node: 'pve2', type: 'lxc' }] });
    hints = createHints(world.env.pve);
    await look();
  });

  test('the first look says that anything may have changed', async () => {
    expect(await world.run(createHints(world.env.pve).look())).toEqual({ all: true, guests: [], others: [] });
  });

  test('a quiet look takes three calls and hints at nothing', async () => {
    const before = world.env.pve.stats.calls;
    expect(isHintless((await look()) ?? { all: true, guests: [], others: [] })).toBe(true);
    expect(world.env.pve.stats.calls - before).toBe(3);
  });

  test('a task hints at its guest when it begins, and when it has ended', async () => {
    await world.run(world.env.pve.write('POST', '/nodes/pve2/lxc/102/status/start', {}));
    expect((await look())?.guests).toEqual([102]);
    await world.sim.clock.advance(60_000);
    expect((await look())?.guests).toEqual([102]);
    expect((await look())?.guests).toEqual([]);
  });

  test('a node that goes away is a hint, and once more when it comes back', async () => {
    world.sim.powerOff('pve3');
    await world.sim.clock.advance(30_000);
    expect((await look())?.others).toContain('node pve3 is offline');
    expect(isHintless((await look()) ?? { all: true, guests: [], others: [] })).toBe(true);
    world.sim.powerOn('pve3');
    await world.sim.clock.advance(60_000);
    expect((await look())?.others).toContain('node pve3 is online');
  });

  test('a cluster that does not answer tells nothing, and afterwards nothing is lost', async () => {
    for (const node of ['pve1', 'pve2', 'pve3']) world.sim.state.nodes[node]!.network = 'down';
    expect(await look()).toBeUndefined();
    for (const node of ['pve1', 'pve2', 'pve3']) world.sim.state.nodes[node]!.network = 'up';
    await world.run(world.env.pve.write('POST', '/nodes/pve2/lxc/102/status/start', {}));
    expect((await look())?.guests).toEqual([102]);
  });
});

describe('the log of a real cluster', () => {
  const entries = (name: string) => (JSON.parse(readFileSync(new URL(`recorded/${name}`, import.meta.url), 'utf8')) as { data: readonly Json[] }).data;
  const looks = async (first: readonly Json[], second: readonly Json[]) => {
    let now = first;
    const pve: Pick<PveApi, 'get'> = { get: (path) => Promise.resolve(path === '/cluster/log' ? now : []) };
    const hints = createHints(pve as PveApi);
    await hints.look();
    now = second;
    return hints.look();
  };
  const log = entries('after-pve1-clusterlog.txt');

  test('a change without a task is known by its line', async () => {
    const at = log.findIndex((line) => JSON.stringify(line).includes('update VM 411'));
    expect(at).toBeGreaterThan(-1);
    expect(await looks(log.slice(at + 1), log.slice(at))).toEqual({ all: false, guests: [411], others: [] });
  });

  test('lines of tasks only repeat what the list of tasks says', async () => {
    const at = log.findIndex((line) => JSON.stringify(line).includes('end task UPID'));
    expect(await looks(log.slice(at + 1), log.slice(at))).toMatchObject({ guests: [], others: [] });
  });

  test('a log that holds nothing known any more may have lost something', async () => {
    const other = Array.from({ length: 50 }, (_, at) => ({ uid: String(at), time: 1, node: 'pve1', tag: 'pvedaemon', msg: `update VM ${200 + at}: -cores 2` }));
    expect((await looks(log, other))?.all).toBe(true);
  });

  test('a login is no hint', async () => {
    expect(await looks(log, [{ uid: '99', time: 2, node: 'pve1', tag: 'pvedaemon', msg: "successful auth for user 'root@pam'" }, ...log])).toEqual({ all: false, guests: [], others: [] });
  });
});
