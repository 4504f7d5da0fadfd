// In: a backup job's manifest. Out: every mistake that can be known without a cluster, or with its facts. Pure.
// Proxmox checks none of the names: a job for a storage that does not exist is accepted and fails at night.
import { objectsOf } from '../../model/desired.ts';
import type { Desired, DesiredObject } from '../../model/desired.ts';
import type { Finding } from '../../model/finding.ts';
import type { KindContext } from '../../model/kind.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { checkValue } from '../../pve/check.ts';
import { desiredGuests, findGuest, vmidOf } from '../guests-named.ts';
import { findingsOf, guessFix, nameFindings, oneLine, valueFindings, wholeFindings } from '../option-findings.ts';
import type { Found, OptionCheck } from '../option-findings.ts';
import { requestOf } from '../values.ts';
import type { BackupJobSpec } from './schema.ts';
import { ROOT_OPTIONS, wantedOf } from './wanted.ts';

const ELSEWHERE: Readonly<Record<string, string>> = {
  id: 'write metadata.name', schedule: 'write spec.schedule', starttime: 'write spec.schedule', dow: 'write spec.schedule', storage: 'write spec.storage', vmid: 'write spec.guests',
  pool: 'write spec.pool', all: 'write spec.all', exclude: 'write spec.exclude', enabled: 'write spec.enabled', comment: 'write spec.comment', delete: 'remove the line of the option itself',
};

export function backupFindings(tables: ApiTables, object: DesiredObject<BackupJobSpec>, desired: Desired): readonly Finding[] {
  const method = tables.method('POST', '/cluster/backup');
  if (!method) return [];
  const found = findingsOf(object);
  const { spec, ref } = object;
  const check: OptionCheck = { method, what: 'a backup job', elsewhere: ELSEWHERE };
  const name = checkValue(method.params.get('id') ?? {}, ref.name, 'id', tables.version);
  const wanted = wantedOf(object, { desired }).filter(({ path }) => ELSEWHERE[path.replace('config.', '')] === undefined || !path.startsWith('config.'));
  const params = Object.fromEntries(wanted.filter(({ value }) => value !== null).map(({ option, value }) => [option, requestOf(method.params.get(option) ?? {}, value)]));
  return [
    ...(name === undefined ? [] : [found('NAME_INVALID', 'metadata.name', oneLine(name), 'use letters, digits, - and _, a letter first')]),
    ...nameFindings(found, check, spec.config ?? {}, 'config'),
    ...valueFindings(found, check, wanted),
    ...wholeFindings(found, check, params, wanted),
    ...selectionFindings(spec, found),
    ...[...(spec.guests ?? []).map((guest, at) => ({ guest, path: `spec.guests.${at}` })), ...(spec.exclude ?? []).map((guest, at) => ({ guest, path: `spec.exclude.${at}` }))]
      .filter(({ guest }) => vmidOf(guest) === undefined && !findGuest(guest, desired))
      .map(({ guest, path }) => found('REFERENCE_MISSING', path, `no manifest defines a guest '${guest}'`, guessFix(String(guest), desiredGuests(desired).map((one) => one.object.ref.name)))),
    ...Object.keys(spec.config ?? {}).filter((option) => ROOT_OPTIONS.has(option))
      .map((option) => found('OPTION_ROOT_ONLY', `spec.config.${option}`, `${option}: only root@pam may set it`, 'with an API token this stays held in the plan', 'warning')),
  ];
}

function selectionFindings(spec: BackupJobSpec, found: Found): readonly Finding[] {
  const ways = (['guests', 'pool', 'all'] as const).filter((way) => spec[way] !== undefined);
  if (ways.length === 0) return [found('MANIFEST_SCHEMA', 'spec', 'the job saves no guest', 'write `guests: […]`, `pool: …` or `all: true`')];
  if (ways.length > 1) return [found('MANIFEST_SCHEMA', `spec.${ways[1]}`, `the job chooses its guests in more than one way: ${ways.join(' and ')}`, 'keep one of them')];
  if (spec.exclude !== undefined && spec.all === undefined) return [found('MANIFEST_SCHEMA', 'spec.exclude', '`exclude` goes with `all` only', 'remove it, or write `all: true`')];
  return [];
}

export function backupLiveFindings({ spec, place, ref }: DesiredObject<BackupJobSpec>, { facts, desired }: KindContext): readonly Finding[] {
  const found = findingsOf({ spec, place, ref, annotations: {} });
  const storages = [...facts.storageDefs.keys(), ...names(desired, 'Storage')];
  const pools = [...facts.pools.keys(), ...names(desired, 'Pool')];
  const live = [...(spec.guests ?? []).map((guest, at) => ({ guest, path: `spec.guests.${at}` })), ...(spec.exclude ?? []).map((guest, at) => ({ guest, path: `spec.exclude.${at}` }))];
  return [
    ...(spec.storage === undefined || storages.includes(spec.storage) || facts.unread.has('/storage') ? [] : [found('STORAGE_UNKNOWN', 'spec.storage', `the cluster has no storage '${spec.storage}', and no manifest defines it`, guessFix(spec.storage, storages))]),
    ...(spec.pool === undefined || pools.includes(spec.pool) || facts.unread.has('/pools') ? [] : [found('REFERENCE_MISSING', 'spec.pool', `there is no pool '${spec.pool}', and no manifest defines it`, guessFix(spec.pool, pools))]),
    ...live.filter(({ guest }) => !findGuest(guest, desired, facts)).map(({ guest, path }) => found('REFERENCE_MISSING', path, `there is no guest ${guest}, and no manifest defines it`, 'remove it, or add its manifest', 'warning')),
  ];
}

function names(desired: Desired, kind: string): readonly string[] {
  return objectsOf(desired, kind).map((object) => object.ref.name);
}
