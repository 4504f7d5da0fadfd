// A resource pool as a kind. In: its comment and storages; its guests say `pool` themselves. Out: one row of the
// collection /pools. Must never take a guest with it: a pool is emptied before it is deleted.
import type { Observed, Read, Subject } from '../model/change.ts';
import type { DesiredObject } from '../model/desired.ts';
import type { Facts } from '../model/facts.ts';
import type { Finding } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { KindContext, ResourceKind, Steps } from '../model/kind.ts';
import { objectsOf } from '../model/desired.ts';
import { refText } from '../model/ref.ts';
import type { Hold, Step } from '../model/step.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import { checkValue } from '../pve/check.ts';
import { collectionKind, writeStep } from './collection.ts';
import type { Edit, Live, Scene } from './collection.ts';
import type { Op } from './collection-ops.ts';
import { desiredGuests } from './guests-named.ts';
import { findingsOf, guessFix, oneLine, valueFindings } from './option-findings.ts';

export interface PoolSpec { readonly comment?: string; readonly storages?: readonly string[] }

const SCHEMA: JsonObject = {
  type: 'object', additionalProperties: false,
  description: 'A resource pool: what permissions, backup jobs and people put together. Its name is the pool id; from version 8.1 on it may lie in another (`team/web`). A guest becomes a member by its own `pool`.',
  properties: {
    comment: { type: 'string', maxLength: 400, pattern: '^[^\\n]*$', description: 'What it is for, in one line. Our mark is kept at its end.' },
    storages: { type: 'array', items: { type: 'string', minLength: 2, maxLength: 100 }, maxItems: 200, uniqueItems: true, description: 'Storages that belong to it. Absent: they are left as they are; an empty list takes all out.' },
  },
};

const FILE = 'user.cfg';

export function poolKind(tables: ApiTables): ResourceKind<PoolSpec, Live> {
  const api = poolApi(tables);
  return collectionKind<PoolSpec>({
    kind: 'Pool', schema: SCHEMA, idSpace: 'pool', refersTo: ['Storage', 'Pool'], mayBeLiveOnly: true, bulk: '/pools', marksComment: true, unset: 'nothing',
    listed: (facts) => new Map([...facts.pools].map(([id, pool]) => [id, { comment: pool.comment }])),
    param: (option) => api.method?.params.get(option),
    optionAt: (path) => (path === 'storages' ? 'storage' : undefined),
    wanted: ({ spec }) => (spec.storages === undefined ? [] : [{ option: 'storage', path: 'storages', value: spec.storages }]),
    findings: (object) => poolFindings(tables, object),
    liveFindings: poolLiveFindings,
    requires: ({ ref, spec }) => [
      ...(ref.name.includes('/') ? [{ kind: 'Pool', name: ref.name.slice(0, ref.name.lastIndexOf('/')) }] : []),
      ...(spec.storages ?? []).map((name) => ({ kind: 'Storage', name })),
    ],
    reads: (subject, facts) => api.memberReads(subject, facts),
    refine: (observed, scene) => withMembers(api, observed, scene),
    create: (edit) => createSteps(api, edit),
    update: (edit) => updateSteps(api, edit),
    remove: (edit) => removeSteps(api, edit),
  });
}

/** Version 7 names a pool in the path; later ones in a parameter, because the names of nested pools have slashes. */
function poolApi(tables: ApiTables) {
  const isByParameter = tables.method('PUT', '/pools') !== undefined;
  const membersPath = (id: string): string => (isByParameter ? `/pools?poolid=${encodeURIComponent(id)}` : `/pools/${id}`);
  return {
    method: tables.method('PUT', isByParameter ? '/pools' : '/pools/{poolid}'),
    membersPath,
    write: (method: 'PUT' | 'DELETE', id: string, title: string, params: JsonObject, hold?: Hold): Step => (isByParameter
      ? writeStep(title, { method, path: '/pools', params: { poolid: id, ...params }, file: FILE, ...(hold ? { hold } : {}) })
      : writeStep(title, { method, path: `/pools/${id}`, params, file: FILE, ...(hold ? { hold } : {}) })),
    /** Only a pool whose storages somebody decides on, or that is to be emptied, is asked for them. */
    memberReads: (subject: Subject<PoolSpec>, facts: Facts): readonly Read[] => {
      const isDecided = !subject.desired || subject.desired.spec.storages !== undefined || subject.memory?.fields.includes('storages') === true;
      return isDecided && facts.pools.has(subject.id) ? [{ path: membersPath(subject.id) }] : [];
    },
  };
}

type PoolApi = ReturnType<typeof poolApi>;

function poolFindings(tables: ApiTables, object: DesiredObject<PoolSpec>): readonly Finding[] {
  const method = tables.method('POST', '/pools');
  if (!method) return [];
  const found = findingsOf(object);
  const name = checkValue(method.params.get('poolid') ?? {}, object.ref.name, 'poolid', tables.version);
  return [
    ...(name === undefined ? [] : [found('NAME_INVALID', 'metadata.name', oneLine(name), 'use letters, digits and . _ -; from version 8.1 on up to three such names joined by /')]),
    ...(object.ref.name.includes('/') && !tables.method('PUT', '/pools') ? [found('VERSION_UNSUPPORTED', 'metadata.name', `Proxmox VE ${tables.version} has no pools within pools`, 'use a name without /')] : []),
    ...valueFindings(found, { method, what: 'a pool', elsewhere: {} }, object.spec.comment === undefined ? [] : [{ option: 'comment', path: 'comment', value: object.spec.comment }]),
  ];
}

function poolLiveFindings(object: DesiredObject<PoolSpec>, { facts, desired }: KindContext): readonly Finding[] {
  const found = findingsOf(object);
  const storages = [...facts.storageDefs.keys(), ...objectsOf(desired, 'Storage').map(({ ref }) => ref.name)];
  const unknown = facts.unread.has('/storage') ? [] : (object.spec.storages ?? []).flatMap((name, at) => (storages.includes(name) ? []
    : [found('STORAGE_UNKNOWN', `spec.storages.${at}`, `the cluster has no storage '${name}', and no manifest defines it`, guessFix(name, storages))]));
  const parent = object.ref.name.slice(0, Math.max(0, object.ref.name.lastIndexOf('/')));
  const pools = [...facts.pools.keys(), ...objectsOf(desired, 'Pool').map(({ ref }) => ref.name)];
  const orphan = parent !== '' && !facts.unread.has('/pools') && !pools.includes(parent);
  return [...unknown, ...(orphan ? [found('REFERENCE_MISSING', 'metadata.name', `there is no pool '${parent}' to lie in, and no manifest defines it`, guessFix(parent, pools) ?? `add a Pool named ${parent}`)] : [])];
}

/** The members as the pool itself tells them: only it knows its storages. */
function withMembers(api: PoolApi, observed: Observed<Live>, { subject, answer, context }: Scene<PoolSpec>): Observed<Live> {
  if (observed.state !== 'present' || api.memberReads(subject, context.facts).length === 0) return observed;
  const told = answer(api.membersPath(subject.id));
  if (!told.ok) return { state: 'unknown', why: `its members could not be read: ${told.message}` };
  const pool = Array.isArray(told.data) ? (told.data as readonly Json[])[0] : told.data;
  const members = isObject(pool) && Array.isArray(pool.members) ? (pool.members as readonly unknown[]).filter(isObject) : [];
  const storages = [...new Set(members.flatMap((row) => (row.type === 'storage' && typeof row.storage === 'string' ? [row.storage] : [])))].sort();
  return { ...observed, live: { options: { ...observed.live.options, ...(storages.length > 0 ? { storage: storages } : {}) } } };
}

function createSteps(api: PoolApi, { id, ops }: Edit<PoolSpec>): readonly Step[] {
  const comment = ops.flatMap((op) => (op.op === 'set' && op.option === 'comment' ? [op.request] : []))[0] ?? '';
  return [writeStep('create it', { method: 'POST', path: '/pools', params: { poolid: id, comment }, file: FILE }), ...storageSteps(api, id, ops)];
}

function updateSteps(api: PoolApi, { id, ops }: Edit<PoolSpec>): readonly Step[] {
  const comment = ops.flatMap((op) => (op.op === 'set' && op.option === 'comment' ? [op.request] : []))[0];
  return [...(comment === undefined ? [] : [api.write('PUT', id, 'set comment', { comment })]), ...storageSteps(api, id, ops)];
}

/** Proxmox refuses to add a member again and to take out what is none, so each write has exactly those that differ. */
function storageSteps(api: PoolApi, id: string, ops: readonly Op[]): readonly Step[] {
  const op = ops.find((one) => one.op !== 'refused' && one.option === 'storage');
  if (!op) return [];
  const have = names(op.from);
  const want = op.op === 'set' ? names(op.to) : [];
  const added = want.filter((name) => !have.includes(name));
  const gone = have.filter((name) => !want.includes(name));
  return [
    ...(gone.length > 0 ? [api.write('PUT', id, `take out storage ${gone.join(', ')}`, { storage: gone.join(','), delete: 1 })] : []),
    ...(added.length > 0 ? [api.write('PUT', id, `put in storage ${added.join(', ')}`, { storage: added.join(',') })] : []),
  ];
}

function removeSteps(api: PoolApi, { id, live, context }: Edit<PoolSpec>): Omit<Steps, 'uses'> {
  const guests = context.facts.pools.get(id)?.guests ?? [];
  const storages = names(live.options.storage);
  const hold = stillNamed(id, context) ?? membersLeaving(guests, context);
  const members = { ...(guests.length > 0 ? { vms: guests.join(',') } : {}), ...(storages.length > 0 ? { storage: storages.join(',') } : {}) };
  const count = [guests.length > 0 ? `${guests.length} ${guests.length === 1 ? 'guest' : 'guests'}` : '', storages.length > 0 ? `storage ${storages.join(', ')}` : ''].filter((part) => part !== '').join(' and ');
  return {
    steps: [
      ...(count === '' ? [] : [api.write('PUT', id, `take out ${count}`, { ...members, delete: 1 }, hold)]),
      api.write('DELETE', id, 'delete it', {}, hold),
    ],
    notes: count === '' ? [] : ['its members stay: they only leave the pool'],
  };
}

function stillNamed(id: string, { desired }: KindContext): Hold | undefined {
  const guests = desiredGuests(desired).filter(({ object }) => object.spec.pool === id).map(({ object }) => object.ref);
  const jobs = objectsOf(desired, 'BackupJob').filter(({ spec }) => (spec as { pool?: string }).pool === id).map(({ ref }) => ref);
  const namers = [...guests, ...jobs].map(refText);
  return namers.length === 0 ? undefined : { code: 'REFERENCED', reason: `${namers.join(', ')} still ${namers.length === 1 ? 'names' : 'name'} it`, approvable: false };
}

/** A guest that leaves Git with its pool may be gone before the pool is emptied, and Proxmox refuses to take out what is no member. */
function membersLeaving(guests: readonly number[], { desired, facts, mark }: KindContext): Hold | undefined {
  const stays = new Set(desiredGuests(desired).map(({ object }) => object.spec.vmid));
  const leaving = guests.filter((vmid) => !stays.has(vmid) && facts.guests.get(vmid)?.tags.includes(mark) === true);
  return leaving.length === 0 ? undefined : { code: 'WAITS_FOR', reason: `its members ${leaving.join(', ')} leave Git as well, and go first`, approvable: false };
}

function names(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String).sort() : typeof value === 'string' && value !== '' ? value.split(',').sort() : [];
}
