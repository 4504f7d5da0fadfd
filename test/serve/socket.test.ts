// The door itself, over real TLS on loopback.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { httpsDoor } from '../../controller/env/https-listener.ts';
import type { HttpsPlace } from '../../controller/model/doors.ts';
import { labCertificate } from '../../controller/sim/server.ts';

let folder = '';
let place: HttpsPlace;
let ca = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latido-s-'));
  const { key, cert } = await labCertificate(new Date());
  ca = cert;
  place = { address: '127.0.0.1', port: 0, certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  await Promise.all([writeFile(place.certificate, cert), writeFile(place.key, key)]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function ask(port: number, how: { readonly method?: string; readonly path?: string; readonly body?: string } = {}): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', path = '/', body } = how;
    const sent = request({ host: '127.0.0.1', port, method, path, ca, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject).end(body);
  });
}

const echo = async (asked: Request, address: string) => new Response(`${asked.method} ${new URL(asked.url).pathname} ${address} ${await asked.text()}`, { status: 202 });

test('hands over method, path, body and the address of who asks; and is gone when closed', async () => {
  const { port, close } = await httpsDoor().listen(place, echo);
  expect(await ask(port, { method: 'POST', path: '/webhook', body: 'a push' })).toEqual({ status: 202, text: 'POST /webhook 127.0.0.1 a push' });
  await close();
  await expect(ask(port)).rejects.toThrow('ECONNREFUSED');
});

test('speaks no TLS below 1.2, and nothing to who speaks none', async () => {
  const { port, close } = await httpsDoor().listen(place, echo);
  const old = await new Promise<string>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, () => resolve('connected'));
    socket.on('error', (error) => resolve(error.message));
  });
  expect(old).not.toBe('connected');
  expect((await ask(port)).status).toBe(202);
  await close();
});

test('an answer that still waits does not keep the daemon from ending', async () => {
  const { port, close } = await httpsDoor().listen(place, () => new Promise<Response>(() => undefined));
  const waiting = ask(port).catch((error: Error) => error.message);
  await new Promise((resolve) => { setImmediate(resolve); });
  await close();
  expect(await waiting).toMatch(/hang up|ECONNRE/);
});

test('a port in use, a file that is not there, a key of another certificate: each says what and where', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  await expect(httpsDoor().listen({ ...place, port }, echo)).rejects.toThrow(`CONFIG_INVALID the listener could not be made on 127.0.0.1 port ${port}: EADDRINUSE`);
  other.close();
  await expect(httpsDoor().check({ ...place, key: join(folder, 'none.pem') })).rejects.toThrow(/private key of the listener, .*none\.pem, could not be read: ENOENT/);
  await expect(httpsDoor().check({ ...place, certificate: place.key })).rejects.toThrow('holds no certificate in PEM');
  await writeFile(join(folder, 'other.pem'), (await labCertificate(new Date())).key);
  await expect(httpsDoor().check({ ...place, key: join(folder, 'other.pem') })).rejects.toThrow('CONFIG_INVALID the listener cannot use');
  await expect(httpsDoor().check(place)).resolves.toBeUndefined();
});
