import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalOption, diffOption } from '../../controller/pve/canonical.ts';
import { checkValue } from '../../controller/pve/check.ts';
import { optionKeys } from '../../controller/pve/guest-options.ts';
import { keysOf } from '../../controller/pve/param.ts';
import { splitProperties } from '../../controller/pve/property-parts.ts';
import { toRequest, updateRequest } from '../../controller/pve/request.ts';
import { arbitraryValue, arbitraryWrongValue } from './arbitrary.ts';
import { methodOf, optionOf, tablesOf, VERSIONS } from './tables.ts';

const RUNS = { numRuns: 15, seed: 4711 };
const GUESTS = ['qemu', 'lxc'] as const;

/** Every parameter of the call that creates a guest; of a family, its first member. */
function optionsOf(guest: (typeof GUESTS)[number], version: (typeof VERSIONS)[number]): readonly string[] {
  return [...methodOf('POST', `/nodes/{node}/${guest}`, version).params.keys()].map((name) => name.replace('[n]', '0')).sort();
}

describe.each(VERSIONS)('Proxmox VE %s', (version) => {
  const tables = tablesOf(version);
  describe.each(GUESTS)('%s', (guest) => {
    const options = optionsOf(guest, version);

    test.each(options)('%s: valid values are accepted', (option) => {
      const param = optionOf(guest, option, version);
      fc.assert(fc.property(arbitraryValue(param, version), (value) => { expect(checkValue(param, value, option, version)).toBeUndefined(); }), RUNS);
    });

    test.each(options)('%s: wrong values are refused', (option) => {
      const param = optionOf(guest, option, version);
      const wrong = arbitraryWrongValue(param, version);
      if (wrong) fc.assert(fc.property(wrong, (value) => { expect(checkValue(param, value, option, version)).toBeTypeOf('string'); }), RUNS);
    });

    test.each(options)('%s: sending a value and reading it back changes nothing', (option) => {
      const param = optionOf(guest, option, version);
      fc.assert(fc.property(arbitraryValue(param, version), (value) => {
        const sent = toRequest(tables, guest, option, value);
        expect(checkValue(param, sent, option, version)).toBeUndefined();
        expect(canonicalOption(tables, guest, option, sent)).toEqual(canonicalOption(tables, guest, option, value));
        expect(diffOption(tables, guest, option, value, sent)).toBe('same');
        expect(diffOption(tables, guest, option, value, updateRequest(tables, guest, option, value, sent))).toBe('same');
      }), RUNS);
    });

    test.each(options.filter((option) => optionKeys(optionOf(guest, option, version))))('%s: a mapping is its property string', (option) => {
      const param = optionOf(guest, option, version);
      const keys = optionKeys(param) ?? {};
      fc.assert(fc.property(arbitraryValue(param, version), (value) => {
        const parts = splitProperties(keys, String(value));
        const mapping = 'values' in parts ? parts.values : {};
        expect(canonicalOption(tables, guest, option, mapping)).toEqual(canonicalOption(tables, guest, option, value));
      }), RUNS);
    });

    test.each(options.filter((option) => keysOf(optionOf(guest, option, version))))('%s: the order of keys means nothing', (option) => {
      const param = optionOf(guest, option, version);
      const keys = keysOf(param) ?? {};
      fc.assert(fc.property(arbitraryValue(param, version), fc.infiniteStream(fc.nat()), (value, order) => {
        const parts = splitProperties(keys, String(value));
        const pairs = 'values' in parts ? Object.entries(parts.values).map(([key, text]) => ({ text: `${key}=${text}`, at: order.next().value })) : [];
        const shuffled = pairs.sort((a, b) => a.at - b.at).map(({ text }) => text).join(',');
        expect(diffOption(tables, guest, option, shuffled, value)).toBe('same');
      }), RUNS);
    });
  });
});
