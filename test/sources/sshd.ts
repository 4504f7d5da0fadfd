// A real sshd on a port of its own, with keys of its own, in a temporary folder; it serves git and nothing else is changed on the machine.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';

export const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd'].find((path) => existsSync(path));

export interface Sshd {
  readonly port: number;
  readonly url: (path: string) => string;
  readonly keyFile: string;
  /** A key that the server does not let in. */
  readonly strangerFile: string;
  readonly knownHostsFile: string;
  /** Known hosts that name another key for this host. */
  readonly wrongHostsFile: string;
  /** For `GIT_SSH_COMMAND` of whoever pushes. */
  readonly command: string;
  close(): Promise<void>;
}

export async function startSshd(dir: string): Promise<Sshd> {
  const path = (name: string) => join(dir, name);
  mkdirSync(dir, { mode: 0o700 });
  for (const name of ['host', 'other-host', 'deploy', 'stranger']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(name)]);
  const pub = (name: string) => readFileSync(path(`${name}.pub`), 'utf8');
  writeFileSync(path('authorized'), pub('deploy'), { mode: 0o600 });
  const port = await freePort();
  writeFileSync(path('known'), `[127.0.0.1]:${port} ${pub('host')}`);
  writeFileSync(path('wrong'), `[127.0.0.1]:${port} ${pub('other-host')}`);
  // Names that a shell or ssh would take apart, or for something else.
  copyFileSync(path('deploy'), path("it's 100%h mine"));
  chmodSync(path("it's 100%h mine"), 0o600);
  copyFileSync(path('known'), path("it's 100%h known"));
  writeFileSync(path('config'), [
    `Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${path('host')}`, `AuthorizedKeysFile ${path('authorized')}`, `PidFile ${path('pid')}`,
    'StrictModes no', 'UsePAM no', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'PermitRootLogin yes', 'AcceptEnv NOTHING', '',
  ].join('\n'));
  // sshd of Debian wants this folder, also when it is not started by init.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
  const daemon = spawn(SSHD ?? '', ['-D', '-e', '-f', path('config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => { daemon.once('exit', () => resolve()); });
  await new Promise<void>((resolve, reject) => {
    let said = '';
    daemon.stderr.on('data', (part: Buffer) => {
      said += part.toString();
      if (said.includes('Server listening')) resolve();
    });
    daemon.once('exit', () => reject(new Error(`sshd ended: ${said}`)));
  });
  return {
    port, url: (repository) => `ssh://${userInfo().username}@127.0.0.1:${port}${repository}`,
    keyFile: path("it's 100%h mine"), strangerFile: path('stranger'), knownHostsFile: path("it's 100%h known"), wrongHostsFile: path('wrong'),
    command: `ssh -F /dev/null -i ${path('deploy')} -o IdentitiesOnly=yes -o UserKnownHostsFile=${path('known')} -o StrictHostKeyChecking=yes`,
    async close() {
      daemon.kill('SIGTERM');
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => { server.close(() => resolve()); });
  return port;
}
