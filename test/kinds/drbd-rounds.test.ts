// Whole rounds on simulated nodes: plan, do, and the next plan is empty; through grown disks, dead disks, cut lines and split brains.
import { describe, expect, test } from 'vitest';
import { lostWrites } from '../../controller/sim/nodes/data.ts';
import { cutLine, failDisk, healLine, replaceDisk, write } from '../../controller/sim/nodes/world.ts';
import { World } from '../harness/world.ts';
import { renderPlan } from '../../controller/cli/render-plan.ts';
import { isInSync } from '../../controller/model/plan.ts';
import type { Plan } from '../../controller/model/plan.ts';

const MINUTE = 60_000;
const CLUSTER = 'apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: lab }\nspec: { endpoints: [https://pve1:8006], credentials: { tokenEnv: X }, policy: { prune: auto } }\n';
const manifest = (more: Readonly<Record<string, string>> = {}, guest = '') => {
  const fields = { size: '256M', dualPrimary: 'true', storage: '{ id: disk-virtual, volumeGroup: drbdvg0 }', ...more };
  return `${CLUSTER}---
apiVersion: latido/v1
kind: DrbdResource
metadata: { name: r0 }
spec:
  nodes:
    pve1: { address: "10.0.0.1:7788", volumeGroup: pve }
    pve2: { address: "10.0.0.2:7788", volumeGroup: pve }
${Object.entries(fields).map(([key, value]) => `  ${key}: ${value}\n`).join('')}${guest}`;
};
const GUEST = '---\napiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: web }\nspec: { vmid: 110, power: running, placement: { node: pve1 }, config: { memory: 512, scsi0: { storage: disk-virtual, size: 100M } } }\n';

function nodes(drbd = '8.4.11', count = 2) {
  return { nodes: ['pve1', 'pve2', 'pve3'].slice(0, count).map((name) => ({ name, drbd, volumeGroups: { pve: 2 ** 31 } })) };
}

/** Until nothing is left to do, at most so many rounds. */
async function settled(world: World, text: string, most = 1): Promise<Plan> {
  for (let round = 0; round < most; round += 1) {
    const { failed, unsettled } = await world.apply(text);
    expect([failed, unsettled]).toEqual([[], []]);
    await world.sim.clock.advance(MINUTE);
  }
  return world.plan(text);
}

const left = ({ changes }: Plan) => changes.map(({ ref, verb, hold, steps }) => `${verb} ${ref.kind}/${ref.name} ${[...new Set([hold?.code, ...steps.map((step) => step.hold?.code)])].filter((code) => code !== undefined).join(' ')}`.trim());

describe.each(['8.4.11', '9.2.18'])('DRBD %s', (version) => {
  test('from nothing to a running guest, and then nothing', async () => expect(left(await settled(new World(nodes(version)), manifest({}, GUEST)))).toEqual([]));
  test('options change, disks grow, a dead disk is replaced', async () => {
    const world = new World(nodes(version));
    await settled(world, manifest());
    const grown = manifest({ size: '512M', verify: '{ algorithm: crc32c }' });
    expect(left(await settled(world, grown))).toEqual([]);
    failDisk(world.sim, 'pve2', 'r0');
    await world.sim.clock.advance(MINUTE);
    replaceDisk(world.sim, 'pve2', 'r0');
    expect((await settled(world, grown, 2)).changes.flatMap(({ fields }) => fields)).toEqual([]);
  });
  test('a split brain holds all, until the commit names the victim of this event', async () => {
    const world = new World(nodes(version));
    await settled(world, manifest({}, GUEST));
    cutLine(world.sim, 'pve1', 'pve2');
    await world.sim.clock.advance(MINUTE);
    write(world.sim, 'r0', 'pve1', 2 ** 20);
    write(world.sim, 'r0', 'pve2', 2 ** 20);
    const more = GUEST.replace('memory: 512', 'memory: 768');
    const during = await world.plan(manifest({}, more));
    expect(left(during)).toEqual(['update DrbdResource/r0 SPLIT_BRAIN', 'update VirtualMachine/web SPLIT_BRAIN']);
    healLine(world.sim, 'pve1', 'pve2');
    await world.sim.clock.advance(MINUTE);
    const event = /event ([0-9a-f]{8}-[0-9a-f]{8})/.exec((await world.plan(manifest({}, GUEST))).changes[0]?.steps[0]?.hold?.reason ?? '')?.[1] ?? '';
    const decided = manifest({ resolveSplitBrain: `{ discard: pve2, event: ${event} }` }, GUEST);
    const after = await settled(world, decided, 2);
    expect([after.changes.flatMap(({ fields }) => fields), after.changes.flatMap(({ notes }) => notes)]).toEqual([[], [`resolveSplitBrain names event ${event}, which is over: it may be taken out`]]);
    expect([isInSync(after), renderPlan(after, { color: false, width: 100 })]).toEqual([true, expect.stringContaining('No changes')]);
  });
  test('a node that was off comes back, is filled, and is Primary again', async () => {
    const world = new World(nodes(version));
    await settled(world, manifest());
    world.sim.powerOff('pve2');
    await world.sim.clock.advance(MINUTE);
    world.sim.powerOn('pve2');
    await world.sim.clock.advance(5 * MINUTE);
    expect(left(await settled(world, manifest(), 2))).toEqual([]);
  });
  test('what a person made by hand is taken over, and keeps what is on it', async () => {
    const world = new World({ ...nodes(version), drbd: [{ name: 'r0', minor: 4, backing: 'pve', sizeBytes: 2 ** 28, nodes: { pve1: '10.0.0.1:7788', pve2: '10.0.0.2:7788' }, dualPrimary: true, volumeGroup: 'drbdvg0' }] });
    write(world.sim, 'r0', 'pve1', 2 ** 20);
    const first = await world.plan(manifest());
    expect(first.changes.map(({ ref, verb }) => `${verb} ${ref.kind}`)).toEqual(['adopt DrbdResource', 'create Storage']);
    expect(first.changes[0]?.steps.filter(({ title }) => /metadata|volume|equal|first/.test(title))).toEqual([]);
    expect(left(await settled(world, manifest()))).toEqual([]);
  });
});

describe('DRBD 9: a node that left the manifest', () => {
  const three = manifest().replace('    pve2:', '    pve3: { address: "10.0.0.3:7788", volumeGroup: pve }\n    pve2:');
  const of = (plan: Plan) => plan.changes.filter(({ ref }) => ref.kind === 'DrbdResource').flatMap(({ steps }) => steps.map(({ title, hold }) => (hold ? `${title}: ${hold.code}` : title)));
  const made = async () => {
    const world = new World(nodes('9.2.18', 3));
    expect(left(await settled(world, three, 2))).toEqual([]);
    return world;
  };
  test('is asked all the same, lets go of its copy, and only then is forgotten by the others', async () => {
    const world = await made();
    const plan = await world.plan(manifest());
    expect(of(plan).slice(0, 8)).toEqual([
      'let go of the volume group drbdvg0 on pve3', 'make it Secondary on pve3', 'take it down on pve3', 'remove /etc/drbd.d/r0.res on pve3',
      'write /etc/drbd.d/r0.res on pve1', 'write /etc/drbd.d/r0.res on pve2', 'bring it up as its file says on pve1', 'bring it up as its file says on pve2',
    ]);
    expect(left(await settled(world, manifest()))).toEqual([]);
    expect((await world.run(world.sim.ssh.run('pve3', ['grep', '-r', '-H', '--include=*.res', '', '/etc/drbd.d'], { timeoutMs: MINUTE }))).stdout).toBe('');
  });
  test('is not forgotten while it is off', async () => {
    const world = await made();
    world.sim.powerOff('pve3');
    await world.sim.clock.advance(MINUTE);
    expect(of(await world.plan(manifest()))).toEqual(['take the resource away from pve3: UNKNOWN']);
    world.sim.powerOn('pve3');
    await world.sim.clock.advance(5 * MINUTE);
    expect(left(await settled(world, manifest(), 2))).toEqual([]);
  });
});

describe('DRBD 8.4: a node is replaced', () => {
  const swapped = manifest({}, GUEST).replace('    pve2: { address: "10.0.0.2:7788"', '    pve3: { address: "10.0.0.3:7788"');
  const of = (plan: Plan) => plan.changes.filter(({ ref }) => ref.kind === 'DrbdResource').flatMap(({ steps }) => steps.map(({ title, hold }) => (hold ? `${title}: ${hold.code}` : title)));
  test('the old copy lets go, the new one is filled, and the guest goes on', async () => {
    const world = new World(nodes('8.4.11', 3));
    await settled(world, manifest({}, GUEST));
    expect(write(world.sim, 'r0', 'pve1', 2 ** 20)).toBe(true);
    const titles = of(await world.plan(swapped));
    expect(titles.slice(0, 4)).toEqual(['let go of the volume group drbdvg0 on pve2', 'make it Secondary on pve2', 'take it down on pve2', 'remove /etc/drbd.d/r0.res on pve2']);
    expect(titles).toContain('create the metadata on pve3');
    expect(left(await settled(world, swapped, 2))).toEqual([]);
    expect([world.sim.state.below.hosts['pve3']?.replicas['r0'], world.sim.state.below.hosts['pve2']?.replicas['r0']]).toMatchObject([{ role: 'Primary', disk: 'UpToDate' }, undefined]);
    expect(lostWrites(world.sim)).toEqual([]);
  });
  test('one that is off is waited for, and nothing is begun on the new one', async () => {
    const world = new World(nodes('8.4.11', 3));
    await settled(world, manifest({}, GUEST));
    world.sim.powerOff('pve2');
    await world.sim.clock.advance(MINUTE);
    expect(of(await world.plan(swapped))).toEqual(['take the resource away from pve2: UNKNOWN']);
    world.sim.powerOn('pve2');
    await world.sim.clock.advance(5 * MINUTE);
    expect(left(await settled(world, swapped, 3))).toEqual([]);
  });
  test('killed after any command, the next plans go on', async () => {
    const plain = swapped.replace(GUEST, '');
    const begun = async () => {
      const world = new World(nodes('8.4.11', 3));
      await settled(world, manifest());
      return { world, commands: (await world.plan(plain)).changes.flatMap(({ steps }) => steps.flatMap(({ action }) => (action.via === 'ssh' ? [action] : []))) };
    };
    const { commands: { length } } = await begun();
    expect(length).toBeGreaterThan(10);
    for (let done = 1; done < length; done += 1) {
      const { world, commands } = await begun();
      for (const { node, argv, stdin } of commands.slice(0, done)) await world.run(world.sim.ssh.run(node, argv, { timeoutMs: MINUTE, ...(stdin ? { stdin } : {}) }));
      await world.sim.clock.advance(MINUTE);
      expect([done, left(await settled(world, plain, 3))]).toEqual([done, []]);
    }
  });
});
