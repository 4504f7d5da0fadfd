// A node loses its power while a guest of ours is being made there: what that left is taken away, and the guest is made. What may be
// anything else stays as it is, and a person is told.
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import { applyRound } from '../../controller/reconcile.ts';
import type { ClusterSpec } from '../../controller/sim/cluster-spec.ts';
import { writeInventory } from '../../controller/status/inventory.ts';
import { outline, World } from '../harness/world.ts';

const APPLIANCE = 'vztmpl/debian-12-standard_12.7-1_amd64.tar.zst';
const CLUSTER: ClusterSpec = {
  nodes: ['pve1', 'pve2', 'pve3'].map((name) => ({ name })),
  storages: [{ id: 'shared', shared: true, options: { path: '/mnt/shared' }, volumes: [{ name: APPLIANCE, sizeBytes: 2 ** 28 }] }],
};
const VM = 'apiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: web }\nspec: { vmid: 110, placement: { node: pve1 }, config: { memory: 512, scsi0: { storage: shared, size: 1G } } }\n';
const CT = `apiVersion: latido/v1\nkind: Container\nmetadata: { name: web }\nspec: { vmid: 110, placement: { node: pve1 }, source: { appliance: "shared:${APPLIANCE}" }, config: { memory: 512, rootfs: { storage: shared, size: 1G } } }\n`;
const TAKEN_AWAY = '  take away what its cut-off creation left on pve1: an empty configuration, locked';
const AWAY_MS = 300_000;

/** The power goes while the guest is made, and is back. */
async function cutOff(yaml: string, version = '9.2'): Promise<World> {
  const world = new World(CLUSTER, { version });
  const { clock } = world.sim;
  world.sim.faults = {
    onRequest: () => undefined,
    onTask: ({ node, type }) => {
      if (type.endsWith('create')) {
        world.sim.faults = { onRequest: () => undefined };
        clock.after(100, () => world.sim.powerOff(node));
      }
      return undefined;
    },
  };
  await world.apply(yaml);
  expect(world.guest(110).config).toEqual({ lock: 'create' });
  world.sim.powerOn('pve1');
  await clock.advance(AWAY_MS);
  return world;
}

describe.each([['a virtual machine', VM], ['a container', CT]])('%s', (_, yaml) => {
  test.each(['8.4', '9.2'])('whose creation was cut off is made by the next plan, Proxmox VE %s', async (version) => {
    const world = await cutOff(yaml, version);
    const plan = await world.plan(yaml);
    expect(outline(plan).slice(0, 3)).toEqual([expect.stringMatching(/^create /), TAKEN_AWAY, expect.stringMatching(/^ {2}create it on pve1/)]);
    expect(plan.changes[0]?.notes).toContainEqual('volumes that the cut-off creation had allocated stay: look for vm-110-* on its storages');
    expect(await world.apply(yaml)).toMatchObject({ failed: [], unsettled: [], notTried: [] });
    expect(world.guest(110).config).toMatchObject({ tags: 'latido' });
    expect(world.guest(110).config).not.toHaveProperty('lock');
    expect((await world.plan(yaml)).changes.flatMap(({ steps }) => steps)).toEqual([]);
  });
});

describe('a person is told, and nothing is taken away,', () => {
  const told = /^none VirtualMachine\/web held: guest 110 is locked \(create\) though none of its tasks is running: if nothing works on it any more, run `qm unlock 110` on pve1$/;

  test('when nothing remembers that we set out to make it', async () => {
    const world = await cutOff(VM);
    await writeInventory(world.env.store, []);
    expect(outline(await world.plan(VM))).toEqual([expect.stringMatching(told)]);
  });

  test('when we had seen it made: somebody else has taken the VMID since', async () => {
    const world = await cutOff(VM);
    await writeInventory(world.env.store, [{ ref: { kind: 'VirtualMachine', name: 'web' }, id: '110', identity: '11111111-1111-4111-8111-111111111111', fields: [] }]);
    expect(outline(await world.plan(VM))).toEqual([expect.stringMatching(told)]);
  });

  test.each([['a disk', { scsi0: 'shared:110/vm-110-disk-0.raw,size=1G' }], ['a name', { name: 'mail' }]])('when its configuration has %s', async (__, config) => {
    const world = await cutOff(VM);
    Object.assign(world.guest(110).config, config);
    expect(outline(await world.plan(VM))).toEqual([expect.stringMatching(told)]);
  });

  test('when it is a copy: while a template is copied, the task is the template\'s', async () => {
    const store = createMemoryStore();
    await writeInventory(store, [{ ref: { kind: 'Container', name: 'copy' }, id: '201', fields: [] }]);
    const template = { vmid: 9000, type: 'lxc' as const, node: 'pve1', name: 'golden', config: { template: 1, rootfs: 'shared:9000/base-9000-disk-0.raw,size=1G' } };
    const world = new World({ ...CLUSTER, guests: [template, { vmid: 201, type: 'lxc', node: 'pve1' }] }, { store });
    world.guest(201).config = { lock: 'create' };
    const plan = await world.plan('apiVersion: latido/v1\nkind: Container\nmetadata: { name: copy }\nspec: { vmid: 201, placement: { node: pve1 }, source: { template: 9000 } }\n');
    expect(outline(plan)).toEqual([expect.stringMatching(/^none Container\/copy held: guest 201 is locked \(create\).* `pct unlock 201` on pve1$/)]);
  });

  test('when it is another lock', async () => {
    const world = await cutOff(VM);
    world.guest(110).config.lock = 'clone';
    expect(outline(await world.plan(VM))[0]).toContain('guest 110 is locked (clone)');
  });

  test('when it became more between the plan and the step', async () => {
    const world = await cutOff(VM);
    const round = await world.round(VM);
    world.guest(110).config.scsi0 = 'shared:110/vm-110-disk-0.raw,size=1G';
    const { done, failed } = await world.run(applyRound(world.env, round));
    expect(done).toEqual([]);
    expect(failed.flatMap(({ findings }) => findings).map(({ fact }) => fact)).toContainEqual(expect.stringContaining('guest 110 is more than what a cut-off creation leaves'));
    expect(world.guest(110).config).toHaveProperty('scsi0');
  });
});

test('a creation that somebody else has under way there is left alone', async () => {
  const store = createMemoryStore();
  await writeInventory(store, [{ ref: { kind: 'VirtualMachine', name: 'web' }, id: '110', fields: [] }]);
  const world = new World(CLUSTER, { store });
  const making = world.env.pve.write('POST', '/nodes/pve1/qemu', { vmid: 110, memory: 512 });
  await world.sim.clock.advance(100);
  await making;
  expect(outline(await world.plan(VM))[0]).toMatch(/^none VirtualMachine\/web held: task qmcreate of .* is running on guest 110/);
});
