// A node may go only when nothing that it mirrors needs it.
import { describe, expect, test } from 'vitest';
import type { NodeStorageFact, PeerFact, ReplicaFact } from '../../controller/model/node-facts.ts';
import { unmet } from '../../controller/safety/conditions.ts';
import { indispensable } from '../../controller/safety/dispensable.ts';
import { bare, generation, peer, replica, world } from '../kinds/drbd-scene.ts';
import { facts } from '../kinds/scene.ts';

const copy = (node: string, other: Partial<PeerFact>, more: Partial<ReplicaFact> = {}) => bare(node, { replicas: new Map([['r0', replica({ peers: [peer(node === 'pve1' ? 'pve2' : 'pve1', other)], ...more })]]) });
/** Of pve1. */
const why = (...nodes: readonly NodeStorageFact[]) => indispensable('pve1', { storageNodes: world(...nodes) });
const fine = copy('pve2', {});

describe('a node may go', () => {
  test('when its peer has the same', () => expect(why(copy('pve1', {}), fine)).toBe(undefined));
  test('while the copies are compared', () => expect(why(copy('pve1', { replication: 'VerifyS' }), fine)).toBe(undefined));
  test('when its own copy is not good', () => expect(why(copy('pve1', { disk: 'UpToDate', replication: 'SyncTarget' }, { disk: 'Inconsistent' }), copy('pve2', { disk: 'Inconsistent', replication: 'Established' }))).toBe(undefined));
  test('when it is one of three, and another one is whole', () => expect(why(bare('pve1', { replicas: new Map([['r0', replica({ peers: [peer('pve2', { connection: 'Connecting', disk: 'DUnknown' }), peer('pve3')] })]]) }))).toBe(undefined));
  test('when it is down there, and when it has none', () => expect([why(copy('pve1', {}, { isUp: false })), why(bare('pve1'), fine), why(bare('pve2'))]).toEqual([undefined, undefined, undefined]));
  test('when nobody was asked, because no manifest has DRBD', () => expect(indispensable('pve1', {})).toBe(undefined));
});

describe('a node may not go', () => {
  test('with the last good copy', () => expect(why(copy('pve1', { disk: 'Inconsistent' }), fine)).toEqual({ code: 'LAST_COPY', reason: 'pve1 has the last good copy of r0: pve2 is Inconsistent', approvable: false }));
  test('whose peer says that it is good, and is not connected: it may be old', () => expect(why(copy('pve1', { connection: 'Connecting', disk: 'UpToDate' }), fine)?.reason).toBe('pve1 has the last good copy of r0: pve2 is Connecting'));
  test('whose peer misses blocks', () => expect(why(copy('pve1', { outOfSyncBytes: 4096 }), fine)?.reason).toBe('pve1 has the last good copy of r0: pve2 is UpToDate, 4096 bytes out of sync'));
  test('without peers', () => expect(why(copy('pve1', {}, { peers: [] }))?.reason).toBe('pve1 has the last good copy of r0'));
  test('from which another is resynchronised, and how long that takes', () => {
    expect(why(copy('pve1', { disk: 'Inconsistent', replication: 'SyncSource', donePercent: 41.7 }), copy('pve2', { replication: 'SyncTarget', donePercent: 41.7, secondsLeft: 200 }))).toEqual({ code: 'RESYNC', reason: 'r0: pve2 is being resynchronised from pve1: 41 % done, about 4 min left', approvable: false });
    expect(why(copy('pve1', { disk: 'Inconsistent', replication: 'PausedSyncS', donePercent: 10 }))?.reason).toBe('r0: pve2 is being resynchronised from pve1: 10 % done (paused)');
  });
  test('as one side of a split brain', () => expect(why(
    copy('pve1', { connection: 'StandAlone' }, { generations: [generation('1111111111111110', 'AAAAAAAAAAAAAAA0')] }), copy('pve2', { connection: 'StandAlone' }, { generations: [generation('2222222222222220', 'AAAAAAAAAAAAAAA0')] }),
  )).toMatchObject({ code: 'SPLIT_BRAIN', reason: 'r0 is split, and pve1 is one side of it (event 11111111-22222222)' }));
  test('that keeps silent, or was not asked while a peer names it', () => {
    expect(why(bare('pve1', { unread: 'ssh: no answer' }))).toMatchObject({ code: 'UNKNOWN', reason: 'nobody knows whether pve1 has the last good copy of anything: pve1: ssh: no answer' });
    expect(why(fine)).toMatchObject({ code: 'UNKNOWN', reason: expect.stringContaining('pve1 was not asked over ssh') });
  });
  test('and it is asked again just before', () => expect(unmet({ is: 'drbd-dispensable', node: 'pve1', nodes: ['pve1', 'pve2'] }, facts({ storageNodes: world(copy('pve1', { disk: 'Outdated' }), fine) }))).toBe('pve1 has the last good copy of r0: pve2 is Outdated'));
});
