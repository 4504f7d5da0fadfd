// A real daemon on the simulated cluster, with its listener, asked without a socket.
import { createProxmoxLogin } from '../../controller/env/pve-login.ts';
import type { ListenConfig } from '../../controller/config/schema.ts';
import type { HttpsDoor, Lease, Logger } from '../../controller/model/doors.ts';
import { tokenHash } from '../../controller/serve/access.ts';
import { createListener } from '../../controller/serve/listener.ts';
import type { Followed } from '../../controller/serve/hook.ts';
import { DaemonWorld, envWith } from '../daemon/daemon-world.ts';
import type { Running } from '../daemon/daemon-world.ts';

export const TOKENS = { metrics: `lat_${'m'.repeat(43)}`, view: `lat_${'v'.repeat(43)}`, approve: `lat_${'a'.repeat(43)}` } as const;
export const HOOK_SECRET = 'a secret of the webhook';
export const PASSWORD = 'correct horse battery';
export const PLACE = { address: '127.0.0.1', port: 0, certificate: 'cert.pem', key: 'key.pem' } as const;
export const CONFIG: ListenConfig = {
  certificate: 'cert.pem', key: 'key.pem', proxmoxLogin: {}, webhook: { secret: { env: 'HOOK' } },
  tokens: (['metrics', 'view', 'approve'] as const).map((right) => ({ name: `the-${right}`, hash: tokenHash(TOKENS[right]), may: [right] })),
};
const USERS = [{ id: 'ana@pve', password: PASSWORD }, { id: 'eva@pve', password: PASSWORD }, { id: 'nobody@pve', password: PASSWORD }];
const ACL = [{ path: '/', ugid: 'ana@pve', type: 'user', roleid: 'PVEAuditor', propagate: 1 }, { path: '/', ugid: 'eva@pve', type: 'user', roleid: 'Administrator', propagate: 0 }] as const;

export interface Reply { readonly status: number; readonly headers: Headers; readonly text: string; readonly json: Readonly<Record<string, unknown>> }

export class ServeWorld extends DaemonWorld {
  readonly log: string[] = [];
  readonly tokensMade: string[] = [];
  daemon: Running | undefined;
  #answer: ((request: Request, address: string) => Promise<Response>) | undefined;

  constructor() {
    super({ users: USERS, acl: [...ACL] });
  }

  serve(config: ListenConfig = CONFIG, more: { readonly followed?: Followed; readonly env?: Parameters<typeof envWith>[1]; readonly secret?: () => Promise<string>; readonly lease?: Lease; readonly intervalMs?: number } = {}): Running {
    const note = (level: string): Logger['info'] => (fields, message) => void this.log.push(`${level} ${message} ${JSON.stringify(fields)}`);
    const log: Logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
    const env = envWith(this.world.env, { log, ...more.env });
    const door: HttpsDoor = {
      check: async () => undefined,
      listen: async (_, answer) => {
        this.#answer = answer;
        return { port: 8420, close: async () => { this.#answer = undefined; } };
      },
    };
    const { observer, beside } = createListener({
      config, place: PLACE, door, clock: env.clock, log, version: '1.2.3', followed: more.followed ?? { branch: 'main', repository: 'https://git.example.org/team/infra.git' },
      login: createProxmoxLogin({ endpoints: ['https://pve1:8006'], transport: this.world.transport(), clock: env.clock, random: () => 0.5 }),
      readSecret: more.secret ?? (async () => HOOK_SECRET), usage: () => ({ cpuSeconds: 1.5, residentBytes: 1000, startedAtSeconds: 7 }),
      newToken: () => {
        const token = `lat_session${this.tokensMade.length}${'s'.repeat(33)}`;
        this.tokensMade.push(token);
        return token;
      },
    });
    this.daemon = this.start({ env, observer, beside, publishPlan: (plan) => ({ plan: { fingerprint: plan.fingerprint }, text: 'the plan' }), ...(more.lease ? { lease: more.lease } : {}), ...(more.intervalMs === undefined ? {} : { options: { intervalMs: more.intervalMs } }) });
    return this.daemon;
  }

  get isServed(): boolean {
    return this.#answer !== undefined;
  }

  async ask(method: string, path: string, how: { readonly token?: string; readonly body?: unknown; readonly raw?: string; readonly headers?: Readonly<Record<string, string>>; readonly address?: string } = {}): Promise<Reply> {
    if (!this.#answer) throw new Error('nobody listens');
    const { token, body, raw, headers = {}, address = '192.0.2.1' } = how;
    const request = new Request(`https://latido.example.org:8420${path}`, {
      method, body: raw ?? (body === undefined ? null : JSON.stringify(body)),
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    });
    const response = await this.sim.clock.run(this.#answer(request, address));
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: text.startsWith('{') ? (JSON.parse(text) as Readonly<Record<string, unknown>>) : {} };
  }

  async login(username: string, password = PASSWORD, address?: string): Promise<Reply> {
    return this.ask('POST', '/api/v1/login', { body: { username, password }, ...(address === undefined ? {} : { address }) });
  }
}
