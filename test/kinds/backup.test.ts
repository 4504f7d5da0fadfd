import { describe, expect, test } from 'vitest';
import { ask, found, said } from './scene.ts';
import type { Manifest, Scene } from './scene.ts';

const GUESTS: readonly Manifest[] = [{ kind: 'VirtualMachine', name: 'web', spec: { vmid: 110 } }, { kind: 'Container', name: 'dns', spec: { vmid: 200 } }];
// As cluster/036 answers it, but for the mark.
const LIVE = { id: 'nightly', 'notes-template': '{{guestname}}', all: 1, compress: 'zstd', 'prune-backups': { 'keep-last': '3' }, storage: 'shared', schedule: 'mon..fri 02:30', enabled: 1, type: 'vzdump', mode: 'snapshot', 'next-run': 1, comment: '[latido]' };
const SPEC = { schedule: 'mon..fri 02:30', storage: 'shared', all: true, config: { mode: 'snapshot', compress: 'zstd', 'prune-backups': { 'keep-last': 3 }, 'notes-template': '{{guestname}}' } };

function job(spec: object | undefined, live?: object, more: Partial<Scene> = {}) {
  return ask({ kind: 'BackupJob', name: 'nightly', others: GUESTS, ...(spec ? { spec } : {}), ...more, facts: { storageDefs: new Map([['shared', {}]]), ...(live ? { backupJobs: new Map([['nightly', live as never]]) } : {}), ...more.facts } });
}

describe('a backup job is made and changed', () => {
  test('it is created', () => {
    const told = job({ schedule: 'daily', storage: 'shared', guests: ['dns', 110], enabled: false });
    expect(said(told.steps)).toEqual(['POST /cluster/backup {"id":"nightly","schedule":"daily","storage":"shared","enabled":"0","vmid":"110,200","comment":"[latido]"}']);
    expect(told.requires).toEqual(['Storage/shared', 'Container/dns', 'VirtualMachine/web']);
    expect([...told.findings, ...told.live]).toEqual([]);
  });
  test.each<[string, object, object]>([
    ['as Proxmox answers it (quirk 13)', SPEC, LIVE],
    ['retention as text', { ...SPEC, config: { 'prune-backups': 'keep-last=3' } }, LIVE],
    ['paths are a set', { ...SPEC, config: { 'exclude-path': ['/var/tmp', '/tmp/?*'] } }, { ...LIVE, 'exclude-path': ['/tmp/?*', '/var/tmp'] }],
    ['guests in any order', { schedule: 'daily', guests: ['web', 'dns'] }, { schedule: 'daily', vmid: '200,110', enabled: 1, comment: '[latido]' }],
  ])('in sync: %s', (_rule, spec, live) => expect(job(spec, live)).toMatchObject({ verb: 'none', fields: [] }));
  test('another choice of guests takes the former away (cluster/037)', () => {
    expect(said(job({ ...SPEC, all: undefined, guests: ['web'] }, LIVE).steps)).toEqual(['PUT /cluster/backup/nightly {"vmid":"110","delete":"all"}']);
    expect(said(job(SPEC, { ...LIVE, exclude: '200' }).steps)).toEqual(['PUT /cluster/backup/nightly {"enabled":1,"delete":"exclude"}']);
  });
  test('an option of ours that left Git is removed, one of somebody else stays', () => {
    const told = job({ ...SPEC, config: {} }, LIVE, { memory: { fields: ['config.mode', 'schedule'] } });
    expect(said(told.steps)).toEqual(['PUT /cluster/backup/nightly {"enabled":1,"delete":"mode"}']);
  });
  test('a job that no longer says so is enabled', () => expect(said(job(SPEC, { ...LIVE, enabled: 0 }, { memory: { fields: ['enabled'] } }).steps)).toEqual(['PUT /cluster/backup/nightly {"enabled":"1"}']));
  test('a default that is written is sent, because vzdump.conf may say something else', () => {
    const { mode: _mode, ...live } = LIVE;
    expect(said(job(SPEC, live).steps)).toEqual(['PUT /cluster/backup/nightly {"mode":"snapshot"}']);
  });
  test('an option that needs the storage is sent with it, although the job has it', () => {
    expect(said(job({ ...SPEC, config: { ...SPEC.config, protected: true } }, LIVE).steps)).toEqual(['PUT /cluster/backup/nightly {"protected":"1","storage":"shared"}']);
  });
  test('paths that are excluded are one text in version 7, with NUL between them', () => {
    const told = job({ ...SPEC, config: { 'exclude-path': ['/tmp', '/a b'] } }, LIVE, { version: '7.4' });
    expect(said(told.steps)).toEqual(['PUT /cluster/backup/nightly {"exclude-path":"/tmp\\u0000/a b"}']);
  });
  test('what only root may set stands apart', () => {
    const told = job({ ...SPEC, config: { ...SPEC.config, script: '/x', mode: 'stop' } }, LIVE);
    expect(told.steps.map(({ needsRoot }) => needsRoot)).toEqual([undefined, 'only root@pam may set it']);
    expect(said(told.steps)).toEqual(['PUT /cluster/backup/nightly {"mode":"stop"}', 'PUT /cluster/backup/nightly {"script":"/x"}']);
    expect(found(told.findings)).toEqual(['warning OPTION_ROOT_ONLY spec.config.script: script: only root@pam may set it']);
  });
  test('it is deleted, and its backups stay', () => {
    const told = job(undefined, LIVE);
    expect([said(told.steps), told.result.notes]).toEqual([['DELETE /cluster/backup/nightly {}'], ['the backups that it made stay']]);
  });
});

describe('mistakes are found', () => {
  test.each<[string, object, readonly string[]]>([
    ['no guests', { schedule: 'daily', storage: 'shared' }, ['MANIFEST_SCHEMA spec: the job saves no guest']],
    ['two choices', { schedule: 'daily', all: true, pool: 'x' }, ['MANIFEST_SCHEMA spec.all: the job chooses its guests in more than one way: pool and all']],
    ['exclude without all', { schedule: 'daily', pool: 'x', exclude: [110] }, ['MANIFEST_SCHEMA spec.exclude: `exclude` goes with `all` only']],
    ['schedule (cluster/031)', { schedule: 'nonsense', all: true }, ["OPTION_INVALID spec.schedule: schedule: invalid format - invalid calendar event 'nonsense' - unable to parse calendar event 'nonsense'"]],
    ['unknown option', { schedule: 'daily', all: true, config: { compres: 'zstd' } }, ["OPTION_UNKNOWN spec.config.compres: Proxmox VE 9.2 has no option 'compres' for a backup job"]],
    ['bad value', { schedule: 'daily', all: true, config: { compress: 'zst' } }, ["OPTION_INVALID spec.config.compress: compress: value 'zst' does not have a value in the enumeration '0, 1, gzip, lzo, zstd'"]],
    ['written elsewhere', { schedule: 'daily', all: true, config: { vmid: '110' } }, ["OPTION_READONLY spec.config.vmid: 'vmid' is not written in config"]],
    ['what an option needs', { schedule: 'daily', all: true, config: { 'notes-template': 'x' } }, ["OPTION_INVALID spec: storage: missing property required by 'notes-template'"]],
    ['unknown guest', { schedule: 'daily', guests: ['wep'] }, ["REFERENCE_MISSING spec.guests.0: no manifest defines a guest 'wep'"]],
  ])('%s', (_name, spec, expected) => expect(found(job(spec).findings)).toEqual(expected));
  test('names that only the cluster can deny, because Proxmox does not check them (quirk 36)', () => {
    expect(found(job({ schedule: 'daily', storage: 'share', guests: [999] }).live)).toEqual(["STORAGE_UNKNOWN spec.storage: the cluster has no storage 'share', and no manifest defines it", 'warning REFERENCE_MISSING spec.guests.0: there is no guest 999, and no manifest defines it']);
  });
  test('an option that the version has not', () => expect(found(job({ ...SPEC, config: { fleecing: 'enabled=1' } }, undefined, { version: '7.4' }).findings)).toEqual(["OPTION_UNKNOWN spec.config.fleecing: Proxmox VE 7.4 has no option 'fleecing' for a backup job"]));
});
