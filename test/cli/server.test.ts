import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { Agent, request, type Dispatcher } from 'undici';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ConnectionError } from '../../controller/model/doors.ts';
import { apiTables } from '../../controller/pve/api-tables.ts';
import { labCertificate, serve, type Certificate, type Served } from '../../controller/sim/server.ts';
import { Simulation } from '../../controller/sim/simulation.ts';

const START = Date.UTC(2026, 0, 1);
const tables = apiTables(JSON.parse(readFileSync(new URL('../../schema/pve/9.2.json', import.meta.url), 'utf8')));
const authorization = 'PVEAPIToken=root@pam!lab=00000000-0000-4000-8000-000000000001';
let certificate: Certificate;
let served: Served | undefined;
const agent = new Agent({ connect: { rejectUnauthorized: false } });
beforeAll(async () => {
  certificate = await labCertificate(new Date(START));
});
afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function lab(): Promise<Simulation> {
  const sim = new Simulation({ seed: 1, tables, startMs: START, cluster: { guests: [{ vmid: 110, node: 'pve1', name: 'web', config: { memory: '2048' } }] } });
  served = await serve(sim, { port: 0, speed: 1, certificate });
  return sim;
}

async function get(path: string, node = 0, options: { dispatcher?: Dispatcher; method?: Dispatcher.HttpMethod; body?: string } = {}): Promise<{ status: number; reason: string; headers: Record<string, unknown>; json: unknown }> {
  const { statusCode, statusText, headers, body } = await request(`${served?.endpoints[node]?.url}/api2/json${path}`, { method: 'GET', dispatcher: agent, headers: { authorization }, ...options });
  const text = await body.text();
  return { status: statusCode, reason: statusText, headers, json: text === '' ? undefined : JSON.parse(text) };
}

describe('serve', () => {
  test('each node answers at its own port', async () => {
    await lab();
    expect(served?.endpoints.map((one) => one.node)).toEqual(['pve1', 'pve2', 'pve3']);
    for (const node of [0, 1, 2]) expect(await get('/version', node)).toMatchObject({ status: 200, json: { data: { release: '9.2' } } });
    expect(served?.requests()).toBe(3);
  });

  test('the fingerprint is that of the certificate', async () => {
    await lab();
    expect(served?.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    const seen = await new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(served?.endpoints[0]?.url ?? '').port), rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
    });
    expect(served?.fingerprint).toBe(seen);
  });

  test('a connection is kept for the next request', async () => {
    await lab();
    let connections = 0;
    const counting = new Agent({ connections: 1, connect: { rejectUnauthorized: false } });
    counting.on('connect', () => void (connections += 1));
    for (let at = 0; at < 20; at += 1) expect((await get('/version', 0, { dispatcher: counting })).status).toBe(200);
    expect(connections).toBe(1);
    await counting.close();
  });

  test('the reason phrase and the body of a failure come through, and the connection ends', async () => {
    await lab();
    expect(await get('/nope')).toMatchObject({ status: 501, reason: "Method 'GET /nope' not implemented", headers: { connection: 'close' } });
  });

  test('a body beyond the limit is refused with the text of Proxmox', async () => {
    await lab();
    expect(await get('/nodes/pve1/qemu/110/config', 0, { method: 'PUT', body: `description=${'x'.repeat(600_000)}` })).toMatchObject({ status: 501, reason: 'for data too large' });
  });

  test('a node without power refuses connections, and answers again with power', async () => {
    const sim = await lab();
    const fresh = () => ({ dispatcher: new Agent({ connect: { rejectUnauthorized: false } }) });
    sim.powerOff('pve2');
    await expect(get('/version', 1, fresh())).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await get('/version', 0, fresh())).status).toBe(200);
    sim.powerOn('pve2');
    await sim.clock.advance(600_000); // it boots
    expect((await get('/version', 1, fresh())).status).toBe(200);
  });

  test('a broken connection of the simulation is a broken connection here', async () => {
    const sim = await lab();
    sim.faults = { onRequest: () => ({ do: 'break', error: new ConnectionError('closed', true, 'x') }) };
    await expect(get('/version')).rejects.toThrow(/other side closed|ECONNRESET/);
  });

  test('a reason that no status line can hold does not break the answer', async () => {
    const sim = await lab();
    sim.faults = { onRequest: () => ({ do: 'answer', response: { status: 500, reason: 'a\u0007b → c\nd', headers: {}, body: '' } }) };
    const answer = await get('/version');
    expect(answer.status).toBe(500);
    expect(answer.reason).toMatch(/^a b /);
  });
});
