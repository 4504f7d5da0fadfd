// In: one message, one channel, doors. Out: the message delivered, or why not.
// Must never put an address, a token or a password into what it throws: an address may itself be the secret.
import type { NotifyConfig, SecretPlace } from '../config/schema.ts';
import { ConnectionError, MailRefused } from '../model/doors.ts';
import type { HttpRequest, HttpResponse, Mailer, Transport } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { mailText, mattermostBody, matrixBody, signatureOf, slackBody, webhookBody } from './formats.ts';
import type { Message } from './message.ts';
import { oneLine } from './notice.ts';

export interface Outbound {
  /** Verifies certificates; bounds the answer; follows no redirect. */
  readonly transport: Transport;
  readonly mailer: Mailer;
  /** Read at each delivery, so that a changed secret counts at once. Throws Failure. */
  readonly secret: (place: SecretPlace, what: string) => Promise<string>;
}

/** `isFinal`: the channel will never take this message, and may take the next one. */
export class Undelivered extends Error {
  constructor(message: string, readonly isFinal: boolean, readonly retryAfterMs?: number) {
    super(message);
    this.name = 'Undelivered';
  }
}

const TIMEOUT_MS = 20_000;

/** Throws Undelivered. @param now milliseconds since the epoch, for the date of a mail */
export async function deliver(channel: NotifyConfig, message: Message, doors: Outbound, now: number, signal?: AbortSignal): Promise<void> {
  try {
    await (channel.type === 'email' ? mail(channel, message, doors, now, signal) : post(channel, message, doors, signal));
  } catch (error) {
    throw error instanceof Undelivered ? error : undelivered(error);
  }
}

type HttpChannel = Exclude<NotifyConfig, { readonly type: 'email' }>;

async function post(channel: HttpChannel, message: Message, { transport, secret }: Outbound, signal?: AbortSignal): Promise<void> {
  const { url, ...request } = await requestOf(channel, message, secret);
  if (!URL.canParse(url) || !url.startsWith('https://')) throw new Undelivered('its address is not an https address', false);
  const { origin, host, hostname, pathname, search, username, password } = new URL(url);
  if (username !== '' || password !== '') throw new Undelivered('its address contains a user or a password', false);
  try {
    const answer = await transport.send(origin, { ...request, url: `${pathname}${search}` }, TIMEOUT_MS, signal);
    if (answer.status < 200 || answer.status > 299) throw refusalOf(answer);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new Undelivered(`${error.code}: ${[origin, host, hostname].reduce((text, part) => text.replaceAll(part, 'its host'), error.message)}`, false);
  }
}

async function requestOf(channel: HttpChannel, message: Message, secret: Outbound['secret']): Promise<HttpRequest> {
  const headers = { 'content-type': 'application/json', 'user-agent': 'latido', accept: 'application/json, text/plain, */*' };
  switch (channel.type) {
    case 'webhook': {
      const body = webhookBody(message);
      const signed: Readonly<Record<string, string>> = channel.secret ? { 'x-latido-signature': signatureOf(body, await secret(channel.secret, `the secret of ${channel.name}`)) } : {};
      return { method: 'POST', url: await secret(channel.url, `the address of ${channel.name}`), headers: { ...headers, 'x-latido-id': message.id, ...signed }, body };
    }
    case 'slack': return { method: 'POST', url: await secret(channel.url, `the address of ${channel.name}`), headers, body: slackBody(message) };
    case 'mattermost': return { method: 'POST', url: await secret(channel.url, `the address of ${channel.name}`), headers, body: mattermostBody(message) };
    case 'matrix': {
      const token = await secret(channel.token, `the token of ${channel.name}`);
      // The last part makes a second try the same event.
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(channel.room)}/send/m.room.message/${encodeURIComponent(message.id)}`;
      return { method: 'PUT', url: `${channel.homeserver.replace(/\/+$/, '')}${path}`, headers: { ...headers, authorization: `Bearer ${token}` }, body: matrixBody(message) };
    }
    default: return channel satisfies never;
  }
}

const PORTS = { tls: 465, starttls: 587, none: 25 } as const;

async function mail(channel: Extract<NotifyConfig, { readonly type: 'email' }>, message: Message, { mailer, secret }: Outbound, now: number, signal?: AbortSignal): Promise<void> {
  const { host, security = 'starttls', user, password, from, to } = channel;
  const login = user === undefined || password === undefined ? {} : { login: { user, password: await secret(password, `the password of ${channel.name}`) } };
  await mailer.send({ host, port: channel.port ?? PORTS[security], security, ...login, from, to, ...mailText(message), id: message.id, at: now }, signal);
}

// What these say of this message they will say again; anything else may be set right: the address, the token, the room.
const FINAL: ReadonlySet<number> = new Set([400, 413, 415, 422]);
const RETRY_AFTER_MAX_MS = 60 * 60_000;

function refusalOf({ status, headers }: HttpResponse): Undelivered {
  if (status >= 300 && status < 400) return new Undelivered(`HTTP ${status}: it sends elsewhere, and that is not followed`, false);
  const seconds = Number(headers['retry-after']);
  const after = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, RETRY_AFTER_MAX_MS) : undefined;
  // The answer's text is not repeated: it may contain what we sent.
  return new Undelivered(`HTTP ${status}`, FINAL.has(status), after);
}

function undelivered(error: unknown): Undelivered {
  if (error instanceof MailRefused) return new Undelivered(oneLine(error.message, 300), error.isFinal);
  if (error instanceof ConnectionError) return new Undelivered(`${error.code}: ${oneLine(error.message, 300)}`, false);
  // Names the file or the variable, never what is in it.
  if (error instanceof Failure) return new Undelivered(oneLine(error.findings[0]?.fact ?? error.message, 300), false);
  return new Undelivered(`a defect of latido: ${error instanceof Error ? error.name : typeof error}`, false);
}
