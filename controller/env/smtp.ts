// In: one mail. Out: handed to its server over verified TLS, or why not.
// Must never send a login over a connection that is not protected, nor put a password into a message.
import { createTransport } from 'nodemailer';
import { ConnectionError, MailRefused } from '../model/doors.ts';
import type { Mail, Mailer } from '../model/doors.ts';
import { redactText } from './redact.ts';

// A mail server may greet slowly on purpose, to put off those that send in bulk.
const GREETING_MS = 30_000;
const CONNECT_MS = 10_000;
const SILENCE_MS = 30_000;
const WHOLE_MS = 90_000;

/** @param trust.ca PEM, instead of the authorities that Node trusts */
export function createMailer(trust: { readonly ca?: string } = {}): Mailer {
  return { send: (mail, signal) => sendMail(mail, trust.ca, signal) };
}

async function sendMail(mail: Mail, ca: string | undefined, signal: AbortSignal | undefined): Promise<void> {
  const { host, port, security, login, from, to, subject, text, id, at } = mail;
  const transport = createTransport({
    host, port, secure: security === 'tls', requireTLS: security === 'starttls', ignoreTLS: security === 'none',
    ...(login ? { auth: { user: login.user, pass: login.password } } : {}),
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
    connectionTimeout: CONNECT_MS, greetingTimeout: GREETING_MS, socketTimeout: SILENCE_MS, dnsTimeout: CONNECT_MS,
    // The text comes from the cluster: it may name no file and no address that is fetched.
    disableFileAccess: true, disableUrlAccess: true,
  });
  const sending = transport.sendMail({
    from, to: [...to], subject, text, messageId: `<${id}@latido>`, date: new Date(at),
    headers: { 'auto-submitted': 'auto-generated', 'x-latido-id': id },
  });
  try {
    const { rejected } = await endedBy(sending, signal);
    if (rejected.length > 0) throw new MailRefused(true, `the mail server took it, but not for ${rejected.length} of ${to.length} addresses`);
  } catch (error) {
    throw error instanceof MailRefused || error instanceof ConnectionError ? error : causeOf(error, login?.password);
  } finally {
    transport.close();
  }
}

function endedBy<T>(sending: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new ConnectionError('closed', true, 'the delivery was given up'));
    const timer = setTimeout(() => reject(new ConnectionError('timeout', true, `the mail server did not take it within ${WHOLE_MS / 1000} s`)), WHOLE_MS);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    sending.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    });
  });
}

function causeOf(error: unknown, password: string | undefined): Error {
  const { code, responseCode, message } = error as { readonly code?: string; readonly responseCode?: number; readonly message?: string };
  const text = redactText((message ?? String(error)).split('\n')[0] ?? '', password === undefined ? [] : [password]);
  // A login that is refused is set right by a person, and the mail is still good.
  if (code === 'EAUTH') return new MailRefused(false, `the mail server refused the login${responseCode === undefined ? '' : ` (${responseCode})`}`);
  if (code === 'ETLS') return new ConnectionError('tls', false, text);
  if (responseCode !== undefined) return new MailRefused(responseCode >= 500 && code === 'EMESSAGE', text);
  if (code === 'ETIMEDOUT') return new ConnectionError('timeout', false, text);
  return new ConnectionError(/certificate|self.signed|altname|TLS/i.test(text) ? 'tls' : 'unreachable', false, text);
}
