// The one place where a reference becomes a value: around the API, just before a write. What comes back (errors, the log of a
// task) is read without the values. In: the API. Out: the same API.
import { ConnectionError, PveError } from '../model/doors.ts';
import type { PveApi, Ssh } from '../model/doors.ts';
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
      const pieces = stdin?.map((piece) => (typeof piece === 'string' ? piece : valueOf(piece.secret) ?? piece));
      const { code, stdout, stderr } = await ssh.run(node, argv, { timeoutMs, ...(pieces === undefined ? {} : { stdin: pieces }) });
      return { code, stdout: hide(stdout), stderr: hide(stderr) };
    },
    async runAll(node, argvs, options) {
      return (await ssh.runAll(node, argvs, options)).map(({ code, stdout, stderr }) => ({ code, stdout: hide(stdout), stderr: hide(stderr) }));
    },
    learnNodes: (addresses) => ssh.learnNodes(addresses),
    get stats() { return ssh.stats; },
  };
}
