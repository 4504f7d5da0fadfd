// This machine: its programs, files and ports.
// In: paths and words. Out: what the kernel and the programs say.
// Must never start a shell, nor hand out a secret.
import { access, constants, mkdir, readFile, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { execa } from 'execa';
import { ConnectionError } from '../model/doors.ts';
import type { Machine, ShownCertificate } from '../model/doors.ts';
import { claimants } from './file-lock.ts';
import { settled } from './file-result.ts';
import { readSecret } from './secret-place.ts';
import type { Environment } from './secret-place.ts';
import { writeWhole } from './whole-file.ts';

/** `pveum` waits for the lock of a cluster's users, at most 10 s. */
const PROGRAM_MS = 60_000;
const CONNECT_MS = 10_000;

/** @param lock the folder, below the state folder, in which those who work there stake their claims */
export function thisMachine(environment: Environment, lock: string): Machine {
  return {
    isRoot: process.getuid?.() === 0,
    run,
    certificateAt,
    read: (file) => settled(readFile(file, 'utf8')),
    write: (file, text, mode) => settled(writeInFolder(file, text, mode)),
    folder,
    portTrouble,
    checkSecret: async (place, what) => void await readSecret(place, what, environment),
    workersIn: async (stateFolder) => (await claimants(join(stateFolder, lock))).map((pid) => `process ${pid} of this machine`),
  };
}

const run: Machine['run'] = async ([program = '', ...words]) => {
  const { exitCode, stdout, stderr, code } = await execa(program, words, { reject: false, stdin: 'ignore', timeout: PROGRAM_MS, env: { LC_ALL: 'C' } });
  if (code === 'ENOENT') return undefined;
  return { exitCode: exitCode ?? -1, stdout, stderr };
};

function certificateAt(endpoint: string): Promise<ShownCertificate> {
  const { hostname, port } = new URL(endpoint);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    // Whoever it is: the certificate is looked at, and nothing is said. A person compares it.
    const socket = tlsConnect({ host, port: Number(port) || 443, rejectUnauthorized: false, timeout: CONNECT_MS });
    const fail = (error: ConnectionError) => {
      socket.destroy();
      reject(error);
    };
    socket.once('timeout', () => fail(new ConnectionError('timeout', false, `${endpoint} did not answer in ${CONNECT_MS / 1000} s`)));
    socket.once('error', (error: NodeJS.ErrnoException) => fail(new ConnectionError('unreachable', false, `${endpoint}: ${error.message || (error.code ?? '')}`)));
    socket.once('secureConnect', () => {
      const { fingerprint256, subject, valid_to: validTo } = socket.getPeerCertificate();
      socket.destroy();
      if (fingerprint256) resolve({ fingerprint: fingerprint256, subject: [subject.CN].flat()[0] ?? '', validToMs: Date.parse(validTo) });
      else reject(new ConnectionError('tls', false, `${endpoint} showed no certificate`));
    });
  });
}

async function writeInFolder(file: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  await writeWhole(file, text, mode);
}

const folder: Machine['folder'] = async (path) => {
  const isThere = await stat(path).then((found) => found.isDirectory(), () => false);
  if (!isThere) return undefined;
  const { bavail, bsize } = await statfs(path);
  return { isWritable: await access(path, constants.W_OK | constants.X_OK).then(() => true, () => false), freeBytes: bavail * bsize };
};

const portTrouble: Machine['portTrouble'] = (address, port) => new Promise((resolve) => {
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(undefined)));
});
