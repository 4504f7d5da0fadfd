import { expect, test } from 'vitest';
import { loadApiTables, nearestTables, tableVersions } from '../../controller/env/api-tables.ts';
import { Failure } from '../../controller/model/finding.ts';

test('all tables load, in rising order, once', () => {
  expect(tableVersions()).toEqual(['7.4', '8.4', '9.0', '9.1', '9.2']);
  for (const version of tableVersions()) {
    expect(loadApiTables(version).version).toBe(version);
    expect(loadApiTables(version)).toBe(loadApiTables(version));
    expect(loadApiTables(version).match('PUT', '/nodes/pve1/qemu/100/config')).toBeDefined();
  }
});

const NEAREST: readonly (readonly [string, string, boolean])[] = [
  ['9.2.11', '9.2', false], ['9.2', '9.2', false], ['9.0.3', '9.0', false], ['9.7.1', '9.2', true],
  ['8.4.1', '8.4', false], ['8.0.2', '8.4', true], ['8.3', '8.4', true], ['8.9', '8.4', true], ['7.4-3', '7.4', false], ['7.1-1', '7.4', true],
];
for (const [release, version, noted] of NEAREST) {
  test(`release ${release} is checked against ${version}${noted ? ', with a note' : ''}`, () => {
    const { tables, note } = nearestTables(release);
    expect([tables.version, note !== undefined]).toEqual([version, noted]);
  });
}

for (const release of ['6.4-1', '10.0', '', 'nine']) {
  test(`release ${JSON.stringify(release)} is not supported`, () => {
    expect(() => nearestTables(release)).toThrow(Failure);
    expect(() => loadApiTables(release)).toThrow('VERSION_UNSUPPORTED');
  });
}
