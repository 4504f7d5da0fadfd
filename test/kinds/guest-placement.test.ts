import { describe, expect, test } from 'vitest';
import { chooseNode, chooseStorage } from '../../controller/kinds/guest/placement.ts';
import { migrationMode } from '../../controller/kinds/guest/migration.ts';
import { templateCalled } from '../../controller/kinds/guest/named.ts';
import type { GuestLive } from '../../controller/kinds/guest/live.ts';
import { facts, GIB, guest, node, storage } from '../harness/facts.ts';

const anywhere = () => true;

describe('the node of a new guest', () => {
  test.each([
    ['most free memory', [node('a', { memUsed: 10 * GIB }), node('b')], undefined, 'b'],
    ['then fewest guests', [node('a', { guests: 3 }), node('b', { guests: 1 })], undefined, 'b'],
    ['then the name', [node('b'), node('a')], undefined, 'a'],
    ['only where it may be', [node('a'), node('b')], ['b'], 'b'],
    ['never offline', [node('a', { online: false }), node('b', { memUsed: 31 * GIB })], undefined, 'b'],
    ['never in maintenance', [node('a', { maintenance: true }), node('b')], undefined, 'b'],
    ['nowhere', [node('a', { online: false })], undefined, undefined],
  ] as const)('%s', (_, nodes, allowed, expected) => {
    expect(chooseNode(allowed, facts({ nodes }), anywhere)).toBe(expected);
  });
});

describe('the storage of a new disk', () => {
  const rows = [storage('lvm', 'a', { type: 'lvm', total: 10 * GIB, used: 5 * GIB }), storage('local', 'a')];
  const lab = facts({ storages: rows, storageDefs: new Map([['lvm', {}], ['local', {}]]) });

  test('the first with room', () => expect(chooseStorage(['lvm', 'local'], 4 * GIB, 'a', lab)).toEqual({ storage: 'lvm', full: false }));
  test('the next, and why', () => expect(chooseStorage(['lvm', 'local'], 6 * GIB, 'a', lab)).toEqual({ storage: 'local', full: false, note: 'local, because lvm has 5 GiB free and 6 GiB are needed' }));
  test('a thin one may be overcommitted', () => expect(chooseStorage(['local'], 500 * GIB, 'a', lab).full).toBe(false));
  test('full without another', () => expect(chooseStorage(['lvm'], 6 * GIB, 'a', lab)).toEqual({ storage: 'lvm', full: true, note: 'lvm has 5 GiB free and 6 GiB are needed' }));
  test('one that this plan makes has no figures yet', () => expect(chooseStorage(['new'], 6 * GIB, 'a', lab)).toEqual({ storage: 'new', full: false }));
});

describe('how a guest moves', () => {
  const ask = { local_resources: [], not_allowed_nodes: {} };
  const live = (config: Record<string, string>, more: Partial<GuestLive> = {}): GuestLive => ({ guest: guest(1), current: config, config, pending: [], ha: undefined, preconditions: ask, ...more });
  const shared = { scsi0: 'shared:1/vm-1-disk-0.raw,size=4G' };
  const local = { scsi0: 'local:1/vm-1-disk-0.raw,size=4G' };

  test.each([
    ['running, all shared', live(shared), { mode: 'online', bytes: 0, memory: GIB }],
    ['running, a local disk', live(local), { mode: 'online-local-disks', bytes: 4 * GIB, memory: GIB }],
    ['stopped, a local disk', live(local, { guest: guest(1, { status: 'stopped' }) }), { mode: 'offline', bytes: 4 * GIB, memory: 0 }],
  ])('%s', (_, there, expected) => expect(migrationMode('qemu', there, 'b', facts())).toEqual(expected));

  test.each([
    ['a local medium', live({ ...shared, ide2: 'local:iso/x.iso,media=cdrom' }), 'eject it first'],
    ['a local device', live(shared, { preconditions: { ...ask, local_resources: ['hostpci0'] } }), 'hostpci0'],
    ['a target without the storage', live(shared, { preconditions: { ...ask, not_allowed_nodes: { b: { unavailable_storages: ['shared'] } } } }), 'unavailable_storages'],
    ['unknown preconditions', live(shared, { preconditions: undefined }), 'could not be read'],
  ])('%s refuses', (_, there, sentence) => expect(migrationMode('qemu', there, 'b', facts())).toEqual({ mode: 'refused', reason: expect.stringContaining(sentence) as string }));

  test('a running container restarts', () => expect(migrationMode('lxc', live({ rootfs: 'shared:1/vm-1-disk-0.raw,size=4G' }, { preconditions: { running: 1, 'not-allowed-nodes': {} } }), 'b', facts())).toMatchObject({ mode: 'restart' }));
});

test('of two templates of one name it is always the same one', () => {
  const two = [guest(901, { name: 'golden', template: true }), guest(900, { name: 'golden', template: true })];
  expect([two, [...two].reverse()].map((guests) => templateCalled(facts({ guests }), 'qemu', 'golden')?.vmid)).toEqual([900, 900]);
});
