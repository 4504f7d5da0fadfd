// In: a recorded exchange and what the simulation made up so far. Out: the same request for the simulation.
// Must never change what the client meant: only made-up values, secrets and file contents are filled in.
import type { HttpRequest } from '../../controller/model/doors.ts';
import type { Exchange } from './recorded.ts';
import type { GeneratedValues } from './generated.ts';

/** What the recording replaced by `<secret>`, `<password>` or `<redacted>`. */
export interface Secrets {
  readonly labToken: string;
  readonly password: string;
  readonly rootTicket: { readonly ticket: string; readonly csrf: string };
  /** By full token id, as the simulation gave them out. */
  readonly tokens: ReadonlyMap<string, string>;
}

export function requestFor(exchange: Exchange, values: GeneratedValues, secrets: Secrets): HttpRequest {
  const body = bodyFor(exchange, values, secrets.password);
  for (const text of [exchange.path, exchange.query ?? '', exchange.requestBody ?? ''].map(decoded)) values.keep(text);
  return {
    method: exchange.method, url: urlFor(exchange, values),
    headers: headersFor(exchange, secrets, body),
    ...(body === undefined ? {} : { body }),
  };
}

function urlFor(exchange: Exchange, values: GeneratedValues): string {
  const prefix = exchange.path.startsWith('/api2/') ? '' : '/api2/json';
  const path = exchange.path.split('/').map((part) => translated(part, values)).join('/');
  return prefix + path + (exchange.query ? `?${pairsFor(exchange.query, values)}` : '');
}

/** Only touched when something in it stands for another value, so that the client's own escaping stays. */
function translated(part: string, values: GeneratedValues): string {
  const plain = decoded(part);
  const simulated = values.simulated(plain);
  if (simulated === plain) return part;
  return plain === part ? simulated : encodeURIComponent(simulated);
}

function pairsFor(form: string, values: GeneratedValues): string {
  return form.split('&').map((pair) => {
    const [name, ...value] = pair.split('=');
    const plain = decoded(value.join('='));
    const simulated = values.simulated(plain);
    return simulated === plain ? pair : `${name}=${encodeURIComponent(simulated)}`;
  }).join('&');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '));
  } catch {
    return text;
  }
}

function bodyFor(exchange: Exchange, values: GeneratedValues, password: string): string | undefined {
  if (exchange.requestBody === null) return undefined;
  const sent = exchange.requestBody.replaceAll('<password>', encodeURIComponent(password));
  const type = exchange.requestHeaders['Content-Type'] ?? '';
  if (type.startsWith('multipart/form-data')) return fileFilledIn(sent, type);
  if (type === 'application/x-www-form-urlencoded') return pairsFor(sent, values);
  return values.simulated(sent);
}

/** The recorded files were runs of one letter, except for archives, whose bytes do not matter here. */
function fileFilledIn(body: string, type: string): string {
  const boundary = type.split('boundary=')[1] ?? '';
  return `${body.replace(/<(\d+) bytes of file data>/, (_, count: string) => 'x'.repeat(Number(count)))}\r\n--${boundary}--\r\n`;
}

function headersFor(exchange: Exchange, secrets: Secrets, body: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(exchange.requestHeaders)) headers[name.toLowerCase()] = value;
  if (exchange.as === undefined) headers['authorization'] = 'PVEAPIToken=root@pam!lab=<secret>';
  if (headers['authorization'] !== undefined) headers['authorization'] = authorizationFor(exchange, headers['authorization'], secrets);
  if (headers['cookie'] !== undefined) headers['cookie'] = `PVEAuthCookie=${ticketFor(exchange, secrets)}`;
  if (headers['csrfpreventiontoken'] !== undefined) headers['csrfpreventiontoken'] = /bad-csrf/.test(exchange.id) ? 'wrong' : secrets.rootTicket.csrf;
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
  return headers;
}

/** The lab's own token reads like any other in the headers; `as` tells when a wrong secret was sent on purpose. */
function authorizationFor(exchange: Exchange, header: string, secrets: Secrets): string {
  const id = /^PVEAPIToken=([^=]+)=<secret>$/.exec(header)?.[1];
  if (id === undefined) return header;
  const onPurpose = id === 'root@pam!lab' && exchange.as?.startsWith('PVEAPIToken');
  const secret = id === 'root@pam!lab' && !onPurpose ? secrets.labToken : secrets.tokens.get(id);
  return `PVEAPIToken=${id}=${secret ?? '99999999-0000-0000-0000-000000000000'}`;
}

function ticketFor(exchange: Exchange, secrets: Secrets): string {
  return /ticket-invalid/.test(exchange.id) ? 'PVE%3Aroot@pam%3A00000000%3A%3Awrong' : encodeURIComponent(secrets.rootTicket.ticket);
}
