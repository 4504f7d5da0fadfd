import { describe, expect, test } from 'vitest';
import { compareSize, parseDesiredDisk, parseLiveDisk } from '../../controller/kinds/guest/disks.ts';
import { GIB } from '../harness/facts.ts';

describe('a disk as a person writes it', () => {
  test.each([
    ['a mapping', 'qemu', { storage: 'local', size: '20G', discard: 'on' }, { type: 'volume', storages: ['local'], bytes: 20 * GIB, options: { discard: 'on' } }],
    ['a list of storages', 'qemu', { storage: ['fast', 'local'], size: '1G' }, { type: 'volume', storages: ['fast', 'local'], bytes: GIB, options: {} }],
    ['a number is GiB', 'qemu', { storage: 'local', size: 8 }, { type: 'volume', storages: ['local'], bytes: 8 * GIB, options: {} }],
    ["Proxmox's own allocation", 'qemu', 'local:32,ssd=1', { type: 'volume', storages: ['local'], bytes: 32 * GIB, options: { ssd: '1' } }],
    ['a medium', 'qemu', 'local:iso/x.iso,media=cdrom', { type: 'given', file: 'local:iso/x.iso', options: { media: 'cdrom' } }],
    ['an empty drive', 'qemu', { file: 'none', media: 'cdrom' }, { type: 'given', file: 'none', options: { media: 'cdrom' } }],
    ['a cloud-init drive', 'qemu', 'local:cloudinit', { type: 'cloudinit', storages: ['local'], options: {} }],
    ['a cloud-init drive as mapping', 'qemu', { storage: 'local', cloudinit: true }, { type: 'cloudinit', storages: ['local'], options: {} }],
    ['a bind mount', 'lxc', '/mnt/data,mp=/data', { type: 'given', file: '/mnt/data', options: { mp: '/data' } }],
    ['booleans', 'qemu', { storage: 'local', size: '1G', iothread: true, backup: false }, { type: 'volume', storages: ['local'], bytes: GIB, options: { iothread: '1', backup: '0' } }],
  ] as const)('%s', (_, type, written, expected) => {
    expect(parseDesiredDisk(type, written)).toEqual(expected);
  });

  test.each([
    ['file and storage', { storage: 'local', file: 'local:iso/x.iso' }, 'not both'],
    ['neither', { size: '1G' }, 'needs `storage`'],
    ['no size', { storage: 'local', size: 'big' }, 'is not a size'],
    ['nothing of it', 7, 'a disk is a mapping'],
  ])('%s is a problem', (_, written, sentence) => {
    expect(parseDesiredDisk('qemu', written)).toEqual({ problem: expect.stringContaining(sentence) as string });
  });
});

test.each([
  ['a volume', 'qemu', 'shared:110/vm-110-disk-0.qcow2,discard=on,size=20G', { file: 'shared:110/vm-110-disk-0.qcow2', storage: 'shared', bytes: 20 * GIB, options: { discard: 'on' }, cdrom: false, cloudinit: false }],
  ['a cloud-init drive', 'qemu', 'local:101/vm-101-cloudinit.qcow2,media=cdrom', { file: 'local:101/vm-101-cloudinit.qcow2', storage: 'local', bytes: undefined, options: { media: 'cdrom' }, cdrom: true, cloudinit: true }],
  ['an empty drive', 'qemu', 'none,media=cdrom', { file: 'none', storage: undefined, bytes: undefined, options: { media: 'cdrom' }, cdrom: true, cloudinit: false }],
  ['a device', 'qemu', '/dev/sdb,size=1G', { file: '/dev/sdb', storage: undefined, bytes: GIB, options: {}, cdrom: false, cloudinit: false }],
] as const)('%s as Proxmox answers it', (_, type, text, expected) => {
  expect(parseLiveDisk(text, type)).toEqual(expected);
});

test.each([
  ['equal', 4 * GIB, 4 * GIB, 'same'],
  ['what LVM rounded up', 4 * GIB, 4 * GIB + 2 ** 20, 'same'],
  ['smaller there', 4 * GIB, 3 * GIB, 'grow'],
  ['larger there', 3 * GIB, 4 * GIB, 'shrink'],
])('%s', (_, desired, live, expected) => {
  expect(compareSize(desired, live)).toBe(expected);
});
