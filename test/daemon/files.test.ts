// The daemon on a node: configuration from /etc/pve, changes noticed within a second, an idle second without a call.
import { describe, expect, test } from 'vitest';
import type { DaemonParts } from '../../controller/daemon/loop.ts';
import { byHand } from '../../controller/sim/stage.ts';
import { SimulatedPmxcfs } from '../../controller/sim/pmxcfs.ts';
import type { Transport } from '../../controller/model/doors.ts';
import { tables } from '../sim/lab.ts';
import { DaemonWorld, vm } from './daemon-world.ts';

const HOUR_MS = 3600_000;

/** What the daemon asks of the API. */
function counted(): { readonly daemon: DaemonWorld; readonly asked: string[] } {
  const asked: string[] = [];
  const wrap = (transport: Transport): Transport => ({
    ...transport,
    send: (endpoint, request, ...how) => {
      asked.push(`${request.method} ${request.url}`);
      return transport.send(endpoint, request, ...how);
    },
  });
  return { daemon: new DaemonWorld({}, { wrap }), asked };
}

function onNode(daemon: DaemonWorld, version = '9.2'): { readonly pmxcfs: SimulatedPmxcfs; readonly parts: Partial<DaemonParts> } {
  const pmxcfs = new SimulatedPmxcfs(daemon.sim);
  return { pmxcfs, parts: { files: { files: pmxcfs.on('pve1'), tablesFor: () => tables(version) }, options: { intervalMs: HOUR_MS } } };
}

async function inSync(daemon: DaemonWorld, parts: Partial<DaemonParts>) {
  daemon.source.push(vm('web', 101, 'cores: 2') + vm('db', 102, 'cores: 1'));
  const running = daemon.start(parts);
  await daemon.pass(300);
  expect(daemon.ready().status).toBe('True');
  return running;
}

/** At the web console, past the daemon. */
async function edit(daemon: DaemonWorld, vmid: number, params: Readonly<Record<string, string | number>>): Promise<void> {
  await byHand(daemon.sim, 'PUT', `/nodes/${daemon.world.guest(vmid).node}/qemu/${vmid}/config`, params);
}

describe('the daemon on a node', () => {
  test('asks the API nothing while nothing changes', async () => {
    const { daemon, asked } = counted();
    const running = await inSync(daemon, onNode(daemon).parts);
    asked.length = 0;
    await daemon.pass(600);
    expect(asked).toEqual([]);
    await running.stop();
  });

  test('notices a change by hand within three seconds and repairs it', async () => {
    const daemon = new DaemonWorld();
    const running = await inSync(daemon, onNode(daemon).parts);
    await edit(daemon, 101, { cores: 4 });
    await daemon.pass(3);
    expect(daemon.told('drift')).toHaveLength(1);
    await daemon.pass(30);
    expect(daemon.world.guest(101).config.cores).toBe(2);
    await running.stop();
  });

  test('reads configurations from the files, not from the API', async () => {
    const { daemon, asked } = counted();
    const running = await inSync(daemon, onNode(daemon).parts);
    await edit(daemon, 101, { description: 'x' });
    asked.length = 0;
    await daemon.pass(10);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((path) => /pending|\/storage$|ha\/resources$/.test(path))).toEqual([]);
    await running.stop();
  });

  test('goes on through the API while pmxcfs restarts, and is told when it is back', async () => {
    const daemon = new DaemonWorld();
    const { pmxcfs, parts } = onNode(daemon);
    const running = await inSync(daemon, parts);
    pmxcfs.restart('pve1');
    await edit(daemon, 102, { cores: 8 });
    await daemon.pass(60);
    expect(daemon.world.guest(102).config.cores).toBe(1);
    expect(daemon.ready().status).toBe('True');
    await running.stop();
  });

  test('a stand-by does not look', async () => {
    const { daemon, asked } = counted();
    daemon.lease.holder = 'other';
    daemon.source.push(vm('web', 101, 'cores: 2'));
    const running = daemon.start(onNode(daemon).parts);
    await daemon.pass(120);
    expect(asked).toEqual([]);
    await running.stop();
  });
});
