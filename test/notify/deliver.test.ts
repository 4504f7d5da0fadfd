// One delivery: what each channel is sent, over real HTTPS on loopback, and what a refusal means.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createUndiciTransport } from '../../controller/env/undici-transport.ts';
import type { NotifyConfig } from '../../controller/config/schema.ts';
import type { HttpResponse } from '../../controller/model/doors.ts';
import { deliver, Undelivered } from '../../controller/notify/deliver.ts';
import { signatureOf } from '../../controller/notify/formats.ts';
import type { Message } from '../../controller/notify/message.ts';
import { selfSigned, serve } from '../env/https-server.ts';
import type { Certificate, TestServer } from '../env/https-server.ts';
import { fakeDoors } from './fakes.ts';

const MESSAGE: Message = { id: 'f00d', cluster: 'lab', dropped: 0, notices: [{ occasion: 'failure', what: 'failed', at: 0, since: 0, message: 'it failed' }] };
const HOOK: NotifyConfig = { name: 'ops', type: 'webhook', url: { env: 'URL' }, secret: { env: 'KEY' } };
const NOW = Date.UTC(2026, 10, 22);

describe('what is sent', () => {
  test.each<[NotifyConfig, string, string, string]>([
    [HOOK, 'POST', 'https://hooks.test', '/in?x=1'],
    [{ name: 's', type: 'slack', url: { env: 'URL' } }, 'POST', 'https://hooks.test', '/in?x=1'],
    [{ name: 'm', type: 'mattermost', url: { env: 'URL' } }, 'POST', 'https://hooks.test', '/in?x=1'],
    [{ name: 'x', type: 'matrix', homeserver: 'https://matrix.test/', room: '!a/b:matrix.test', token: { env: 'KEY' } }, 'PUT', 'https://matrix.test', '/_matrix/client/v3/rooms/!a%2Fb%3Amatrix.test/send/m.room.message/f00d'],
  ])('to %o', async (channel, method, endpoint, url) => {
    const doors = fakeDoors({ URL: 'https://hooks.test/in?x=1', KEY: 'key' });
    await deliver(channel, MESSAGE, doors, NOW);
    expect(doors.transport.sent).toMatchObject([{ endpoint, request: { method, url } }]);
    expect(doors.transport.sent[0]?.request.headers['authorization']).toBe(channel.type === 'matrix' ? 'Bearer key' : undefined);
  });

  test.each([[undefined, 587], ['tls', 465], ['none', 25]] as const)('as mail with security %s to port %i', async (security, port) => {
    const doors = fakeDoors({ PASS: 'pass' });
    await deliver({ name: 'm', type: 'email', host: 'localhost', ...(security ? { security } : {}), user: 'u', password: { env: 'PASS' }, from: 'a@b', to: ['c@d'] }, MESSAGE, doors, NOW);
    expect(doors.mailer.sent).toMatchObject([{ port, security: security ?? 'starttls', login: { user: 'u', password: 'pass' }, id: 'f00d', subject: 'latido lab: failed: it failed' }]);
  });
});

describe('a refusal', () => {
  const refusal = async (answer: Partial<HttpResponse>, url = 'https://hooks.test/S3CR3T'): Promise<Undelivered> => {
    const doors = fakeDoors({ URL: url, KEY: 'key' });
    doors.transport.answer = () => answer;
    const error = await deliver(HOOK, MESSAGE, doors, NOW).catch((caught: unknown) => caught);
    if (!(error instanceof Undelivered)) throw new Error('it was delivered');
    return error;
  };

  test.each([[400, true], [413, true], [401, false], [404, false], [429, false], [500, false], [302, false]])('with %i is final: %s', async (status, isFinal) => {
    expect(await refusal({ status })).toMatchObject({ isFinal });
  });

  test('says when to come again, within an hour', async () => {
    expect((await refusal({ status: 429, headers: { 'retry-after': '30' } })).retryAfterMs).toBe(30_000);
    expect((await refusal({ status: 503, headers: { 'retry-after': '999999' } })).retryAfterMs).toBe(3_600_000);
  });

  test.each(['http://hooks.test/S3CR3T', 'S3CR3T', 'https://user:S3CR3T@hooks.test/'])('of the address %s does not repeat it', async (url) => {
    expect((await refusal({}, url)).message).not.toMatch(/S3CR3T/);
  });
});

describe('over HTTPS', () => {
  let certificate: Certificate;
  let server: TestServer | undefined;
  const open = new Set<ReturnType<typeof createUndiciTransport>>();
  beforeAll(async () => {
    certificate = await selfSigned('127.0.0.1');
  });
  afterEach(async () => {
    await server?.close();
  });
  afterAll(async () => {
    for (const transport of open) await transport.close();
  });
  const doorsTo = (url: string, ca?: string) => {
    const transport = createUndiciTransport(ca === undefined ? {} : { ca });
    open.add(transport);
    return { ...fakeDoors({ URL: url, KEY: 'key' }), transport };
  };

  test('the body arrives and its signature fits', async () => {
    let body = '';
    let signature: unknown;
    server = await serve(certificate, (request, response) => {
      signature = request.headers['x-latido-signature'];
      request.on('data', (chunk: Buffer) => { body += chunk.toString('utf8'); }).on('end', () => response.end('ok'));
    });
    await deliver(HOOK, MESSAGE, doorsTo(`${server.endpoint}/in`, certificate.cert), NOW);
    expect(JSON.parse(body)).toMatchObject({ format: 'latido.notice/v1', id: 'f00d' });
    expect(signature).toBe(signatureOf(body, 'key'));
  });

  test('a stranger\'s certificate gets nothing, and the address is not told', async () => {
    server = await serve(certificate, (_, response) => response.end());
    const error = await deliver(HOOK, MESSAGE, doorsTo(`${server.endpoint}/S3CR3T`), NOW).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'Undelivered', isFinal: false });
    expect(String(error)).toMatch(/^Undelivered: tls: its host shows a certificate/);
    expect(server.requests).toEqual([]);
  });

  test('a redirect is not followed', async () => {
    server = await serve(certificate, (_, response) => response.writeHead(307, { location: '/elsewhere' }).end());
    await expect(deliver(HOOK, MESSAGE, doorsTo(`${server.endpoint}/in`, certificate.cert), NOW)).rejects.toThrow('HTTP 307');
    expect(server.requests).toEqual(['POST /in']);
  });
});
