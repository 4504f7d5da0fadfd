import { describe, expect, test } from 'vitest';
import type { Facts } from '../../controller/model/facts.ts';
import { bare, peer, replica, world } from './drbd-scene.ts';
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

describe('a node in maintenance that mirrors disks', () => {
  const lone = world(bare('pve1', { replicas: new Map([['r9', replica({ resource: 'r9', peers: [peer('pve2', { disk: 'Inconsistent' })] })]]) }), bare('pve2'));
  const whole = world(bare('pve1', { replicas: new Map([['r9', replica({ resource: 'r9', peers: [peer('pve2')] })]]) }), bare('pve2'));
  const WHY = 'pve1 has the last good copy of r9: pve2 is Inconsistent';
  const node = (storageNodes: Facts['storageNodes'], more: Partial<Facts> = {}) => ask({ kind: 'Node', name: 'pve1', spec: { maintenance: true }, facts: { ...(storageNodes ? { storageNodes } : {}), ...more } });
  const guest = (storageNodes: Facts['storageNodes'], maintenance = true) => ask({
    kind: 'VirtualMachine', name: '110', spec: { vmid: 110, power: 'running', config: { scsi0: { storage: 'nas', size: '8G' } } }, others: [{ kind: 'Node', name: 'pve1', spec: { maintenance } }],
    facts: { ...(storageNodes ? { storageNodes } : {}), guests: new Map([[110, { ...GUEST, vmid: 110, name: '110', status: 'running', tags: ['latido'] }]]), storages: ['pve1', 'pve2'].map((name) => ({ storage: 'nas', node: name, type: 'nfs', shared: true, content: ['images'], total: 2 ** 40, used: 0, active: true })) },
    answers: { '/nodes/pve1/qemu/110/pending': { ok: true, data: [{ key: 'name', value: '110' }, { key: 'tags', value: 'latido' }, { key: 'scsi0', value: 'nas:110/vm-110-disk-0.qcow2,size=8G' }] }, '/nodes/pve1/qemu/110/migrate': { ok: true, data: { local_disks: [], local_resources: [] } } },
  }).steps;
  test('is held while it has the last good copy of anything, whoever made that', () => {
    const told = node(lone);
    expect([told.verb, told.fields, told.steps.map(({ hold }) => hold)]).toEqual(['update', [{ path: 'maintenance', from: 'in use', to: 'free to be taken down', effect: 'refused', note: WHY }], [{ code: 'LAST_COPY', reason: WHY, approvable: false }]]);
  });
  test('keeps its guests meanwhile, whatever they stand on', () => expect(guest(lone).map(({ title, hold }) => [title, hold?.code, hold?.reason])).toEqual([['migrate from pve1 to pve2 while it runs', 'LAST_COPY', `pve1 may not be drained: ${WHY}`]]));
  test('gives them away once all is whole, asking again before each', () => {
    expect([node(whole).verb, node(whole).result.notes]).toEqual(['none', ['it may be taken down: no guest is on it, and what it mirrors is whole elsewhere']]);
    expect(guest(whole).map(({ hold, guards }) => [hold, guards.at(-1)])).toEqual([[undefined, { is: 'drbd-dispensable', node: 'pve1', nodes: ['pve1', 'pve2'] }]]);
  });
  test('is let alone when it is off', () => expect(node(lone, { nodes: [{ name: 'pve1', online: false, maintenance: false, memTotal: 0, memUsed: 0, cpus: 0, guests: 0 }] })).toMatchObject({ verb: 'none', steps: [] }));
  test('and one that is in use is not', () => expect([ask({ kind: 'Node', name: 'pve1', spec: {}, facts: { storageNodes: lone } }).verb, guest(lone, false)]).toEqual(['none', []]));
});
