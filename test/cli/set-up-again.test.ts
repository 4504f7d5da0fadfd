// SIGHUP with a configuration that cannot be used: it is told, and the old one stays in force.
import { expect, test } from 'vitest';
import { setUpAgain } from '../../controller/cli/daemon-run.ts';
import type { Setup } from '../../controller/cli/daemon-run.ts';
import type { World } from '../../controller/cli/context.ts';
import type { DaemonConfig } from '../../controller/config/schema.ts';
import type { Machine } from '../../controller/model/doors.ts';
import { failure } from '../../controller/model/finding.ts';
import { contextOf } from './fake-context.ts';

const OLD = { config: {} } as unknown as Setup;

async function again(config: object, trouble?: string) {
  const { told, context } = contextOf({});
  const world: World = {
    ...context.world,
    machine: () => Promise.resolve({ portTrouble: () => Promise.resolve(trouble) } as unknown as Machine),
    daemon: { ...context.world.daemon, outbound: (file) => Promise.reject(failure('USAGE', `${file} could not be read: ENOENT`)) },
  };
  const place = { file: '/etc/latido.yaml', read: () => Promise.resolve(config as DaemonConfig) } as Parameters<typeof setUpAgain>[0];
  return { setup: await setUpAgain(place, OLD, world), err: told.err };
}

test.each([
  ['a port that somebody else has', { listen: { port: 8420, certificate: 'c', key: 'k' } }, 'EADDRINUSE', /127\.0\.0\.1:8420: EADDRINUSE/],
  ['certificates of the forge that cannot be read', { forge: { ca: '/no/such.pem' } }, undefined, /\/no\/such\.pem could not be read/],
])('%s', async (_, config, trouble, words) => {
  const { setup, err } = await again(config, trouble);
  expect(setup).toBe(OLD);
  expect(err).toMatch(words);
  expect(err).toContain('The old configuration stays in force.');
});
