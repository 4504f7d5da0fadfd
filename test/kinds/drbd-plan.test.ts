// DRBD → volume group → storage → disk → guest, and exactly reversed: one plan over manifests and literals.
import { describe, expect, test } from 'vitest';
import { parseFiles } from '../../controller/manifests/parse.ts';
import { validate } from '../../controller/manifests/validate.ts';
import type { Answer, Memory, Observed } from '../../controller/model/change.ts';
import type { Facts } from '../../controller/model/facts.ts';
import type { Plan } from '../../controller/model/plan.ts';
import { refText } from '../../controller/model/ref.ts';
import { subjectsOf } from '../../controller/observe/observe.ts';
import { makePlan } from '../../controller/plan/plan.ts';
import type { PlanInput } from '../../controller/plan/plan.ts';
import { facts, kindsOf } from './scene.ts';
import { bare, generation, perform, replica, world } from './drbd-scene.ts';

const CLUSTER = 'apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: test }\nspec: { endpoints: [https://pve1:8006], policy: { prune: auto, limits: { deletions: 9 } } }\n';
const NODES = ['pve1', 'pve2'].map((name) => `apiVersion: latido/v1\nkind: Node\nmetadata: { name: ${name} }\nspec: {}\n`);
const resource = (more = '') => `apiVersion: latido/v1
kind: DrbdResource
metadata: { name: r0 }
spec:
  size: 1G
  dualPrimary: true
  reclaim: delete
  nodes:
    pve1: { address: "10.0.0.1:7788", volumeGroup: pve }
    pve2: { address: "10.0.0.2:7788", volumeGroup: pve }
  storage: { id: disk-virtual, volumeGroup: drbdvg0 }
${more}`;
const GUEST = 'apiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: web }\nspec: { vmid: 110, placement: { node: pve1 }, power: running, config: { scsi0: { storage: disk-virtual, size: 512M } } }\n';
const text = (...documents: readonly string[]) => [CLUSTER, ...NODES, ...documents].join('---\n');

function checked(manifest: string) {
  return validate(parseFiles([{ path: 'all.yaml', text: manifest }]), 'dir', kindsOf('9.2'));
}

function plan(manifest: string, now: Facts, memories: readonly Memory[] = [], more: { readonly answers?: Readonly<Record<string, Answer>>; readonly hold?: PlanInput['hold'] } = {}): Plan {
  const kinds = kindsOf('9.2');
  const { desired, findings } = checked(manifest);
  if (!desired) throw new Error(findings.map(({ fact }) => fact).join('\n'));
  const subjects = subjectsOf(desired, kinds, now, memories, 'latido');
  const observed = new Map(subjects.map((subject): [string, Observed] => [refText(subject.ref), kinds.get(subject.ref.kind)?.observe(subject, now, (path) => more.answers?.[path] ?? { ok: true, data: [] }, 'latido', desired) ?? { state: 'absent' }]));
  return makePlan({ desired, facts: now, subjects, observed, kinds, warnings: [], ...(more.hold ? { hold: more.hold } : {}) });
}

const order = ({ changes }: Plan) => changes.map(({ ref, verb, hold, steps }) => `${verb} ${refText(ref)}${hold ? ` held ${hold.code}` : ''}${steps.some((step) => step.hold) ? ` (${[...new Set(steps.flatMap((step) => step.hold?.code ?? []))].join(', ')})` : ''}`);

const before = plan(text(resource(), GUEST), facts({ storageNodes: world() }));
const made = before.changes.filter(({ ref }) => ref.kind === 'DrbdResource').flatMap(({ steps }) => steps).reduce((now, step) => perform(now, step), world());
const whole: Partial<Facts> = {
  storageNodes: made, storageDefs: new Map([['disk-virtual', { storage: 'disk-virtual', type: 'lvm', vgname: 'drbdvg0', shared: 1, content: 'images,rootdir', nodes: 'pve1,pve2' }]]),
  storages: ['pve1', 'pve2'].map((node) => ({ storage: 'disk-virtual', node, type: 'lvm', shared: true, content: ['images', 'rootdir'], total: 2 ** 30, used: 0, active: true })),
};

describe('building', () => {
  test('is from below', () => expect(order(before)).toEqual(['create DrbdResource/r0', 'create Storage/disk-virtual', 'create VirtualMachine/web']));
  test('each waits for the last step of what it stands on', () => {
    const [drbd, storage, guest] = before.changes;
    expect([storage?.steps[0]?.after, guest?.steps[0]?.after]).toEqual([[drbd?.steps.at(-1)?.id], [storage?.steps.at(-1)?.id]]);
  });
  test('and then it is in sync', () => expect(order(plan(text(resource()), facts(whole)))).toEqual([]));
  test('what is held below holds what is above', () => {
    const full = new Map([...world()].map(([name, node]) => [name, { ...node, groups: [] }]));
    expect(order(plan(text(resource(), GUEST), facts({ storageNodes: full })))).toEqual(['create DrbdResource/r0 (STORAGE_FULL, WAITS_FOR)', 'create Storage/disk-virtual (WAITS_FOR)', 'create VirtualMachine/web (WAITS_FOR)']);
  });
  test('a second document of the storage is one too many, and told where each stands', () => {
    const twice = 'apiVersion: latido/v1\nkind: Storage\nmetadata: { name: disk-virtual }\nspec: { type: dir, config: { path: /srv } }\n';
    expect(checked(text(resource(), twice)).findings.map(({ code, fact, place }) => [code, fact, place?.line])).toEqual([['DUPLICATE', expect.stringContaining('the storage disk-virtual is taken already by Storage/disk-virtual at all.yaml:'), 26]]);
  });
  test('its storage may be named by a guest without a document of its own', () => expect(checked(text(resource(), GUEST)).findings).toEqual([]));
});

describe('a node that comes back', () => {
  const own = made.get('pve1') ?? bare('pve1');
  const back = new Map([...made, ['pve1', { ...own, replicas: new Map([['r0', replica({ isUp: false, role: 'Unknown', disk: 'DUnknown', peers: [], generations: [generation('CCCCCCCCCCCCCCC0')] })]]) }]]);
  const now = facts({ ...whole, storageNodes: back, guests: new Map([[110, { vmid: 110, type: 'qemu', node: 'pve1', name: 'web', status: 'stopped', template: false, tags: ['latido'], memMax: 2 ** 30 }]]) });
  const answers: Readonly<Record<string, Answer>> = { '/nodes/pve1/qemu/110/pending': { ok: true, data: [{ key: 'name', value: 'web' }, { key: 'tags', value: 'latido' }, { key: 'scsi0', value: 'disk-virtual:vm-110-disk-0,size=512M' }] } };
  test('gets its copy first, and then its guests', () => {
    const changes = plan(text(resource(), GUEST), now, [], { answers }).changes;
    expect(changes.map(({ ref, steps }) => [refText(ref), steps.map(({ title, hold }) => `${title}${hold ? ` ${hold.code}` : ''}`)])).toEqual([
      ['DrbdResource/r0', ['bring it up as its file says on pve1', 'wait until its nodes are connected', expect.stringMatching(/^wait until it is in sync/), 'make it Primary on pve1', 'let LVM look again at /dev/drbd0 on pve1']],
      ['VirtualMachine/web', ['start it']],
    ]);
    expect(changes[1]?.steps[0]?.after).toEqual([changes[0]?.steps.at(-1)?.id]);
  });
  test('and while that is held, its guests are', () => {
    const hold: PlanInput['hold'] = ({ ref }) => (ref.kind === 'DrbdResource' ? { code: 'BACK_OFF', reason: 'it failed once', approvable: false } : undefined);
    expect(plan(text(resource(), GUEST), now, [], { answers, hold }).changes.flatMap(({ steps }) => steps.map(({ hold: held }) => held).slice(-1))).toEqual([
      { code: 'BACK_OFF', reason: 'it failed once', approvable: false },
      { code: 'WAITS_FOR', reason: 'r0, on which it stands, cannot be used on pve1: r0 is down on pve1 (DrbdResource/r0 is held: it failed once)', approvable: false },
    ]);
  });
});

describe('taking away', () => {
  const memories: readonly Memory[] = [{ ref: { kind: 'DrbdResource', name: 'r0' }, id: 'r0', fields: [] }, { ref: { kind: 'Storage', name: 'disk-virtual' }, id: 'disk-virtual', fields: [] }];
  const lab = { pools: new Map([['lab', { id: 'lab', comment: '[latido]', guests: [], storages: [] }]]) };
  const gone = plan(text('apiVersion: latido/v1\nkind: Pool\nmetadata: { name: lab }\nspec: {}\n'), facts({ ...whole, ...lab }), memories);
  test('is from above', () => expect(order(gone)).toEqual(['delete Storage/disk-virtual', 'delete DrbdResource/r0']));
  test('nothing below goes before what is above has gone', () => expect(gone.changes[1]?.steps[0]?.after).toEqual([gone.changes[0]?.steps.at(-1)?.id]));
  test('while the storage is held, what it stands on stays', () => {
    const pool = 'apiVersion: latido/v1\nkind: Pool\nmetadata: { name: lab }\nspec: { storages: [disk-virtual] }\n';
    const now = facts({ ...whole, pools: new Map([['lab', { id: 'lab', comment: '[latido]', guests: [], storages: ['disk-virtual'] }]]) });
    expect(order(plan(text(pool), now, memories)).filter((line) => line.startsWith('delete'))).toEqual(['delete Storage/disk-virtual (REFERENCED)', 'delete DrbdResource/r0 (WAITS_FOR)']);
  });

  describe('with a guest on it that leaves as well', () => {
    const disk = { group: 'drbdvg0', name: 'vm-110-disk-0', uuid: 'd', sizeBytes: 2 ** 29, active: false, open: false, tags: [] };
    const nodes = new Map([...made].map(([name, node]) => [name, { ...node, volumes: [...node.volumes, disk] }]));
    const now = facts({ ...whole, ...lab, storageNodes: nodes, guests: new Map([[110, { vmid: 110, type: 'qemu', node: 'pve1', name: 'web', status: 'stopped', template: false, tags: ['latido'], memMax: 2 ** 30 }]]) });
    const answers: Readonly<Record<string, Answer>> = {
      '/nodes/pve1/qemu/110/pending': { ok: true, data: [{ key: 'name', value: 'web' }, { key: 'tags', value: 'latido' }, { key: 'scsi0', value: 'disk-virtual:vm-110-disk-0,size=512M' }] },
      '/nodes/pve1/storage/disk-virtual/content': { ok: true, data: [{ volid: 'disk-virtual:vm-110-disk-0', content: 'images', vmid: 110 }] },
    };
    const removed = (reclaim: readonly string[], hold?: PlanInput['hold']) => plan(text('apiVersion: latido/v1\nkind: Pool\nmetadata: { name: lab }\nspec: {}\n'), now, [...memories, { ref: { kind: 'VirtualMachine', name: 'web' }, id: '110', fields: reclaim }], { answers, ...(hold ? { hold } : {}) });
    const destroys = removed(['reclaim=delete']);
    test('all goes in one plan, from above', () => {
      expect(order(destroys)).toEqual(['delete VirtualMachine/web', 'delete Storage/disk-virtual', 'delete DrbdResource/r0']);
      const [guest, storage, drbd] = destroys.changes;
      expect([storage?.steps[0]?.after, drbd?.steps[0]?.after]).toEqual([[guest?.steps.at(-1)?.id], [storage?.steps.at(-1)?.id]]);
    });
    test('the volume group goes only once the disk is gone', () => expect(destroys.changes[2]?.steps[0]?.guards).toContainEqual({ is: 'volume-absent', node: 'pve1', group: 'drbdvg0', volume: 'vm-110-disk-0' }));
    test('what keeps its disk keeps all below it', () => expect(order(removed([]))).toEqual(['delete VirtualMachine/web', 'delete Storage/disk-virtual (REFERENCED)', 'delete DrbdResource/r0 (REFERENCED)']));
    test('so does a guest that is held', () => {
      const held: PlanInput['hold'] = ({ ref }) => (ref.kind === 'VirtualMachine' ? { code: 'SUSPENDED', reason: 'a person', approvable: false } : undefined);
      expect(order(removed(['reclaim=delete'], held)).slice(1)).toEqual(['delete Storage/disk-virtual (REFERENCED)', 'delete DrbdResource/r0 (REFERENCED)']);
    });
    test('and what waits for an approval keeps them waiting for the same', () => {
      const asked: PlanInput['hold'] = ({ ref }) => (ref.kind === 'VirtualMachine' ? { code: 'LIMIT', reason: 'too many', approvable: true } : undefined);
      const [, storage, drbd] = removed(['reclaim=delete'], asked).changes;
      expect([storage, drbd].map((change) => change?.steps[0]?.hold)).toEqual([
        { code: 'REFERENCED', reason: 'disk-virtual:vm-110-disk-0 is destroyed before, which waits for an approval', approvable: true },
        { code: 'WAITS_FOR', reason: 'Storage/disk-virtual is held: disk-virtual:vm-110-disk-0 is destroyed before, which waits for an approval', approvable: true },
      ]);
    });
  });
});
