// In: a simulation. Out: its nodes served over HTTPS on loopback, a port each, while real time drives the virtual clock.
// Must never listen on anything but loopback: every secret of a lab is public.
import { X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { generate } from 'selfsigned';
import { ConnectionError, type HttpResponse } from '../model/doors.ts';
import type { Simulation } from './simulation.ts';

export interface Certificate { readonly key: string; readonly cert: string }
export interface ServeOptions {
  /** Of the first node; the others follow. 0: the system chooses. */
  readonly port: number;
  /** Virtual seconds per real second. */
  readonly speed: number;
  readonly certificate: Certificate;
  /** After each request that may have changed something. */
  readonly onWrite?: () => void;
}
export interface Served {
  readonly endpoints: readonly { readonly node: string; readonly url: string }[];
  /** SHA-256 of the certificate as Proxmox shows it: `3A:…`. */
  readonly fingerprint: string;
  readonly requests: () => number;
  close(): Promise<void>;
}

export const HOST = '127.0.0.1';

/** A self-signed certificate for loopback, good for ten years of labs. */
export async function labCertificate(now: Date): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: 'latido lab' }], {
    keyType: 'ec', curve: 'P-256', algorithm: 'sha256', notBeforeDate: new Date(now.getTime() - 86_400_000), notAfterDate: new Date(now.getTime() + 3650 * 86_400_000),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }, { type: 7, ip: HOST }] }],
  });
  return { key: made.private, cert: made.cert };
}

export async function serve(sim: Simulation, options: ServeOptions): Promise<Served> {
  const doors: NodeDoor[] = [];
  const count = { requests: 0 };
  try {
    for (const [at, node] of Object.values(sim.state.nodes).entries()) {
      const door = new NodeDoor(sim, node.name, options, count);
      doors.push(door);
      await door.open(options.port === 0 ? 0 : options.port + at);
      if (node.power === 'off') await door.shut();
    }
  } catch (error) {
    await Promise.all(doors.map((door) => door.shut()));
    throw error;
  }
  sim.onPower((node, power) => {
    const door = doors.find((one) => one.node === node);
    // A node that goes down resets what is connected and refuses the rest, as its address does once nobody answers there.
    void (power === 'off' ? door?.shut() : door?.reopen());
  });
  const stopClock = driveClock(sim, options.speed);
  return {
    endpoints: doors.map((door) => ({ node: door.node, url: `https://${HOST}:${door.port}` })),
    fingerprint: new X509Certificate(options.certificate.cert).fingerprint256,
    requests: () => count.requests,
    async close() {
      stopClock();
      await Promise.all(doors.map((door) => door.shut()));
    },
  };
}

const TICK_MS = 10;
// A machine that slept, or a speed beyond what it can do, must not make one tick run for minutes.
const CATCH_UP_MS_MAX = 60_000;

/** Lets virtual time follow real time; returns what stops it. */
function driveClock(sim: Simulation, speed: number): () => void {
  let last = performance.now();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    const now = performance.now();
    const due = Math.min((now - last) * speed, CATCH_UP_MS_MAX * Math.max(1, speed));
    last = now;
    void sim.clock.advance(due).finally(() => (busy = false));
  }, TICK_MS);
  return () => clearInterval(timer);
}

// From the server part of Proxmox (pve-http-server, AnyEvent.pm): 512 KiB of parameters, 8 KiB of headers, 64 of them.
const BODY_MAX = 512 * 1024;
const HEADER_MAX = 8 * 1024;
const HEADERS_MAX = 64;

/** The pveproxy of one node. */
class NodeDoor {
  readonly node: string;
  port = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  constructor(sim: Simulation, node: string, options: ServeOptions, count: { requests: number }) {
    this.node = node;
    this.#server = createServer({ ...options.certificate, maxHeaderSize: HEADER_MAX }, (request, response) => {
      count.requests += 1;
      exchange(sim, node, request, response).then(() => {
        if (request.method !== 'GET') options.onWrite?.();
      }, (error: unknown) => {
        // A defect of the simulator must be seen by whoever works with it, and must not end the lab.
        sim.log.write(node, `defect: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
        respond(response, { status: 500, reason: 'the simulator has a defect, see its log', headers: { connection: 'close' }, body: '' });
      });
    });
    this.#server.maxHeadersCount = HEADERS_MAX;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('tlsClientError', (_, socket) => socket.destroy());
  }

  open(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: HOST, port, backlog: 1024 }, () => {
        this.#server.removeListener('error', reject);
        this.port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  reopen(): Promise<void> {
    return this.#server.listening ? Promise.resolve() : this.open(this.port);
  }

  shut(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    return closed;
  }
}

async function exchange(sim: Simulation, node: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  if (body === undefined) return respond(response, { status: 501, reason: 'for data too large', headers: { connection: 'close' }, body: '' });
  try {
    respond(response, await sim.handle(node, {
      method: request.method ?? 'GET', url: request.url ?? '/', headers: plainHeaders(request), ...(body === '' ? {} : { body }),
    }));
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    request.socket.destroy();
  }
}

/** undefined: too large; the rest of it is not read. */
function bodyOf(request: IncomingMessage): string | undefined | Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_MAX) return undefined;
  if (request.method === 'GET' && request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) return '';
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > BODY_MAX) {
        request.pause();
        resolve(undefined);
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', reject);
    // A client that goes away in the middle of its request never sends the end.
    request.on('close', () => resolve(undefined));
  });
}

function plainHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return headers;
}

function respond(response: ServerResponse, answer: HttpResponse): void {
  if (response.destroyed || response.headersSent) return;
  const body = Buffer.from(answer.body, 'utf8');
  response.writeHead(answer.status, reasonPhrase(answer.reason), { ...answer.headers, 'content-length': body.length });
  response.end(body);
}

/** A status line holds Latin-1 only; anything else would make Node throw in the middle of an answer. */
function reasonPhrase(text: string): string {
  return Buffer.from((text.split('\n')[0] ?? '').replace(/[^\t\u0020-\u007E\u0080-\u{10FFFF}]/gu, ' '), 'utf8').toString('latin1');
}

