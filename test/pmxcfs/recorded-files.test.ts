// Files of a real cluster's /etc/pve and what its API answered at the same time: reading either gives the same.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parsePending } from '../../controller/kinds/guest/live.ts';
import type { Answer } from '../../controller/model/change.ts';
import { isObject } from '../../controller/model/json.ts';
import type { Json, JsonObject } from '../../controller/model/json.ts';
import { BULK, parseFacts } from '../../controller/observe/parse-facts.ts';
import { FILE_ANSWERS } from '../../controller/pmxcfs/cluster-file.ts';
import { futureConfig, parseGuestFile, pendingRows } from '../../controller/pmxcfs/guest-file.ts';
import { tables } from '../sim/lab.ts';

const RECORDED = new URL('recorded/', import.meta.url);
const text = (name: string) => readFileSync(new URL(name, RECORDED), 'utf8');
const json = (name: string) => JSON.parse(text(name)) as Readonly<Record<string, Json>>;
const api = json('api.json');
const guests = readdirSync(RECORDED).filter((name) => name.endsWith('.conf') && /^\d/.test(name)).map((name) => name.replace(/\.conf$/, ''));

const texts = (path: string) => {
  const name = `etc-pve-${path.replace('/', '-')}`;
  return readdirSync(RECORDED).includes(name) ? text(name) : undefined;
};
const fromFiles = (path: string) => FILE_ANSWERS[path]?.answer(tables(), texts) ?? null;

describe('a guest', () => {
  test('all recorded ones are here', () => expect(guests).toHaveLength(8));

  test.each(guests)('%s', (name) => {
    const recorded = json(`${name}.json`);
    const file = parseGuestFile(tables(), name.startsWith('507') ? 'lxc' : 'qemu', text(`${name}.conf`));
    if (!file) throw new Error('the file was not understood');
    const rows = pendingRows(file);
    expect(byKey(rows)).toEqual(byKey(recorded.pending));
    expect(parsePending(rows)).toEqual(parsePending(recorded.pending ?? []));
    expect(futureConfig(file)).toEqual(recorded.config);
  });
});

describe('the cluster', () => {
  test.each([['/storage', 'storage'], ['/cluster/options', 'options'], ['/cluster/ha/resources', 'ha'], ['/cluster/ha/rules', 'rules'], ['/cluster/backup', 'backup'], ['/pools', 'pools']] as const)('%s', (path, key) => {
    expect(comparable(fromFiles(path))).toEqual(comparable(api[key] ?? null));
  });

  test('facts of both are the same', () => {
    const own: Readonly<Record<string, string>> = { '/storage': 'storage', '/cluster/options': 'options', '/cluster/ha/resources': 'ha', '/cluster/ha/rules': 'rules', '/cluster/backup': 'backup', '/pools': 'pools' };
    const answers = (source: (path: string, key: string) => Json) => new Map<string, Answer>([
      [BULK.resources, { ok: true, data: api.resources ?? [] }],
      ...Object.entries(own).map(([path, key]): [string, Answer] => [path, { ok: true, data: comparable(source(path, key)) }]),
    ]);
    const facts = parseFacts('9.2', 0, answers((path) => fromFiles(path)));
    expect(facts).toEqual(parseFacts('9.2', 0, answers((_, key) => api[key] ?? null)));
    expect([facts.storageDefs.size, facts.haResources.size, facts.haRules.size, facts.backupJobs.size, facts.pools.size]).toEqual([2, 1, 1, 1, 1]);
  });
});

describe('what we do not know is left to the API', () => {
  const guest = (more: string) => parseGuestFile(tables(), 'qemu', `${text('501-plain.conf')}${more}`);
  const clusterFile = (path: string, changed: Readonly<Record<string, string>>) => FILE_ANSWERS[path]?.answer(tables(), (file) => changed[file] ?? texts(file));
  test.each([
    ['an option of a later version', () => guest('teleport: 1\n')],
    ['a number that is none', () => guest('cores: many\n')],
    ['a path of the host as a drive', () => guest('scsi1: /dev/sdb\n')],
    ['a line that is no option', () => guest('what is this\n')],
    ['a storage plugin of somebody else', () => clusterFile('/storage', { 'storage.cfg': `${texts('storage.cfg')}custom: x\n\tpath /x\n\tcontent images\n\n` })],
    ['a storage without its content', () => clusterFile('/storage', { 'storage.cfg': `${texts('storage.cfg')}nfs: x\n\tserver a\n\texport /b\n\n` })],
    ['no storage.cfg', () => clusterFile('/storage', { 'storage.cfg': '' })],
    ['backup jobs in the old crontab', () => clusterFile('/cluster/backup', { 'vzdump.cron': '0 2 * * * root vzdump 100\n' })],
    ['HA groups that are not rules yet', () => clusterFile('/cluster/ha/rules', { 'ha/groups.cfg': 'group: a\n\tnodes pve1\n\n' })],
    ['an unknown datacenter option', () => clusterFile('/cluster/options', { 'datacenter.cfg': 'gravity: 1\n' })],
  ])('%s', (_, read) => expect(read()).toBeUndefined());
});

function byKey(rows: Json | undefined): ReadonlyMap<Json | undefined, JsonObject> {
  return new Map((rows as readonly JsonObject[]).map((row) => [row.key, row]));
}

/** Orders that Proxmox shuffles, and what it makes up while it answers. */
function comparable(data: Json): Json {
  if (Array.isArray(data)) return data.map((row) => comparable(row as Json)).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (!isObject(data)) return data;
  const { 'next-run': _due, 'allowed-tags': _tags, content, ...rest } = data as JsonObject;
  const sorted = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...Object.fromEntries(sorted), ...(content === undefined ? {} : { content: String(content).split(',').sort().join(',') }) };
}
