// Every path and parameter that a kind sends or reads exists in the API of that version, with a value that it takes.
import { describe, expect, test } from 'vitest';
import { checkParams } from '../../controller/pve/check.ts';
import { tablesOf, VERSIONS } from '../pve/tables.ts';
import type { Version } from '../pve/tables.ts';
import { ask } from './scene.ts';
import type { Manifest, Scene, Told } from './scene.ts';

const GUESTS: readonly Manifest[] = [{ kind: 'VirtualMachine', name: 'a', spec: { vmid: 110, ha: { group: 'both' } } }, { kind: 'Container', name: 'b', spec: { vmid: 200, ha: { group: 'both' } } }];
const OURS = { comment: 'x [latido]' };

interface Life { readonly kind: string; readonly name: string; readonly spec: object; readonly changed: object; readonly live: (version: Version) => Scene['facts']; readonly memory: Scene['memory']; readonly answers?: Scene['answers']; readonly since?: number }

const rule = (more: object) => ({ haRules: new Map([['both', { rule: 'both', ...OURS, ...more } as never]]), haGroups: new Map([['both', { group: 'both', ...OURS, nodes: 'pve1', restricted: 1, nofailback: 1 } as never]]) });

const LIVES: readonly Life[] = [
  ...Object.entries({
    dir: { path: '/srv/a', content: ['images', 'iso'], nodes: ['pve1'], shared: true, is_mountpoint: true, 'prune-backups': { 'keep-last': 3 }, preallocation: 'off', 'max-protected-backups': 3, bwlimit: { clone: 100 }, 'content-dirs': { iso: 'isos' } },
    btrfs: { path: '/srv/b', nocow: true }, nfs: { server: 'nas', export: '/vm', options: 'vers=4.2' }, cifs: { server: 'nas', share: 'vm', username: 'u', password: 'pass-word', smbversion: '3.0', subdir: '/a' },
    cephfs: { monhost: '10.0.0.1 10.0.0.2', username: 'admin', fuse: false }, lvm: { vgname: 'vg0', saferemove: true, saferemove_throughput: '10M', tagged_only: true }, lvmthin: { vgname: 'vg0', thinpool: 'data' },
    zfspool: { pool: 'tank/vm', sparse: true, blocksize: '16k' }, zfs: { portal: '10.0.0.9', target: 'iqn.2001-01.org.x:y', pool: 'tank', blocksize: '4k', iscsiprovider: 'LIO', lio_tpg: 'tpg1' },
    rbd: { monhost: '10.0.0.1', pool: 'rbd', username: 'admin', krbd: true, 'data-pool': 'ec' }, iscsi: { portal: '10.0.0.9', target: 'iqn.2001-01.org.x:y', content: 'none' }, iscsidirect: { portal: '10.0.0.9', target: 'iqn.2001-01.org.x:y' },
    pbs: { server: 'pbs', datastore: 'store', username: 'u@pbs', password: 'pass-word', namespace: 'a', port: 8007 },
  }).map(([type, config]): Life => ({
    kind: 'Storage', name: 'data', spec: { type, config }, changed: { type, config: { ...config, nodes: 'pve2', disable: true, content: type === 'pbs' || type === 'cephfs' ? 'backup' : 'images' } }, memory: { fields: ['config.bwlimit', 'config.disable'] },
    live: () => ({ storageDefs: new Map([['data', { storage: 'data', type, ...config, nodes: 'pve1', content: 'iso', ...(type === 'dir' ? { bwlimit: 'clone=5' } : {}) } as never]]), storages: [{ storage: 'data', node: 'pve1', type, shared: false, content: [], total: 1, used: 0, active: true }] }),
  })),
  {
    kind: 'Pool', name: 'team', spec: { comment: 'new', storages: ['local'] }, changed: { comment: 'other', storages: ['nfs1'] }, memory: { fields: ['storages'] },
    live: () => ({ pools: new Map([['team', { id: 'team', ...OURS, guests: [110], storages: [] }]]) }),
    answers: { '/pools?poolid=team': { ok: true, data: [{ members: [{ type: 'storage', storage: 'local' }] }] }, '/pools/team': { ok: true, data: { members: [{ type: 'storage', storage: 'local' }] } } },
  },
  { kind: 'HAGroup', name: 'both', spec: { nodes: { pve1: 2, pve2: 1 }, restricted: true, comment: 'c' }, changed: { nodes: ['pve1', 'pve2'] }, memory: { fields: ['restricted', 'nofailback'] }, live: () => rule({ type: 'node-affinity', nodes: 'pve1', resources: 'vm:110', strict: 1 }) },
  { kind: 'HAGroup', name: 'both', spec: { nodes: ['pve1'] }, changed: { nodes: ['pve2'] }, memory: {}, live: () => rule({ type: 'node-affinity', nodes: 'pve1', resources: 'vm:999' }) },
  { kind: 'HARule', name: 'both', since: 9, spec: { affinity: 'negative', guests: ['a', 'b'], disabled: true }, changed: { affinity: 'positive', guests: ['a', 200], disabled: false }, memory: {}, live: () => rule({ type: 'resource-affinity', affinity: 'negative', resources: 'vm:110,vm:111', disable: 1 }) },
  {
    kind: 'BackupJob', name: 'nightly', memory: { fields: ['config.mode', 'config.bwlimit'] },
    spec: { schedule: 'mon..fri 02:30', storage: 'shared', guests: ['a', 200], enabled: false, comment: 'c', config: { compress: 'zstd', mode: 'stop', 'prune-backups': { 'keep-last': 3 }, 'notes-template': '{{guestname}}', 'exclude-path': ['/tmp/?*', '/var/cache'], mailto: ['root', 'a@b.org'], script: '/x', protected: true, ionice: 5, 'repeat-missed': true } },
    changed: { schedule: 'daily', all: true, exclude: ['b'] },
    live: () => ({ backupJobs: new Map([['nightly', { id: 'nightly', ...OURS, schedule: 'daily', vmid: '110', mode: 'stop', bwlimit: 5, enabled: 1 } as never]]) }),
  },
  {
    kind: 'Cluster', name: 'lab', memory: { fields: ['options.console', 'options.description'] }, live: () => ({ options: { console: 'vv', description: 'x\n' } }),
    spec: { endpoints: ['https://a:8006'], options: { keyboard: 'es', migration: { type: 'insecure', network: '10.0.0.0/24' }, 'next-id': { lower: 200, upper: 900 }, 'registered-tags': ['prod', 'lab'], 'tag-style': { 'color-map': 'prod:ff0000', ordering: 'config' }, ha: { shutdown_policy: 'migrate' }, bwlimit: { clone: 100 }, mac_prefix: 'BC:24:11', http_proxy: 'http://proxy:8080', email_from: 'a@b.org', max_workers: 4, crs: 'ha=static', description: 'notes' } },
    changed: { endpoints: ['https://a:8006'], options: { keyboard: 'de' } },
  },
];

function refusals(told: Told, version: Version): readonly string[] {
  const reads = told.reads.map((path) => ({ method: 'GET', path, params: {} }));
  const writes = told.steps.flatMap(({ action }) => (action.via === 'pve' ? [action] : []));
  return [...reads, ...writes].flatMap(({ method, path, params }) => {
    const url = new URL(path, 'https://x');
    const match = tablesOf(version).match(method, decodeURIComponent(url.pathname));
    if (!match) return [`${method} ${path} is not in ${version}`];
    const { errors } = checkParams(match.method, { ...match.pathParams, ...Object.fromEntries(url.searchParams), ...params });
    return Object.entries(errors).map(([param, why]) => `${method} ${path} ${param}: ${why}`);
  });
}

describe.each(VERSIONS)('version %s', (version) => {
  const lives = LIVES.filter(({ since = 0 }) => Number(version) >= since);
  test.each(lives.map((life) => [`${life.kind} ${(life.spec as { type?: string }).type ?? ''}`, life] as const))('takes what is sent for a %s', (_name, life) => {
    const base = { version, kind: life.kind, name: life.name, others: GUESTS, ...(life.answers ? { answers: life.answers } : {}) };
    const lacks = (finding: { code: string; severity: string }): boolean => finding.severity === 'error' && finding.code !== 'VERSION_UNSUPPORTED';
    const created = ask({ ...base, spec: life.spec });
    const updated = ask({ ...base, spec: life.changed, facts: life.live(version) ?? {}, ...(life.memory ? { memory: life.memory } : {}) });
    const removed = ask({ ...base, others: [], facts: life.live(version) ?? {}, memory: { fields: ['type'] } });
    // An option that an older version has not is a finding; what is sent without it is right.
    const supported = created.findings.filter(lacks).length === 0;
    expect(supported || Number(version) < 9, JSON.stringify(created.findings)).toBe(true);
    expect(updated.steps.length).toBeGreaterThan(0);
    if (life.kind !== 'Cluster') expect(removed.steps.length).toBeGreaterThan(0);
    expect([...(supported ? refusals(created, version) : []), ...refusals(updated, version), ...refusals(removed, version)]).toEqual([]);
  });
});

test('a path, a parameter or a value that a version has not is seen', () => {
  const step = (path: string, params: object): Told => ({ ...ask({ kind: 'Node', name: 'pve1', spec: {} }), steps: [{ title: '', action: { via: 'pve', method: 'PUT', path, params: params as never }, guards: [], risk: 'none', locks: [], timeoutMs: 1 }] });
  expect(refusals(step('/poolz', {}), '9.2')).toEqual(['PUT /poolz is not in 9.2']);
  expect(refusals(step('/pools', { poolid: 'a' }), '7.4')).toEqual(['PUT /pools is not in 7.4']);
  expect(refusals(step('/storage/a1', { path: '/x', nodes: '_' }), '9.2')).toHaveLength(2);
});
