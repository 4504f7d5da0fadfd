// In: one HTTP request for one endpoint. Out: its response, or a ConnectionError that knows whether it was sent.
// Must never talk to an endpoint that tls-trust.ts has not verified, and never repeat anything itself.
import type { IncomingHttpHeaders } from 'node:http';
import { Client, Pool, type Dispatcher } from 'undici';
import { ConnectionError, type HttpRequest, type HttpResponse, type Transport } from '../model/doors.ts';
import { ANSWER_BYTES_MAX, AnswerTooLarge } from './pve-answer.ts';
import { connectTrusted, type Trust } from './tls-trust.ts';

export interface UndiciTransportOptions extends Trust {
  readonly connectTimeoutMs?: number;
  readonly answerBytesMax?: number;
}

// A node that is off answers nothing at all; a healthy one accepts within milliseconds.
const CONNECT_TIMEOUT_MS = 10_000;
// pveproxy closes an idle connection after five seconds; we leave before, so that few requests meet a closing door.
const IDLE_MS = 3_000;

export function createUndiciTransport(options: UndiciTransportOptions = {}): Transport {
  return new UndiciTransport(options);
}

class UndiciTransport implements Transport {
  readonly #options: UndiciTransportOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #writing = new Set<Client>();

  constructor(options: UndiciTransportOptions) {
    this.#options = options;
  }

  async send(endpoint: string, request: HttpRequest, timeoutMs: number, signal?: AbortSignal): Promise<HttpResponse> {
    if (!endpoint.startsWith('https:')) throw new ConnectionError('tls', false, `${endpoint} is not an https address`);
    const bytesMax = this.#options.answerBytesMax ?? ANSWER_BYTES_MAX;
    if (request.method === 'GET') return exchange(this.#pool(endpoint), endpoint, request, { timeoutMs, bytesMax, signal });
    // A write gets a connection of its own: a kept one may be closed by the other side just now, and then nobody
    // would know whether the write had its effect. A handshake costs 7 ms.
    const client = new Client(endpoint, this.#settings());
    this.#writing.add(client);
    try {
      return await exchange(client, endpoint, request, { timeoutMs, bytesMax, signal });
    } finally {
      this.#writing.delete(client);
      void client.destroy();
    }
  }

  async close(): Promise<void> {
    const open = [...this.#pools.values(), ...this.#writing];
    this.#pools.clear();
    await Promise.all(open.map((dispatcher) => dispatcher.destroy()));
  }

  #pool(endpoint: string): Pool {
    const known = this.#pools.get(endpoint);
    if (known) return known;
    const pool = new Pool(endpoint, this.#settings());
    this.#pools.set(endpoint, pool);
    return pool;
  }

  #settings(): Client.Options {
    const timeoutMs = this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    return {
      connect: ({ hostname, port, servername }, callback) => {
        const target = { host: hostname, port: Number(port) || 443, servername: servername ?? undefined, timeoutMs };
        connectTrusted(target, this.#options, (error, socket) => {
          if (socket) callback(null, socket);
          else callback(error ?? new ConnectionError('closed', false, `${endpointText(target)} is closed`), null);
        });
      },
      // The whole exchange has one deadline of ours; it also runs while we wait for a connection.
      headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: IDLE_MS, keepAliveMaxTimeout: IDLE_MS, pipelining: 1,
    };
  }
}

interface Bounds { readonly timeoutMs: number; readonly bytesMax: number; readonly signal?: AbortSignal }

function exchange(dispatcher: Dispatcher, endpoint: string, request: HttpRequest, bounds: Bounds): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    let sent = false;
    let stopped: ConnectionError | undefined;
    let running: Dispatcher.DispatchController | undefined;
    let head = { status: 0, reason: '', headers: {} as Readonly<Record<string, string>> };
    let bytes = 0;
    const chunks: Buffer[] = [];

    const settle = () => {
      clearTimeout(timer);
      bounds.signal?.removeEventListener('abort', aborted);
    };
    const stop = (error: ConnectionError) => {
      stopped ??= error;
      settle();
      reject(stopped);
      running?.abort(stopped);
    };
    const aborted = () => stop(new ConnectionError('closed', sent, `the exchange with ${endpoint} was given up`));
    const timer = setTimeout(() => stop(new ConnectionError('timeout', sent, `${endpoint} did not answer within ${bounds.timeoutMs} ms`)), bounds.timeoutMs);
    if (bounds.signal?.aborted) return aborted();
    bounds.signal?.addEventListener('abort', aborted, { once: true });

    dispatcher.dispatch({ path: request.url, method: request.method, headers: { ...request.headers }, body: request.body ?? null, reset: request.method !== 'GET' }, {
      // Called just before the first byte leaves: whatever fails earlier had no effect.
      onRequestStart(controller) {
        running = controller;
        if (stopped) return controller.abort(stopped);
        sent = true;
      },
      onResponseStart(_controller, status, headers, reason) {
        head = { status, reason: reason ?? '', headers: flatHeaders(headers) };
      },
      onResponseData(_controller, chunk) {
        bytes += chunk.length;
        if (bytes > bounds.bytesMax) return stop(new AnswerTooLarge(endpoint, bounds.bytesMax));
        chunks.push(chunk);
      },
      onResponseEnd() {
        settle();
        resolve({ ...head, body: Buffer.concat(chunks).toString('utf8') });
      },
      onResponseError(_controller, error) {
        settle();
        reject(stopped ?? lossOf(error, sent, endpoint));
      },
    });
  });
}

function lossOf(error: Error, sent: boolean, endpoint: string): ConnectionError {
  if (error instanceof ConnectionError) return error;
  return new ConnectionError('closed', sent, `${endpoint} broke the connection: ${error.message}`);
}

function flatHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : String(value)]));
}

function endpointText(target: { readonly host: string; readonly port: number }): string {
  return `${target.host}:${target.port}`;
}
