// Mail, against a server on loopback: never a login or a text over a line that is to be protected and is not.
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createMailer } from '../../controller/env/smtp.ts';
import { MailRefused } from '../../controller/model/doors.ts';
import type { Mail } from '../../controller/model/doors.ts';
import { selfSigned } from '../env/https-server.ts';
import type { Certificate } from '../env/https-server.ts';
import { smtpServer } from './smtp-server.ts';
import type { SmtpOptions, SmtpServer } from './smtp-server.ts';

let certificate: Certificate;
beforeAll(async () => {
  certificate = await selfSigned('127.0.0.1');
});

let server: SmtpServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const MAIL: Omit<Mail, 'port'> = { host: '127.0.0.1', security: 'starttls', login: { user: 'latido', password: 'S3CR3T-PASS' }, from: 'latido@lab.test', to: ['ops@lab.test'], subject: 'latido lab: held VirtualMachine/wéb', text: 'held\n.\n', id: 'f00d', at: Date.UTC(2026, 10, 22) };

async function send(options: SmtpOptions, mail: Partial<Mail> = {}, trust: { readonly ca?: string } = { ca: certificate.cert }): Promise<SmtpServer> {
  server = await smtpServer(options);
  await createMailer(trust).send({ ...MAIL, port: server.port, ...mail });
  return server;
}

test('a mail goes over STARTTLS, with its login only there', async () => {
  const { lines, mails } = await send({ tls: certificate });
  expect(lines.filter((line) => /AUTH|MAIL|RCPT/.test(line)).every((line) => line.startsWith('tls> '))).toBe(true);
  expect(lines).toContain('tls> MAIL FROM:<latido@lab.test>');
  expect(lines).toContain('tls> RCPT TO:<ops@lab.test>');
  const [mail = ''] = mails;
  for (const header of ['From: latido@lab.test', 'To: ops@lab.test', 'Message-ID: <f00d@latido>', 'Auto-Submitted: auto-generated', 'Subject: =?UTF-8?']) expect(mail).toContain(header);
});

describe('nothing is sent', () => {
  test('when STARTTLS is asked for and not offered', async () => {
    await expect(send({})).rejects.toThrow();
    expect(server?.lines.some((line) => /AUTH|MAIL/.test(line))).toBe(false);
  });

  test('when the certificate is nobody\'s', async () => {
    await expect(send({ tls: certificate }, {}, {})).rejects.toMatchObject({ code: 'tls' });
    expect(server?.lines.some((line) => /AUTH|MAIL/.test(line))).toBe(false);
  });

  test('when the server is away', async () => {
    server = await smtpServer({});
    const { port } = server;
    await server.close();
    await expect(createMailer().send({ ...MAIL, port })).rejects.toMatchObject({ name: 'ConnectionError' });
  });
});

describe('a refusal', () => {
  test('of the login may pass, and does not show the password', async () => {
    const error = await send({ tls: certificate, refuseLogin: true }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(MailRefused);
    expect(error).toMatchObject({ isFinal: false });
    expect(String(error)).not.toMatch(/S3CR3T|latido\0/);
  });

  test('of the text is final', async () => {
    await expect(send({ tls: certificate, verdict: '554 no' })).rejects.toMatchObject({ name: 'MailRefused', isFinal: true });
  });

  test('for now is not', async () => {
    await expect(send({ tls: certificate, verdict: '451 later' })).rejects.toMatchObject({ name: 'MailRefused', isFinal: false });
  });
});

test('on this machine a mail may go unprotected, without a login', async () => {
  const { lines, mails } = await send({}, { security: 'none', login: undefined } as Partial<Mail>, {});
  expect(lines).toContain('plain> MAIL FROM:<latido@lab.test>');
  expect(mails).toHaveLength(1);
});

test('a subject cannot begin a header', async () => {
  const { mails } = await send({ tls: certificate }, { subject: 'x\r\nBcc: evil@lab.test' });
  expect(mails[0]?.split('\r\n\r\n')[0]).not.toMatch(/^Bcc:/m);
});
