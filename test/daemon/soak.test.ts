// Seven virtual days by seed: commits, drift by hand, lost connections, kills. All the time no guest is
// lost that a manifest names; in the end the last commit is in force, and nothing has grown without bound.
// LATIDO_SOAK_SEEDS=20 takes more seeds, LATIDO_SOAK_DAYS=30 longer ones.
import { expect, test } from 'vitest';
import { ConnectionError } from '../../controller/model/doors.ts';
import type { Transport } from '../../controller/model/doors.ts';
import { seededRandom } from '../../controller/sim/random.ts';
import { DaemonWorld, vm } from './daemon-world.ts';
import type { Running } from './daemon-world.ts';

const SEEDS = Number(process.env['LATIDO_SOAK_SEEDS'] ?? '1');
const DAYS = Number(process.env['LATIDO_SOAK_DAYS'] ?? '7');
const PATIENCE_MS = 3_600_000;
const FILE_BYTES_MAX = 1_500_000;
const HOUR_S = 3600;

interface Wanted { readonly [name: string]: { readonly vmid: number; readonly memory: number } }

test.each(Array.from({ length: SEEDS }, (_, i) => [i + 1]))('seed %i', async (seed) => {
  const random = seededRandom(seed);
  const pick = (count: number) => Math.floor(random() * count);
  let isDown = false;
  const wrap = (transport: Transport): Transport => ({
    send: async (...given) => {
      if (isDown) throw new ConnectionError('unreachable', false, 'no route to host');
      if (random() < 0.002) throw new ConnectionError('closed', given[1].method !== 'GET', 'connection reset');
      return transport.send(...given);
    },
    close: () => transport.close(),
  });
  const daemon = new DaemonWorld({}, { seed, wrap });
  let wanted: Wanted = { web: { vmid: 101, memory: 512 } };
  const yaml = () => Object.entries(wanted).map(([name, { vmid, memory }]) => vm(name, vmid, `memory: ${memory}`, 'reclaim: delete')).join('');
  let count = 0;
  let commits = 0;
  let running: Running | undefined;
  const start = () => {
    count += 1;
    running = daemon.start({ options: { hintsMs: 300_000, intervalMs: 1_800_000, renewMs: 120_000 } }, `daemon ${count}`);
  };
  const push = () => {
    daemon.source.push(yaml(), random() < 0.8 ? 'told' : 'untold');
    commits += 1;
  };

  push();
  start();
  for (let passed = 0; passed < DAYS * 24 * HOUR_S;) {
    const step = 600 + pick(2 * HOUR_S);
    passed += step;
    switch (pick(8)) {
      case 0: case 1: {
        const vmid = 101 + pick(12);
        wanted = { ...wanted, [`vm${vmid}`]: { vmid, memory: 256 * (1 + pick(8)) } };
        if (vmid === 101) wanted = Object.fromEntries(Object.entries(wanted).filter(([name]) => name !== 'web'));
        push();
        break;
      }
      case 2: {
        const names = Object.keys(wanted);
        if (names.length > 2) wanted = Object.fromEntries(Object.entries(wanted).filter(([name]) => name !== names[pick(names.length)]));
        push();
        break;
      }
      case 3: {
        const guests = Object.values(daemon.sim.state.guests);
        const guest = guests[pick(Math.max(1, guests.length))];
        if (guest) guest.config['memory'] = String(128 * (1 + pick(9)));
        break;
      }
      case 4:
        isDown = true;
        await daemon.pass(60 + pick(3 * HOUR_S));
        isDown = false;
        break;
      case 5:
        daemon.source.isAway = true;
        await daemon.pass(60 + pick(3 * HOUR_S));
        daemon.source.isAway = false;
        break;
      case 6:
        daemon.source.pushFiles(pick(2) === 0 ? [] : [{ path: 'broken.yaml', text: '{ not: [ yaml' }]);
        await daemon.pass(60 + pick(HOUR_S));
        push();
        break;
      default:
        await running?.stop();
        start();
    }
    await daemon.pass(step);
  }
  await daemon.pass(2 * HOUR_S);
  await running?.stop();

  expect(commits).toBeGreaterThan(DAYS * 3);
  expect(daemon.ready(), JSON.stringify(daemon.events().slice(-10))).toMatchObject({ status: 'True', reason: 'InSync', revision: daemon.source.commit?.revision });
  expect(Object.fromEntries(Object.values(daemon.sim.state.guests).map(({ vmid, config }) => [vmid, config['memory']]))).toEqual(Object.fromEntries(Object.values(wanted).map(({ vmid, memory }) => [vmid, String(memory)])));
  for (const [name, text] of Object.entries(daemon.store.snapshot())) expect(text.length, name).toBeLessThan(FILE_BYTES_MAX);
}, PATIENCE_MS);
