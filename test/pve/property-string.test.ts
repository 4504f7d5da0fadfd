import { describe, expect, test } from 'vitest';
import { keysOf } from '../../controller/pve/param.ts';
import { parsePropertyString, printPropertyString } from '../../controller/pve/property-string.ts';
import { parseSize, printSize } from '../../controller/pve/sizes.ts';
import { optionOf } from './tables.ts';

const keysFor = (option: string, guest: 'qemu' | 'lxc' = 'qemu') => keysOf(optionOf(guest, option)) ?? {};

describe('reading', () => {
  test('a model as key is model and address', () => {
    expect(parsePropertyString(keysFor('net0'), 'virtio=BC:24:11:00:00:01,bridge=vmbr0')).toEqual({ values: { model: 'virtio', macaddr: 'BC:24:11:00:00:01', bridge: 'vmbr0' }, errors: {} });
  });
  test('a bare part is the default key, an alias its target', () => {
    expect(parsePropertyString(keysFor('scsi0'), 'local:20,discard=on').values).toEqual({ file: 'local:20', discard: 'on' });
    expect(parsePropertyString(keysFor('scsi0'), 'volume=local:20').values).toEqual({ file: 'local:20' });
  });
  test.each(['1', 'on', 'Yes', 'TRUE'])('the boolean %s is 1', (text) => expect(parsePropertyString(keysFor('net0'), `virtio,firewall=${text}`).values['firewall']).toBe('1'));
  test('empty parts are skipped', () => expect(parsePropertyString(keysFor('agent'), ',1,,').values).toEqual({ enabled: '1' }));
  test('what cannot be taken apart is one error without a key', () => expect(parsePropertyString(keysFor('net0'), 'virtio,=1').errors).toEqual({ '': 'missing key in comma-separated list property' }));
  test('wrong values are errors by key', () => expect(parsePropertyString(keysFor('net0'), 'virtio,tag=0').errors).toEqual({ tag: 'value must have a minimum value of 1' }));
  test('a name of Object.prototype is no key', () => expect(parsePropertyString(keysFor('net0'), 'virtio,constructor=1').errors).toEqual({ '': 'invalid key in comma-separated list property: constructor' }));
});

describe('printing', () => {
  // Each is how a real 9.2 cluster writes it back.
  test.each<[string, 'qemu' | 'lxc', Record<string, string>, string]>([
    ['net0', 'qemu', { bridge: 'vmbr0', model: 'virtio', macaddr: 'BC:24:11:AA:BB:CC' }, 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0'],
    ['net0', 'qemu', { model: 'virtio', firewall: '1', bridge: 'vmbr0' }, 'virtio,bridge=vmbr0,firewall=1'],
    ['scsi0', 'qemu', { size: '1024M', iothread: '1', discard: 'on', file: 'local:101/vm-101-disk-0.raw' }, 'local:101/vm-101-disk-0.raw,discard=on,iothread=1,size=1G'],
    ['net0', 'lxc', { ip: 'dhcp', bridge: 'vmbr0', name: 'eth0', type: 'veth', hwaddr: 'BC:24:11:AA:BB:CC' }, 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC,ip=dhcp,type=veth'],
    ['mp0', 'lxc', { size: '4G', mp: '/data', volume: 'local:103/vm-103-disk-1.raw' }, 'local:103/vm-103-disk-1.raw,mp=/data,size=4G'],
  ])('%s of %s', (option, guest, values, text) => expect(printPropertyString(keysFor(option, guest), values)).toBe(text));
});

describe('sizes', () => {
  test.each<[string, number | undefined]>([['32G', 34359738368], ['528K', 540672], ['4194304', 4194304], ['1.5T', 1649267441664], ['2GiB', 2147483648], ['1iB', undefined], ['G', undefined], ['-1G', undefined], ['1g', undefined]])('%s is %s bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));
  test.each<[number, string]>([[1024, '1K'], [1025, '1025'], [1536 * 1024 ** 3, '1536G'], [1024 ** 4, '1T'], [0, '0T']])('%s bytes are printed %s', (bytes, text) => expect(printSize(bytes)).toBe(text));
});
