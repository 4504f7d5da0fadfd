// The product's own rounds on simulated nodes: a DrbdResource from nothing to a storage, and what DRBD says afterwards.
import { describe, expect, test } from 'vitest';
import { lostWrites } from '../../controller/sim/nodes/data.ts';
import { perform } from '../../controller/sim/script-deeds.ts';
import { outline, World } from '../harness/world.ts';

const GIB = 2 ** 30;
const resource = (more = '') => `
apiVersion: latido/v1
kind: DrbdResource
metadata: { name: data0 }
spec:
  size: 10G
  dualPrimary: true
  nodes:
    pve1: { address: "10.0.0.1:7788", volumeGroup: vg0 }
    pve2: { address: "10.0.0.2:7788", volumeGroup: vg0 }
  storage: { id: disk-virtual, volumeGroup: drbdvg0 }
${more}`;

function world(drbd = '8.4.11'): World {
  return new World({ nodes: ['pve1', 'pve2'].map((name) => ({ name, drbd, volumeGroups: { vg0: 40 * GIB } })) });
}

async function settled(place: World, yaml: string, rounds = 6): Promise<readonly string[]> {
  for (let round = 0; round < rounds; round += 1) {
    const plan = await place.plan(yaml);
    if (plan.changes.every(({ steps }) => steps.length === 0)) return [];
    const result = await place.apply(yaml);
    expect(result.failed).toEqual([]);
  }
  return outline(await place.plan(yaml));
}

describe.each(['8.4.11', '9.2.18'])('DRBD %s', (version) => {
  test('from nothing to a storage that both nodes use, and nothing left to do', async () => {
    const place = world(version);
    expect(await settled(place, resource())).toEqual([]);
    expect(place.sim.state.below.hosts['pve2']?.replicas['data0']).toMatchObject({ role: 'Primary', disk: 'UpToDate' });
    expect(place.sim.state.storages['disk-virtual']?.definition).toMatchObject({ vgname: 'drbdvg0', shared: 1 });
    const rows = await place.run(place.env.pve.get('/nodes/pve2/storage'));
    expect(rows).toContainEqual(expect.objectContaining({ storage: 'disk-virtual', active: 1, shared: 1 }));
  });

  test('a split brain holds until somebody names the victim, and only what that one wrote is lost', async () => {
    const place = world(version);
    await settled(place, resource());
    perform(place.sim, { do: 'drbd-link-cut', a: 'pve1', b: 'pve2' });
    await place.sim.clock.advance(10_000);
    for (const node of ['pve1', 'pve2']) perform(place.sim, { do: 'drbd-write', resource: 'data0', node, bytes: 2 ** 20 });
    perform(place.sim, { do: 'drbd-link-heal', a: 'pve1', b: 'pve2' });
    await place.sim.clock.advance(10_000);
    const event = /event ([0-9a-f]{8}-[0-9a-f]{8})/.exec(JSON.stringify(await place.plan(resource())))?.[1];
    expect(event).toBeDefined();
    await place.apply(resource());
    expect(lostWrites(place.sim)).toEqual([]);
    expect(await settled(place, resource(`  resolveSplitBrain: { discard: pve2, event: ${event ?? ''} }\n`))).toEqual([]);
    expect(new Set(lostWrites(place.sim).map(({ node }) => node))).toEqual(new Set(['pve2']));
  });
});
