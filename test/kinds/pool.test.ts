import { describe, expect, test } from 'vitest';
import { ask, found, said } from './scene.ts';
import type { Scene } from './scene.ts';

const GUEST = { vmid: 110, type: 'qemu', node: 'pve1', name: 'web', status: 'stopped', template: false, tags: [] as string[], memMax: 0, pool: 'team' } as const;

function pool(spec: object | undefined, live: { comment?: string; guests?: number[] } | undefined, more: Partial<Scene> = {}) {
  const pools = live ? new Map([['team', { id: 'team', comment: live.comment ?? '', guests: live.guests ?? [], storages: [] }]]) : new Map();
  return ask({ kind: 'Pool', name: 'team', ...(spec ? { spec } : {}), ...more, facts: { pools, storageDefs: new Map([['local', {}], ['nfs1', {}], ['old', {}]]), ...more.facts } });
}
const members = (...storages: string[]) => ({ ok: true, data: [{ poolid: 'team', members: [{ type: 'qemu', id: 'qemu/110', vmid: 110 }, ...storages.map((storage) => ({ type: 'storage', storage, id: `storage/pve1/${storage}` }))] }] }) as const;

describe('a pool carries the mark in its comment', () => {
  test('it is created with it', () => expect(said(pool({ comment: 'The team' }, undefined).steps)).toEqual(['POST /pools {"poolid":"team","comment":"The team [latido]"}']));
  test('without a comment the mark is all of it', () => expect(said(pool({}, undefined).steps)).toEqual(['POST /pools {"poolid":"team","comment":"[latido]"}']));
  test('a marked one is in sync, whoever wrote the text', () => expect(pool({}, { comment: 'by hand [latido]' })).toMatchObject({ verb: 'none', fields: [] }));
  test('one without it is adopted, and keeps its text', () => {
    const told = pool({}, { comment: 'by hand\n' });
    expect([told.verb, said(told.steps)]).toEqual(['adopt', ['PUT /pools {"poolid":"team","comment":"by hand [latido]"}']]);
  });
  test('another text is set with it', () => expect(said(pool({ comment: 'new' }, { comment: 'old [latido]' }).steps)).toEqual(['PUT /pools {"poolid":"team","comment":"new [latido]"}']));
  test('a comment that we had set and that left Git leaves the mark', () => expect(said(pool({}, { comment: 'old [latido]' }, { memory: { fields: ['comment'] } }).steps)).toEqual(['PUT /pools {"poolid":"team","comment":"[latido]"}']));
  test('marked ones are found without a manifest', () => {
    const told = pool({}, { comment: 'x [latido]' });
    const facts = { pools: new Map([['a', { comment: 'x [latido]' }], ['b', { comment: 'x [other]' }], ['c', { comment: '[latido] y' }]]) };
    expect(told.kind.marked(facts as never, 'latido')).toEqual([{ ref: { kind: 'Pool', name: 'a' }, id: 'a' }]);
  });
});

describe('its storages', () => {
  const PATH = '/pools?poolid=team';
  test('are asked of the pool only when a manifest decides on them', () => {
    expect(pool({}, { comment: '[latido]' }).reads).toEqual([]);
    expect(pool({ storages: [] }, { comment: '[latido]' }).reads).toEqual([PATH]);
  });
  test('come in and go out by difference', () => {
    const told = pool({ storages: ['local', 'nfs1'] }, { comment: '[latido]' }, { answers: { [PATH]: members('old', 'local') } });
    expect(said(told.steps)).toEqual(['PUT /pools {"poolid":"team","storage":"old","delete":1}', 'PUT /pools {"poolid":"team","storage":"nfs1"}']);
  });
  test('the same are in sync', () => expect(pool({ storages: ['nfs1', 'local'] }, { comment: '[latido]' }, { answers: { [PATH]: members('local', 'nfs1') } }).fields).toEqual([]));
  test('of a new pool are added after it', () => expect(said(pool({ storages: ['local'] }, undefined).steps)).toEqual(['POST /pools {"poolid":"team","comment":"[latido]"}', 'PUT /pools {"poolid":"team","storage":"local"}']));
  test('leave with the line that named them', () => {
    const told = pool({}, { comment: '[latido]' }, { memory: { fields: ['storages'] }, answers: { [PATH]: members('local') } });
    expect(said(told.steps)).toEqual(['PUT /pools {"poolid":"team","storage":"local","delete":1}']);
  });
  test('when they cannot be read, the pool is unknown', () => expect(pool({ storages: [] }, { comment: '[latido]' }).observed).toMatchObject({ state: 'unknown' }));
  test('one that is nowhere', () => expect(found(pool({ storages: ['nfs'] }, undefined).live)).toEqual(["STORAGE_UNKNOWN spec.storages.0: the cluster has no storage 'nfs', and no manifest defines it"]));
  test('version 7 names the pool in the path', () => {
    const told = pool({ storages: ['local'] }, { comment: 'x' }, { version: '7.4', answers: { '/pools/team': { ok: true, data: { members: [] } } } });
    expect(told.reads).toEqual(['/pools/team']);
    expect(said(told.steps)).toEqual(['PUT /pools/team {"comment":"x [latido]"}', 'PUT /pools/team {"storage":"local"}']);
  });
});

describe('deletion', () => {
  const PATH = '/pools?poolid=team';
  const removed = (guests: number[], more: Partial<Scene> = {}) => pool(undefined, { comment: '[latido]', guests }, { answers: { [PATH]: members('local') }, ...more, facts: { guests: new Map([[110, GUEST]]), ...more.facts } });
  test('empties the pool first, and keeps its guests', () => {
    const told = removed([110]);
    expect(said(told.steps)).toEqual(['PUT /pools {"poolid":"team","vms":"110","storage":"local","delete":1}', 'DELETE /pools {"poolid":"team"}']);
    expect(told.result.notes).toEqual(['its members stay: they only leave the pool']);
  });
  test('is held while a manifest names it', () => {
    const others = [{ kind: 'VirtualMachine', name: 'web', spec: { vmid: 110, pool: 'team' } }];
    expect(removed([110], { others }).steps.map(({ hold }) => hold?.reason)).toEqual(['VirtualMachine/web still names it', 'VirtualMachine/web still names it']);
  });
  test('waits for guests that leave with it', () => expect(removed([110], { facts: { guests: new Map([[110, { ...GUEST, tags: ['latido'] }]]) } }).steps[0]?.hold).toMatchObject({ code: 'WAITS_FOR' }));
  test('without the mark nothing is deleted', () => expect(pool(undefined, { comment: 'x' }, { memory: {} }).verb).toBe('none'));
});

describe('nested pools', () => {
  test('need the pool in which they lie', () => expect(ask({ kind: 'Pool', name: 'team/web', spec: { storages: ['local'] } }).requires).toEqual(['Pool/team', 'Storage/local']));
  test('are a mistake before version 8', () => expect(found(ask({ version: '7.4', kind: 'Pool', name: 'team/web', spec: {} }).findings)).toHaveLength(1));
  test('a parent that is nowhere', () => expect(found(ask({ kind: 'Pool', name: 'team/web', spec: {} }).live)).toEqual(["REFERENCE_MISSING metadata.name: there is no pool 'team' to lie in, and no manifest defines it"]));
});
