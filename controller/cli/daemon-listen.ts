// In: `listen` of the configuration. Out: what the daemon runs beside its rounds, or nothing. Loaded only when it is configured.
import type { DaemonConfig } from '../config/schema.ts';
import type { DaemonParts } from '../daemon/loop.ts';
import type { Env, HttpsPlace, ProxmoxLogin } from '../model/doors.ts';
import type { World } from './context.ts';
import { isRemote } from './daemon-source.ts';

const ADDRESS = '127.0.0.1';
const PORT = 8420;

/** Undefined: there is to be no listener. */
export function listenPlace({ listen }: DaemonConfig): HttpsPlace | undefined {
  return listen && { address: listen.address ?? ADDRESS, port: listen.port ?? PORT, certificate: listen.certificate, key: listen.key };
}

export async function listenParts(config: DaemonConfig, { env, login }: { readonly env: Env; readonly login: ProxmoxLogin }, { daemon, version }: World): Promise<Pick<DaemonParts, 'observer' | 'beside'>> {
  const { listen, source } = config;
  const place = listenPlace(config);
  if (listen === undefined || place === undefined) return {};
  const { createListener } = await import('../serve/listener.ts');
  const { observer, beside } = createListener({
    config: listen, place, door: daemon.https, clock: env.clock, log: env.log, version, login, newToken: daemon.newToken, readSecret: daemon.readSecret, usage: daemon.usage,
    followed: { ...(source.repository !== undefined && isRemote(source.repository) ? { repository: source.repository } : {}), branch: source.branch ?? 'main' },
  });
  return { observer, beside };
}
