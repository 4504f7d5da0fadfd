// What the HTTPS listener answers, by whom is asked; the daemon behind it is real, its cluster simulated.
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { failure } from '../../controller/model/finding.ts';
import { SESSION_MS } from '../../controller/serve/access.ts';
import { ENDPOINTS } from '../../controller/serve/listener.ts';
import { WEB } from '../daemon/daemon-world.ts';
import { CONFIG, HOOK_SECRET, PASSWORD, ServeWorld, TOKENS } from './serve-world.ts';

let world: ServeWorld;
beforeEach(() => { world = new ServeWorld(); });
afterEach(async () => { await world.daemon?.stop().catch(() => undefined); });

async function running(config = CONFIG): Promise<void> {
  world.source.push(WEB);
  world.serve(config);
  await world.pass(120);
}

const facts = (json: Readonly<Record<string, unknown>>) => JSON.stringify(json['findings'] ?? null);

describe('who may what', () => {
  const CASES = ENDPOINTS.flatMap((endpoint) => (endpoint.right === undefined || endpoint.path.endsWith('logout') ? [] : [[`${endpoint.method} ${endpoint.path}`, endpoint] as const]));
  const INCLUDED = { metrics: ['metrics', 'view', 'approve'], view: ['view', 'approve'], approve: ['approve'] } as const;

  test.each(CASES)('%s', async (_, { method, path, right = 'view' }) => {
    await running();
    expect((await world.ask(method, path)).status).toBe(401);
    expect((await world.ask(method, path, { token: `${TOKENS.approve}x` })).status).toBe(401);
    for (const name of ['metrics', 'view', 'approve'] as const) {
      const { status } = await world.ask(method, path, { token: TOKENS[name] });
      const isLetIn = (INCLUDED[right] as readonly string[]).includes(name);
      expect(isLetIn ? [200, 400].includes(status) : status === 403, `${name} got ${status}`).toBe(true);
    }
  });

  test('health, the list, the login and webhooks need no token; all else does', () => {
    expect(ENDPOINTS.filter(({ right }) => right === undefined).map(({ path }) => path)).toEqual(['/healthz', '/readyz', '/api/v1/', '/api/v1/login', '/webhook']);
  });

  test('a token that is not a bearer token, or far too long, is none', async () => {
    await running();
    for (const authorization of [`Basic ${TOKENS.view}`, TOKENS.view, `Bearer ${'x'.repeat(10_000)}`, 'Bearer ', `Bearer ${TOKENS.view} x`]) expect((await world.ask('GET', '/api/v1/status', { headers: { authorization } })).status).toBe(401);
    expect((await world.ask('GET', '/api/v1/status', { headers: { authorization: `bearer ${TOKENS.view}` } })).status).toBe(200);
  });

  test('an address that is refused ten times waits; a good token never does; another address neither', async () => {
    await running();
    for (let time = 0; time < 10; time += 1) expect((await world.ask('GET', '/api/v1/status', { token: 'wrong' })).status).toBe(401);
    const late = await world.ask('GET', '/api/v1/status', { token: 'wrong' });
    expect([late.status, Number(late.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expect((await world.ask('GET', '/api/v1/status', { token: TOKENS.view })).status).toBe(200);
    expect((await world.ask('GET', '/api/v1/status', { token: 'wrong', address: '192.0.2.2' })).status).toBe(401);
    expect((await world.ask('GET', '/healthz')).status).toBe(200);
    expect((await world.login('ana@pve')).status).toBe(429);
    await world.pass(61);
    expect((await world.login('ana@pve')).status).toBe(200);
  });
});

describe('the API', () => {
  test('says what the control socket says', async () => {
    await running();
    for (const [path, what] of [['status', 'status'], ['plan', 'plan'], ['history', 'history'], ['events', 'events']] as const) {
      const { status, json, headers } = await world.ask('GET', `/api/v1/${path}`, { token: TOKENS.view });
      expect([status, headers.get('content-type'), json]).toEqual([200, 'application/json', await world.daemon?.ask({ do: what })]);
    }
  });

  test('lists its endpoints; an unknown one is 404, a wrong method 405 with what it knows', async () => {
    await running();
    const list = await world.ask('GET', '/api/v1/');
    expect((list.json['endpoints'] as readonly { readonly path: string }[]).map(({ path }) => path)).toEqual(ENDPOINTS.map(({ path }) => path));
    const missing = await world.ask('GET', '/api/v2/status', { token: TOKENS.view });
    expect([missing.status, missing.json['ok']]).toEqual([404, false]);
    const wrong = await world.ask('DELETE', '/api/v1/status', { token: TOKENS.view });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await world.ask('GET', '/api/v1/approve', { token: TOKENS.approve })).headers.get('allow')).toBe('POST');
    const head = await world.ask('HEAD', '/healthz');
    expect([head.status, head.text]).toEqual([200, '']);
  });

  test('what is not configured is not there', async () => {
    const { proxmoxLogin: _login, webhook: _hook, ...plain } = CONFIG;
    await running(plain);
    expect((await world.ask('GET', '/api/v1/')).text).not.toMatch(/login|logout|webhook/);
    for (const path of ['/api/v1/login', '/api/v1/logout', '/webhook']) expect((await world.ask('POST', path, { body: {}, token: TOKENS.approve })).status).toBe(404);
  });

  test('events are waited for, and end the wait', async () => {
    await running();
    const last = (await world.ask('GET', '/api/v1/events', { token: TOKENS.view })).json['last'] as number;
    const before = world.sim.clock.now();
    const { json } = await world.ask('GET', `/api/v1/events?after=${last}&wait=5`, { token: TOKENS.view });
    expect([json['events'], world.sim.clock.now() - before]).toEqual([[], 5000]);
    expect((await world.ask('GET', '/api/v1/events?after=-1', { token: TOKENS.view })).status).toBe(400);
  });

  test('who suspends, resumes and hurries is in the events', async () => {
    await running();
    const post = (path: string, body: unknown) => world.ask('POST', `/api/v1/${path}`, { token: TOKENS.approve, body });
    expect((await post('suspend', { what: 'VirtualMachine/web', reason: 'a test', until: '2026-12-24T08:00:00Z' })).json).toEqual({ ok: true });
    expect((await post('resume', { what: 'VirtualMachine/web' })).json).toEqual({ ok: true });
    expect((await post('reconcile', {})).json).toEqual({ ok: true });
    const told = world.events().filter(({ type }) => ['suspended', 'resumed', 'asked'].includes(type)).map(({ type, by }) => `${type} ${by ?? ''}`);
    expect(told).toEqual(['suspended the-approve', 'resumed the-approve', 'asked the-approve']);
  });

  test('a plan is approved by its fingerprint, and by no other', async () => {
    await running();
    const wrong = await world.ask('POST', '/api/v1/approve', { token: TOKENS.approve, body: { fingerprint: 'plan-000000000000' } });
    expect([wrong.status, facts(wrong.json)]).toEqual([409, expect.stringContaining('PLAN_CHANGED')]);
  });

  test.each([
    ['no JSON', 400, { raw: '{', headers: { 'content-type': 'application/json' } }],
    ['a list', 400, { body: [] }],
    ['a form', 415, { raw: 'what=all', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['text, which browsers send across origins', 415, { raw: '{"what":"all","reason":"x"}', headers: { 'content-type': 'text/plain' } }],
    ['a flood', 413, { raw: `{"what":"${'x'.repeat(70_000)}"}`, headers: { 'content-type': 'application/json' } }],
    ['a mistyped field', 400, { body: { what: 'all', reason: 'x', untill: '2026-12-24T08:00:00Z' } }],
    ['an end without a zone', 400, { body: { what: 'all', reason: 'x', until: '2026-12-24T08:00' } }],
    ['an end that is past', 400, { body: { what: 'all', reason: 'x', until: '2020-12-24T08:00:00Z' } }],
    ['no reason', 400, { body: { what: 'all' } }],
  ])('a body that is %s is refused with %i, and suspends nothing', async (_, status, how) => {
    await running();
    const reply = await world.ask('POST', '/api/v1/suspend', { token: TOKENS.approve, ...how });
    expect([reply.status, reply.json['ok'], world.told('suspended')]).toEqual([status, false, []]);
  });

  test('every answer tells browsers to keep, frame and guess nothing, and lets no other origin in', async () => {
    await running();
    for (const path of ['/healthz', '/metrics', '/api/v1/status', '/nowhere']) {
      const { headers } = await world.ask('GET', path, { token: TOKENS.view, headers: { origin: 'https://evil.example' } });
      expect([headers.get('cache-control'), headers.get('x-content-type-options'), headers.get('x-frame-options'), headers.get('access-control-allow-origin')]).toEqual(['no-store', 'nosniff', 'DENY', null]);
    }
  });
});

describe('health', () => {
  test('before the first round it lives and is not ready; after it, it is', async () => {
    world.source.push(WEB);
    world.serve();
    await world.sim.clock.advance(0);
    expect([(await world.ask('GET', '/healthz')).status, (await world.ask('GET', '/readyz')).json]).toEqual([200, { ready: false, as: 'starting' }]);
    await world.pass(120);
    expect((await world.ask('GET', '/readyz')).json).toEqual({ ready: true, as: 'leader' });
  });

  test('a cluster that is away makes it unready, and nothing is told to strangers of why', async () => {
    await running();
    world.sim.powerOff('pve1');
    world.sim.powerOff('pve2');
    world.sim.powerOff('pve3');
    await world.pass(900);
    const reply = await world.ask('GET', '/readyz');
    expect([reply.status, reply.json]).toEqual([503, { ready: false, as: 'leader' }]);
    expect((await world.ask('GET', '/healthz')).status).toBe(200);
  });

  test('a stand-by is ready as one, serves, and shows none of the objects of the other', async () => {
    world.lease.holder = 'the other';
    await running();
    expect((await world.ask('GET', '/readyz')).json).toEqual({ ready: true, as: 'stand-by' });
    const { text } = await world.ask('GET', '/metrics', { token: TOKENS.metrics });
    expect(text).toMatch(/^latido_lease_held 0$/m);
    expect(text).not.toMatch(/^latido_objects\{/m);
  });

  test('a loop that hangs is no life', async () => {
    world.source.push(WEB);
    let asked = 0;
    const acquire = () => (asked++ < 2 ? Promise.resolve({ held: true } as const) : new Promise<never>(() => undefined));
    world.serve(CONFIG, { lease: { acquire, renew: async () => true, release: async () => undefined } });
    await world.pass(14 * 60);
    expect((await world.ask('GET', '/healthz')).status).toBe(200);
    await world.pass(10 * 60);
    expect([(await world.ask('GET', '/healthz')).status, (await world.ask('GET', '/readyz')).status]).toEqual([503, 503]);
    world.daemon = undefined;
  });

  test('a long pause between two rounds is none', async () => {
    world.source.push(WEB);
    world.serve(CONFIG, { intervalMs: 24 * 3600_000 });
    await world.pass(20 * 3600);
    expect([(await world.ask('GET', '/healthz')).status, (await world.ask('GET', '/readyz')).status]).toEqual([200, 200]);
  });

  test('a lease that cannot be asked makes a stand-by unready', async () => {
    const away = () => Promise.reject(new Error('the file system is away'));
    world.serve(CONFIG, { lease: { acquire: away, renew: away, release: async () => undefined } });
    await world.pass(60);
    const reply = await world.ask('GET', '/readyz');
    expect([reply.status, reply.json]).toEqual([503, { ready: false, as: 'stand-by' }]);
  });

  test('a daemon that stopped listens no more', async () => {
    await running();
    await world.daemon?.stop();
    expect(world.isServed).toBe(false);
  });
});

describe('logins', () => {
  test('the cluster says who, its permissions say what: an auditor sees, an administrator approves', async () => {
    await running();
    const ana = await world.login('ana@pve');
    expect([ana.status, ana.json]).toEqual([200, { ok: true, token: world.tokensMade[0], user: 'ana@pve', may: ['metrics', 'view'], expiresInSeconds: 1800 }]);
    const token = String(ana.json['token']);
    expect((await world.ask('GET', '/api/v1/status', { token })).status).toBe(200);
    const denied = await world.ask('POST', '/api/v1/reconcile', { token });
    expect([denied.status, facts(denied.json)]).toEqual([403, expect.stringContaining('ana@pve may not approve')]);
    const eva = String((await world.login('eva@pve')).json['token']);
    expect((await world.ask('POST', '/api/v1/reconcile', { token: eva })).status).toBe(200);
    expect(world.events().find(({ type }) => type === 'asked')?.by).toBe('eva@pve');
  });

  test('a wrong password, a person without rights, a name without a realm, a token as a user', async () => {
    await running();
    expect((await world.login('ana@pve', 'wrong')).status).toBe(401);
    const nobody = await world.login('nobody@pve');
    expect([nobody.status, facts(nobody.json)]).toEqual([403, expect.stringContaining('neither Sys.Audit nor Sys.Modify')]);
    for (const name of ['ana', 'root@pam!lab', 'a b@pve', '']) expect((await world.login(name)).status).toBe(400);
    expect(world.tokensMade).toEqual([]);
  });

  test('which privileges count is configured', async () => {
    await running({ ...CONFIG, proxmoxLogin: { view: 'Sys.Audit', approve: 'Sys.Audit' } });
    expect((await world.login('ana@pve')).json['may']).toEqual(['approve', 'metrics', 'view']);
  });

  test('a session ends by itself and by logging out', async () => {
    await running();
    const [first, second] = [String((await world.login('ana@pve')).json['token']), String((await world.login('ana@pve')).json['token'])];
    expect((await world.ask('POST', '/api/v1/logout', { token: first })).status).toBe(200);
    expect((await world.ask('GET', '/api/v1/status', { token: first })).status).toBe(401);
    expect((await world.ask('POST', '/api/v1/logout', { token: TOKENS.view })).status).toBe(400);
    await world.pass(SESSION_MS / 1000 - 60);
    expect((await world.ask('GET', '/api/v1/status', { token: second })).status).toBe(200);
    await world.pass(61);
    expect((await world.ask('GET', '/api/v1/status', { token: second })).status).toBe(401);
  });

  test('a cluster that cannot be asked is no wrong password', async () => {
    await running();
    for (const node of ['pve1', 'pve2', 'pve3']) world.sim.powerOff(node);
    expect((await world.login('ana@pve')).status).toBe(502);
  });
});

describe('webhooks', () => {
  const push = (url: string, ref = 'refs/heads/main') => JSON.stringify({ repository: 'team/infra', url, ref });
  const send = (body: string, secret = HOOK_SECRET) => world.ask('POST', '/webhook', { raw: body, headers: { 'content-type': 'application/json', 'x-latido-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` } });

  test('a push to what is followed wakes the loop at once', async () => {
    await running();
    world.source.push(WEB.replace('512', '1024'), 'untold');
    const reply = await send(push('git@git.example.org:team/infra.git'));
    expect([reply.status, reply.json]).toEqual([202, { ok: true, looks: true }]);
    await world.pass(30);
    expect(world.world.guest(101).config['memory']).toBe('1024');
  });

  test('another branch, another repository, a ping: taken, and nothing is looked at', async () => {
    await running();
    const asked = world.source.asked;
    expect((await send(push('https://git.example.org/team/infra', 'refs/heads/other'))).json['looks']).toBe(false);
    expect((await send(push('https://git.example.org/team/else'))).json['looks']).toBe(false);
    const ping = await world.ask('POST', '/webhook', { raw: '{}', headers: { 'x-github-event': 'ping', 'x-hub-signature-256': `sha256=${createHmac('sha256', HOOK_SECRET).update('{}').digest('hex')}` } });
    expect([ping.status, ping.json['looks']]).toEqual([202, false]);
    await world.pass(5);
    expect(world.source.asked).toBe(asked);
  });

  test('a wrong signature is refused, an unreadable secret is our trouble', async () => {
    await running();
    expect((await send(push('https://git.example.org/team/infra'), 'another secret of it')).status).toBe(401);
    await world.daemon?.stop();
    world.serve(CONFIG, { secret: () => Promise.reject(failure('STATE_UNUSABLE', 'the file of the secret cannot be read')) });
    await world.pass(5);
    expect((await send(push('https://git.example.org/team/infra'))).status).toBe(503);
  });
});

test('a defect is answered without a word of what it was, and logged', async () => {
  world.source.push(WEB);
  world.serve(CONFIG, { secret: () => Promise.reject(new TypeError('somewhere in /srv/latido')) });
  await world.pass(60);
  const reply = await world.ask('POST', '/webhook', { raw: '{}' });
  expect([reply.status, reply.text]).toEqual([500, expect.not.stringMatching(/srv|TypeError| at /)]);
  expect(world.log.some((line) => line.startsWith('error') && line.includes('somewhere in /srv/latido'))).toBe(true);
  expect((await world.ask('GET', '/readyz')).status).toBe(200);
});

test('no token, password, session or secret is in an answer, an event, a file or the log', async () => {
  await running();
  const replies: string[] = [];
  const session = String((await world.login('ana@pve')).json['token']);
  await world.login('ana@pve', `${PASSWORD}!`);
  for (const token of [...Object.values(TOKENS), session, 'lat_wrong-token-of-somebody']) for (const { method, path } of ENDPOINTS) replies.push((await world.ask(method, path, { token, ...(method === 'POST' ? { body: { username: 'ana@pve', password: `${PASSWORD}!`, what: 'all', reason: 'x' } } : {}) })).text);
  await world.pass(60);
  const everything = [...replies, ...world.log, JSON.stringify(world.store.snapshot())].join('\n');
  expect(everything).toContain('the-approve');
  for (const secret of [...Object.values(TOKENS), session, PASSWORD, HOOK_SECRET, 'lat_wrong-token-of-somebody']) expect(everything.includes(secret), secret).toBe(false);
});
