// In: a storage's manifest. Out: every mistake that can be known without a cluster, or with its facts. Pure.
import { objectsOf } from '../../model/desired.ts';
import type { DesiredObject } from '../../model/desired.ts';
import { nodeFact } from '../../model/facts.ts';
import type { Finding } from '../../model/finding.ts';
import type { Json } from '../../model/json.ts';
import type { KindContext } from '../../model/kind.ts';
import { nearest } from '../../model/nearest.ts';
import { isSecretRef } from '../../model/secret.ts';
import type { ApiMethod, ApiTables } from '../../pve/api-tables.ts';
import { checkValue } from '../../pve/check.ts';
import { splitList } from '../../pve/text-check.ts';
import { isNodeAwaited } from '../node/awaited.ts';
import { findingsOf, guessFix, nameFindings, oneLine, valueFindings } from '../option-findings.ts';
import type { Found, OptionCheck } from '../option-findings.ts';
import type { StorageSpec } from './schema.ts';
import { contentOf, formatsOf, isSecret, optionsOf, requiredOptions, ruleOf, STORAGE_TYPES } from './types.ts';
import { wantedOf } from './wanted.ts';

const ELSEWHERE: Readonly<Record<string, string>> = {
  storage: 'write metadata.name', type: 'write spec.type', digest: 'remove the line', delete: 'remove the line of the option itself', priority: 'remove the line',
};

export function storageFindings(tables: ApiTables, object: DesiredObject<StorageSpec>): readonly Finding[] {
  const method = tables.method('POST', '/storage');
  if (!method) return [];
  const found = findingsOf(object);
  const { spec, ref } = object;
  const config = spec.config ?? {};
  const check: OptionCheck = { method, what: 'a storage', elsewhere: ELSEWHERE };
  const name = checkValue(method.params.get('storage') ?? {}, ref.name, 'storage', tables.version);
  const unknown = typeFindings(method, spec.type, found);
  const named = name === undefined ? [] : [found('NAME_INVALID', 'metadata.name', oneLine(name), 'use at least two letters, digits and . _ -, a letter first')];
  // Which options are right depends on the type: of a wrong one only the type is wrong.
  if (unknown.length > 0) return [...named, ...unknown];
  return [
    ...named,
    ...nameFindings(found, check, config, 'config'),
    ...Object.keys(config).flatMap((option) => foreignFindings(method, spec.type, option, found)),
    ...valueFindings(found, check, wantedOf(object).filter(({ value }) => !isSecretRef(value))),
    ...contentFindings(tables, spec, found), ...missingFindings(spec, found),
    ...Object.keys(config).filter((option) => isSecret(spec.type, option) && !isSecretRef(config[option])).map((option) => found('OPTION_INVALID', `spec.config.${option}`, `${option} stands in clear: everybody who reads the repository reads it`, 'write { secret: NAME }', 'warning')),
  ];
}

function typeFindings(method: ApiMethod, type: string, found: Found): readonly Finding[] {
  const known = method.params.get('type')?.enum ?? [];
  if (known.includes(type)) return [];
  if (STORAGE_TYPES.includes(type)) return [found('VERSION_UNSUPPORTED', 'spec.type', `Proxmox VE ${method.version} has no storage of type '${type}'`, `one of ${known.join(', ')}`)];
  return [found('OPTION_INVALID', 'spec.type', `there is no storage of type '${type}'`, guessFix(type, known))];
}

/** Proxmox answers `unexpected property` for an option of another type. */
function foreignFindings(method: ApiMethod, type: string, option: string, found: Found): readonly Finding[] {
  if (!method.params.has(option) || ELSEWHERE[option] !== undefined || ruleOf(type, option, method.version) !== undefined) return [];
  const having = (method.params.get('type')?.enum ?? []).filter((other) => ruleOf(other, option, method.version) !== undefined);
  const guess = nearest(option, optionsOf(type));
  const fix = guess !== undefined ? `did you mean '${guess}'?` : having.length > 0 ? `remove it: ${having.join(', ')} have it` : 'remove it';
  return [found('OPTION_UNKNOWN', `spec.config.${option}`, `a storage of type ${type} has no option '${option}'`, fix)];
}

/** What a type cannot hold Proxmox leaves out in silence, and would be missed for ever. */
function contentFindings(tables: ApiTables, { type, config }: StorageSpec, found: Found): readonly Finding[] {
  const able = contentOf(type, tables.version);
  const asked = listOf(config?.content);
  const formats = formatsOf(type);
  const format = config?.format;
  return [
    ...asked.filter((one) => !able.includes(one)).map((one) => found('OPTION_INVALID', 'spec.config.content', `a storage of type ${type} cannot hold '${one}'`, `it can hold ${able.join(', ')}`)),
    ...(asked.includes('none') && asked.length > 1 ? [found('OPTION_INVALID', 'spec.config.content', "'none' stands alone", "remove 'none', or everything else")] : []),
    ...(typeof format === 'string' && formats && !formats.includes(format) ? [found('OPTION_INVALID', 'spec.config.format', `a storage of type ${type} has no volumes in format '${format}'`, `one of ${formats.join(', ')}`)] : []),
  ];
}

function missingFindings({ type, config }: StorageSpec, found: Found): readonly Finding[] {
  return requiredOptions(type).filter((option) => config?.[option] === undefined || config[option] === null)
    .map((option) => found('OPTION_INVALID', 'spec.config', `a storage of type ${type} needs '${option}'`, `write config.${option}`));
}

export function storageLiveFindings(object: DesiredObject<StorageSpec>, { facts, desired }: KindContext): readonly Finding[] {
  const found = findingsOf(object);
  return listOf(object.spec.config?.nodes).filter((name) => !nodeFact(facts, name))
    .map((name) => found('NODE_UNKNOWN', 'spec.config.nodes', `the cluster has no node '${name}'`, guessFix(name, facts.nodes.map((node) => node.name)), isNodeAwaited(desired, name) ? 'warning' : 'error'));
}

/** Other objects of the commit that name this storage. */
export function storagesNamed(desired: KindContext['desired'], name: string): readonly string[] {
  const jobs = objectsOf(desired, 'BackupJob').filter((job) => (job.spec as { storage?: string }).storage === name);
  const pools = objectsOf(desired, 'Pool').filter((pool) => (pool.spec as { storages?: readonly string[] }).storages?.includes(name));
  return [...jobs, ...pools].map(({ ref }) => `${ref.kind}/${ref.name}`);
}

function listOf(value: Json | undefined): readonly string[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map(String) : splitList(String(value));
}
