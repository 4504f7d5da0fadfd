// The HTTPS listener: health, metrics, the API, webhooks. Start reading at `ENDPOINTS`.
// In: HTTP requests of strangers. Out: what the daemon says, to those who may hear it. Must never slow, end or
// steer the loop but by the requests of the control socket, nor tell a stranger more than that it lives.
import { Hono } from 'hono';
import type { ListenConfig, Right, SecretPlace } from '../config/schema.ts';
import type { Beside, Observer, Outlook } from '../daemon/outlook.ts';
import { isAlive, readiness } from '../daemon/outlook.ts';
import { ConnectionError, PveError } from '../model/doors.ts';
import type { Clock, HttpsDoor, HttpsPlace, Logger, ProxmoxLogin } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import type { JsonObject } from '../model/json.ts';
import { Access } from './access.ts';
import type { Caller } from './access.ts';
import { answered, failed, json, refused, text } from './answers.ts';
import { readObject } from './body.ts';
import { hookAnswers } from './hook.ts';
import type { Followed } from './hook.ts';
import { loginAnswers } from './login.ts';
import { Metrics } from './metrics.ts';
import type { Usage } from './metrics.ts';
import { approveRequest, eventsRequest, resumeRequest, suspendRequest } from './requests.ts';
import { Throttle } from './throttle.ts';

export interface ListenerParts {
  readonly config: ListenConfig;
  readonly place: HttpsPlace;
  readonly door: HttpsDoor;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  readonly followed: Followed;
  readonly login: ProxmoxLogin;
  readonly readSecret: (place: SecretPlace, what: string) => Promise<string>;
  /** 256 bits of chance. */
  readonly newToken: () => string;
  readonly usage: () => Usage;
}

export interface Listener {
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly beside: Beside;
  /** One request, without a socket. */
  app(outlook: Outlook): (request: Request, address: string) => Promise<Response>;
}

interface Call { readonly request: Request; readonly address: string; readonly caller: Caller | undefined }
interface World { readonly present: readonly Endpoint[]; readonly outlook: Outlook; readonly metrics: Metrics; readonly access: Access; readonly login: (body: JsonObject) => Promise<Response>; readonly hook: (request: Request) => Promise<Response> }

export interface Endpoint {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Absent: anybody. */
  readonly right?: Right;
  /** Absent from the configuration, it is not there. */
  readonly needs?: 'proxmoxLogin' | 'webhook';
  readonly about: string;
  readonly answer: (call: Call, world: World) => Promise<Response> | Response;
}

export const ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: '/healthz', about: '200 while the loop moves; 503 when it hangs', answer: (_, { outlook }) => { const ok = isAlive(outlook.view()); return json(ok ? 200 : 503, { ok }); } },
  { method: 'GET', path: '/readyz', about: '200 while rounds succeed, or as a stand-by in good health; says which', answer: (_, { outlook }) => { const state = readiness(outlook.view()); return json(state.ready ? 200 : 503, { ...state }); } },
  { method: 'GET', path: '/metrics', right: 'metrics', about: 'for Prometheus', answer: async (_, { outlook, metrics }) => text(200, await metrics.text(outlook.view()), metrics.contentType) },
  { method: 'GET', path: '/api/v1/', about: 'this list', answer: (_, { present }) => json(200, { ok: true, endpoints: present.map(({ method, path, right, about }) => ({ method, path, ...(right === undefined ? {} : { right }), about })) }) },
  { method: 'GET', path: '/api/v1/status', right: 'view', about: 'how the cluster and the commit stand', answer: asks('status') },
  { method: 'GET', path: '/api/v1/plan', right: 'view', about: 'the plan that was made last', answer: asks('plan') },
  { method: 'GET', path: '/api/v1/events', right: 'view', about: 'what was done, and why: ?after=N those behind event N, &wait=SECONDS (30 at most) for the next one', answer: async ({ request }, { outlook }) => asked(outlook, eventsRequest(new URL(request.url).searchParams)) },
  { method: 'GET', path: '/api/v1/history', right: 'view', about: 'past rounds', answer: asks('history') },
  { method: 'POST', path: '/api/v1/approve', right: 'approve', about: '{"fingerprint"}: lets the daemon do what this plan holds for an approval', answer: deed(approveRequest) },
  { method: 'POST', path: '/api/v1/suspend', right: 'approve', about: '{"what", "reason", "until"}: leaves an object, a kind or all alone; `until` may be left out', answer: deed(suspendRequest) },
  { method: 'POST', path: '/api/v1/resume', right: 'approve', about: '{"what"}: takes it up again', answer: deed(resumeRequest) },
  { method: 'POST', path: '/api/v1/reconcile', right: 'approve', about: 'looks now, and tries again what failed', answer: deed(() => ({ do: 'reconcile' })) },
  { method: 'POST', path: '/api/v1/login', needs: 'proxmoxLogin', about: '{"username", "password"} as in the Proxmox console: a token for half an hour', answer: async ({ request }, { login }) => { const body = await readObject(request); return body instanceof Response ? body : login(body); } },
  { method: 'POST', path: '/api/v1/logout', right: 'metrics', needs: 'proxmoxLogin', about: 'ends the session of this token', answer: ({ request }, { access }) => (access.close(request.headers.get('authorization')) ? json(200, { ok: true }) : refused(400, 'USAGE', 'this token is of the configuration and not of a login')) },
  { method: 'POST', path: '/webhook', needs: 'webhook', about: 'a host of the repository tells of a push: 202, and the commit is asked for at once', answer: ({ request }, { hook }) => hook(request) },
];

export function createListener(parts: ListenerParts): Listener {
  const { place, door, log } = parts;
  const metrics = new Metrics(parts.version, parts.usage);
  const app = (outlook: Outlook) => appOf(parts, metrics, outlook);
  return {
    observer: metrics, metrics, app,
    async beside(outlook) {
      const { port, close } = await door.listen(place, app(outlook));
      log.info({ address: place.address, port }, 'the listener answers');
      return close;
    },
  };
}

function appOf(parts: ListenerParts, metrics: Metrics, outlook: Outlook): (request: Request, address: string) => Promise<Response> {
  const { config, clock } = parts;
  const access = new Access(config.tokens, clock);
  const throttle = new Throttle(clock);
  const closed = () => refused(404, 'USAGE', 'it is not configured');
  const present = ENDPOINTS.filter(({ needs }) => needs === undefined || config[needs] !== undefined);
  const world: World = {
    present, outlook, metrics, access,
    login: config.proxmoxLogin ? loginAnswers({ ...parts, config: config.proxmoxLogin, access }) : async () => closed(),
    hook: config.webhook ? hookAnswers({ ...parts, config: config.webhook, pushed: () => outlook.pushed(), count: (result) => metrics.hook(result) }) : async () => closed(),
  };
  const app = new Hono<{ Bindings: { readonly address: string } }>();
  for (const endpoint of present) {
    app.on(endpoint.method, endpoint.path, async ({ req, env }) => counted(endpoint, await guarded(endpoint, req.raw, env.address)));
  }
  for (const { path } of present) {
    const allow = present.filter((each) => each.path === path).map(({ method }) => (method === 'GET' ? 'GET, HEAD' : method)).join(', ');
    app.all(path, ({ req }) => counted({ path }, refused(405, 'USAGE', `${path} does not know ${req.method}`, `it knows: ${allow}`, { allow })));
  }
  app.notFound(() => counted({ path: 'other' }, refused(404, 'USAGE', 'there is no such endpoint', 'GET /api/v1/ lists them')));
  app.onError((error) => counted({ path: 'other' }, defect(error)));
  return async (request, address) => app.fetch(request, { address });

  async function guarded(endpoint: Endpoint, request: Request, address: string): Promise<Response> {
    const caller = access.callerOf(request.headers.get('authorization'));
    // A token that is right is never made to wait for what others at its address do.
    const wait = caller ? undefined : throttle.waitSeconds(address);
    const isGuessable = endpoint.right !== undefined || endpoint.needs !== undefined;
    if (isGuessable && wait !== undefined) return refused(429, 'USAGE', 'too many requests from this address were refused', `wait ${wait} seconds`, { 'retry-after': String(wait) });
    const response = denied(endpoint, caller) ?? (await answer(endpoint, { request, address, caller }));
    if (response.status === 401 || response.status === 403) note(endpoint, response.status, address, caller);
    return response;
  }

  async function answer(endpoint: Endpoint, call: Call): Promise<Response> {
    try {
      return await endpoint.answer(call, world);
    } catch (error) {
      if (error instanceof Failure) return failed(error.findings);
      if (error instanceof ConnectionError || error instanceof PveError) return refused(502, 'ENDPOINT_UNREACHABLE', 'the cluster could not be asked', 'try again in a moment');
      return defect(error);
    }
  }

  /** The first refusals of an address are logged, without what it sent; the flood that may follow is only counted. */
  function note({ method, path }: Endpoint, status: number, address: string, caller: Caller | undefined): void {
    throttle.refused(address);
    if (throttle.waitSeconds(address) === undefined) parts.log.warn({ address, status, request: `${method} ${path}`, ...(caller ? { by: caller.name } : {}) }, 'a request was refused');
    else parts.log.warn({ address, status }, 'requests from this address are refused for a while');
  }

  function counted({ path }: Pick<Endpoint, 'path'>, response: Response): Response {
    metrics.answered({ endpoint: path, status: response.status });
    return response;
  }

  /** Only the log tells what it was. */
  function defect(error: unknown): Response {
    parts.log.error({ stack: error instanceof Error ? error.stack ?? '' : String(error) }, 'a defect of latido: a request could not be answered');
    return refused(500, 'USAGE', 'latido could not answer; its log says why');
  }
}

function denied({ right }: Endpoint, caller: Caller | undefined): Response | undefined {
  if (right === undefined) return undefined;
  if (!caller) return refused(401, 'AUTH_FAILED', 'the request carries no token that is known, or one that is over', 'send it with: authorization: Bearer TOKEN', { 'www-authenticate': 'Bearer realm="latido"' });
  return caller.may.has(right) ? undefined : refused(403, 'PERMISSION_DENIED', `${caller.name} may not ${right}`);
}

function asks(what: string): Endpoint['answer'] {
  return (_, { outlook }) => asked(outlook, { do: what });
}

/** @param read the request of the control socket, from the body */
function deed(read: (body: JsonObject) => JsonObject): Endpoint['answer'] {
  return async ({ request, caller }, { outlook }) => {
    const body = await readObject(request);
    return body instanceof Response ? body : asked(outlook, read(body), caller?.name);
  };
}

async function asked(outlook: Outlook, request: JsonObject, by?: string): Promise<Response> {
  return answered(await outlook.answer(request, by));
}
