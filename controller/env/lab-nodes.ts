// The door to the nodes of a lab: commands over a socket, one line of JSON each, to the process that simulates the nodes.
// In: a lab's Ssh door and a path, or the path alone. Out: served there, or the same door in another process.
// Must never take a break of the connection for an answer: what was sent may have been done.
import { ConnectionError } from '../model/doors.ts';
import type { Ssh, SshResult } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import { askControl, controlSocket } from './control-socket.ts';
import { labHostAnswer } from './lab-host.ts';
import type { LabHosts } from './lab-host.ts';
import { plain } from './ssh.ts';
import type { SshDoor } from './ssh.ts';

/** @param hosts for daemons that run on its nodes; absent: none can. @returns what ends it; undefined: somebody else serves there */
export function serveLabNodes(path: string, ssh: Ssh, hosts?: LabHosts): Promise<(() => Promise<void>) | undefined> {
  return controlSocket(path).listen(async (request): Promise<JsonObject> => {
    const asHost = hosts && labHostAnswer(hosts, request);
    if (asHost) return asHost;
    const words = Array.isArray(request['argv']) ? request['argv'].map(String) : [];
    try {
      return { ...(await ssh.run(String(request['node']), words, { stdin: [String(request['stdin'])], timeoutMs: Number(request['timeoutMs']) })) };
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      return { broken: { code: error.code, sent: error.sent, message: error.message } };
    }
  });
}

export function createLabSsh(path: string): SshDoor {
  const stats = { calls: 0 };
  const run: SshDoor['run'] = async (node, argv, { stdin, timeoutMs }) => {
    const input = plain(stdin ?? []);
    try {
      return resultOf(node, await askControl(path, { node, argv: [...argv], stdin: input, timeoutMs }));
    } catch (error) {
      if (error instanceof Failure) throw new ConnectionError('closed', true, `the lab did not answer for ${node}`);
      throw error;
    }
  };
  return {
    stats,
    learnNodes: () => undefined,
    run: (...asked) => {
      stats.calls += 1;
      return run(...asked);
    },
    runAll: async (node, argvs, options) => {
      stats.calls += 1;
      const results: SshResult[] = [];
      for (const argv of argvs) results.push(await run(node, argv, options));
      return results;
    },
    close: () => Promise.resolve(),
  };
}

const CODES = ['refused', 'unreachable', 'timeout', 'closed', 'tls'] as const;

function resultOf(node: string, answer: JsonObject): SshResult {
  const { broken, code, stdout, stderr } = answer;
  if (isObject(broken)) throw new ConnectionError(CODES.find((one) => one === broken['code']) ?? 'closed', broken['sent'] === true, String(broken['message']));
  if (typeof code !== 'number' || typeof stdout !== 'string' || typeof stderr !== 'string') throw new ConnectionError('closed', true, `the lab did not answer for ${node}`);
  return { code, stdout, stderr };
}
