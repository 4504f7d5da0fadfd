// What a daemon has of the lab's node on which it is said to run: /etc/pve, the addresses, the time; over the socket of the lab's nodes.
// In: a path and a node. Out: the doors that main.ts gives a daemon on a real node. Must never answer for a lab that is gone: that is a node
// whose /etc/pve is away.
import type { Clock, ClusterFiles, FileResult } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import { askControl } from './control-socket.ts';

/** Whoever simulates the nodes. */
export interface LabHosts {
  readonly time: { readonly realMs: number; readonly virtualMs: number; readonly speed: number };
  isNode(name: string): boolean;
  files(node: string): ClusterFiles;
  addresses(node: string): readonly string[];
}

export interface LabHost {
  readonly files: ClusterFiles;
  /** The time of the node's /etc/pve. */
  readonly clock: Clock;
  ownAddresses(): Promise<readonly string[]>;
}

type FileOperation = 'read' | 'list' | 'mtime' | 'mkdir' | 'rmdir' | 'utime';

/** Undefined: the request is none of these. */
export function labHostAnswer(hosts: LabHosts, request: JsonObject): Promise<JsonObject> | undefined {
  const { host, path, seconds } = request;
  if (typeof host !== 'string') return undefined;
  if (!hosts.isNode(host)) return Promise.resolve({ unknown: true });
  const operation = FILE_OPERATIONS.find((one) => one === request['do']);
  if (operation !== undefined) return operate(hosts.files(host), operation, String(path), Number(seconds)).then((result) => ({ ...result }) as JsonObject);
  return Promise.resolve({ time: { ...hosts.time }, addresses: [...hosts.addresses(host)] });
}

const FILE_OPERATIONS = ['read', 'list', 'mtime', 'mkdir', 'rmdir', 'utime'] as const satisfies readonly FileOperation[];

function operate(files: ClusterFiles, operation: FileOperation, path: string, seconds: number): Promise<FileResult<unknown>> {
  return operation === 'utime' ? files.utime(path, seconds) : files[operation](path);
}

/** @throws Failure when the lab has no such node, or is not there */
export async function openLabHost(socket: string, host: string, machine: Clock): Promise<LabHost> {
  const look = () => askControl(socket, { host, do: 'look' });
  const { time } = await look();
  if (!isObject(time)) throw failure('USAGE', `the lab at ${socket} has no node ${host}`, { fix: 'name one of its nodes in LATIDO_LAB_NODE' });
  const [realMs, virtualMs, speed] = [Number(time['realMs']), Number(time['virtualMs']), Number(time['speed'])];
  const ask = <T>(request: JsonObject) => fileAnswer<T>(socket, { host, ...request });
  return {
    clock: { now: () => Math.floor(virtualMs + (machine.now() - realMs) * speed), sleep: (ms, signal) => machine.sleep(ms / speed, signal) },
    files: {
      read: (path) => ask({ do: 'read', path }), list: (path) => ask({ do: 'list', path }), mtime: (path) => ask({ do: 'mtime', path }),
      mkdir: (path) => ask({ do: 'mkdir', path }), rmdir: (path) => ask({ do: 'rmdir', path }), utime: (path, seconds) => ask({ do: 'utime', path, seconds }),
    },
    ownAddresses: async () => {
      const { addresses } = await look();
      return Array.isArray(addresses) ? addresses.map(String) : [];
    },
  };
}

async function fileAnswer<T>(socket: string, request: JsonObject): Promise<FileResult<T>> {
  try {
    // What the other end made of a FileResult.
    return (await askControl(socket, request)) as unknown as FileResult<T>;
  } catch (error) {
    if (error instanceof Failure) return { ok: false, errno: 'ENOTCONN' };
    throw error;
  }
}
