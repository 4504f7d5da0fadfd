// `follow` of the configuration becomes what the loop asks; without a lease of the whole cluster it is refused.
import { expect, test } from 'vitest';
import { configText } from '../../controller/cli/init-text.ts';
import { followParts } from '../../controller/cli/daemon-run.ts';
import { readConfig } from '../../controller/config/read.ts';
import { Failure } from '../../controller/model/finding.ts';
import type { Lease } from '../../controller/model/doors.ts';
import { contextOf } from './fake-context.ts';

const machineLease: Lease = { acquire: () => Promise.resolve({ held: true }), renew: () => Promise.resolve(true), release: () => Promise.resolve() };
const clusterLease: Lease = { ...machineLease, isFree: () => Promise.resolve(true) };
const config = (follow?: object) => ({ cluster: 'a', source: { directory: '/x' }, ...(follow ? { follow: { address: '10.0.0.50', ...follow } } : {}) });

test('nothing is followed that is not named', () => expect(followParts(config(), machineLease, contextOf({}).context.world)).toEqual({}));

test('a minute of patience, or as much as is written', () => {
  const { world } = contextOf({}).context;
  expect(followParts(config({}), clusterLease, world)).toMatchObject({ follow: { address: '10.0.0.50', patienceMs: 60_000 } });
  expect(followParts(config({ patienceSeconds: 300 }), clusterLease, world)).toMatchObject({ follow: { patienceMs: 300_000 } });
});

test('a lease of this machine alone would let two nodes write', () => {
  expect(() => followParts(config({}), machineLease, contextOf({}).context.world)).toThrow(Failure);
});

test('latido init writes what to follow, or how to write it', () => {
  const written = configText({ cluster: 'a', source: { directory: '/x' }, follow: { address: '10.0.0.50' } });
  expect(readConfig(written, 'c')).toEqual({ cluster: 'a', source: { directory: '/x' }, follow: { address: '10.0.0.50' } });
  expect(written).not.toContain('#follow');
  expect(readConfig(configText(config()).replace('#follow', 'follow'), 'c').follow).toEqual({ address: '10.0.0.50' });
});
