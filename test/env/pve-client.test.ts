import { expect, test } from 'vitest';
import { createPveClient, type PveClientOptions } from '../../controller/env/pve-client.ts';
import { ConnectionError, PveError, type HttpResponse } from '../../controller/model/doors.ts';
import { VirtualClock } from '../../controller/sim/virtual-clock.ts';
import { closed, fakeTransport, ok, refused, status, type FakeTransport } from './fake-transport.ts';

const A = 'https://10.0.0.1:8006';
const B = 'https://10.0.0.2:8006';
const TOKEN = 'root@pam!lab=11111111-2222-3333-4444-555555555555';

function world(transport: FakeTransport, more: Partial<PveClientOptions> = {}) {
  const clock = new VirtualClock(0);
  const pve = createPveClient({ endpoints: [A, B], credentials: { token: TOKEN }, transport, clock, random: () => 0.5, ...more });
  return { clock, pve, run: <T>(work: Promise<T>) => clock.run(work) };
}
const endpointsOf = (transport: FakeTransport) => transport.sent.map(({ endpoint }) => endpoint);
const errorOf = (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined, (error: unknown) => error);

test('a read sends the token and its query, and gives the data', async () => {
  const transport = fakeTransport(ok({ release: '9.2' }));
  const { pve, run } = world(transport);
  expect(await run(pve.get('/cluster/resources', { query: { type: 'vm', full: true } }))).toEqual({ release: '9.2' });
  expect(transport.sent[0]?.request).toEqual({
    method: 'GET', url: '/api2/json/cluster/resources?type=vm&full=1', headers: { authorization: `PVEAPIToken=${TOKEN}` },
  });
});

test('writes are forms: lists are repeated keys, flags are 1 and 0, null is not sent', async () => {
  const transport = fakeTransport(ok(null));
  const { pve, run } = world(transport);
  await run(pve.write('POST', '/cluster/mapping/dir', { id: 'share1', map: ['node=pve1,path=/a b', 'node=pve2'], on: true, off: false, none: null, n: 5 }));
  expect(transport.sent[0]?.request.body).toBe('id=share1&map=node%3Dpve1%2Cpath%3D%2Fa%20b&map=node%3Dpve2&on=1&off=0&n=5');
  expect(transport.sent[0]?.request.headers['content-type']).toBe('application/x-www-form-urlencoded');
});

test('DELETE has its parameters in the query and no body', async () => {
  const transport = fakeTransport(ok(null));
  const { pve, run } = world(transport);
  await run(pve.write('DELETE', '/nodes/pve1/qemu/110', { purge: true }));
  expect(transport.sent[0]?.request).toMatchObject({ method: 'DELETE', url: '/api2/json/nodes/pve1/qemu/110?purge=1' });
  expect(transport.sent[0]?.request.body).toBeUndefined();
});

test('a parameter that is an object is a bug of ours', async () => {
  const { pve, run } = world(fakeTransport(ok(null)));
  await expect(run(pve.write('POST', '/x', { net0: { model: 'virtio' } }))).rejects.toThrow(TypeError);
});

test('writes may take longer than reads, for locks of ten seconds and more', async () => {
  const transport = fakeTransport(ok(null));
  const { pve, run } = world(transport);
  await run(pve.get('/version'));
  await run(pve.write('POST', '/x', {}));
  expect(transport.sent[0]?.timeoutMs).toBe(30_000);
  expect(transport.sent[1]?.timeoutMs).toBeGreaterThanOrEqual(60_000);
});

const ENDINGS: readonly { name: string; first: HttpResponse | ConnectionError; read: string; write: string; exchanges: readonly [number, number] }[] = [
  { name: 'refused connection', first: refused(), read: 'ok', write: 'ok', exchanges: [2, 2] },
  { name: 'connect timeout', first: new ConnectionError('timeout', false, 'no connection'), read: 'ok', write: 'ok', exchanges: [2, 2] },
  { name: 'unexpected certificate', first: new ConnectionError('tls', false, 'other certificate'), read: 'ok', write: 'ok', exchanges: [2, 2] },
  { name: 'connection closed after sending', first: closed(), read: 'ok', write: 'doubt', exchanges: [2, 1] },
  { name: 'answer timeout', first: new ConnectionError('timeout', true, 'no answer'), read: 'ok', write: 'doubt', exchanges: [2, 1] },
  { name: '595 Connection refused', first: status(595, 'Connection refused'), read: 'ok', write: 'ok', exchanges: [2, 2] },
  { name: '595 No route to host', first: status(595, 'No route to host'), read: 'ok', write: 'ok', exchanges: [2, 2] },
  { name: '595 with an unknown text', first: status(595, 'Broken pipe'), read: 'ok', write: 'doubt', exchanges: [2, 1] },
  { name: '596 in the handshake', first: status(596, 'error:0A000086:SSL routines::certificate verify failed'), read: 'ok', write: 'ok', exchanges: [2, 2] },
  { name: '596 later on', first: status(596, 'Connection timed out'), read: 'ok', write: 'doubt', exchanges: [2, 1] },
  { name: '597 with the text of a handshake', first: status(597, 'certificate verify failed'), read: 'ok', write: 'doubt', exchanges: [2, 1] },
  { name: '597', first: status(597, 'Broken pipe'), read: 'ok', write: 'doubt', exchanges: [2, 1] },
  { name: '599', first: status(599, 'Too many redirections'), read: 'ok', write: 'doubt', exchanges: [2, 1] },
  { name: '502 of a proxy in front', first: status(502, 'Bad Gateway'), read: 'ok', write: 'doubt', exchanges: [2, 1] },
  { name: '500', first: status(500, 'cluster not ready - no quorum?'), read: '500', write: '500', exchanges: [1, 1] },
  { name: '501', first: status(501, 'Method not implemented'), read: '501', write: '501', exchanges: [1, 1] },
  { name: '400', first: status(400, 'Parameter verification failed.'), read: '400', write: '400', exchanges: [1, 1] },
];
for (const { name, first, read, write, exchanges } of ENDINGS) {
  const outcome = async (work: Promise<unknown>): Promise<string> => {
    const error = await errorOf(work);
    if (error instanceof PveError) return String(error.status);
    if (error instanceof ConnectionError) return error.sent ? 'doubt' : 'not sent';
    return error === undefined ? 'ok' : String(error);
  };
  test(`after ${name} a read ends ${read}, a write ${write}`, async () => {
    const reading = fakeTransport(first, ok(1));
    const writing = fakeTransport(first, ok(1));
    const one = world(reading);
    const two = world(writing);
    expect(await outcome(one.run(one.pve.get('/x')))).toBe(read);
    expect(await outcome(two.run(two.pve.write('POST', '/x', {})))).toBe(write);
    expect([reading.sent.length, writing.sent.length]).toEqual(exchanges);
  });
}

test('a lost endpoint is followed by the next one at once, and avoided for a while', async () => {
  const transport = fakeTransport(refused(), ok(1));
  const { pve, run, clock } = world(transport);
  await run(pve.get('/x'));
  expect(clock.now()).toBe(0);
  await run(pve.get('/x'));
  expect(endpointsOf(transport)).toEqual([A, B, B]);
  await clock.advance(31_000);
  await run(pve.get('/x'));
  expect(endpointsOf(transport).at(-1)).toBe(A);
});

test('an endpoint that works again is preferred to one that does not', async () => {
  const transport = fakeTransport(refused(), refused(), refused(), ok(1));
  const { pve, run } = world(transport);
  await run(pve.get('/x'));
  await run(pve.get('/x'));
  expect(endpointsOf(transport)).toEqual([A, B, A, B, B]);
});

test('when all endpoints are lost, rounds are repeated with growing pauses and an end', async () => {
  const transport = fakeTransport(refused());
  const { pve, run, clock } = world(transport);
  const error = await run(errorOf(pve.get('/x')));
  expect(error).toMatchObject({ name: 'ConnectionError', sent: false, message: 'GET /x: 10.0.0.1:8006: connection refused; 10.0.0.2:8006: connection refused' });
  expect(endpointsOf(transport)).toEqual([A, B, A, B]);
  expect(clock.now()).toBe(375);
});

test('with one endpoint the pauses double, spread by the random numbers', async () => {
  const times: number[] = [];
  const clock = new VirtualClock(0);
  const transport = fakeTransport(() => {
    times.push(clock.now());
    return refused();
  });
  const pve = createPveClient({ endpoints: [A], credentials: { token: TOKEN }, transport, clock, random: () => 0 });
  await clock.run(errorOf(pve.write('PUT', '/x', {})));
  expect(times).toEqual([0, 250, 750, 1750]);
});

test('an unexpected certificate everywhere is told at once', async () => {
  const transport = fakeTransport(new ConnectionError('tls', false, 'certificate AA:BB is not the expected one'));
  const { pve, run, clock } = world(transport);
  expect(await run(errorOf(pve.get('/x')))).toMatchObject({ code: 'tls', sent: false, message: 'GET /x: 10.0.0.1:8006: certificate AA:BB is not the expected one; 10.0.0.2:8006: certificate AA:BB is not the expected one' });
  expect([endpointsOf(transport), clock.now()]).toEqual([[A, B], 0]);
});

test('a node that stays unreachable is a PveError 595 after one more try', async () => {
  const transport = fakeTransport(status(595, 'No route to host'));
  const { pve, run } = world(transport);
  expect(await run(errorOf(pve.get('/nodes/pve3/status')))).toMatchObject({ name: 'PveError', status: 595, message: 'No route to host' });
  expect(transport.sent.length).toBe(2);
});

test('calls for a node go to its own endpoint: by its name, by its learnt address, not by a stranger', async () => {
  const transport = fakeTransport(ok(1));
  const { pve, run } = world(transport, { endpoints: ['https://pve1.lab:8006', B, 'https://[fd00::3]:8006'] });
  pve.learnNodes({ pve2: '10.0.0.2', pve3: 'fd00::3', pve4: '10.0.0.4' });
  for (const node of ['pve2', 'pve3', 'pve4', 'pve1']) await run(pve.get('/x', { node }));
  expect(endpointsOf(transport)).toEqual([B, 'https://[fd00::3]:8006', 'https://pve1.lab:8006', 'https://pve1.lab:8006']);
});

test('message and errors are whole, as Proxmox sent them', async () => {
  const body = JSON.stringify({ data: null, message: 'Parameter verification failed.\n', errors: { memory: 'value must be 16\nor more' } });
  const { pve, run } = world(fakeTransport(status(400, 'Parameter verification failed.', body)));
  expect(await run(errorOf(pve.write('PUT', '/x', {})))).toMatchObject({ status: 400, message: 'Parameter verification failed.\n', errors: { memory: 'value must be 16\nor more' } });
});

for (const [name, body] of [['empty', ''], ['plain text', 'malformed JSON string\n'], ['without message', '{"data":null}']] as const) {
  test(`an error with a body that is ${name} has the reason phrase for its message`, async () => {
    const { pve, run } = world(fakeTransport(status(500, 'malformed JSON', body)));
    expect(await run(errorOf(pve.get('/x')))).toMatchObject({ name: 'PveError', status: 500, message: 'malformed JSON' });
  });
}

for (const body of ['', '<html>welcome</html>', '[]', '{"ok":1}']) {
  test(`a success that is not Proxmox's JSON (${body || 'empty'}) leaves the write in doubt`, async () => {
    const transport = fakeTransport(status(200, 'OK', body));
    const { pve, run } = world(transport);
    expect(await run(errorOf(pve.write('POST', '/x', {})))).toMatchObject({ name: 'ConnectionError', sent: true });
    expect(transport.sent.length).toBe(1);
  });
}

test('a token that worked is asked about a second time before a 401 is believed', async () => {
  const transport = fakeTransport(ok(1), status(401, 'No ticket'), ok(2));
  const { pve, run, clock } = world(transport);
  await run(pve.get('/a'));
  expect(await run(pve.write('POST', '/b', {}))).toBe(2);
  expect(clock.now()).toBe(4000);
});

test('a token that never worked, or was refused twice, is refused at once', async () => {
  const transport = fakeTransport(status(401, 'Authentication failed!'), ok(1), status(401, 'Authentication failed!'));
  const { pve, run, clock } = world(transport);
  const call = () => run(errorOf(pve.get('/a')));
  expect(await call()).toMatchObject({ name: 'PveError', status: 401, message: 'Authentication failed!' });
  expect([transport.sent.length, clock.now()]).toEqual([1, 0]);
  await call();
  await call();
  expect([transport.sent.length, clock.now()]).toEqual([4, 4000]);
  await call();
  expect([transport.sent.length, clock.now()]).toEqual([5, 4000]);
});

test('calls that are refused at the same time are each asked a second time', async () => {
  const transport = fakeTransport(ok(1), status(401, 'No ticket'), status(401, 'No ticket'), ok(2));
  const { pve, run } = world(transport);
  await run(pve.get('/a'));
  expect(await run(Promise.all([pve.get('/b'), pve.get('/c')]))).toEqual([2, 2]);
});

test('a 403 is final, unless the cluster is settling by option or by a new node', async () => {
  const denied = status(403, 'Permission check failed (/, Sys.Audit)');
  const calm = world(fakeTransport(denied, ok(1)));
  expect(await calm.run(errorOf(calm.pve.get('/x')))).toMatchObject({ status: 403 });
  const told = world(fakeTransport(denied, ok(1)), { settling: true });
  expect(await told.run(told.pve.get('/x'))).toBe(1);
  const joined = world(fakeTransport(denied, ok(1)));
  joined.pve.learnNodes({ pve1: '10.0.0.1' });
  joined.pve.learnNodes({ pve1: '10.0.0.1', pve2: '10.0.0.2' });
  expect(await joined.run(joined.pve.get('/x'))).toBe(1);
});

const TICKET = { ticket: 'PVE:root@pam:6A123456::c2lnbmF0dXJl', CSRFPreventionToken: '6A123456:csrf', username: 'root@pam' };
const user = { credentials: { username: 'root@pam', password: 'correct horse' } };

test('a ticket is asked for once, sent as a cookie, with the CSRF token on writes', async () => {
  const transport = fakeTransport(({ request }) => ok(request.url.endsWith('/ticket') ? TICKET : 1));
  const { pve, run } = world(transport, user);
  await run(Promise.all([pve.get('/a'), pve.get('/b')]));
  await run(pve.write('PUT', '/c', {}));
  expect(transport.sent.map(({ request }) => `${request.method} ${request.url}`)).toEqual(['POST /api2/json/access/ticket', 'GET /api2/json/a', 'GET /api2/json/b', 'PUT /api2/json/c']);
  expect(transport.sent[0]?.request.body).toBe('username=root%40pam&password=correct%20horse');
  expect(transport.sent[1]?.request.headers).toEqual({ cookie: `PVEAuthCookie=${encodeURIComponent(TICKET.ticket)}` });
  expect(transport.sent[3]?.request.headers['csrfpreventiontoken']).toBe(TICKET.CSRFPreventionToken);
});

test('a login needs no place behind the calls that wait for it', async () => {
  const transport = fakeTransport(({ request }) => ok(request.url.endsWith('/ticket') ? TICKET : 1));
  const { pve, run } = world(transport, { ...user, limits: { perEndpoint: 1, inAll: 1 } });
  expect(await run(Promise.all([pve.get('/a'), pve.get('/b')]))).toEqual([1, 1]);
});

test('a ticket is renewed before its two hours end, and after a 401', async () => {
  let refuse = false;
  const transport = fakeTransport(({ request }) => {
    if (request.url.endsWith('/ticket')) return ok(TICKET);
    if (!refuse) return ok(1);
    refuse = false;
    return status(401, 'No ticket');
  });
  const { pve, run, clock } = world(transport, user);
  const logins = () => transport.sent.filter(({ request }) => request.url.endsWith('/ticket')).length;
  await run(pve.get('/a'));
  await clock.advance(80 * 60_000);
  await run(pve.get('/a'));
  expect(logins()).toBe(1);
  await clock.advance(30 * 60_000);
  await run(pve.get('/a'));
  expect(logins()).toBe(2);
  refuse = true;
  expect(await run(pve.write('POST', '/a', {}))).toBe(1);
  expect(logins()).toBe(3);
});

test('a login whose connection breaks is repeated, and a write that waited for it was not sent', async () => {
  const transport = fakeTransport(closed());
  const { pve, run } = world(transport, user);
  expect(await run(errorOf(pve.write('POST', '/a', {})))).toMatchObject({ name: 'ConnectionError', sent: false });
  expect(transport.sent.length).toBe(4);
});

test('a second factor cannot be entered, and that is said', async () => {
  const { pve, run } = world(fakeTransport(ok({ ...TICKET, NeedTFA: 1 })), user);
  await expect(run(pve.get('/a'))).rejects.toThrow('AUTH_FAILED');
});

test('no secret is in a message: token, password, parameters, tickets', async () => {
  const text = `bad ${TOKEN} and hunter22 and PVE:root@pam:6A123456::c2lnbmF0dXJl in PVE::Storage`;
  const transport = fakeTransport(status(500, 'x', JSON.stringify({ data: null, message: text, errors: { cipassword: 'hunter22 is short' } })));
  const { pve, run } = world(transport);
  const error = (await run(errorOf(pve.write('PUT', '/x', { cipassword: 'hunter22' })))) as PveError;
  expect(error.message).toBe('bad <secret> and <secret> and PVE:root@pam:6A123456::<secret> in PVE::Storage');
  expect(error.errors).toEqual({ cipassword: '<secret> is short' });
});

test('exchanges are bounded per endpoint and in all, first come first served', async () => {
  const clock = new VirtualClock(0);
  const under = new Map<string, number>();
  let most = 0;
  let mostAtA = 0;
  const started: string[] = [];
  const busy = (by: number, endpoint: string) => {
    under.set(endpoint, (under.get(endpoint) ?? 0) + by);
    mostAtA = Math.max(mostAtA, under.get(A) ?? 0);
    most = Math.max(most, [...under.values()].reduce((sum, count) => sum + count, 0));
  };
  const transport = fakeTransport(async ({ endpoint, request }) => {
    started.push(request.url.slice('/api2/json/'.length));
    busy(1, endpoint);
    await clock.sleep(100);
    busy(-1, endpoint);
    return ok(1);
  });
  const pve = createPveClient({ endpoints: [A, B], credentials: { token: TOKEN }, transport, clock, random: () => 0, limits: { perEndpoint: 2, inAll: 3 } });
  pve.learnNodes({ a: '10.0.0.1', b: '10.0.0.2' });
  await clock.run(Promise.all(['a1', 'a2', 'a3', 'a4', 'b1', 'b2'].map((path) => pve.get(`/${path}`, { node: path[0] }))));
  expect(started).toEqual(['a1', 'a2', 'b1', 'a3', 'a4', 'b2']);
  expect([mostAtA, most]).toEqual([2, 3]);
});

test('an endpoint that takes connections and stays silent costs two time-outs for an observation, not one for each read', async () => {
  const { clock, run, ...rest } = world(fakeTransport(async ({ timeoutMs }) => {
    await clock.sleep(timeoutMs);
    throw new ConnectionError('timeout', true, 'no answer');
  }));
  rest.pve.sight?.begin(new Set());
  const reads = () => Promise.all(Array.from({ length: 40 }, (_, index) => errorOf(rest.pve.get(`/x/${index}`))));
  const errors = await run(reads());
  expect(clock.now()).toBeLessThan(5 * 30_000);
  const before = rest.pve.stats.calls;
  await run(reads());
  expect(rest.pve.stats.calls).toBe(before);
  expect(String(errors[39])).toMatch(/10\.0\.0\.1.*10\.0\.0\.2/);
  rest.pve.sight?.end();
  await run(errorOf(rest.pve.get('/x')));
  expect(rest.pve.stats.calls).toBeGreaterThan(before);
});

test('a read that hangs alone, while others are answered, silences nobody', async () => {
  const { clock, run, ...rest } = world(fakeTransport(async ({ request, timeoutMs }) => {
    if (!request.url.includes('hangs')) return ok(1);
    await clock.sleep(timeoutMs);
    throw new ConnectionError('timeout', true, 'no answer');
  }), { endpoints: [A] });
  rest.pve.sight?.begin(new Set());
  const hanging = errorOf(rest.pve.get('/hangs'));
  await run((async () => {
    for (let index = 0; index < 10; index += 1) {
      await clock.sleep(10_000);
      await rest.pve.get('/x');
    }
  })());
  expect(String(await run(hanging))).toMatch('no answer');
  expect(await run(rest.pve.get('/x'))).toBe(1);
});

test('an endpoint that is left out is asked by nobody, and one that is named is asked alone', async () => {
  const transport = fakeTransport(ok([]));
  const { pve, run } = world(transport);
  pve.learnNodes({ a: '10.0.0.1', b: '10.0.0.2' });
  pve.sight?.begin(new Set([A]));
  await run(pve.get('/x', { node: 'a' }));
  expect(pve.sight?.used()).toEqual([{ endpoint: B, node: 'b' }]);
  await run(pve.get('/x', { at: A }));
  expect([endpointsOf(transport), pve.sight?.used()]).toEqual([[B, A], [{ endpoint: B, node: 'b' }]]);
});

test('calls and bytes are counted on the wire', async () => {
  const { pve, run } = world(fakeTransport(refused(), ok('é')));
  await run(pve.write('POST', '/x', { a: 'b' }));
  expect(pve.stats).toEqual({ calls: 2, bytes: 3 + 3 + Buffer.byteLength('{"data":"é"}') });
});

test('a transport that fails in another way is a bug and is not repeated', async () => {
  const transport = fakeTransport(() => { throw new TypeError('bug'); });
  const { pve, run } = world(transport);
  await expect(run(pve.get('/x'))).rejects.toThrow(TypeError);
  expect(transport.sent.length).toBe(1);
});

