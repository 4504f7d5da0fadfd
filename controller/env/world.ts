// In: the Cluster of a manifest and where its state lives. Out: the whole real world, as one Env.
// Must never be imported by anything but main.ts and tests.
import { readFile } from 'node:fs/promises';
import type { ClusterSpec } from '../model/desired.ts';
import type { Clock, Env, Logger, SecretDoor, ProxmoxLogin } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import { realClock } from './clock.ts';
import { readCredentials, type Environment } from './credentials.ts';
import { createFileStore } from './file-store.ts';
import { createLabSsh } from './lab-nodes.ts';
import { createPveClient, type PveClientLimits } from './pve-client.ts';
import { createProxmoxLogin } from './pve-login.ts';
import { createSsh } from './ssh.ts';
import type { SshDoor } from './ssh.ts';
import type { Trust } from './tls-trust.ts';
import { createUndiciTransport } from './undici-transport.ts';

export interface RealEnvOptions {
  readonly stateDir: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly environment?: Environment;
  readonly limits?: Partial<PveClientLimits>;
  readonly secrets?: SecretDoor;
  /** Whether a node is this machine: its commands then need no ssh. Absent: by the machine's name, when it is a node. */
  readonly isLocal?: (node: string) => boolean;
  /** The socket of a lab's nodes, in place of ssh. */
  readonly labNodes?: string;
  /** See PveClientOptions. */
  readonly settling?: boolean;
}

export interface RealEnv extends Env {
  readonly ssh: SshDoor;
  /** Asks the same endpoints, as somebody else. */
  readonly login: ProxmoxLogin;
  /** Closes all connections. */
  close(): Promise<void>;
}

/** Reads credentials and certificates now; connects to nothing yet. Throws a Failure that says what is wrong with them. */
export async function createRealEnv(cluster: ClusterSpec, options: RealEnvOptions): Promise<RealEnv> {
  const { log, clock = realClock, random = Math.random, limits, settling } = options;
  const { credentials, warnings } = await readCredentials(cluster.credentials, options.environment ?? process.env);
  for (const { code, fact, fix } of warnings) log.warn({ code, ...(fix === undefined ? {} : { fix }) }, fact);
  const endpoints = cluster.endpoints.map(checkedEndpoint);
  if (endpoints.length === 0) throw failure('ENDPOINT_UNREACHABLE', 'the cluster has no endpoints', { fix: 'list one or more https addresses in endpoints' });
  const transport = createUndiciTransport(await trustOf(cluster.tls));
  const ssh = options.labNodes === undefined ? createSsh({ ...cluster.ssh, ...(options.isLocal ? { isLocal: options.isLocal } : {}) }) : createLabSsh(options.labNodes);
  return {
    pve: createPveClient({ endpoints, credentials, transport, clock, random, log, limits, settling }),
    login: createProxmoxLogin({ endpoints, transport, clock, random, ...(limits ? { limits } : {}) }),
    ssh,
    clock, log, random, store: createFileStore(options.stateDir), ...(options.secrets ? { secrets: options.secrets } : {}),
    close: async () => void await Promise.all([transport.close(), ssh.close()]),
  };
}

async function trustOf(tls: ClusterSpec['tls']): Promise<Trust> {
  const fingerprints = [tls?.fingerprint ?? []].flat();
  return { fingerprints, ...(tls?.ca === undefined ? {} : { ca: await readAuthority(tls.ca) }) };
}

async function readAuthority(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw failure('TLS_UNTRUSTED', `the certificate authority in ${file} could not be read: ${error.code ?? error.message}`, { fix: 'copy /etc/pve/pve-root-ca.pem of the cluster there' });
  });
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw failure('TLS_UNTRUSTED', `${file} holds no certificate in PEM`, { fix: 'copy /etc/pve/pve-root-ca.pem of the cluster there' });
  return text;
}

function checkedEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    throw failure('ENDPOINT_UNREACHABLE', 'an endpoint is not an https address without credentials', { fix: 'write it as https://host:8006' });
  }
  return url.origin;
}
