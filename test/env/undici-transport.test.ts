import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { createPveClient } from '../../controller/env/pve-client.ts';
import { createUndiciTransport, type UndiciTransportOptions } from '../../controller/env/undici-transport.ts';
import { ConnectionError, type HttpRequest, type Transport } from '../../controller/model/doors.ts';
import { selfSigned, serve, type Certificate, type TestServer } from './https-server.ts';

let mine: Certificate;
let other: Certificate;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  [mine, other] = await Promise.all([selfSigned(), selfSigned()]);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

const get: HttpRequest = { method: 'GET', url: '/api2/json/version?x=1', headers: { authorization: 'PVEAPIToken=root@pam!lab=secret' } };
const post: HttpRequest = { method: 'POST', url: '/api2/json/x', headers: {}, body: 'a=b' };

async function server(handle: Parameters<typeof serve>[1], certificate = mine): Promise<TestServer> {
  const made = await serve(certificate, handle);
  opened.push(made);
  return made;
}
function transport(options: UndiciTransportOptions = { fingerprints: [mine.fingerprint] }): Transport {
  const made = createUndiciTransport(options);
  opened.push(made);
  return made;
}
const lossOf = (work: Promise<unknown>): Promise<ConnectionError> => work.then(() => { throw new Error('no loss'); }, (error: unknown) => {
  expect(error).toBeInstanceOf(ConnectionError);
  return error as ConnectionError;
});

test('an exchange keeps status, reason phrase, headers and body', async () => {
  const { endpoint, requests } = await server((request, response) => {
    response.writeHead(500, "Configuration file 'x' does not exist", { 'content-type': 'application/json', 'x-a': ['1', '2'] });
    response.end(`{"as":"${request.headers.authorization}ñ"}`);
  });
  expect(await transport().send(endpoint, get, 5000)).toMatchObject({
    status: 500, reason: "Configuration file 'x' does not exist",
    headers: { 'content-type': 'application/json', 'x-a': '1, 2' },
    body: '{"as":"PVEAPIToken=root@pam!lab=secretñ"}',
  });
  expect(requests).toEqual(['GET /api2/json/version?x=1']);
});

test('a status of pveproxy itself with an empty body is an answer like any other', async () => {
  const { endpoint } = await server((_request, response) => void response.writeHead(595, 'No route to host', { connection: 'close' }).end());
  expect(await transport().send(endpoint, post, 5000)).toMatchObject({ status: 595, reason: 'No route to host', body: '' });
});

const TRUSTED: readonly (readonly [string, () => UndiciTransportOptions])[] = [
  ['its fingerprint', () => ({ fingerprints: [mine.fingerprint] })],
  ['one of two fingerprints, written in lower case without colons', () => ({ fingerprints: [other.fingerprint, mine.fingerprint.replaceAll(':', '').toLowerCase()] })],
  ['its authority', () => ({ ca: mine.cert })],
  ['both', () => ({ ca: mine.cert, fingerprints: [mine.fingerprint] })],
];
for (const [name, options] of TRUSTED) {
  test(`a certificate is trusted by ${name}`, async () => {
    const { endpoint } = await server((_request, response) => void response.end('{}'));
    expect((await transport(options()).send(endpoint, get, 5000)).status).toBe(200);
  });
}

const UNTRUSTED: readonly (readonly [string, () => UndiciTransportOptions])[] = [
  ['nothing says so', () => ({})],
  ['another fingerprint is pinned', () => ({ fingerprints: [other.fingerprint] })],
  ['another authority is given', () => ({ ca: other.cert })],
  ['the fingerprint is right, but not the authority', () => ({ ca: other.cert, fingerprints: [mine.fingerprint] })],
  ['the authority is right, but not the fingerprint', () => ({ ca: mine.cert, fingerprints: [other.fingerprint] })],
];
for (const [name, options] of UNTRUSTED) {
  test(`not a byte is sent when ${name}; the fingerprint that was seen is told`, async () => {
    const { endpoint, requests } = await server((_request, response) => void response.end('{}'));
    for (const request of [get, post]) {
      const loss = await lossOf(transport(options()).send(endpoint, request, 5000));
      expect(loss).toMatchObject({ code: 'tls', sent: false });
      expect(loss.message).toContain(mine.fingerprint);
    }
    expect(requests).toEqual([]);
  });
}

test('an authority does not vouch for a certificate of another host', async () => {
  const elsewhere = await selfSigned('pve9.example');
  const { endpoint, requests } = await server((_request, response) => void response.end('{}'), elsewhere);
  const loss = await lossOf(transport({ ca: elsewhere.cert }).send(endpoint, get, 5000));
  expect(loss).toMatchObject({ code: 'tls', sent: false });
  expect(loss.message).toContain('ALTNAME');
  expect(requests).toEqual([]);
});

test('a certificate that changes between two connections is noticed, although its session could be resumed', async () => {
  const first = await serve(mine, (_request, response) => void response.setHeader('connection', 'close').end('{}'));
  const carrier = transport();
  expect((await carrier.send(first.endpoint, get, 5000)).status).toBe(200);
  expect((await carrier.send(first.endpoint, get, 5000)).status).toBe(200);
  const port = Number(new URL(first.endpoint).port);
  await first.close();
  const second = await serve(other, (_request, response) => void response.end('{}'), port);
  opened.push(second);
  expect(await lossOf(carrier.send(second.endpoint, get, 5000))).toMatchObject({ code: 'tls', sent: false });
});

test('an endpoint without TLS is refused', async () => {
  expect(await lossOf(transport().send('http://127.0.0.1:1', get, 5000))).toMatchObject({ code: 'tls', sent: false });
});

test('nobody listening is refused, not sent', async () => {
  const gone = await serve(mine, () => undefined);
  await gone.close();
  for (const request of [get, post]) expect(await lossOf(transport().send(gone.endpoint, request, 5000))).toMatchObject({ code: 'refused', sent: false });
});

async function plain(handle: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    handle(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  opened.push({
    close: () => new Promise((resolve) => {
      listener.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    }),
  });
  return `https://127.0.0.1:${(listener.address() as AddressInfo).port}`;
}

test('a connection that is closed in the handshake was not sent', async () => {
  const endpoint = await plain((socket) => void socket.destroy());
  expect(await lossOf(transport().send(endpoint, post, 5000))).toMatchObject({ code: 'closed', sent: false });
});

test('a handshake that never ends has a timeout, and was not sent', async () => {
  const endpoint = await plain(() => undefined);
  expect(await lossOf(transport({ fingerprints: [mine.fingerprint], connectTimeoutMs: 30 }).send(endpoint, post, 5000))).toMatchObject({ code: 'timeout', sent: false });
  expect(await lossOf(transport().send(endpoint, post, 30))).toMatchObject({ code: 'timeout', sent: false });
});

test('a request given up before its connection stood is not sent when it stands at last', async () => {
  const real = await server((_request, response) => void response.end('{}'));
  const held: Socket[] = [];
  let hold = true;
  const pass = (socket: Socket) => void socket.pipe(connect(Number(new URL(real.endpoint).port), '127.0.0.1')).on('error', () => undefined).pipe(socket);
  const endpoint = await plain((socket) => (hold ? void held.push(socket) : pass(socket)));
  const carrier = transport();
  expect(await lossOf(carrier.send(endpoint, { ...get, url: '/late' }, 50))).toMatchObject({ code: 'timeout', sent: false });
  hold = false;
  for (const socket of held) pass(socket);
  for (let n = 0; n < 3; n += 1) await carrier.send(endpoint, get, 5000);
  expect(new Set(real.requests)).toEqual(new Set([`GET ${get.url}`]));
});

test('an answer that never comes has a timeout, and may have been done', async () => {
  const { endpoint } = await server(() => undefined);
  // Long enough for a handshake on a busy machine.
  const losses = await Promise.all([get, post].map((request) => lossOf(transport().send(endpoint, request, 1000))));
  expect(losses.map(({ code, sent }) => [code, sent])).toEqual([['timeout', true], ['timeout', true]]);
});

test('an answer that breaks off in its body may have been done', async () => {
  const { endpoint } = await server((_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"data":', () => response.destroy());
  });
  expect(await lossOf(transport().send(endpoint, post, 5000))).toMatchObject({ code: 'closed', sent: true });
});

test('an answer over the limit is given up', async () => {
  const { endpoint } = await server((_request, response) => void response.end('x'.repeat(3000)));
  expect(await lossOf(transport({ fingerprints: [mine.fingerprint], answerBytesMax: 2000 }).send(endpoint, get, 5000))).toMatchObject({ name: 'AnswerTooLarge', sent: true });
});

test('an exchange that is aborted says whether it was sent', async () => {
  const stop = new AbortController();
  const { endpoint } = await server(() => stop.abort());
  expect(await lossOf(transport().send(endpoint, post, 5000, stop.signal))).toMatchObject({ code: 'closed', sent: true });
  expect(await lossOf(transport().send(endpoint, post, 5000, stop.signal))).toMatchObject({ code: 'closed', sent: false });
});

test('reads share kept connections, a write has its own', async () => {
  const one = await server((_request, response) => void response.end('{}'));
  const carrier = transport();
  for (let n = 0; n < 10; n += 1) await carrier.send(one.endpoint, get, 5000);
  const kept = one.connections();
  // undici rests a connection for one turn of the event loop after an answer, so a quick reader alternates between two.
  expect(kept).toBeLessThanOrEqual(2);
  for (const request of [post, post]) await carrier.send(one.endpoint, request, 5000);
  expect(one.connections()).toBe(kept + 2);
});

test('after close nothing is left open', async () => {
  const { endpoint } = await server(() => undefined);
  const carrier = transport();
  const waiting = lossOf(carrier.send(endpoint, get, 60_000));
  const other = lossOf(carrier.send(endpoint, post, 60_000));
  await carrier.close();
  expect([(await waiting).code, (await other).code]).toEqual(['closed', 'closed']);
});

test('a kept connection closed between request and answer: the read is repeated, the write is not', async () => {
  let breakNext = false;
  const one = await server((request, response) => {
    if (!breakNext) return void response.end('{"data":1}');
    breakNext = false;
    request.socket.destroy();
  });
  const pve = createPveClient({ endpoints: [one.endpoint], credentials: { token: 'a@pam!b=secret' }, transport: transport(), clock: { now: () => 0, sleep: async () => undefined }, random: () => 0 });
  await pve.get('/a');
  breakNext = true;
  expect(await pve.get('/b')).toBe(1);
  breakNext = true;
  expect(await lossOf(pve.write('POST', '/c', {}))).toMatchObject({ sent: true });
  expect(one.requests).toEqual(['GET /api2/json/a', 'GET /api2/json/b', 'GET /api2/json/b', 'POST /api2/json/c']);
});
