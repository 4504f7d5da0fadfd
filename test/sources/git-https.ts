// A git server over real https: node's own server in front of git's own CGI program, with a certificate made for the test.
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface GitHttps {
  readonly port: number;
  readonly url: (repository: string) => string;
  readonly caFile: string;
  /** The `Authorization` headers that came. */
  readonly authorizations: () => readonly string[];
  close(): Promise<void>;
}

let made: ReturnType<typeof generate> | undefined;

/** @param password asked of everybody, when given */
export async function serveGit(root: string, options: { readonly password?: string; readonly port?: number } = {}): Promise<GitHttps> {
  made ??= generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048, extensions: [{ name: 'basicConstraints', cA: true }, { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }] });
  const caFile = join(root, 'ca.pem');
  const { cert, private: key } = await made;
  writeFileSync(caFile, cert);
  const backend = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-http-backend');
  const authorizations: string[] = [];
  const server = createServer({ key, cert }, (request, response) => {
    const { authorization } = request.headers;
    if (authorization !== undefined) authorizations.push(authorization);
    const given = Buffer.from((authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    if (options.password !== undefined && !given.endsWith(`:${options.password}`)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('no');
      return;
    }
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const cgi = spawn(backend, [], { env: {
      PATH: process.env['PATH'], GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: path, QUERY_STRING: query, REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '', GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''), GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null',
      ...(request.headers['content-encoding'] === undefined ? {} : { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }),
    } });
    request.pipe(cgi.stdin);
    const parts: Buffer[] = [];
    cgi.stdout.on('data', (part: Buffer) => parts.push(part));
    cgi.stdout.on('end', () => {
      const all = Buffer.concat(parts);
      const end = all.indexOf('\r\n\r\n');
      const headers = all.toString('latin1', 0, end).split('\r\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const);
      const status = Number(headers.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200);
      response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== 'Status'))).end(all.subarray(end + 4));
    });
  });
  await new Promise<void>((resolve) => { server.listen(options.port ?? 0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  return {
    port, caFile, url: (repository) => `https://localhost:${port}/${repository}`, authorizations: () => authorizations,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
