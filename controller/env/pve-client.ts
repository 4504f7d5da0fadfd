// In: calls of the Proxmox API. Out: their data, from whichever endpoint answers, over any Transport and any Clock.
// Must never repeat a write that may have had its effect, and never put a secret into a message.
import { ConnectionError, PveError, type Clock, type GetOptions, type HttpRequest, type HttpResponse, type Logger, type PveApi, type Sight, type Transport } from '../model/doors.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { Endpoints, hostOf } from './endpoints.ts';
import { encodeForm } from './form.ts';
import { Gate } from './gate.ts';
import { answerData, answerError, isSuccess } from './pve-answer.ts';
import { createSession, type Credentials, type Session } from './pve-session.ts';
import { redactText, secretValues } from './redact.ts';
import { NotAsked, pauseMs, verdictOnAnswer, verdictOnLoss, type Verdict } from './retry.ts';

export interface PveClientOptions {
  /** `https://host:port`, in the order of preference. */
  readonly endpoints: readonly string[];
  readonly credentials: Credentials;
  readonly transport: Transport;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log?: Logger;
  readonly limits?: Partial<PveClientLimits>;
  /** A node is joining or the cluster is being made: the first 401 or 403 of a call is not believed. */
  readonly settling?: boolean;
}

export interface PveClientLimits {
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** Exchanges under way at one endpoint, and in all. */
  readonly perEndpoint: number;
  readonly inAll: number;
  /** Exchanges for one call, whatever happens. */
  readonly exchanges: number;
}

// Reads: every refusal of credentials is delayed by 3 s, and a node behind a dead link answers after several seconds.
// Writes: a lock of the cluster file system is waited for 10 s, removing a node takes 8 s, a write in a lost quorum 16 s,
// and pveproxy itself gives up on the next hop after 30 s.
// Four at a time: a node's three workers answer no more calls a second to more, only later.
const LIMITS: PveClientLimits = { readTimeoutMs: 30_000, writeTimeoutMs: 90_000, perEndpoint: 4, inAll: 16, exchanges: 4 };

// Just after a join or a restart of the cluster file system a good token is refused now and then.
const SECOND_LOOK_MS = 4_000;
/** For this long after a new node was learnt, a 403 is looked at twice. */
const SETTLING_MS = 120_000;

interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly params: JsonObject;
  readonly node?: string;
  readonly at?: string;
  readonly signal?: AbortSignal;
  /** Asks for the ticket itself: no credentials, and safe to repeat. */
  readonly login?: boolean;
}
type Ending = { readonly response: HttpResponse } | { readonly loss: ConnectionError };

export function createPveClient(options: PveClientOptions): PveApi {
  return new PveClient(options);
}

class PveClient implements PveApi {
  readonly stats = { calls: 0, bytes: 0 };
  readonly asRoot: boolean;
  readonly sight: Sight = {
    begin: (without) => {
      this.#endpoints.begin(without, this.#isObserving ? 'remember' : 'forget');
      this.#isObserving = true;
    },
    end: () => { this.#isObserving = false; },
    used: () => this.#endpoints.seats('used'),
    all: () => this.#endpoints.seats('all'),
  };
  readonly #options: PveClientOptions;
  readonly #limits: PveClientLimits;
  readonly #endpoints: Endpoints;
  readonly #gate: Gate;
  readonly #session: Session;
  readonly #nodes = new Set<string>();
  #settlingUntil = 0;
  #isObserving = false;
  /** The credentials have been accepted since they were last refused. */
  #accepted = false;

  constructor(options: PveClientOptions) {
    this.#options = options;
    this.asRoot = 'username' in options.credentials && options.credentials.username === 'root@pam';
    this.#limits = { ...LIMITS, ...options.limits };
    this.#endpoints = new Endpoints(options.endpoints);
    this.#gate = new Gate(this.#limits.perEndpoint, this.#limits.inAll);
    this.#session = createSession(options.credentials, options.clock, (params) =>
      this.#call({ method: 'POST', path: '/access/ticket', params, login: true }));
  }

  get(path: string, { query = {}, node, at, signal }: GetOptions = {}): Promise<Json> {
    return this.#call({ method: 'GET', path, params: query, node, at, signal });
  }

  write(method: 'POST' | 'PUT' | 'DELETE', path: string, params: JsonObject, options: { readonly node?: string } = {}): Promise<Json> {
    return this.#call({ method, path, params, node: options.node });
  }

  learnNodes(addresses: Readonly<Record<string, string>>): void {
    this.#endpoints.learn(addresses);
    const names = Object.keys(addresses);
    if (this.#nodes.size > 0 && names.some((name) => !this.#nodes.has(name))) this.#settlingUntil = this.#options.clock.now() + SETTLING_MS;
    this.#nodes.clear();
    for (const name of names) this.#nodes.add(name);
  }

  /** Sends until there is an end: the loop holds what is tried again, the leaves know why. */
  async #call(call: Call): Promise<Json> {
    const tried = new Set<string>();
    const losses = new Map<string, string>();
    let rounds = 0;
    let looks = 0;
    for (let exchanges = 1; ; exchanges += 1) {
      // Before the gate: a login that waits for a place behind calls that wait for the login would never end.
      const request = await this.#request(call);
      const endpoint = call.at ?? this.#endpoints.next(this.#options.clock.now(), call.node, tried);
      const ending = await this.#gate.through(endpoint, () => this.#exchange(endpoint, request, call));
      if ('response' in ending && isSuccess(ending.response)) return this.#succeeded(ending.response, endpoint, call);

      const look = this.#secondLookMs(ending, call);
      if (look !== undefined && looks === 0) {
        looks += 1;
        this.#note(call, endpoint, ending, 'asked a second time');
        await this.#options.clock.sleep(look, call.signal);
        continue;
      }
      tried.add(endpoint);
      if ('loss' in ending && !(ending.loss instanceof NotAsked && losses.has(endpoint))) losses.set(endpoint, ending.loss.message);
      const verdict = verdictOn(ending, call);
      if (call.at !== undefined || !this.#mayRepeat(verdict, exchanges - looks, tried)) throw this.#final(ending, verdict, endpoint, call, losses);
      this.#note(call, endpoint, ending, 'repeated');
      if (tried.size < this.#endpoints.count) continue;
      tried.clear();
      rounds += 1;
      await this.#options.clock.sleep(pauseMs(rounds, this.#options.random), call.signal);
    }
  }

  #mayRepeat(verdict: Verdict, exchanges: number, tried: ReadonlySet<string>): boolean {
    if (verdict.again === 'untried') return tried.size < this.#endpoints.count;
    return verdict.again === 'elsewhere' && exchanges < Math.min(verdict.exchangesMax, Math.max(this.#limits.exchanges, this.#endpoints.count));
  }

  async #exchange(endpoint: string, request: HttpRequest, call: Call): Promise<Ending> {
    if (call.signal?.aborted) return { loss: new NotAsked('closed', false, 'nobody waits for the answer any more') };
    if (this.#isObserving && isRead(call) && this.#endpoints.isSilent(endpoint)) return { loss: new NotAsked('timeout', false, `${endpoint} answered nothing before, and is not asked again in this round`) };
    const answersBefore = this.#endpoints.answersOf(endpoint);
    this.stats.calls += 1;
    this.stats.bytes += Buffer.byteLength(request.body ?? '');
    const timeoutMs = isRead(call) ? this.#limits.readTimeoutMs : this.#limits.writeTimeoutMs;
    try {
      const response = await this.#options.transport.send(endpoint, request, timeoutMs, call.signal);
      this.stats.bytes += Buffer.byteLength(response.body);
      this.#endpoints.worked(endpoint);
      if (isRead(call) && call.at === undefined) this.#endpoints.used(endpoint);
      return { response };
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      if (error.code === 'timeout' && isRead(call)) this.#endpoints.timedOut(endpoint, answersBefore);
      // A connection that broke under a request says nothing of the endpoint; a write may just take its time.
      if (!error.sent || (error.code === 'timeout' && isRead(call))) this.#endpoints.failed(endpoint, this.#options.clock.now());
      return { loss: error };
    }
  }

  async #request(call: Call): Promise<HttpRequest> {
    const { method, path, params } = call;
    const text = encodeForm(params);
    const credentials = call.login ? {} : await this.#session.headers(method);
    if (method === 'POST' || method === 'PUT') {
      const headers = { ...credentials, 'content-type': 'application/x-www-form-urlencoded' };
      return { method, url: `/api2/json${path}`, headers, body: text };
    }
    return { method, url: `/api2/json${path}${text === '' ? '' : `?${text}`}`, headers: credentials };
  }

  #succeeded(response: HttpResponse, endpoint: string, call: Call): Json {
    if (!call.login) this.#accepted = true;
    try {
      return answerData(response, endpoint);
    } catch (error) {
      throw error instanceof ConnectionError ? this.#lossOf(error, call) : error;
    }
  }

  /** How long to wait before a refusal is believed; undefined: it is believed now. */
  #secondLookMs(ending: Ending, call: Call): number | undefined {
    if (!('response' in ending) || call.login) return undefined;
    const { status } = ending.response;
    if (status === 401) {
      if (this.#session.renew()) return 0;
      return this.#accepted || this.#options.settling ? SECOND_LOOK_MS : undefined;
    }
    const settling = this.#options.settling || this.#options.clock.now() < this.#settlingUntil;
    return status === 403 && settling ? SECOND_LOOK_MS : undefined;
  }

  #final(ending: Ending, verdict: Verdict, endpoint: string, call: Call, losses: ReadonlyMap<string, string>): Error {
    if ('loss' in ending) return this.#lossOf(new ConnectionError(ending.loss.code, ending.loss.sent, eachLoss(losses)), call);
    const { status, reason } = ending.response;
    if (status === 401) this.#accepted = false;
    if (verdict.again === 'doubt') return this.#lossOf(new ConnectionError('closed', true, `${endpoint} passed it on and answered ${status} ${reason}`), call);
    const error = answerError(ending.response);
    const hide = this.#hider(call);
    return new PveError(error.status, hide(error.message), Object.fromEntries(Object.entries(error.errors).map(([name, text]) => [name, hide(text)])));
  }

  #lossOf(loss: ConnectionError, call: Call): ConnectionError {
    // A login changes nothing; and the call that waited for it was not sent.
    return new ConnectionError(loss.code, loss.sent && !call.login, `${call.method} ${call.path}: ${this.#hider(call)(loss.message)}`);
  }

  #note(call: Call, endpoint: string, ending: Ending, what: string): void {
    const why = 'loss' in ending ? ending.loss.message : `${ending.response.status} ${ending.response.reason}`;
    this.#options.log?.debug({ method: call.method, path: call.path, endpoint, why: this.#hider(call)(why) }, `call ${what}`);
  }

  #hider(call: Call): (text: string) => string {
    const secrets = [...this.#session.secrets(), ...secretValues(call.params)];
    return (text) => redactText(text, secrets);
  }
}

/** Why each endpoint failed; most messages name theirs already. */
function eachLoss(losses: ReadonlyMap<string, string>): string {
  const named = [...losses].map(([endpoint, why]) => (losses.size === 1 || why.includes(hostOf(endpoint)) ? why : `${new URL(endpoint).host}: ${why}`));
  return named.join('; ');
}

function isRead(call: Call): boolean {
  return call.method === 'GET' || call.login === true;
}

function verdictOn(ending: Ending, call: Call): Verdict {
  return 'loss' in ending ? verdictOnLoss(ending.loss, isRead(call)) : verdictOnAnswer(ending.response.status, ending.response.reason, isRead(call));
}
