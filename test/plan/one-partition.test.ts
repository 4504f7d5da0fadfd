// All of one observation is of one partition: who is cut off answers as before, and is not believed.
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../controller/model/doors.ts';
import type { Transport } from '../../controller/model/doors.ts';
import { planRound } from '../../controller/reconcile.ts';
import { WEB } from '../daemon/daemon-world.ts';
import { commitOf, kindsFor, World } from '../harness/world.ts';

const NODES = ['pve1', 'pve2', 'pve3'].map((name) => ({ name }));
const CUT_MS = 60_000;

/** Every read that went to an endpoint, in the order of the calls. */
function watched(isLost: (line: string) => boolean = () => false) {
  const asked: string[] = [];
  const wrap = (transport: Transport): Transport => ({
    send: (endpoint, ...rest) => {
      const line = `${new URL(endpoint).hostname} ${rest[0].url}`;
      asked.push(line);
      if (isLost(line)) return Promise.reject(new ConnectionError('refused', false, `${endpoint} refused`));
      return transport.send(endpoint, ...rest);
    },
    close: () => transport.close(),
  });
  return { asked, wrap };
}

async function cutOff(node: string, cluster: ConstructorParameters<typeof World>[0], isLost?: (line: string) => boolean) {
  const { asked, wrap } = watched(isLost);
  const world = new World(cluster, { wrap });
  await world.round(WEB);
  world.sim.corosync.cut(node);
  await world.sim.clock.advance(CUT_MS);
  asked.length = 0;
  return { world, asked };
}

describe('a node that is cut off and still answers', () => {
  test('its endpoint comes first: the plan is made from what the others say', async () => {
    const { world } = await cutOff('pve1', { nodes: NODES });
    const { plan } = await world.round(WEB);
    expect(plan.changes.flatMap(({ hold, steps }) => [hold?.code, ...steps.map((step) => step.hold?.code)]).filter((code) => code !== undefined)).toEqual([]);
  });

  test('the others fail a read that it answers: all is asked again, without it', async () => {
    const { world, asked } = await cutOff('pve3', { nodes: NODES }, (line) => /^pve[12] .*\/pools$/.test(line));
    const { plan } = await world.round(WEB);
    const again = asked.findLastIndex((line) => line.includes('/cluster/resources'));
    expect(asked.slice(0, again).filter((line) => line.startsWith('pve3')).map((line) => line.split(' ')[1])).toEqual(['/api2/json/pools']);
    expect(asked.slice(again).filter((line) => line.startsWith('pve3'))).toEqual([]);
    expect(plan.changes.map(({ verb }) => verb)).toEqual(['create']);
  });
});

test('nobody has a quorum: one more look at each says so, and all is held', async () => {
  const { world, asked } = await cutOff('pve1', { nodes: NODES.slice(0, 2) });
  const { plan } = await world.round(WEB);
  expect(plan.counts.held).toBeGreaterThan(0);
  expect(asked.length).toBeLessThan(30);
});

test('a plan of many endpoints costs two calls more', async () => {
  const { asked, wrap } = watched();
  const guests = ['pve1', 'pve2', 'pve3'].map((node, index) => ({ vmid: 101 + index, node, name: `web${index}`, config: {} }));
  const world = new World({ nodes: NODES, guests } as ConstructorParameters<typeof World>[0], { wrap });
  await world.round(WEB);
  expect(new Set(asked.map((line) => line.split(' ')[0])).size).toBe(3);
  const paths = asked.map((line) => line.split(' ')[1]);
  expect(paths.length - new Set(paths).size).toBe(2);
});

describe('a cluster that takes connections and answers nothing', () => {
  const FROM = { silent: false };
  const silent = (clock: () => World) => (transport: Transport): Transport => ({
    send: async (endpoint, request, timeoutMs, signal) => {
      if (!FROM.silent || !request.url.includes('/cluster/')) return transport.send(endpoint, request, timeoutMs, signal);
      await clock().sim.clock.sleep(timeoutMs);
      throw new ConnectionError('timeout', true, `${endpoint} did not answer`);
    },
    close: () => transport.close(),
  });

  test('ends the plan after its time, clearly', async () => {
    let world: World | undefined;
    const at = () => world as World;
    world = new World({ nodes: NODES }, { wrap: silent(at) });
    FROM.silent = true;
    const began = world.sim.clock.now();
    const failed = await world.run(planRound(world.env, commitOf(WEB), kindsFor, undefined, undefined, 20_000).catch((error: unknown) => String(error)));
    FROM.silent = false;
    expect(failed).toMatch(/CLUSTER_SILENT the cluster could not be read within 20 s/);
    expect(world.sim.clock.now() - began).toBe(20_000);
  });

  test('costs a few time-outs, not one for each read', async () => {
    let world: World | undefined;
    const at = () => world as World;
    world = new World({ nodes: NODES }, { wrap: silent(at) });
    FROM.silent = true;
    const began = world.sim.clock.now();
    const failed = await world.run(planRound(world.env, commitOf(WEB), kindsFor).catch((error: unknown) => String(error)));
    FROM.silent = false;
    expect(failed).toMatch(/pve1.*pve2/);
    expect(world.sim.clock.now() - began).toBeLessThan(4 * 60_000);
  });
});
