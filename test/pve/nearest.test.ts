import { expect, test } from 'vitest';
import { editDistance, nearestName, nearestParam } from '../../controller/pve/nearest.ts';
import { methodOf } from './tables.ts';

test.each([['brigde', 'bridge'], ['Cores', 'cores'], ['memroy', 'memory'], ['onbot', 'onboot'], ['xyzzy', undefined], ['cpu', undefined]])('%s is near %s', (wrong, right) => {
  expect(nearestName(wrong, ['bridge', 'cores', 'memory', 'onboot'])).toBe(right);
});
test.each([['nett0', 'net0'], ['scsi31', 'scsi30'], ['scis2', 'scsi2'], ['description_', 'description'], ['disc', undefined]])('%s: did you mean %s', (wrong, right) => {
  expect(nearestParam(wrong, methodOf('POST', '/nodes/{node}/qemu'))).toBe(right);
});
test.each<[string, string, number]>([['', 'abc', 3], ['abc', 'acb', 1], ['abc', 'abc', 0], ['kitten', 'sitting', 3]])('from %j to %j it is %i', (a, b, distance) => expect(editDistance(a, b)).toBe(distance));
