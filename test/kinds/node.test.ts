import { describe, expect, test } from 'vitest';
import { ask, found } from './scene.ts';

const GUEST = { type: 'qemu', node: 'pve1', status: 'stopped', template: false, tags: [] as string[], memMax: 0 } as const;
const GUESTS = new Map([[110, { ...GUEST, vmid: 110, name: 'a' }], [111, { ...GUEST, vmid: 111, name: 'b' }], [112, { ...GUEST, vmid: 112, name: 'c', node: 'pve2' }]]);

describe('a node', () => {
  test('that is in the cluster is in sync, whatever runs on it', () => expect(ask({ kind: 'Node', name: 'pve1', spec: { address: '10.0.0.1', role: 'master' }, facts: { guests: GUESTS } })).toMatchObject({ verb: 'none', fields: [], steps: [], findings: [], live: [] }));
  test('that is not is unknown, and never made', () => {
    const told = ask({ kind: 'Node', name: 'pve3', spec: {} });
    expect(told).toMatchObject({ verb: 'none', observed: { state: 'unknown' }, steps: [] });
    expect(found(told.live)).toEqual(["warning NODE_UNKNOWN metadata.name: the cluster has no node 'pve3'"]);
  });
  test('with another address is warned of', () => expect(found(ask({ kind: 'Node', name: 'pve1', spec: { address: '10.0.0.9' } }).live)).toEqual(['warning NODE_UNKNOWN spec.address: the cluster has pve1 at 10.0.0.1, not at 10.0.0.9']));
  test('in maintenance tells how many guests are left', () => {
    expect(ask({ kind: 'Node', name: 'pve1', spec: { maintenance: true }, facts: { guests: GUESTS } }).result.notes).toEqual(['being drained: 2 guests are still on it']);
    expect(ask({ kind: 'Node', name: 'pve2', spec: { maintenance: true }, facts: { guests: GUESTS } }).result.notes).toEqual(['being drained: 1 guest is still on it']);
    expect(ask({ kind: 'Node', name: 'pve1', spec: { maintenance: true } }).result.notes).toEqual([]);
    expect(ask({ kind: 'Node', name: 'pve1', spec: {}, facts: { guests: GUESTS } }).result.notes).toEqual([]);
  });
  test('whose time zone is written gets a clear answer', () => expect(found(ask({ kind: 'Node', name: 'pve1', spec: { timezone: 'UTC' } }).findings)).toEqual(['MANIFEST_SCHEMA spec.timezone: latido does not manage the time zone of a node']));
  test('is one of at most one master', () => {
    const others = [{ kind: 'Node', name: 'pve2', spec: { role: 'master' } }];
    expect(ask({ kind: 'Node', name: 'pve1', spec: { role: 'master' }, others }).findings).toEqual([]);
    expect(found(ask({ kind: 'Node', name: 'pve2', spec: { role: 'master' }, others: [{ kind: 'Node', name: 'pve1', spec: { role: 'master' } }] }).findings)).toEqual(['DUPLICATE spec.role: pve1 is the master already']);
  });
});
