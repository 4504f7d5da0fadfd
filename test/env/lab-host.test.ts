// What a daemon has of the lab's node on which it runs, over a socket: /etc/pve with its refusals, its addresses, and a time that runs faster.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLabHost } from '../../controller/env/lab-host.ts';
import type { LabHosts } from '../../controller/env/lab-host.ts';
import { serveLabNodes } from '../../controller/env/lab-nodes.ts';
import type { ClusterFiles, FileResult } from '../../controller/model/doors.ts';
import { nodeHosts } from '../../controller/sim/node-host.ts';
import { World } from '../harness/world.ts';

let dir: string;
let stop: (() => Promise<void>) | undefined;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'latido-lab-host-')); });
afterEach(async () => {
  await stop?.();
  rmSync(dir, { recursive: true, force: true });
});

const machine = { now: () => 11_000, sleep: () => Promise.resolve() };
const said: string[] = [];
const answer = <T>(value: T, ...words: readonly unknown[]): Promise<FileResult<T>> => {
  said.push(words.join(' '));
  return Promise.resolve({ ok: true, value });
};
const files = (node: string): ClusterFiles => ({
  read: (path) => answer('text', node, 'read', path), list: (path) => answer(['a', 'b'], node, 'list', path), mtime: (path) => answer(7, node, 'mtime', path),
  mkdir: () => Promise.resolve({ ok: false, errno: 'EEXIST' }), rmdir: (path) => answer(undefined, node, 'rmdir', path), utime: (path, seconds) => answer(undefined, node, 'utime', path, seconds),
});
const hosts: LabHosts = { time: { realMs: 1_000, virtualMs: 5_000, speed: 30 }, isNode: (name) => name === 'pve1', files, addresses: () => ['127.0.0.1', '10.0.0.50'] };
const serve = async (served: LabHosts = hosts) => {
  stop = await serveLabNodes(join(dir, 's'), new World().sim.ssh, served);
  return join(dir, 's');
};

test('operations on /etc/pve, and what they come to', async () => {
  const { files: here } = await openLabHost(await serve(), 'pve1', machine);
  expect([await here.read('.version'), await here.list('priv'), await here.mtime('x')]).toEqual([{ ok: true, value: 'text' }, { ok: true, value: ['a', 'b'] }, { ok: true, value: 7 }]);
  expect([await here.mkdir('x'), (await here.rmdir('x')).ok, (await here.utime('x', 9)).ok]).toEqual([{ ok: false, errno: 'EEXIST' }, true, true]);
  expect(said).toEqual(['pve1 read .version', 'pve1 list priv', 'pve1 mtime x', 'pve1 rmdir x', 'pve1 utime x 9']);
});

test('its addresses, and a clock as fast as its locks age', async () => {
  const { clock, ownAddresses } = await openLabHost(await serve(), 'pve1', machine);
  expect([await ownAddresses(), clock.now()]).toEqual([['127.0.0.1', '10.0.0.50'], 305_000]);
});

test('a node that the lab does not have is told', () => expect(serve().then((socket) => openLabHost(socket, 'pve9', machine))).rejects.toThrow('has no node pve9'));

test('a lab that is gone is an /etc/pve that is away', async () => {
  const host = await openLabHost(await serve(), 'pve1', machine);
  await stop?.();
  stop = undefined;
  expect(await host.files.mkdir('x')).toEqual({ ok: false, errno: 'ENOTCONN' });
  await expect(host.ownAddresses()).rejects.toThrow();
});

test('in a lab that runs a hundred times as fast, a lock ages twenty times as fast: its holder may be silent for three seconds', async () => {
  const { sim } = new World();
  const { time, files: on } = nodeHosts(sim, 100, machine);
  const run = <T>(work: Promise<T>) => sim.clock.run(work);
  expect([time.speed, Math.floor(time.virtualMs)]).toEqual([20, sim.clock.now()]);
  await run(on('pve1').mkdir('priv/lock/latido-lab'));
  for (const [seconds, isThere] of [[590, true], [20, false]] as const) {
    await sim.clock.advance(seconds * 1000);
    await run(on('pve2').utime('priv/lock/latido-lab', 0));
    expect((await run(on('pve2').mtime('priv/lock/latido-lab'))).ok).toBe(isThere);
  }
});

test('a node that is off has neither addresses nor /etc/pve', async () => {
  const { sim } = new World();
  const { addresses, files: on } = nodeHosts(sim, 1, machine);
  expect(addresses('pve1').length).toBeGreaterThan(0);
  sim.powerOff('pve1');
  expect([addresses('pve1'), await sim.clock.run(on('pve1').read('.version'))]).toEqual([[], { ok: false, errno: 'ENOTCONN' }]);
});
