// In: where to connect and whom to trust. Out: a TLS connection whose certificate is the expected one.
// Must never hand out a connection that is not verified: not a byte of a token may reach a stranger.
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { ConnectionError } from '../model/doors.ts';

/** Neither: the certificate authorities that Node trusts. Both: both must hold. */
export interface Trust {
  /** PEM. */
  readonly ca?: string;
  /** SHA-256 of a certificate, `AA:BB:…`; any of them. */
  readonly fingerprints?: readonly string[];
}

export interface Target { readonly host: string; readonly port: number; readonly servername?: string; readonly timeoutMs: number }

/** Calls back once, with a verified socket or with a ConnectionError that was not sent. */
export function connectTrusted(target: Target, trust: Trust, done: (error: ConnectionError | null, socket: TLSSocket | null) => void): void {
  const socket = tlsConnect({
    host: target.host, port: target.port, servername: target.servername, ALPNProtocols: ['http/1.1'], ca: trust.ca,
    // The handshake is let through so that the certificate can be looked at and named; `distrust` refuses it below,
    // before anybody else gets hold of the socket. No session is ever resumed (there is no `session` here), because a
    // resumed one shows no certificate of its own.
    rejectUnauthorized: false,
  });
  let called = false;
  const finish = (error: ConnectionError | null) => {
    if (called) return;
    called = true;
    clearTimeout(timer);
    if (error) socket.destroy();
    done(error, error ? null : socket);
  };
  const place = `${target.host}:${target.port}`;
  const timer = setTimeout(() => finish(new ConnectionError('timeout', false, `${place} did not accept the connection in ${target.timeoutMs} ms`)), target.timeoutMs);
  socket.setNoDelay(true).setKeepAlive(true, 30_000);
  socket.once('secureConnect', () => {
    const why = distrust(socket, trust);
    finish(why === undefined ? null : new ConnectionError('tls', false, `${place} ${why}`));
  });
  socket.on('error', (error: NodeJS.ErrnoException) => finish(connectFailure(place, error)));
  socket.once('close', () => finish(new ConnectionError('closed', false, `${place} closed the connection during the handshake`)));
}

/** Why the other side is not who we expect, with the fingerprint that was seen; or nothing. */
function distrust(socket: TLSSocket, trust: Trust): string | undefined {
  const seen = socket.getPeerCertificate().fingerprint256;
  if (!seen) return 'showed no certificate';
  const pins = (trust.fingerprints ?? []).map(normalFingerprint);
  if (pins.length > 0 && !pins.includes(normalFingerprint(seen))) return `shows a certificate with SHA-256 fingerprint ${seen}, which is not the expected one`;
  // A pinned certificate needs no authority: Proxmox signs its own.
  if (pins.length > 0 && trust.ca === undefined) return undefined;
  if (socket.authorized) return undefined;
  return `shows a certificate with SHA-256 fingerprint ${seen} that cannot be verified: ${String(socket.authorizationError)}`;
}

/** Upper-case hexadecimal digits without separators. */
export function normalFingerprint(text: string): string {
  return text.trim().replace(/^sha-?256[:=]/i, '').replaceAll(':', '').toUpperCase();
}

function connectFailure(place: string, error: NodeJS.ErrnoException): ConnectionError {
  // Node tries every address of a name and then gives one error for all.
  const code = error.code ?? (error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined)?.code : undefined) ?? '';
  return new ConnectionError(kindOf(code), false, `${place}: ${error.message || code}`);
}

function kindOf(code: string): ConnectionError['code'] {
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ETIMEDOUT') return 'timeout';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'closed';
  return /SSL|TLS|CERT|EPROTO/.test(code) ? 'tls' : 'unreachable';
}
