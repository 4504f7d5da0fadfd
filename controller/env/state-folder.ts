// In: a cluster's name, and what this process was started with. Out: the folder of what latido remembers of it.
// The daemon and the commands that ask it must come to the same one.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Started {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** 0 is root. */
  readonly uid: number | undefined;
  readonly home: string;
  exists(path: string): boolean;
}

/** Of services, as the Filesystem Hierarchy Standard has it. */
const OF_SERVICES = '/var/lib/latido';

export function startedBy({ env, getuid }: Pick<NodeJS.Process, 'env' | 'getuid'>): Started {
  return { environment: env, uid: getuid?.(), home: homedir(), exists: existsSync };
}

/** @param stateDir named by a person: it is the folder itself */
export function stateFolder(cluster: string, stateDir: string | undefined, started: Started): string {
  return resolve(stateDir ?? join(stateRoot(started), cluster));
}

/**
 * Holds a folder for each cluster. systemd names it in $STATE_DIRECTORY; root, who is also who asks the service, uses the
 * service's as soon as there is one; everybody else has a place at home.
 */
export function stateRoot({ environment, uid, home, exists }: Started): string {
  const [named] = (environment['STATE_DIRECTORY'] ?? '').split(':');
  if (named !== undefined && named !== '') return named;
  const isService = (environment['INVOCATION_ID'] ?? '') !== '';
  if (uid === 0 && (isService || exists(OF_SERVICES))) return OF_SERVICES;
  return join(environment['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'latido');
}
