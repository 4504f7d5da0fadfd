// Random valid manifests survive the way: spec → request → what Proxmox answers → no difference; so does any change of them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../controller/model/json.ts';
import { isObject } from '../../controller/model/json.ts';
import { ruleOf } from '../../controller/kinds/storage/types.ts';
import { methodOf } from '../pve/tables.ts';
import type { Version } from '../pve/tables.ts';
import { outline, World } from '../harness/world.ts';

const RUNS = 10;
type Values = Readonly<Record<string, fc.Arbitrary<Json>>>;

const word = fc.stringMatching(/^[a-z][a-z0-9]{2,7}$/);
const flag = fc.boolean();
const text = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9 .:_-]{0,20}[a-z]$/);
const path = word.map((name) => `/srv/${name}`);
const count = (max: number) => fc.oneof(fc.integer({ min: 0, max }), fc.integer({ min: 0, max }).map(String));
const nodes = fc.constantFrom<Json>('pve1', 'pve2,pve1', ['pve1'], ['pve2', 'pve1']);
const retention = fc.oneof(
  fc.record({ 'keep-last': fc.integer({ min: 1, max: 9 }), 'keep-daily': fc.integer({ min: 1, max: 9 }), 'keep-weekly': fc.integer({ min: 1, max: 9 }) }, { requiredKeys: ['keep-last'] }),
  fc.constantFrom<Json>('keep-last=2,keep-daily=3', 'keep-all=1', { 'keep-all': true }),
);
const limits = fc.oneof(fc.record({ clone: fc.integer({ min: 1, max: 9999 }), move: fc.integer({ min: 1, max: 9999 }) }, { requiredKeys: ['clone'] }), fc.constant<Json>('migration=100,restore=5'));
/** What `all` are given, and any of `some`. */
const values = (all: Values, some: Values): fc.Arbitrary<Readonly<Record<string, Json>>> => fc.record({ ...all, ...some }, { requiredKeys: Object.keys(all) });

interface Way { readonly version: Version; readonly kind: string; readonly name: string; readonly first: object; readonly second: object }

async function survives({ version, kind, name, first, second }: Way): Promise<void> {
  const world = new World({}, { version });
  for (const spec of [first, second]) {
    const cluster = { apiVersion: 'latido/v1', kind: 'Cluster', metadata: { name: 'lab' }, spec: { endpoints: ['https://pve1:8006'] } };
    const yaml = kind === 'Cluster' ? JSON.stringify({ ...cluster, spec: { ...cluster.spec, ...spec } }) : `${JSON.stringify(cluster)}\n---\n${JSON.stringify({ apiVersion: 'latido/v1', kind, metadata: { name }, spec })}`;
    const result = await world.apply(yaml);
    expect(result.failed.map(({ findings }) => findings.map(({ fact }) => fact))).toEqual([]);
    expect(outline(await world.plan(yaml))).toEqual([]);
  }
}

const STORAGE: Values = {
  content: fc.constantFrom<Json>('images', ['images'], 'iso,images', ['backup', 'iso'], 'vztmpl'), nodes, disable: flag, 'prune-backups': retention, 'max-protected-backups': fc.integer({ min: -1, max: 20 }), shared: flag, bwlimit: limits, mkdir: flag,
  'create-base-path': flag, 'create-subdirs': flag, is_mountpoint: fc.oneof(flag, path), preallocation: fc.constantFrom('off', 'metadata', 'falloc', 'full'), 'content-dirs': fc.oneof(fc.constant<Json>('iso=isos,backup=dumps'), fc.constant<Json>({ backup: 'dumps', iso: 'isos' })),
  options: fc.constantFrom('vers=4.2', 'vers=3,soft'), nocow: flag, username: word, domain: word, smbversion: fc.constantFrom('default', '2.1', '3.0'), subdir: path, saferemove: flag, saferemove_throughput: word, tagged_only: flag, sparse: flag, mountpoint: path,
  blocksize: fc.constantFrom('4k', '16k'), 'data-pool': word, namespace: word, krbd: flag, monhost: fc.constantFrom('10.0.0.1', '10.0.0.2 10.0.0.1', '10.0.0.1;10.0.0.2'), port: fc.integer({ min: 1, max: 65_535 }), fuse: flag, 'fs-name': word,
};
const FIXED: Readonly<Record<string, Readonly<Record<string, Json>>>> = {
  dir: { path: '/srv/a' }, btrfs: { path: '/srv/b' }, nfs: { server: 'nas', export: '/vm' }, cifs: { server: 'nas', share: 'vm' }, cephfs: {}, lvm: { vgname: 'vg0' }, rbd: { pool: 'rbd' },
  pbs: { server: 'pbs', datastore: 'store' }, iscsi: { portal: '10.0.0.9', target: 'iqn.2001-01.org.x:y' },
};
const CONTENT: Values = { pbs: fc.constant('backup'), cephfs: fc.constantFrom<Json>('iso', ['backup', 'iso']), lvm: fc.constantFrom<Json>('images', ['rootdir', 'images']), rbd: fc.constant('images'), iscsi: fc.constantFrom('images', 'none') };

/** The options that the type and the version have, among those with a generator. */
function storageOptions(type: string, version: Version): Values {
  const known = methodOf('POST', '/storage', version).params;
  const mine = Object.entries(STORAGE).filter(([option]) => known.has(option) && ruleOf(type, option, version) === 'free' && FIXED[type]?.[option] === undefined);
  return Object.fromEntries(mine.map(([option, arbitrary]) => [option, option === 'content' ? CONTENT[type] ?? arbitrary : arbitrary]));
}

const BACKUP: Values = {
  mode: fc.constantFrom('snapshot', 'suspend', 'stop'), compress: fc.constantFrom<Json>('zstd', 'gzip', '0', 1), 'prune-backups': retention, 'notes-template': text, bwlimit: count(9999), ionice: count(8), lockwait: count(500), mailto: fc.constantFrom<Json>('root', 'a@b.org,root', ['root', 'a@b.org']),
  mailnotification: fc.constantFrom('always', 'failure'), pigz: count(4), zstd: count(8), 'repeat-missed': flag, protected: flag, stdexcludes: flag, remove: flag,
  performance: fc.oneof(fc.record({ 'max-workers': fc.integer({ min: 1, max: 256 }) }), fc.constant<Json>('max-workers=4')),
};
const selection = fc.constantFrom<object>({ all: true }, { all: true, exclude: [110] }, { guests: [110, 200] });
const backupSpec = fc.tuple(fc.constantFrom('daily', 'sat,sun 02:00', 'mon..fri 22:30', '*/6:00'), selection, fc.record({ enabled: flag, comment: text }, { requiredKeys: [] }), values({}, BACKUP))
  .map(([schedule, chosen, more, config]) => ({ schedule, storage: 'local', ...chosen, ...more, config }));

const OPTIONS: Values = {
  keyboard: fc.constantFrom('de', 'es', 'en-us'), language: fc.constantFrom('es', 'de'), console: fc.constantFrom('html5', 'vv', 'xtermjs'), description: fc.constantFrom('one', 'two\nlines', 'ends\n'), email_from: fc.constant('a@b.org'), max_workers: fc.integer({ min: 1, max: 9 }),
  migration: fc.constantFrom<Json>('secure', 'insecure', 'type=insecure,network=10.0.0.0/24', { type: 'secure', network: '10.0.0.0/24' }), 'next-id': fc.constantFrom<Json>({ lower: 200, upper: 900 }, 'lower=200', { upper: 900 }), ha: fc.constantFrom<Json>('shutdown_policy=migrate', { shutdown_policy: 'freeze' }, { shutdown_policy: 'conditional' }),
  crs: fc.constantFrom<Json>('ha=static', { ha: 'basic' }, { ha: 'static', 'ha-rebalance-on-start': true }), 'tag-style': fc.constantFrom<Json>('ordering=config', { 'color-map': 'a:ff0000;b:00ff00', shape: 'dense' }, { 'case-sensitive': true }),
  'registered-tags': fc.constantFrom<Json>('a;b', ['b', 'a'], ['prod']), 'user-tag-access': fc.constantFrom<Json>({ 'user-allow': 'list', 'user-allow-list': 'a;b' }, 'user-allow=none', { 'user-allow': 'free' }), bwlimit: limits, mac_prefix: fc.constantFrom('BC:24:11', '02:00:00'), http_proxy: fc.constant('http://proxy:8080'),
};

describe.each(['7.4', '8.4', '9.2'] as const)('version %s', (version) => {
  test.each(Object.keys(FIXED))('a storage of type %s', async (type) => {
    const spec = values({}, storageOptions(type, version)).map((config) => ({ type, config: { ...FIXED[type], ...config } }));
    await fc.assert(fc.asyncProperty(spec, spec, (first, second) => survives({ version, kind: 'Storage', name: 'data', first, second })), { numRuns: RUNS });
  });
  test('a backup job', async () => {
    await fc.assert(fc.asyncProperty(backupSpec, backupSpec, (first, second) => survives({ version, kind: 'BackupJob', name: 'nightly', first, second })), { numRuns: RUNS });
  });
  test('datacenter options', async () => {
    const { params } = methodOf('PUT', '/cluster/options', version);
    const known = Object.fromEntries(Object.entries(OPTIONS).filter(([option]) => params.has(option)));
    const isKnown = (options: Readonly<Record<string, Json>>): boolean => Object.entries(options).every(([option, value]) => {
      const format = params.get(option)?.format;
      return !isObject(value) || !isObject(format) || Object.keys(value).every((key) => format[key] !== undefined);
    });
    const spec = values({}, known).filter(isKnown).map((options) => ({ options }));
    await fc.assert(fc.asyncProperty(spec, spec, (first, second) => survives({ version, kind: 'Cluster', name: 'lab', first, second })), { numRuns: RUNS });
  });
});
