// The product's own rounds on simulated nodes: a DrbdResource from nothing to a storage, and what DRBD says afterwards.
import { describe, expect, test } from 'vitest';
import { lostWrites } from '../../controller/sim/nodes/data.ts';
import { parseLive } from '../../controller/sim/live-file.ts';
import { perform } from '../../controller/sim/script-deeds.ts';
import { parseStory } from '../../controller/sim/script-parse.ts';
import { settled } from '../harness/settled.ts';
import { World } from '../harness/world.ts';

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

test('a guest on the mirrored group holds it open, and starts only where the group is seen', async () => {
  const place = new World({
    nodes: ['pve1', 'pve2'].map((name) => ({ name, volumeGroups: { vg0: 40 * GIB } })),
    drbd: [{ name: 'r0', minor: 0, backing: 'vg0', sizeBytes: 10 * GIB, nodes: { pve1: '10.0.0.1:7788', pve2: '10.0.0.2:7788' }, volumeGroup: 'drbdvg0' }],
    storages: [{ id: 'disk-virtual', type: 'lvm', shared: true, content: 'images', options: { vgname: 'drbdvg0' } }],
    guests: [100, 101].map((vmid) => ({ vmid, node: `pve${vmid - 99}`, config: { scsi0: `disk-virtual:vm-${vmid}-disk-0,size=1G` } })),
  });
  const start = async (node: string, vmid: number) => {
    const upid = await place.run(place.env.pve.write('POST', `/nodes/${node}/qemu/${vmid}/status/start`, {}));
    await place.sim.clock.advance(10_000);
    return place.sim.state.tasks[String(upid)]?.exitstatus;
  };
  expect(await start('pve1', 100)).toBe('OK');
  expect(await start('pve2', 101)).toBe(`can't activate LV '/dev/drbdvg0/vm-101-disk-0':   Volume group "drbdvg0" not found`);
  const demoted = await place.run(place.sim.ssh.run('pve1', ['drbdadm', 'secondary', 'r0'], { timeoutMs: 60_000 }));
  expect([demoted.code, demoted.stderr.split('\n')[0]]).toEqual([11, '0: State change failed: (-12) Device is held open by someone']);
  expect(place.sim.state.below.writes.map(({ by }) => by)).toContain('drbdvg0/vm-100-disk-0');
  const rows = await place.run(place.env.pve.get('/nodes/pve2/storage'));
  expect(rows).toContainEqual(expect.objectContaining({ storage: 'disk-virtual', active: 0, enabled: 1 }));
});

test('a story and a live file can tell of them', () => {
  const { steps, findings } = parseStory([
    { at: 1, do: 'drbd-link-cut', a: 'pve1', b: 'pve2' }, { at: 2, do: 'drbd-write', resource: 'r0', node: 'pve1', bytes: 4096 }, { at: 3, do: 'disk-fail', node: 'pve1', resource: 'r0' },
  ]);
  expect([findings, steps.map(({ deed }) => deed)]).toEqual([[], [
    { do: 'drbd-link-cut', a: 'pve1', b: 'pve2' }, { do: 'drbd-write', resource: 'r0', node: 'pve1', bytes: 4096 }, { do: 'disk-fail', node: 'pve1', resource: 'r0' },
  ]]);
  const live = parseLive(`
nodes: [{ name: pve1, drbd: 9.2.18, volumeGroups: { vg0: 40G }, devices: { /dev/sdx: 1G } }]
drbd: [{ name: r0, minor: 0, backing: vg0, size: 10G, nodes: { pve1: "10.0.0.1:7788" } }]
`, 'live.yaml');
  expect(live.nodes?.[0]).toMatchObject({ drbd: '9.2.18', volumeGroups: { vg0: 40 * GIB }, devices: { '/dev/sdx': GIB } });
  expect(live.drbd?.[0]).toMatchObject({ name: 'r0', sizeBytes: 10 * GIB });
});
