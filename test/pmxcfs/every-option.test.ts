// Every option of a guest with random values, some of them waiting for a restart: its file and the API say the same.
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../controller/model/json.ts';
import { createFileReader } from '../../controller/observe/files.ts';
import { SimulatedPmxcfs } from '../../controller/sim/pmxcfs.ts';
import { manifestValue, optionsOf, sortOf } from '../properties/guest-values.ts';
import { manifestsOf, OptionsFlow, samples, seedOf } from '../properties/options-flow.ts';
import type { World } from '../harness/world.ts';
import { tablesOf, type Version } from '../pve/tables.ts';

const PLAIN_FIRST_VMID = 600;

describe.each(['7.4', '9.2'] as const)('Proxmox VE %s', (version) => {
  test.each(['qemu', 'lxc'] as const)('%s', async (guest) => {
    const options = optionsOf(guest, version).filter((option) => ['plain', 'disk'].includes(sortOf(guest, option, version)));
    const flow = new OptionsFlow({ guest, version, options, seed: 5, as: 'root', perGuest: 8 });
    await flow.run();
    await same(flow.world, guest, version);
    const waits = Object.values(flow.world.sim.state.guests).some((one) => Object.keys(one.pending).length + Object.keys(one.pendingDelete).length > 0);
    await flow.world.apply(manifestsOf(guest, alone(guest, version, options)));
    await same(flow.world, guest, version);
    const set = new Set(Object.values(flow.world.sim.state.guests).flatMap((one) => Object.keys(one.config)));
    expect([waits, set.size > (guest === 'qemu' ? 60 : 12)]).toEqual([true, true]);
  });
});

/** Each guest read from its file, without a call, and asked of the API. */
async function same(world: World, guest: 'qemu' | 'lxc', version: Version): Promise<void> {
  const { pve } = createFileReader({ files: new SimulatedPmxcfs(world.sim).on('pve1'), pve: world.env.pve, tablesFor: () => tablesOf(version) });
  await world.run(pve.get('/version'));
  const paths = Object.values(world.sim.state.guests).flatMap(({ node, vmid }) => ['pending', 'config'].map((what) => `/nodes/${node}/${guest}/${vmid}/${what}`));
  const before = world.env.pve.stats.calls;
  const read = await world.run(Promise.all(paths.map((path) => pve.get(path))));
  expect(world.env.pve.stats.calls - before).toBe(0);
  const asked = await world.run(Promise.all(paths.map((path) => world.env.pve.get(path))));
  expect(read.map(byKey)).toEqual(asked.map(byKey));
}

/** One guest an option, so that what excludes one another stands side by side. */
function alone(guest: 'qemu' | 'lxc', version: Version, options: readonly string[]) {
  return options.filter((option) => sortOf(guest, option, version) === 'plain').map((option, at) => ({
    subject: { name: `alone-${at}`, vmid: PLAIN_FIRST_VMID + at },
    values: Object.fromEntries(samples(manifestValue(guest, version, option), seedOf(`${version} ${option}`), 1).map((value) => [option, value])),
  }));
}

/** Rows in any order. */
function byKey(data: unknown): unknown {
  return Array.isArray(data) ? Object.fromEntries((data as readonly JsonObject[]).map((row) => [String(row.key), row])) : data;
}
