// A real HTTPS server on loopback with a certificate of its own, for the transport's tests.
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';

export interface Certificate { readonly key: string; readonly cert: string; readonly fingerprint: string }

export async function selfSigned(host = '127.0.0.1'): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: host }], {
    keyType: 'ec', algorithm: 'sha256',
    extensions: [{ name: 'basicConstraints', cA: true }, { name: 'subjectAltName', altNames: [/^[\d.]+$/.test(host) ? { type: 7, ip: host } : { type: 2, value: host }] }],
  });
  return { key: made.private, cert: made.cert, fingerprint: new X509Certificate(made.cert).fingerprint256 };
}

export interface TestServer {
  readonly endpoint: string;
  /** `METHOD url` of every request that arrived. */
  readonly requests: readonly string[];
  connections(): number;
  close(): Promise<void>;
}

export async function serve(certificate: ServerOptions, handle: (request: IncomingMessage, response: ServerResponse, nth: number) => void, port = 0): Promise<TestServer> {
  const requests: string[] = [];
  let connections = 0;
  const server: Server = createServer(certificate, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    handle(request, response, requests.length);
  });
  server.on('secureConnection', () => (connections += 1));
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections: () => connections,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
