// In: an address and a certificate. Out: an HTTPS server that hands each request on and sends back what is answered.
// Must never let a stranger hold a connection, or the daemon's end, for long.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { HttpsDoor, HttpsPlace } from '../model/doors.ts';
import { failure } from '../model/finding.ts';

/** People, Prometheus, webhooks and those who follow events: a few dozen; each costs memory. */
const CONNECTIONS_MAX = 200;
const HEADERS_MS = 10_000;
/** Eight MiB of a webhook over a slow line. */
const REQUEST_MS = 30_000;
const IDLE_MS = 10_000;
/** Answers under way when the daemon ends: a follower of events waits up to half a minute, and is not waited for. */
const CLOSE_MS = 2_000;

export function httpsDoor(): HttpsDoor {
  return {
    async check(place) {
      serverOf(place, await readFiles(place), () => undefined);
    },
    async listen(place, answer) {
      const files = await readFiles(place);
      const handle = getRequestListener((request, { incoming }) => answer(request, incoming.socket.remoteAddress ?? ''), { overrideGlobalObjects: false, errorHandler: () => new Response(null, { status: 400 }) });
      const server = serverOf(place, files, (incoming, outgoing) => void handle(incoming, outgoing));
      await listening(server, place);
      return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
    },
  };
}

function serverOf(place: HttpsPlace, { cert, key }: Awaited<ReturnType<typeof readFiles>>, handle: Parameters<typeof createServer>[1]): Server {
  try {
    const server = createServer({ cert, key, minVersion: 'TLSv1.2', headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: IDLE_MS, handshakeTimeout: HEADERS_MS, maxHeaderSize: 16 * 1024 }, handle);
    server.maxConnections = CONNECTIONS_MAX;
    // A handshake that fails, a client that goes: theirs.
    server.on('tlsClientError', (_, socket) => socket.destroy());
    server.on('clientError', (_, socket) => socket.destroy());
    return server;
  } catch (error) {
    throw failure('CONFIG_INVALID', `the listener cannot use ${place.certificate} with ${place.key}: ${codeOf(error)}`, { fix: 'name a certificate and its own key, both in PEM' });
  }
}

async function readFiles({ certificate, key }: HttpsPlace): Promise<{ readonly cert: string; readonly key: string }> {
  return { cert: await readPem(certificate, 'certificate', /-----BEGIN CERTIFICATE-----/), key: await readPem(key, 'private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/) };
}

async function readPem(file: string, what: string, head: RegExp): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw failure('CONFIG_INVALID', `the ${what} of the listener, ${file}, could not be read: ${codeOf(error)}`, { fix: 'name a file in PEM that this user may read' });
  });
  if (!head.test(text)) throw failure('CONFIG_INVALID', `${file} holds no ${what} in PEM`, { fix: 'name the right file' });
  return text;
}

function listening(server: Server, { address, port }: HttpsPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => {
      const code = codeOf(error);
      const fix = code === 'EADDRINUSE' ? 'end what listens there (ss -ltnp tells who), or choose another listen.port' : code === 'EACCES' ? 'choose a port above 1023' : 'choose an address of this machine as listen.address';
      reject(failure('CONFIG_INVALID', `the listener could not be made on ${address} port ${port}: ${code}`, { fix }));
    };
    server.once('error', refuse);
    server.listen({ host: address, port }, () => {
      server.off('error', refuse);
      // Of a connection that could not be taken (too many open files): the next one may be.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));
}
