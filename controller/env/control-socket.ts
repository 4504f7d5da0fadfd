// In: a path below the state folder. Out: a socket that answers one JSON line with one JSON line, and its other end.
// Must never be open to another user: it can approve and suspend.
import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { ControlDoor } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';

/** Requests are short; more is not one of ours. */
const REQUEST_CHARS_MAX = 64 * 1024;
/** A plan of ten thousand guests. */
const ANSWER_CHARS_MAX = 512 * 1024 * 1024;
/** Linux keeps 108 bytes for the path of a socket, with the byte that ends it. */
const PATH_BYTES_MAX = 107;

export function controlSocket(path: string): ControlDoor {
  return {
    async listen(answer) {
      checkPath(path);
      if (await isAnswered(path)) return undefined;
      // Left by a daemon that was killed.
      await rm(path, { force: true });
      const server = createServer((socket) => serve(socket, answer));
      await listening(server, path);
      await chmod(path, 0o600);
      return async () => {
        await new Promise<void>((resolve) => server.close(() => resolve()));
        await rm(path, { force: true });
      };
    },
  };
}

function serve(socket: Socket, answer: (request: JsonObject) => Promise<JsonObject>): void {
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  let text = '';
  socket.on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end === -1 && text.length <= REQUEST_CHARS_MAX) return;
    socket.pause();
    void reply(text.slice(0, end === -1 ? 0 : end), answer).then((json) => socket.end(`${json}\n`));
  });
}

async function reply(line: string, answer: (request: JsonObject) => Promise<JsonObject>): Promise<string> {
  const refused = (fact: string) => JSON.stringify({ ok: false, findings: [{ code: 'USAGE', severity: 'error', fact }] });
  try {
    const request: unknown = JSON.parse(line);
    return isObject(request) ? JSON.stringify(await answer(request as JsonObject)) : refused('the request is not an object');
  } catch (error) {
    return refused(error instanceof SyntaxError ? 'the request is not one line of JSON' : `the daemon could not answer: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @throws Failure DAEMON_ABSENT when nobody answers there */
export async function askControl(path: string, request: JsonObject): Promise<JsonObject> {
  checkPath(path);
  const socket = await connected(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES') throw failure('DAEMON_ABSENT', `${path} belongs to another user`, { fix: 'ask as the user that runs the daemon' });
    throw failure('DAEMON_ABSENT', `no daemon answers at ${path}`, { fix: 'start it with: latido run, or name its state folder with --state' });
  });
  const text = await answered(socket, `${JSON.stringify(request)}\n`);
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value as JsonObject;
  } catch {
    // Told below: an answer cut short is no answer.
  }
  throw failure('DAEMON_ABSENT', `the daemon at ${path} ended before it had answered`, { fix: 'ask again' });
}

function answered(socket: Socket, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: string[] = [];
    let length = 0;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      parts.push(chunk);
      length += chunk.length;
      if (length > ANSWER_CHARS_MAX) socket.destroy(new Error('the answer is too long'));
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(parts.join('')));
    socket.write(line);
  });
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = await connected(path).catch(() => undefined);
  socket?.destroy();
  return socket !== undefined;
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(failure('STATE_UNUSABLE', `the control socket ${path} could not be made: ${error.code ?? error.message}`, { fix: 'let this user write there, or choose another folder with --state' })));
    server.listen(path, () => resolve());
  });
}

function checkPath(path: string): void {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw failure('USAGE', `${path} is too long for a socket: at most ${PATH_BYTES_MAX} bytes`, { fix: 'choose a shorter folder with --state' });
}
