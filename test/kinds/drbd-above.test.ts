// What stands on a DRBD resource opens it only where it can be opened; where the same plan sees to that, it follows.
import { describe, expect, test } from 'vitest';
import type { GuestFact } from '../../controller/model/facts.ts';
import type { ReplicaFact } from '../../controller/model/node-facts.ts';
import type { Step } from '../../controller/model/step.ts';
import { usedAt } from '../../controller/kinds/drbd/used-at.ts';
import { ask } from './scene.ts';
import { bare, generation, peer, perform, replica, SPEC, world } from './drbd-scene.ts';
import type { World } from './drbd-scene.ts';

const made = ask({ kind: 'DrbdResource', name: 'r0', spec: SPEC, facts: { storageNodes: world() } }).steps.reduce((now, step) => perform(now, step), world());
const GUEST: GuestFact = { vmid: 110, type: 'qemu', node: 'pve1', name: 'web', status: 'stopped', template: false, tags: ['latido'], memMax: 2 ** 30 };
const PRIMARY: Partial<ReplicaFact> = { role: 'Primary', peers: [peer('pve2')] };

function on(node: string, more: Partial<ReplicaFact>): World {
  return new Map([...made, [node, { ...made.get(node) ?? bare(node), replicas: new Map([['r0', replica({ generations: [generation('CCCCCCCCCCCCCCC0')], ...more })]]) }]]);
}

interface Asked { readonly spec?: object; readonly node?: string; readonly status?: string; readonly slot?: string; readonly storage?: string }

function guest(nodes: World, { spec = {}, node = 'pve1', status = 'stopped', slot = 'disk-virtual:vm-110-disk-0,size=8G', storage = 'disk-virtual' }: Asked = {}): readonly Step[] {
  return ask({
    kind: 'VirtualMachine', name: '110', spec: { vmid: 110, power: 'running', placement: { node }, config: { scsi0: { storage, size: '8G' } }, ...spec },
    others: storage === 'disk-virtual' ? [{ kind: 'DrbdResource', name: 'r0', spec: SPEC }] : [],
    facts: {
      storageNodes: nodes, guests: new Map([[110, { ...GUEST, status }]]), storageDefs: new Map([[storage, { type: 'lvm', vgname: 'drbdvg0', shared: 1 }]]),
      storages: ['pve1', 'pve2'].map((name) => ({ storage, node: name, type: 'lvm', shared: true, content: ['images'], total: 2 ** 34, used: 0, active: true })),
    },
    answers: { '/nodes/pve1/qemu/110/pending': { ok: true, data: [{ key: 'name', value: '110' }, { key: 'tags', value: 'latido' }, { key: 'scsi0', value: slot }] }, '/nodes/pve1/qemu/110/migrate': { ok: true, data: { local_disks: [], local_resources: [] } } },
  }).steps;
}

const holds = (steps: readonly Step[]) => steps.map(({ title, hold }) => (hold ? `${title}: ${hold.code} ${hold.reason}` : title));

describe('a guest is not started', () => {
  test('where the resource is down', () => expect(holds(guest(on('pve1', { isUp: false, role: 'Unknown', disk: 'DUnknown' })))).toEqual(['start it: WAITS_FOR r0, on which it stands, cannot be used on pve1: r0 is down on pve1']));
  test('where it is Secondary', () => expect(holds(guest(on('pve1', { peers: [peer('pve2')] })))).toEqual(['start it: WAITS_FOR r0, on which it stands, cannot be used on pve1: r0 on pve1 is Secondary, and only a Primary can be opened']));
  test('while the node is still a target, and it says how far that is', () => expect(holds(guest(on('pve1', { disk: 'Inconsistent', peers: [peer('pve2', { replication: 'SyncTarget', donePercent: 40, secondsLeft: 240 })] })))).toEqual([
    'start it: RESYNC r0, on which it stands, cannot be used on pve1: r0 on pve1 is Secondary, and only a Primary can be opened (pve1 is being resynchronised from pve2: 40 % done, about 4 min left)',
  ]));
  test('where no good copy is in reach', () => expect(holds(guest(on('pve1', { role: 'Primary', disk: 'Inconsistent', peers: [peer('pve2', { connection: 'Connecting', disk: 'DUnknown' })] })))).toEqual(['start it: WAITS_FOR r0, on which it stands, cannot be used on pve1: r0 on pve1 is Inconsistent, and no UpToDate copy is in reach']));
  test('where writes wait', () => expect(holds(guest(on('pve1', { ...PRIMARY, suspended: 'quorum' })))).toEqual(['start it: WAITS_FOR r0, on which it stands, cannot be used on pve1: writes to r0 wait on pve1: quorum']));
  test('by the HA manager either', () => expect(holds(guest(on('pve1', { peers: [peer('pve2')] }), { spec: { ha: { state: 'started' } } }))[0]).toMatch(/^make it an HA resource \(started\): WAITS_FOR r0/));
  test('nor stopped only to be started again, which a restart is', () => {
    const stop: Step = { title: 'stop it', action: { via: 'pve', method: 'PUT', path: '/cluster/ha/resources/vm:110', params: { state: 'stopped' } }, guards: [{ is: 'guest-is', vmid: 110, type: 'qemu', node: 'pve1' }], risk: 'restart', locks: [], timeoutMs: 1 };
    expect([usedAt(stop, []), usedAt({ ...stop, risk: 'downtime' }, [])]).toEqual(['pve1', undefined]);
  });
});

describe('a guest is started', () => {
  test('on a Primary, asking again just before', () => {
    const [step] = guest(on('pve1', PRIMARY));
    expect([step?.hold, step?.guards.at(-1)]).toEqual([undefined, { is: 'drbd-usable', resource: 'r0', node: 'pve1' }]);
  });
  test('on a Primary that lost its own disk and reads from its peer', () => expect(holds(guest(on('pve1', { ...PRIMARY, disk: 'Diskless' })))).toEqual(['start it']));
  test('with DRBD 9, where whoever opens the device promotes it', () => {
    const file = 'resource r0 {\n  options { auto-promote yes; }\n  on pve1 { node-id 0; device minor 0; disk /dev/x; address 10.0.0.1:7788; }\n}\n';
    const nodes = new Map([...on('pve1', { peers: [peer('pve2')] })].map(([name, node]) => [name, { ...node, drbdVersion: '9.2.18', resFiles: new Map([['r0', file]]), physical: [{ device: '/dev/drbd0', group: 'drbdvg0', uuid: 'pv-d', sizeBytes: 1, freeBytes: 1 }] }]));
    expect(holds(guest(nodes, { storage: 'hers', slot: 'hers:vm-110-disk-0,size=8G' }))).toEqual(['start it']);
  });
});

describe('what needs the data waits as well', () => {
  const secondary = on('pve1', { peers: [peer('pve2')] });
  test('growing a disk', () => expect(holds(guest(secondary, { spec: { power: 'stopped', config: { scsi0: { storage: 'disk-virtual', size: '9G' } } } }))).toEqual([expect.stringMatching(/^grow scsi0 .*: WAITS_FOR r0/)]));
  test('a new disk', () => expect(holds(guest(secondary, { spec: { power: 'stopped', config: { scsi0: { storage: 'disk-virtual', size: '8G' }, scsi1: { storage: 'disk-virtual', size: '1G' } } } }))).toEqual([expect.stringMatching(/^set scsi1: WAITS_FOR r0/)]));
  test('moving to a node where it is Secondary', () => expect(holds(guest(on('pve2', { peers: [peer('pve1', { role: 'Primary' })] }), { node: 'pve2', spec: { power: 'stopped' } }))).toEqual([expect.stringMatching(/^migrate from pve1 to pve2 .*: WAITS_FOR r0, on which it stands, cannot be used on pve2: r0 on pve2 is Secondary/)]));
  test('and what needs no data does not', () => {
    expect(holds(guest(secondary, { spec: { power: 'stopped', config: { scsi0: { storage: 'disk-virtual', size: '8G' }, cores: 2 } } }))).toEqual(['set cores']);
    expect(holds(guest(secondary, { status: 'running', spec: { power: 'stopped' } }))).toEqual(['shut it down (stop it after 180 s)']);
  });
});

describe('good copies that differ', () => {
  const differs = (more: Partial<ReplicaFact> = {}): World => new Map(['pve1', 'pve2'].map((node) => [node, { ...made.get(node) ?? bare(node), replicas: new Map([['r0', replica({ role: 'Primary', generations: [generation('CCCCCCCCCCCCCCC0')], peers: [peer(node === 'pve1' ? 'pve2' : 'pve1', { role: 'Primary', outOfSyncBytes: 8192 })], ...more })]]) }]));
  const resource = (spec: object, nodes = differs()) => ask({ kind: 'DrbdResource', name: 'r0', spec: { ...SPEC, ...spec }, facts: { storageNodes: nodes } });
  const CURE = '8 KiB differ between pve1 and pve2, although all are UpToDate, and nothing makes them equal by itself: write repair: true below verify of DrbdResource/r0, or make it Primary on the node whose copy is right and Secondary where it is wrong, and run there drbdadm disconnect r0 and drbdadm connect r0';
  test('keep moves waiting, and what cures it is said', () => expect(holds(guest(differs(), { node: 'pve2', spec: { power: 'stopped' } }))).toEqual([`migrate from pve1 to pve2 offline: RESYNC r0, on which it stands, is not in sync: ${CURE}`]));
  test('keep the resource itself waiting, and what cures it is said', () => {
    expect(resource({}).result.notes).toEqual([CURE]);
    expect(resource({ size: '2G' }).steps.map(({ hold }) => hold?.reason)).toContain(CURE);
  });
  test('where the manifest asks for the repair, it says that', () => expect(resource({ verify: { algorithm: 'md5', repair: true } }).result.notes).toContain('8 KiB differ between pve1 and pve2, although all are UpToDate, which verify.repair makes equal'));
  test('what one side alone says passes by itself', () => {
    const own = differs();
    const nodes = new Map([...own, ['pve2', made.get('pve2') ?? bare('pve2')]]);
    expect(resource({}, nodes).result.notes).toEqual(['r0: pve2 is UpToDate, Established, 8192 bytes out of sync']);
  });
});
