// The one place where a reference becomes a value: around the API, just before a write. What comes back (errors, the log of a
// task) is read without the values. In: the API. Out: the same API.
import { ConnectionError, PveError } from '../model/doors.ts';
import type { PveApi, Ssh, Stdin, StdinSecret } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import type { JsonObject } from '../model/json.ts';
import { withSecrets } from '../model/secret.ts';
import { hideJson } from './hide.ts';

const OF_A_TASK = /\/tasks\/[^/]+\/(?:log|status)$/;

export function wireApi(pve: PveApi, valueOf: (name: string) => string | undefined, hide: (text: string) => string): PveApi {
  const known = (name: string): string => {
    const value = valueOf(name);
    if (value === undefined) throw failure('SECRET_MISSING', `the secret ${name} cannot be had any more`, { fix: 'nothing was sent; plan again' });
    return value;
  };
  const hidden = (error: unknown): never => {
    if (error instanceof PveError) throw new PveError(error.status, hide(error.message), Object.fromEntries(Object.entries(error.errors).map(([name, text]) => [name, hide(String(text))])));
    if (error instanceof ConnectionError) throw new ConnectionError(error.code, error.sent, hide(error.message));
    throw error;
  };
  return {
    async get(path, options) {
      const data = await pve.get(path, options).catch(hidden);
      return OF_A_TASK.test(path) ? hideJson(data, hide) : data;
    },
    async write(method, path, params, options) {
      // The values live in this one object, for as long as the request does.
      const values = withSecrets(params, known) as JsonObject;
      return pve.write(method, path, values, options).catch(hidden);
    },
    learnNodes: (addresses) => pve.learnNodes(addresses),
    get asRoot() { return pve.asRoot ?? false; },
    get stats() { return pve.stats; },
  };
}

/** The same for commands on nodes: a reference in their standard input. */
export function wireSsh(ssh: Ssh, valueOf: (name: string) => string | undefined, hide: (text: string) => string): Ssh {
  return {
    async run(node, argv, { stdin, timeoutMs }) {
      const written = stdin?.map((piece) => (typeof piece === 'string' ? { piece, value: piece } : secretPiece(piece, valueOf(piece.secret))));
      const { code, stdout, stderr } = await ssh.run(node, argv, { timeoutMs, ...(written === undefined ? {} : { stdin: written.map(({ piece }) => piece) }) });
      // A program may say what it read, quoted as it was.
      const bare = (text: string) => (written ?? []).reduce((said, { piece, value }) => (typeof piece === 'string' && piece !== value ? said.replaceAll(piece, value) : said), text);
      return { code, stdout: hide(bare(stdout)), stderr: hide(bare(stderr)) };
    },
    async runAll(node, argvs, options) {
      return (await ssh.runAll(node, argvs, options)).map(({ code, stdout, stderr }) => ({ code, stdout: hide(stdout), stderr: hide(stderr) }));
    },
    learnNodes: (addresses) => ssh.learnNodes(addresses),
    get stats() { return ssh.stats; },
  };
}

interface Written { readonly piece: Stdin[number]; /** As it is kept. */ readonly value: string }

function secretPiece(piece: StdinSecret, value: string | undefined): Written {
  if (value === undefined) return { piece, value: '' };
  if (piece.quoted === undefined) return { piece: value, value };
  const { mostBytes } = piece.quoted;
  const bytes = Buffer.byteLength(value);
  const why = bytes === 0 ? 'it is empty' : bytes > mostBytes ? `it is ${bytes} bytes long, and ${mostBytes} is the most` : CONTROL.test(value) ? 'it has a line end or another control character in it' : undefined;
  if (why !== undefined) throw failure('SECRET_UNFIT', `the secret ${piece.secret} cannot be written there: ${why}`, { fix: 'nothing was sent; give it another value' });
  return { piece: value.replaceAll(/["\\]/g, '\\$&'), value };
}

const CONTROL = /\p{Cc}/u;
