// The cluster-wide files of /etc/pve.
// In: their texts. Out: what the API's lists of storages, pools, HA resources, rules and groups, backup jobs and the
// datacenter's options answer (left out: what it makes up at the moment of asking: next runs, tags in use, rules' errors).
// Must never guess: what we do not know makes the answer undefined, and the API has to be asked.
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../model/json.ts';
import { paramOf } from '../pve/api-tables.ts';
import type { ApiMethod, ApiTables } from '../pve/api-tables.ts';
import { keysOf } from '../pve/param.ts';
import { splitProperties } from '../pve/property-parts.ts';
import { parseSections } from './section-file.ts';
import type { FileSection } from './section-file.ts';
import { decodeText, splitList } from './text.ts';
import { flag, sectionValue } from './value.ts';

/** The text of a file; nothing when it is not there. */
export type Texts = (path: string) => string | undefined;

export interface FileAnswer { readonly files: readonly string[]; readonly answer: (tables: ApiTables, texts: Texts) => Json | undefined }

/** By the API's path: the files that hold the answer, and how. */
export const FILE_ANSWERS: Readonly<Record<string, FileAnswer>> = {
  '/storage': { files: ['storage.cfg'], answer: storages },
  '/pools': { files: ['user.cfg'], answer: (_, texts) => pools(texts('user.cfg') ?? '') },
  '/cluster/options': { files: ['datacenter.cfg'], answer: (tables, texts) => datacenter(tables, texts('datacenter.cfg') ?? '') },
  '/cluster/backup': { files: ['jobs.cfg', 'vzdump.cron'], answer: backupJobs },
  '/cluster/ha/resources': { files: ['ha/resources.cfg', 'ha/groups.cfg'], answer: haResources },
  '/cluster/ha/rules': { files: ['ha/rules.cfg', 'ha/groups.cfg'], answer: haRules },
  '/cluster/ha/groups': { files: ['ha/groups.cfg'], answer: haGroups },
};

const MAC_PREFIX = 'BC:24:11';
const LOCAL_TYPES: ReadonlySet<string> = new Set(['dir', 'btrfs', 'lvm', 'lvmthin', 'zfspool']);
const SHARED_TYPES: ReadonlySet<string> = new Set(['iscsi', 'nfs', 'cifs', 'rbd', 'cephfs', 'iscsidirect', 'zfs', 'drbd', 'pbs']);

function storages(tables: ApiTables, texts: Texts): Json | undefined {
  const text = texts('storage.cfg') ?? '';
  const rows = rowsOf(text, tables.method('POST', '/storage'), (section) => {
    const type = section.type.toLowerCase();
    if (!LOCAL_TYPES.has(type) && !SHARED_TYPES.has(type)) return undefined;
    return { storage: section.id, type, digest: sha1(text), ...(SHARED_TYPES.has(type) ? { shared: 1 } : {}) };
  });
  // Defaults of content, the assumed `local` and folders by content are Proxmox's to fill in.
  const isWhole = rows?.every((row) => row.content !== undefined && row['content-dirs'] === undefined) && rows.some((row) => row.storage === 'local' && row.type === 'dir' && row.path === '/var/lib/vz');
  return isWhole ? rows?.map(({ nodes, ...row }) => (nodes === undefined || row.storage === 'local' ? row : { ...row, nodes })) : undefined;
}

function haResources(tables: ApiTables, texts: Texts): Json | undefined {
  const text = texts('ha/resources.cfg') ?? '';
  const rows = rowsOf(text, tables.method('POST', '/cluster/ha/resources'), ({ type, id }) => ({ sid: `${type.toLowerCase()}:${id}`, type: type.toLowerCase(), digest: sha1(text) }));
  return hasLeftGroups(tables, texts) || (hasNoGroups(tables) && rows?.some((row) => row.group !== undefined)) ? undefined : rows;
}

function haRules(tables: ApiTables, texts: Texts): Json | undefined {
  const text = texts('ha/rules.cfg') ?? '';
  if (!hasNoGroups(tables) || hasLeftGroups(tables, texts)) return undefined;
  const rows = rowsOf(text, tables.method('POST', '/cluster/ha/rules'), ({ type, id }) => ({ rule: id, type, digest: sha1(text) }));
  return rows?.map((row, at) => ({
    ...row, order: at + 1,
    ...(row.comment === undefined ? {} : { comment: decodeText(String(row.comment)) }),
    ...(row.resources === undefined ? {} : { resources: [...new Set(splitList(String(row.resources)))].sort().join(',') }),
    ...(row.nodes === undefined ? {} : { nodes: splitList(String(row.nodes)).map((node) => node.replace(/:0+$/, '')).sort().join(',') }),
  }));
}

function haGroups(tables: ApiTables, texts: Texts): Json | undefined {
  const text = texts('ha/groups.cfg') ?? '';
  if (hasNoGroups(tables)) return undefined;
  const rows = rowsOf(text, tables.method('POST', '/cluster/ha/groups'), ({ id }) => ({ group: id, type: 'group', digest: sha1(text) }));
  return rows?.map((row) => (row.nodes === undefined ? row : { ...row, nodes: [...splitList(String(row.nodes))].sort().join(',') }));
}

/** Groups became rules with 9; until all are moved, Proxmox shows a mixture. */
function hasNoGroups(tables: ApiTables): boolean {
  return tables.method('POST', '/cluster/ha/rules') !== undefined;
}

function hasLeftGroups(tables: ApiTables, texts: Texts): boolean {
  return hasNoGroups(tables) && (texts('ha/groups.cfg') ?? '').trim() !== '';
}

const TAKEN_APART: readonly string[] = ['prune-backups', 'performance', 'fleecing'];

function backupJobs(tables: ApiTables, texts: Texts): Json | undefined {
  // Jobs of before 7.1 stand in a crontab; it is left to Proxmox.
  const cron = (texts('vzdump.cron') ?? '').split('\n').filter((line) => !/^\s*(#|$|[A-Z]+=)/.test(line));
  const method = tables.method('POST', '/cluster/backup');
  if (cron.length > 0 || !method) return undefined;
  const rows = rowsOf(texts('jobs.cfg') ?? '', method, ({ type, id }) => (type === 'vzdump' ? { id, type } : 'other'));
  const jobs = rows?.map((row) => takeApart(method, TAKEN_APART, row));
  return jobs?.every((job) => job !== undefined) ? jobs : undefined;
}

/** Property strings that the API shows as objects; their values are text. */
function takeApart(method: ApiMethod, names: readonly string[], row: JsonObject): JsonObject | undefined {
  const next: Record<string, Json> = { ...row };
  for (const name of names) {
    const keys = keysOf(paramOf(method, name) ?? {});
    if (typeof row[name] !== 'string' || !keys) continue;
    const parts = splitProperties(keys, row[name]);
    if ('complaint' in parts) return undefined;
    next[name] = parts.values;
  }
  return next;
}

const OPTIONS_TAKEN_APART: readonly string[] = ['crs', 'migration', 'replication', 'next-id', 'ha', 'notify', 'u2f', 'webauthn', 'tag-style', 'user-tag-access'];

function datacenter(tables: ApiTables, text: string): Json | undefined {
  const method = tables.method('PUT', '/cluster/options');
  if (!method) return undefined;
  const options: Record<string, Json> = {};
  let description = '';
  for (const line of text.split('\n').map((one) => one.trim())) {
    const [, key, value] = /^(\S+?):\s*(.*)$/.exec(line) ?? [];
    const param = key === undefined ? undefined : paramOf(method, key);
    if (line.startsWith('#')) description += `${decodeText(line.slice(1))}\n`;
    else if (line === '') continue;
    else if (key === undefined || value === undefined || !param || param.type === 'array') return undefined;
    else options[key] = param.type === 'boolean' ? flag(value) ?? value : value;
  }
  // A deprecated spelling is translated by Proxmox.
  const whole = options.migration_unsecure !== undefined ? undefined : takeApart(method, OPTIONS_TAKEN_APART, options);
  return whole && { ...(Number(tables.version) < 8 ? {} : { mac_prefix: MAC_PREFIX }), ...whole, description, ...listsOf(whole) };
}

function listsOf(options: JsonObject): JsonObject {
  const { 'registered-tags': registered, 'user-tag-access': access } = options;
  const allowed = typeof access === 'object' && access !== null && !Array.isArray(access) ? (access as JsonObject)['user-allow-list'] : undefined;
  return {
    ...(typeof registered === 'string' ? { 'registered-tags': registered.split(';') } : {}),
    ...(typeof allowed === 'string' ? { 'user-tag-access': { ...(access as JsonObject), 'user-allow-list': allowed.split(';') } } : {}),
  };
}

/** `pool:NAME:COMMENT:VMIDS:STORAGES:`; the parents of a nested pool are there without a line of their own. */
function pools(text: string): Json {
  const found = new Map<string, JsonObject>();
  for (const line of text.split('\n')) {
    const [kind, id = '', comment = ''] = line.split(':');
    if (kind !== 'pool') continue;
    const parts = id.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const parent = parts.slice(0, depth).join('/');
      if (!found.has(parent)) found.set(parent, { poolid: parent });
    }
    found.set(id, { poolid: id, ...(comment === '' || comment === '0' ? {} : { comment: decodeText(comment) }) });
  }
  return [...found.values()].sort((a, b) => (String(a.poolid) < String(b.poolid) ? -1 : 1));
}

type Head = (section: FileSection) => JsonObject | 'other' | undefined;

/** Rows of the sections, typed as the call's parameters say. Nothing when anything is not known there. */
function rowsOf(text: string, method: ApiMethod | undefined, head: Head): readonly JsonObject[] | undefined {
  const sections = parseSections(text);
  if (!sections || !method) return undefined;
  const rows = sections.map((section) => {
    const first = head(section);
    return first === 'other' || first === undefined ? first : rowOf(section, method, first);
  });
  return rows.every((row) => row !== undefined) ? rows.filter((row): row is JsonObject => row !== 'other') : undefined;
}

function rowOf(section: FileSection, method: ApiMethod, head: JsonObject): JsonObject | undefined {
  const row: Record<string, Json> = {};
  for (const [name, text] of section.options) {
    const param = paramOf(method, name);
    const value = param && sectionValue(param, text);
    if (!param || value === undefined) return undefined;
    if (param.type === 'array') row[name] = [...(Array.isArray(row[name]) ? (row[name] as readonly Json[]) : []), value];
    else if (row[name] !== undefined) return undefined;
    else row[name] = value;
  }
  return { ...row, ...head };
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
