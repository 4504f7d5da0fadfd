import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { KNOWN_VERSIONS } from '../../controller/kinds/cluster/schema.ts';
import { schemaTroubles } from '../../controller/manifests/schema.ts';
import { ask, found, said } from './scene.ts';
import type { Scene } from './scene.ts';

const ENDPOINTS = { endpoints: ['https://10.0.0.1:8006'] };

function cluster(options: object | undefined, live: object = {}, more: Partial<Scene> = {}) {
  return ask({ kind: 'Cluster', name: 'test', spec: { ...ENDPOINTS, ...(options ? { options } : {}) }, ...more, facts: { options: live as never, ...more.facts } });
}

describe('datacenter options', () => {
  // As cluster/024 answers after cluster/023.
  const LIVE = { 'allowed-tags': [], keyboard: 'de', migration: { type: 'insecure' }, mac_prefix: 'BC:24:11', 'next-id': { lower: '200', upper: '1000' }, 'tag-style': { ordering: 'config', 'color-map': 'prod:ff0000' }, crs: { ha: 'static' }, description: 'dc notes\n' };
  test.each<[string, object, object]>([
    ['as they are answered', { keyboard: 'de', migration: 'type=insecure', mac_prefix: 'BC:24:11', description: 'dc notes', 'tag-style': 'ordering=config,color-map=prod:ff0000', crs: 'ha=static', 'next-id': 'lower=200,upper=1000' }, LIVE],
    ['as mappings', { migration: { type: 'insecure' }, 'next-id': { upper: 1000, lower: 200 }, 'tag-style': { 'color-map': 'prod:ff0000', ordering: 'config' } }, LIVE],
    ['a bare value belongs to the default key', { migration: 'insecure' }, LIVE],
    ['a default need not be written', { crs: { ha: 'basic' }, console: null }, { description: '' }],
    ['tags are a set', { 'registered-tags': ['b', 'a'] }, { 'registered-tags': ['a', 'b'] }],
    ['nothing is asked for', {}, LIVE],
  ])('in sync: %s', (_rule, options, live) => expect(cluster(Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null)), live)).toMatchObject({ verb: 'none', fields: [], findings: [] }));
  test('what differs is set, what we had set and left Git is deleted, in one write', () => {
    const told = cluster({ keyboard: 'es', crs: { ha: 'static' } }, LIVE, { memory: { fields: ['options.crs', 'options.keyboard', 'options.description', 'options.console'] } });
    expect(said(told.steps)).toEqual(['PUT /cluster/options {"keyboard":"es","delete":"description"}']);
    expect(told.fields.map(({ path }) => path)).toEqual(['options.keyboard', 'options.description']);
  });
  test('a key that the manifest leaves out is taken back', () => expect(said(cluster({ 'next-id': { lower: 200 } }, LIVE).steps)).toEqual(['PUT /cluster/options {"next-id":"lower=200"}']));
  test('unread, they are unknown', () => expect(cluster({}, {}, { facts: { unread: new Map([['/cluster/options', '403']]) } }).observed).toMatchObject({ state: 'unknown' }));
  test.each<[object, string]>([
    [{ keybord: 'de' }, "OPTION_UNKNOWN spec.options.keybord: Proxmox VE 9.2 has no option 'keybord' for the datacenter"],
    [{ keyboard: 'xx' }, 'OPTION_INVALID spec.options.keyboard: keyboard: value \'xx\' does not have a value'],
    [{ migration: { network: 'nope', type: 'secure' } }, 'OPTION_INVALID spec.options.migration: migration: invalid format - format error; migration.network'],
    [{ delete: 'x' }, "OPTION_READONLY spec.options.delete: 'delete' is not written in options"],
  ])('mistakes: %j', (options, expected) => expect(found(cluster(options).findings)[0]).toContain(expected));
});

describe('the schema of a cluster', () => {
  const troubles = (spec: object) => schemaTroubles(ask({ kind: 'Cluster', name: 'x', spec: ENDPOINTS }).kind.schema, spec as never, () => undefined).map(({ pointer, fact }) => `${pointer} ${fact}`);
  const print = Array.from({ length: 32 }, () => 'AB').join(':');
  test('takes all of it', () => {
    expect(troubles({
      ...ENDPOINTS, version: '9.2', tls: { fingerprint: [print], ca: '/etc/ca.pem' }, credentials: { tokenFile: '/etc/token' }, mark: 'gitops', qdevice: true, options: { keyboard: 'de' },
      policy: { restart: 'window', windows: [{ days: ['sat'], start: '02:00', hours: 4, timezone: 'UTC' }], prune: 'auto', adopt: 'confirm', limits: { deletions: 1 }, vmids: { from: 100, to: 999 } },
    })).toEqual([]);
  });
  test.each<[object, string]>([
    [{}, '/spec'], [{ endpoints: ['http://a:8006'] }, '/spec/endpoints/0'], [{ ...ENDPOINTS, version: '6.4' }, '/spec/version'], [{ ...ENDPOINTS, mark: 'Two Words' }, '/spec/mark'],
    [{ ...ENDPOINTS, tls: { fingerprint: 'AB' } }, '/spec/tls/fingerprint'], [{ ...ENDPOINTS, tls: { insecure: true } }, '/spec/tls/insecure'], [{ ...ENDPOINTS, policy: { prune: 'yes' } }, '/spec/policy/prune'],
  ])('refuses %j', (spec, pointer) => expect(troubles(spec)[0]).toMatch(new RegExp(`^${pointer} `)));
  test('knows the versions whose tables we carry', () => {
    const files = readdirSync(new URL('../../schema/pve', import.meta.url)).filter((name) => name.endsWith('.json')).map((name) => name.replace('.json', '')).sort();
    expect([...KNOWN_VERSIONS]).toEqual(files);
  });
});

describe('what only the live cluster tells', () => {
  test('another version', () => expect(found(ask({ kind: 'Cluster', name: 'x', spec: { ...ENDPOINTS, version: '8.4' } }).live)).toEqual(['warning VERSION_UNSUPPORTED spec.version: the cluster runs Proxmox VE 9.2, and the manifest says 8.4']));
  test('a QDevice that is away', () => expect(found(ask({ kind: 'Cluster', name: 'x', spec: { ...ENDPOINTS, qdevice: true } }).live)).toEqual(['warning HA_WITHOUT_THIRD_VOTE spec.qdevice: the manifest counts on a QDevice, and none is connected']));
  test('all as it says', () => expect(ask({ kind: 'Cluster', name: 'x', spec: { ...ENDPOINTS, version: '9.2', qdevice: true }, facts: { qdevice: true } }).live).toEqual([]));
});
