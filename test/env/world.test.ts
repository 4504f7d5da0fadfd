import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { realClock } from '../../controller/env/clock.ts';
import { createRealEnv } from '../../controller/env/world.ts';
import type { ClusterSpec } from '../../controller/model/desired.ts';
import type { Logger } from '../../controller/model/doors.ts';
import { selfSigned, serve, type Certificate } from './https-server.ts';

let dir: string;
let certificate: Certificate;
beforeAll(async () => { certificate = await selfSigned(); });
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'latido-world-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const environment = { TOKEN: 'latido@pve!gitops=0f3c-secret' };

async function real(cluster: Partial<ClusterSpec>) {
  return createRealEnv({ endpoints: ['https://127.0.0.1:8006'], credentials: { tokenEnv: 'TOKEN' }, ...cluster }, { stateDir: join(dir, 'state'), log: quiet, environment });
}

for (const by of ['fingerprint', 'ca'] as const) {
  test(`from a Cluster with a ${by} to an answer of its API`, async () => {
    const seen: (string | undefined)[] = [];
    const server = await serve(certificate, (request, response) => {
      seen.push(request.headers.authorization);
      response.end('{"data":{"release":"9.2"}}');
    });
    const ca = join(dir, 'ca.pem');
    writeFileSync(ca, certificate.cert);
    const env = await real({ endpoints: [`${server.endpoint}/`], tls: by === 'ca' ? { ca } : { fingerprint: certificate.fingerprint } });
    expect(await env.pve.get('/version')).toEqual({ release: '9.2' });
    expect(seen).toEqual(['PVEAPIToken=latido@pve!gitops=0f3c-secret']);
    await env.store.write('a', '1');
    expect(await env.store.read('a')).toBe('1');
    await env.close();
    await server.close();
  });
}

const MISTAKES: readonly (readonly [string, Partial<ClusterSpec>, string])[] = [
  ['no endpoint', { endpoints: [] }, 'ENDPOINT_UNREACHABLE'],
  ['an endpoint without TLS', { endpoints: ['http://10.0.0.1:8006'] }, 'ENDPOINT_UNREACHABLE'],
  ['an endpoint that is no address', { endpoints: ['pve1'] }, 'ENDPOINT_UNREACHABLE'],
  ['an authority that is missing', { tls: { ca: '/nonexistent/ca.pem' } }, 'TLS_UNTRUSTED'],
  ['credentials that are missing', { credentials: undefined }, 'AUTH_FAILED'],
];
for (const [name, cluster, code] of MISTAKES) {
  test(`${name} is said before anything is connected`, async () => {
    await expect(real(cluster)).rejects.toMatchObject({ findings: [{ code, fix: expect.any(String) }] });
  });
}

test('an authority that is no certificate is refused', async () => {
  writeFileSync(join(dir, 'ca.pem'), 'nonsense');
  await expect(real({ tls: { ca: join(dir, 'ca.pem') } })).rejects.toMatchObject({ findings: [{ code: 'TLS_UNTRUSTED' }] });
});

test('a sleep of the real clock ends with its signal', async () => {
  const stop = new AbortController();
  const sleeping = realClock.sleep(2 ** 40, stop.signal);
  stop.abort(new Error('enough'));
  await expect(sleeping).rejects.toThrow('enough');
  await expect(realClock.sleep(10, stop.signal)).rejects.toThrow('enough');
  await realClock.sleep(0);
});
