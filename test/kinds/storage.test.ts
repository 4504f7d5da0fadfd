import { describe, expect, test } from 'vitest';
import { ask, found, said } from './scene.ts';
import type { Scene } from './scene.ts';

const DIR = { type: 'dir', config: { path: '/srv/data', content: ['images', 'iso'] } };
const LIVE = { storage: 'data', type: 'dir', path: '/srv/data', content: 'iso,images', digest: 'x', priority: 0 };

function storage(spec: object | undefined, live?: object, more: Partial<Scene> = {}) {
  return ask({ kind: 'Storage', name: 'data', ...(spec ? { spec } : {}), ...more, facts: { ...(live ? { storageDefs: new Map([['data', live as never]]) } : {}), ...more.facts } });
}

describe('a storage is defined and changed', () => {
  test('one that is not there is defined with its type and options', () => {
    expect(said(storage(DIR).steps)).toEqual(['POST /storage {"storage":"data","type":"dir","path":"/srv/data","content":"images,iso"}']);
  });
  test.each<[string, object, object]>([
    ['sets come back in any order', DIR, LIVE],
    ['a boolean that is not set is off', { type: 'dir', config: { ...DIR.config, shared: false } }, LIVE],
    ['a default that is written is a default', { type: 'dir', config: { ...DIR.config, mkdir: true, preallocation: 'metadata' } }, LIVE],
    ['prune-backups are keys', { type: 'dir', config: { ...DIR.config, 'prune-backups': { 'keep-daily': 3, 'keep-last': 2 } } }, { ...LIVE, 'prune-backups': 'keep-last=2,keep-daily=3' }],
    ['nodes are a set, as text or list', { type: 'dir', config: { ...DIR.config, nodes: 'pve1, pve2' } }, { ...LIVE, nodes: 'pve2,pve1' }],
    ['folders by content are answered as a mapping', { type: 'dir', config: { ...DIR.config, 'content-dirs': 'iso=isos,backup=dumps' } }, { ...LIVE, 'content-dirs': { backup: 'dumps', iso: 'isos' } }],
    ['what the manifest does not write is left alone', { type: 'dir', config: { path: '/srv/data' } }, { ...LIVE, nodes: 'pve1', disable: 1 }],
    ['a yes is a yes', { type: 'dir', config: { ...DIR.config, is_mountpoint: true } }, { ...LIVE, is_mountpoint: 'yes' }],
  ])('in sync: %s', (_rule, spec, live) => {
    const told = storage(spec, live);
    expect(told.findings).toEqual([]);
    expect(told.fields).toEqual([]);
    expect(told.verb).toBe('none');
  });
  test('only what differs is sent', () => {
    const told = storage({ type: 'dir', config: { ...DIR.config, nodes: ['pve1'], disable: true } }, LIVE, { memory: { fields: [] } });
    expect(said(told.steps)).toEqual(['PUT /storage/data {"nodes":"pve1","disable":"1"}']);
  });
  test('an option that we had set and that left the manifest is taken away, others stay', () => {
    const told = storage(DIR, { ...LIVE, nodes: 'pve1', disable: 1 }, { memory: { fields: ['config.content', 'config.nodes', 'config.path', 'type'] } });
    expect(said(told.steps)).toEqual(['PUT /storage/data {"delete":"nodes"}']);
    expect(told.fields).toEqual([{ path: 'config.nodes', from: 'pve1', to: undefined, effect: 'live' }]);
  });
  test('where it is and what it is cannot be changed, and the rest is', () => {
    const told = storage({ type: 'dir', config: { path: '/srv/other', content: 'images' } }, LIVE, { memory: {} });
    expect(told.fields.map(({ path, effect }) => `${path} ${effect}`)).toEqual(['config.path refused', 'config.content live']);
    expect(said(told.steps)).toEqual(['PUT /storage/data {"content":"images"}', 'held REFUSED wait']);
    expect(storage({ type: 'btrfs', config: DIR.config }, LIVE, { memory: {} }).fields).toMatchObject([{ path: 'type', from: 'dir', to: 'btrfs', effect: 'refused' }]);
  });
  test('a secret is sent once, and neither shown nor compared', () => {
    const spec = { type: 'cifs', config: { server: 'nas', share: 'vm', username: 'u', password: 'hunter22' } };
    const made = storage(spec);
    expect(made.steps[0]?.action).toMatchObject({ params: { password: 'hunter22' } });
    expect(JSON.stringify(made.fields)).not.toContain('hunter22');
    expect(storage(spec, { storage: 'data', type: 'cifs', server: 'nas', share: 'vm', username: 'u', content: 'images' }).fields).toEqual([]);
    expect(found(made.findings)).toEqual(['warning OPTION_INVALID spec.config.password: password stands in clear: everybody who reads the repository reads it']);
  });
  test('without the list of storages nothing is known of it', () => {
    expect(storage(DIR, undefined, { facts: { unread: new Map([['/storage', 'timeout']]) } }).observed).toMatchObject({ state: 'unknown' });
  });
});

describe('ownership, without a place for a mark', () => {
  test('one that is as the manifest says needs no adoption', () => expect(storage(DIR, LIVE).observed).toMatchObject({ owned: true, identity: 'it was there before latido' }));
  test('one that differs is adopted', () => expect(storage({ type: 'dir', config: { ...DIR.config, disable: true } }, LIVE).verb).toBe('adopt'));
  test('one that was there before is never deleted', () => {
    const told = storage(undefined, LIVE, { memory: { identity: 'it was there before latido' } });
    expect([told.verb, told.result.notes]).toEqual(['none', ['it leaves Git and stays: it was there before latido']]);
  });
  test('one that nobody remembers is never deleted', () => expect(storage(undefined, LIVE).verb).toBe('none'));
});

describe('deletion takes the definition only', () => {
  const CONTENT = '/nodes/pve1/storage/data/content';
  const row = { storage: 'data', node: 'pve1', type: 'dir', shared: false, content: ['images'], total: 1, used: 1, active: true };
  const guest = { vmid: 110, type: 'qemu', node: 'pve1', name: 'web', status: 'stopped', template: false, tags: [], memMax: 0 } as const;
  const removed = (volumes: readonly object[] | undefined, more: Partial<Scene> = {}) => storage(undefined, LIVE, {
    memory: { fields: ['type'] }, ...(volumes ? { answers: { [CONTENT]: { ok: true, data: volumes as never } } } : {}), ...more, facts: { storages: [row], guests: new Map([[110, guest]]) },
  });
  test('an empty one is deleted, and the note says that data stays', () => {
    const told = removed([{ volid: 'data:iso/x.iso', content: 'iso' }]);
    expect(told.reads).toEqual([CONTENT]);
    expect(said(told.steps)).toEqual(['DELETE /storage/data {}']);
    expect(told.result.notes).toEqual(['only the definition is deleted: the data on it stays where it is']);
  });
  test('held while a guest has a volume on it', () => {
    expect(removed([{ volid: 'data:110/vm-110-disk-0.qcow2', content: 'images', vmid: 110 }]).steps[0]?.hold).toEqual({ code: 'REFERENCED', reason: 'data:110/vm-110-disk-0.qcow2 is still on it', approvable: false });
  });
  test('a volume of a guest that is gone does not hold it', () => expect(removed([{ volid: 'data:99/vm-99-disk-0.raw', content: 'images' }]).steps[0]?.hold).toBeUndefined());
  test('held while a volume is on it that may be anybody\'s', () => {
    expect(removed([{ volid: 'data:0.0.1.scsi-36001', content: 'images' }]).steps[0]?.hold).toMatchObject({ code: 'REFERENCED', approvable: false });
  });
  test('held for an approval while nobody knows what is on it', () => expect(removed(undefined).steps[0]?.hold).toMatchObject({ code: 'REFERENCED', approvable: true }));
  test('held while a manifest names it', () => {
    const others = [{ kind: 'VirtualMachine', name: 'web', spec: { vmid: 110, config: { scsi0: { storage: 'data', size: '1G' } } } }, { kind: 'BackupJob', name: 'daily', spec: { schedule: 'daily', storage: 'data', all: true } }];
    expect(removed([], { others }).steps[0]?.hold).toEqual({ code: 'REFERENCED', reason: 'VirtualMachine/web, BackupJob/daily still name it', approvable: false });
  });
});

describe('mistakes are found without a cluster', () => {
  test.each<[string, object, readonly string[]]>([
    ['unknown option', { type: 'dir', config: { path: '/a', conten: 'iso' } }, ["OPTION_UNKNOWN spec.config.conten: Proxmox VE 9.2 has no option 'conten' for a storage"]],
    ["another type's option", { type: 'dir', config: { path: '/a', server: 'nas' } }, ["OPTION_UNKNOWN spec.config.server: a storage of type dir has no option 'server'"]],
    ['missing option', { type: 'nfs', config: { server: 'nas' } }, ["OPTION_INVALID spec.config: a storage of type nfs needs 'export'"]],
    ['wrong value', { type: 'dir', config: { path: 'a' } }, ['OPTION_INVALID spec.config.path: path: invalid format - value does not look like a valid absolute path']],
    ['content that Proxmox would drop in silence', { type: 'lvm', config: { vgname: 'vg', content: 'images,iso' } }, ["OPTION_INVALID spec.config.content: a storage of type lvm cannot hold 'iso'"]],
    ['a type that the version has not', { type: 'glusterfs', config: { volume: 'v' } }, ["VERSION_UNSUPPORTED spec.type: Proxmox VE 9.2 has no storage of type 'glusterfs'"]],
    ['what is not written there', { type: 'dir', config: { path: '/a', digest: 'x' } }, ["OPTION_READONLY spec.config.digest: 'digest' is not written in config"]],
    ['no value', { type: 'dir', config: { path: null } }, ['OPTION_INVALID spec.config.path: path has no value', "OPTION_INVALID spec.config: a storage of type dir needs 'path'"]],
    ['wrong key', { type: 'dir', config: { path: '/a', 'prune-backups': { 'keep-lst': 1 } } }, ['OPTION_INVALID spec.config.prune-backups: prune-backups: invalid format - invalid key in comma-separated list property: keep-lst']],
  ])('%s', (_name, spec, expected) => expect(found(storage(spec).findings)).toEqual(expected));
  test('a fix is guessed', () => expect(storage({ type: 'dir', config: { path: '/a', conten: 'iso' } }).findings[0]?.fix).toBe("did you mean 'content'?"));
  test('a node that is no node', () => {
    expect(found(storage({ type: 'dir', config: { path: '/a', nodes: ['pve1', 'pve9'] } }).live)).toEqual(["NODE_UNKNOWN spec.config.nodes: the cluster has no node 'pve9'"]);
  });
  test('a node that has a manifest may be away', () => {
    expect(storage({ type: 'dir', config: { path: '/a', nodes: ['pve9'] } }, undefined, { others: [{ kind: 'Node', name: 'pve9', spec: {} }] }).live).toMatchObject([{ severity: 'warning' }]);
  });
});
