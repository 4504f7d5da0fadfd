import { expect, test } from 'vitest';
import { ownAddresses } from '../../controller/env/own-addresses.ts';

test('the addresses of this machine, without prefixes', () => {
  expect(ownAddresses()).toContain('127.0.0.1');
  expect(ownAddresses().filter((address) => address.includes('/'))).toEqual([]);
});
