// A mail server on loopback that speaks as much SMTP as a client needs, with STARTTLS, and keeps what it was given.
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface SmtpOptions { readonly tls?: { readonly key: string; readonly cert: string }; /** Answer to the text of a mail. */ readonly verdict?: string; readonly refuseLogin?: boolean }
export interface SmtpServer { readonly port: number; /** `tls> ` before what came over TLS. */ readonly lines: readonly string[]; readonly mails: readonly string[]; close(): Promise<void> }

export async function smtpServer({ tls, verdict = '250 taken', refuseLogin = false }: SmtpOptions): Promise<SmtpServer> {
  const lines: string[] = [];
  const mails: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((plain) => {
    open.add(plain);
    plain.on('error', () => undefined);
    plain.write('220 mail.test ESMTP\r\n');
    converse(plain, 'plain');
  });

  function converse(socket: Socket, how: 'plain' | 'tls'): void {
    let text = '';
    let isMail = false;
    const say = (line: string) => socket.write(`${line}\r\n`);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      for (;;) {
        if (isMail) {
          const end = text.indexOf('\r\n.\r\n');
          if (end < 0) return;
          mails.push(text.slice(0, end));
          text = text.slice(end + 5);
          isMail = false;
          say(verdict);
          continue;
        }
        const end = text.indexOf('\r\n');
        if (end < 0) return;
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        lines.push(`${how}> ${line}`);
        const word = line.split(' ')[0]?.toUpperCase();
        if (word === 'EHLO') say(['250-mail.test', ...(tls && how === 'plain' ? ['250-STARTTLS'] : []), '250 AUTH PLAIN'].join('\r\n'));
        else if (word === 'STARTTLS' && tls) {
          say('220 go ahead');
          socket.removeAllListeners('data');
          const secure = new TLSSocket(socket, { isServer: true, ...tls });
          converse(secure, 'tls');
          return;
        } else if (word === 'AUTH') say(refuseLogin ? '535 wrong' : '235 welcome');
        else if (word === 'DATA') {
          isMail = true;
          say('354 go on');
        } else if (word === 'QUIT') {
          say('221 bye');
          socket.end();
        } else say(word === 'STARTTLS' ? '502 not here' : '250 fine');
      }
    });
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port, lines, mails,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    }),
  };
}
