// A storage as a kind: one row of the collection /storage. A storage has no place for a mark, so only memory tells
// whether latido defined it; what was there before is changed as the manifest says, and never deleted.
import type { Observed, Read, Subject } from '../../model/change.ts';
import { objectsOf } from '../../model/desired.ts';
import type { Desired, DesiredObject } from '../../model/desired.ts';
import type { Facts } from '../../model/facts.ts';
import { isObject } from '../../model/json.ts';
import type { Json, JsonObject } from '../../model/json.ts';
import type { ResourceKind } from '../../model/kind.ts';
import type { Ref } from '../../model/ref.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { collectionKind, writeStep } from '../collection.ts';
import type { Edit, Live, Scene } from '../collection.ts';
import { deletesOf, opsOf, paramsOf, titleOf } from '../collection-ops.ts';
import type { OptionRules } from '../collection-ops.ts';
import { storageFindings, storageLiveFindings } from './findings.ts';
import { removeStorage } from './remove.ts';
import { STORAGE_SCHEMA } from './schema.ts';
import type { StorageSpec } from './schema.ts';
import { isSecret, ruleOf, secretsOf } from './types.ts';
import { wantedOf } from './wanted.ts';

/** Remembered as the identity of a storage that latido did not define. */
const FOUND = 'it was there before latido';

export function storageKind(tables: ApiTables): ResourceKind<StorageSpec, Live> {
  const rules = storageRules(tables);
  return collectionKind<StorageSpec>({
    ...rules, kind: 'Storage', schema: STORAGE_SCHEMA, idSpace: 'storage', refersTo: ['DrbdResource'], mayBeLiveOnly: true, bulk: '/storage',
    listed: (facts) => facts.storageDefs,
    findings: (object) => storageFindings(tables, object),
    liveFindings: storageLiveFindings,
    requires: standsOn,
    reads: contentReads,
    refine: (observed, scene) => refine(rules, observed, scene),
    create: ({ id, ops }) => [writeStep('define it', { method: 'POST', path: '/storage', params: { storage: id, ...paramsOf(ops) }, file: 'storage.cfg' })],
    update: updateSteps,
    remove: removeStorage,
    notes: ({ object, live }) => (!object && Object.keys(live.options).length > 0 ? [`it leaves Git and stays: ${FOUND}`] : []),
  });
}

/** The DRBD resource that it was defined with. */
function standsOn({ ref }: DesiredObject<StorageSpec>, desired: Desired): readonly Ref[] {
  return objectsOf(desired, 'DrbdResource').filter(({ spec }) => (spec as { storage?: { id?: string } }).storage?.id === ref.name).map((object) => object.ref);
}

function storageRules(tables: ApiTables): OptionRules<StorageSpec> {
  const params = tables.method('POST', '/storage')?.params;
  const changeable = tables.method('PUT', '/storage/{storage}')?.params;
  return {
    wanted: wantedOf, unset: 'default', marksComment: false,
    param: (option) => params?.get(option),
    optionAt: (path) => (path.startsWith('config.') ? path.slice('config.'.length) : undefined),
    secretPaths: ({ spec }) => secretsOf(spec.type).map((option) => `config.${option}`),
    isSecret: (option, live) => isSecret(String(live.type ?? ''), option) || SECRET_ANYWHERE.has(option),
    fixed: (option, live) => {
      if (option === 'type') return 'Proxmox cannot change the type of a storage: define one with another name';
      const rule = ruleOf(String(live.type), option, tables.version);
      return (rule === 'free' || rule === 'required') && changeable?.has(option) ? undefined : `Proxmox cannot change ${option} of a storage: define one with another name`;
    },
  };
}

/** Before a storage exists its type is not known from the live side. */
const SECRET_ANYWHERE: ReadonlySet<string> = new Set(['password', 'keyring', 'encryption-key', 'master-pubkey']);

function updateSteps({ id, ops, live }: Edit<StorageSpec>) {
  const params = { ...paramsOf(ops), ...deletesOf(ops) };
  return Object.keys(params).length === 0 ? [] : [writeStep(titleOf(ops), { method: 'PUT', path: `/storage/${id}`, params, file: 'storage.cfg', seen: { bulk: '/storage', options: live.options } })];
}

/** Before a definition is deleted: which volumes of guests stand on it, asked of every node that sees it. */
function contentReads(subject: Subject<StorageSpec>, facts: Facts): readonly Read[] {
  if (subject.desired || !isOurs(subject)) return [];
  const rows = facts.storages.filter((row) => row.storage === subject.id && row.active);
  return (rows.some((row) => row.shared) ? rows.slice(0, 1) : rows).map(({ node }) => ({ path: contentPath(node, subject.id), node }));
}

function contentPath(node: string, storage: string): string {
  return `/nodes/${node}/storage/${storage}/content`;
}

function isOurs(subject: Subject): boolean {
  return subject.memory !== undefined && subject.memory.identity !== FOUND;
}

/** A storage that is as the manifest says is taken for granted; one that differs is adopted, as the policy says. */
function refine(rules: OptionRules<StorageSpec>, observed: Observed<Live>, { subject, answer, context }: Scene<StorageSpec>): Observed<Live> {
  if (observed.state !== 'present') return observed;
  const isFound = subject.memory === undefined || subject.memory.identity === FOUND;
  const identity = isFound ? { identity: FOUND } : {};
  if (subject.desired) {
    const isAsWanted = opsOf(rules, subject, observed.live.options, context).length === 0;
    return { ...observed, ...identity, owned: subject.memory !== undefined || isAsWanted };
  }
  const answers = contentReads(subject, context.facts).map(({ path }) => answer(path));
  const rows = answers.every((one) => one.ok) && answers.length > 0 ? answers.flatMap((one) => (one.ok ? volumesIn(one.data) : [])) : undefined;
  return { ...observed, ...identity, owned: isOurs(subject), live: { ...observed.live, ...(rows ? { holds: [...new Set(rows)].sort() } : {}) } };
}

/** Volumes of guests, without backups. */
function volumesIn(data: Json): readonly string[] {
  return (Array.isArray(data) ? (data as readonly Json[]) : []).filter((row): row is JsonObject => isObject(row))
    .filter((row) => (row.content === 'images' || row.content === 'rootdir') && typeof row.volid === 'string').map((row) => String(row.volid));
}
