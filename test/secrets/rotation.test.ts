import { expect, test } from 'vitest';
import { isDrift, specDigest } from '../../controller/daemon/decide.ts';
import type { FieldChange } from '../../controller/model/change.ts';

const desired = { ref: { kind: 'VirtualMachine', name: 'web' }, spec: { vmid: 100 }, annotations: {}, place: () => ({ file: 'a', line: 1, column: 1 }) };
const field = (from: FieldChange['from'], to: FieldChange['to']): FieldChange => ({ path: 'config.cipassword', from, to, effect: 'live' });

test.each([
  ['another value of the same secret is no drift', [field('**********', { secret: 'a' })], false],
  ['a password that somebody took away is drift', [field(undefined, { secret: 'a' })], true],
  ['another value beside a change by hand is drift', [field('**********', { secret: 'a' }), field(1, 2)], true],
] as const)('%s', (_, fields, drifted) => {
  expect(isDrift({ verb: 'update', subject: { desired }, fields }, { synced: specDigest(desired) })).toBe(drifted);
});
