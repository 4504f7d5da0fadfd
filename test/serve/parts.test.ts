// The small parts of the listener, by themselves: tokens, sessions, addresses, bodies.
import { describe, expect, test } from 'vitest';
import { Access, rights, SESSION_MS, tokenHash } from '../../controller/serve/access.ts';
import { readBytes } from '../../controller/serve/body.ts';
import { Throttle, whoseAddress } from '../../controller/serve/throttle.ts';
import { newToken } from '../../controller/env/new-token.ts';
import { createProxmoxLogin } from '../../controller/env/pve-login.ts';
import type { Transport } from '../../controller/model/doors.ts';

const clockAt = (now: number) => ({ at: now, now() { return this.at; } });

test('a new token has 256 bits of chance, a prefix for scanners, and no other like it', () => {
  const [one, another] = [newToken(), newToken()];
  expect(one).toMatch(/^lat_[A-Za-z0-9_-]{43}$/);
  expect(one).not.toBe(another);
  expect(tokenHash('x')).toBe('sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881');
});

test('a right includes what is less', () => {
  expect([[...rights(['metrics'])], [...rights(['view'])], [...rights(['approve'])], [...rights([])]]).toEqual([['metrics'], ['view', 'metrics'], ['approve', 'view', 'metrics'], []]);
});

describe('sessions', () => {
  const caller = { name: 'ana@pve', may: rights(['view']) };

  test('are bounded: the oldest goes', () => {
    const access = new Access([], clockAt(0));
    for (let each = 0; each <= 1_000; each += 1) access.open(`token-${each}`, caller);
    expect([access.callerOf('Bearer token-0'), access.callerOf('Bearer token-1'), access.callerOf('Bearer token-1000')]).toEqual([undefined, caller, caller]);
  });

  test('do not live longer because the clock jumps back', () => {
    const clock = clockAt(10 * SESSION_MS);
    const access = new Access([], clock);
    access.open('a-token', caller);
    clock.at = 0;
    expect(access.callerOf('Bearer a-token')).toBeUndefined();
  });
});

test.each([
  ['192.0.2.7', '192.0.2.7'], ['::ffff:192.0.2.7', '192.0.2.7'], ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'], ['2001:0DB8:0001:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'], ['::1', '0:0:0:0::/64'], ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('the address %s is one with %s', (address, whose) => {
  expect(whoseAddress(address)).toBe(whose);
});

test('the throttle remembers a thousand addresses, and forgets after a minute or when the clock jumps back', () => {
  const clock = clockAt(1_000_000);
  const throttle = new Throttle(clock);
  for (let time = 0; time < 10; time += 1) throttle.refused('192.0.2.1');
  expect(throttle.waitSeconds('192.0.2.1')).toBe(60);
  clock.at += 30_000;
  expect(throttle.waitSeconds('192.0.2.1')).toBe(30);
  clock.at = 0;
  expect(throttle.waitSeconds('192.0.2.1')).toBeUndefined();
  for (let time = 0; time < 10; time += 1) throttle.refused('192.0.2.1');
  for (let each = 0; each < 1_000; each += 1) throttle.refused(`10.0.${each >> 8}.${each & 255}`);
  expect(throttle.waitSeconds('192.0.2.1')).toBeUndefined();
});

test('a body is read up to its limit, whatever its head says', async () => {
  const chunked = (bytes: number) => new Request('https://x/', { method: 'POST', duplex: 'half', body: new ReadableStream({ start(controller) {
    for (let sent = 0; sent < bytes; sent += 10) controller.enqueue(new Uint8Array(10));
    controller.close();
  } }) });
  expect((await readBytes(chunked(100), 100))?.length).toBe(100);
  expect(await readBytes(chunked(110), 100)).toBeUndefined();
  expect(await readBytes(new Request('https://x/', { method: 'POST', body: 'abc', headers: { 'content-length': '101' } }), 100)).toBeUndefined();
  expect((await readBytes(new Request('https://x/'), 100))?.length).toBe(0);
});

describe('a login at the cluster', () => {
  const answers = (ticket: unknown, sent: string[] = []): Transport => ({
    send: async (_, { method, url, headers }) => {
      sent.push(`${method} ${url} ${headers['cookie'] ?? ''}`);
      const data = url.endsWith('/access/ticket') ? ticket : { '/': { 'Sys.Audit': 1, 'VM.Audit': 0 } };
      return { status: 200, reason: 'OK', headers: {}, body: JSON.stringify({ data }) };
    },
    close: async () => undefined,
  });
  const login = (transport: Transport) => createProxmoxLogin({ endpoints: ['https://pve1:8006'], transport, clock: { now: () => 0, sleep: async () => undefined }, random: () => 0.5 })('ana@pve', 'a password');

  test('asks for the permissions on / with the ticket of that very login', async () => {
    const sent: string[] = [];
    expect(await login(answers({ ticket: 'PVE:ana', CSRFPreventionToken: 'x' }, sent))).toEqual({ is: 'in', privileges: new Set(['Sys.Audit', 'VM.Audit']) });
    expect(sent).toEqual(['POST /api2/json/access/ticket ', 'GET /api2/json/access/permissions?path=%2F PVEAuthCookie=PVE%3Aana']);
  });

  test('a second factor cannot be entered, and is told so', async () => {
    const answer = await login(answers({ ticket: 'PVE:!tfa!…', CSRFPreventionToken: 'x', NeedTFA: 1 }));
    expect(answer).toEqual({ is: 'refused', why: expect.stringContaining('second factor'), fix: expect.stringContaining('latido token') });
  });
});
