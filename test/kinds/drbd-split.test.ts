// Two nodes that wrote apart: nothing is done until Git names the victim of that very event; and what stands above waits.
import { describe, expect, test } from 'vitest';
import { commandText } from '../../controller/model/command.ts';
import type { GuestFact } from '../../controller/model/facts.ts';
import type { Generation, ReplicaFact } from '../../controller/model/node-facts.ts';
import type { Step } from '../../controller/model/step.ts';
import { unmet } from '../../controller/safety/conditions.ts';
import { ask, facts } from './scene.ts';
import type { Scene, Told } from './scene.ts';
import { bare, generation, MIB, peer, perform, replica, SPEC, world } from './drbd-scene.ts';
import type { World } from './drbd-scene.ts';

const EVENT = '11111111-22222222';
const made = ask({ kind: 'DrbdResource', name: 'r0', spec: SPEC, facts: { storageNodes: world() } }).steps.reduce((now, step) => perform(now, step), world());

function side(node: string, current: string, more: Partial<ReplicaFact> = {}, connection: 'StandAlone' | 'Connecting' = 'StandAlone'): World {
  const other = node === 'pve1' ? 'pve2' : 'pve1';
  const own = made.get(node) ?? bare(node);
  const peers = [peer(other, { connection, replication: 'Off', disk: 'DUnknown', role: 'Unknown', outOfSyncBytes: node === 'pve1' ? 5 * MIB : MIB })];
  return new Map([[node, { ...own, replicas: new Map([['r0', replica({ role: 'Primary', generations: [generation(current, 'AAAAAAAAAAAAAAA0')], peers, ...more })]]) }]]);
}

const SPLIT: World = new Map([...side('pve1', '1111111111111110'), ...side('pve2', '2222222222222220')]);
const GUEST: GuestFact = { vmid: 110, type: 'qemu', node: 'pve2', name: 'web', status: 'running', template: false, tags: ['latido'], memMax: 0 };
const VOLUME = { group: 'drbdvg0', name: 'vm-110-disk-0', uuid: 'x', sizeBytes: MIB, active: true, open: true, tags: [] };

function resource(resolve: object | undefined, nodes = SPLIT, more: Partial<Scene> = {}): Told {
  return ask({ kind: 'DrbdResource', name: 'r0', spec: { ...SPEC, ...(resolve ? { resolveSplitBrain: resolve } : {}) }, ...more, facts: { storageNodes: nodes, ...more.facts } });
}
function told(steps: readonly Step[]): readonly string[] {
  return steps.map(({ title, action, hold }) => `${hold ? `held ${hold.code} ` : ''}${action.via === 'ssh' ? `${action.node}: ${commandText(action.argv)}` : title}`);
}

describe('undecided', () => {
  const plan = resource(undefined);
  test('one held step stands for all', () => expect(told(plan.steps)).toEqual(['held SPLIT_BRAIN bring its copies together again']));
  test('it tells the event, and what each side would lose', () => expect(plan.steps[0]?.hold?.reason).toBe(
    `event ${EVENT}: pve1 is Primary, UpToDate, 5 MiB (5242880 bytes) changed since, no guest runs there on it; pve2 is Primary, UpToDate, 1 MiB (1048576 bytes) changed since, no guest runs there on it. `
    + 'Last Primary: both, pve1 and pve2 still are. '
    + `To drop the changes of one of them, write resolveSplitBrain: { discard: NODE, event: ${EVENT} }`));
  test('other changes wait as well', () => expect(told(ask({ kind: 'DrbdResource', name: 'r0', spec: { ...SPEC, size: '2G', verify: { algorithm: 'md5' } }, facts: { storageNodes: SPLIT } }).steps)).toEqual(['held SPLIT_BRAIN bring its copies together again']));
  test('it is known before the link heals, while both only look for each other', () => {
    const apart = new Map([...side('pve1', '1111111111111110', {}, 'Connecting'), ...side('pve2', '2222222222222220', {}, 'Connecting')]);
    expect(told(resource(undefined, apart).steps)).toEqual(['held SPLIT_BRAIN bring its copies together again']);
  });
});

describe('who was Primary last', () => {
  type Side = readonly [more: Partial<ReplicaFact>, bits: Partial<Generation>];
  const text = ([first, its]: Side, [second, others]: Side) => {
    const nodes = new Map([
      ...side('pve1', '1111111111111110', { ...first, generations: [{ ...generation('1111111111111110', 'AAAAAAAAAAAAAAA0'), ...its }] }),
      ...side('pve2', '2222222222222220', { ...second, generations: [{ ...generation('2222222222222220', 'AAAAAAAAAAAAAAA0'), ...others }] }),
    ]);
    return /Last Primary: (.*?)\. To drop/.exec(resource(undefined, nodes).steps[0]?.hold?.reason ?? '')?.[1];
  };
  const [PRIMARY, SECONDARY, DOWN] = [{ role: 'Primary' }, { role: 'Secondary' }, { isUp: false, role: 'Unknown', disk: 'Diskless' }] as const;
  test.each<[string, Side, Side]>([
    ['both, pve1 and pve2 still are; both were when they lost each other', [PRIMARY, { wasPrimary: true }], [PRIMARY, { wasPrimary: true }]],
    ['pve1, which still is; pve2 was since they lost each other; when they lost each other, pve1 alone was', [PRIMARY, { wasPrimary: true }], [SECONDARY, {}]],
    ['pve2, which still is; pve1 was since they lost each other, until it went down; when they lost each other, pve1 alone was', [DOWN, { isPrimary: true, wasPrimary: true }], [PRIMARY, {}]],
    ['both, pve1 and pve2 were since they lost each other, and neither is now', [SECONDARY, {}], [SECONDARY, {}]],
    ['both, pve1 and pve2 were when they went down', [DOWN, { isPrimary: true }], [DOWN, { isPrimary: true }]],
    ['pve2, until it went down; pve1 was since they lost each other, and is not now', [SECONDARY, {}], [DOWN, { isPrimary: true }]],
  ])('%s', (expected, first, second) => expect(text(first, second)).toBe(expected));
  test('it is a note of the decision, too', () => expect(resource({ discard: 'pve2', event: EVENT }).result.notes?.at(-1)).toBe('Last Primary: both, pve1 and pve2 still are'));
});

describe('decided', () => {
  const DECIDED = { discard: 'pve2', event: EVENT };
  test('the victim lets go, drops its changes and connects; the survivor takes it back', () => expect(told(resource(DECIDED).steps)).toEqual([
    'pve2: vgchange -an drbdvg0', 'pve2: drbdadm secondary r0', 'pve2: drbdadm disconnect r0', 'pve2: drbdadm connect --discard-my-data r0', 'pve1: drbdadm connect r0',
    'wait until its nodes are connected', 'wait until it is in sync (up to 5M at 20M a second, 1 min)', 'pve2: drbdadm primary r0', 'pve2: pvscan --cache /dev/drbd0',
  ]));
  test('and then all is as it should be, but for a line that may go', () => {
    const healed = resource(DECIDED).steps.reduce((now, step) => perform(now, step), SPLIT);
    const after = resource(DECIDED, healed);
    expect([after.verb, after.result.notes]).toEqual(['none', [`resolveSplitBrain names event ${EVENT}, which is over: it may be taken out`]]);
    expect(healed.get('pve2')?.replicas.get('r0')?.generations[0]?.current).toBe('1111111111111110');
  });
  test('every command on either side is refused once anything was written anew', () => {
    const later = new Map([...SPLIT, ...side('pve1', '3333333333333330')]);
    const commands = resource(DECIDED).steps.filter(({ action, title }) => action.via === 'ssh' && !/^(?:make it Primary|let LVM)/.test(title));
    const open = commands.filter(({ guards }) => guards.every((guard) => unmet(guard, facts({ storageNodes: later })) === undefined));
    expect([commands.length, open.length]).toEqual([5, 0]);
  });
  test('a survivor that waits already is left waiting', () => {
    const waits = new Map([...SPLIT, ...side('pve1', '1111111111111110', {}, 'Connecting')]);
    expect(told(resource(DECIDED, waits).steps).filter((step) => step.startsWith('pve1'))).toEqual([]);
  });
  test('killed after any step, the next plan goes on', () => {
    const { steps } = resource(DECIDED);
    for (let done = 1; done < steps.length; done += 1) {
      const halfway = steps.slice(0, done).reduce((now, step) => perform(now, step), SPLIT);
      const end = resource(DECIDED, halfway).steps.reduce((now, step) => perform(now, step), halfway);
      expect([done, resource(DECIDED, end).fields]).toEqual([done, []]);
    }
  });
  test('another event is not this one', () => expect(resource({ discard: 'pve2', event: '00000000-22222222' }).steps[0]?.hold).toMatchObject({ code: 'SPLIT_BRAIN', reason: expect.stringMatching(`names event 00000000-22222222, and this is another one. event ${EVENT}:`) }));
  test('a guest that runs on the victim holds all', () => {
    const nodes = new Map([...SPLIT].map(([name, node]) => [name, { ...node, volumes: [...node.volumes, VOLUME] }]));
    const plan = resource(DECIDED, nodes, { facts: { storageNodes: nodes, guests: new Map([[110, GUEST]]) } });
    expect(new Set(plan.steps.map(({ hold }) => hold?.reason))).toEqual(new Set(['110 (web) still runs on pve2, on data that would be dropped: shut it down first']));
  });
  test('a survivor without good data is no survivor', () => expect(resource(DECIDED, new Map([...SPLIT, ...side('pve1', '1111111111111110', { disk: 'Inconsistent' })])).steps[0]?.hold?.code).toBe('LAST_COPY'));
  test('of three nodes with DRBD 9 the survivor is adjusted', () => {
    const nine = (node: string, current: string, more: Partial<ReplicaFact> = {}) => {
      const others = ['pve1', 'pve2', 'pve3'].filter((name) => name !== node);
      return { ...made.get(node) ?? bare(node), node, drbdVersion: '9.2.18', replicas: new Map([['r0', replica({ generations: others.map((name) => ({ peer: name, ...generation(current, 'AAAAAAAAAAAAAAA0') })), peers: others.map((name) => peer(name, { connection: 'StandAlone', replication: 'Off' })), ...more })]]) };
    };
    const nodes = world(nine('pve1', '1111111111111110'), nine('pve2', '2222222222222220'), nine('pve3', '1111111111111110'));
    const spec = { ...SPEC, nodes: { ...SPEC.nodes, pve3: { address: '10.0.0.3:7788', volumeGroup: 'pve' } } };
    expect(told(ask({ kind: 'DrbdResource', name: 'r0', spec: { ...spec, resolveSplitBrain: DECIDED }, facts: { storageNodes: nodes } }).steps)).toContain('pve1: drbdadm adjust r0');
  });
});

describe('what stands on it', () => {
  const guest = (power: string, nodes: World, node = 'pve1') => ask({
    kind: 'VirtualMachine', name: '110', spec: { vmid: 110, power, placement: { node }, config: { scsi0: { storage: 'disk-virtual', size: '8G' } } },
    others: [{ kind: 'DrbdResource', name: 'r0', spec: SPEC }],
    facts: { storageNodes: nodes, guests: new Map([[110, { ...GUEST, node: 'pve1', status: 'stopped' }]]), storageDefs: new Map([['disk-virtual', { type: 'lvm', vgname: 'drbdvg0', shared: 1 }]]), storages: ['pve1', 'pve2'].map((name) => ({ storage: 'disk-virtual', node: name, type: 'lvm', shared: true, content: ['images'], total: 2 ** 34, used: 0, active: true })) },
    answers: { '/nodes/pve1/qemu/110/pending': { ok: true, data: [{ key: 'name', value: '110' }, { key: 'tags', value: 'latido' }, { key: 'scsi0', value: 'disk-virtual:vm-110-disk-0,size=8G' }] }, '/nodes/pve1/qemu/110/migrate': { ok: true, data: { local_disks: [], local_resources: [] } } },
  });
  test('is neither started nor changed while it is split', () => expect(guest('running', SPLIT).steps.map(({ title, hold }) => `${title}: ${hold?.reason}`)).toEqual([`start it: r0, on which it stands, is split (event ${EVENT}): pve1 and pve2 have written apart from each other`]));
  test('is not started while the other node is up and does not tell', () => {
    const silent = new Map([...made, ['pve2', { ...bare('pve2'), unread: 'ssh to 10.0.0.2: no answer' }]]);
    expect(guest('running', silent).steps.map(({ hold }) => hold)).toEqual([{ code: 'UNKNOWN', reason: 'r0, on which it stands, cannot be judged: pve2: ssh to 10.0.0.2: no answer', approvable: false }]);
  });
  test('is started while it is whole', () => expect(guest('running', made).steps.map(({ hold }) => hold)).toEqual([undefined]));
  test('is not moved during a resync, and asks again just before it is', () => {
    const own = made.get('pve2') ?? bare('pve2');
    const busy = new Map([...made, ['pve2', { ...own, replicas: new Map([['r0', replica({ disk: 'Inconsistent', peers: [peer('pve1', { replication: 'SyncTarget', donePercent: 40 })] })]]) }]]);
    expect(guest('stopped', busy, 'pve2').steps.map(({ hold }) => hold)).toEqual([{ code: 'RESYNC', reason: 'r0, on which it stands, is not in sync: pve2 is being resynchronised from pve1: 40 % done', approvable: false }]);
    expect(guest('stopped', made, 'pve2').steps.map(({ hold, guards }) => [hold, guards.slice(-2)])).toEqual([[undefined, [{ is: 'drbd-in-sync', resource: 'r0', nodes: ['pve1', 'pve2'] }, { is: 'drbd-usable', resource: 'r0', node: 'pve2' }]]]);
  });
  test('is found by what LVM shows where no manifest tells', () => {
    const told = ask({
      kind: 'VirtualMachine', name: '110', spec: { vmid: 110, power: 'running', config: { scsi0: { storage: 'other', size: '8G' } } },
      facts: { storageNodes: SPLIT, storageDefs: new Map([['other', { type: 'lvm', vgname: 'drbdvg0' }]]), guests: new Map([[110, { ...GUEST, node: 'pve1', status: 'stopped' }]]) },
      answers: { '/nodes/pve1/qemu/110/pending': { ok: true, data: [{ key: 'name', value: '110' }, { key: 'tags', value: 'latido' }, { key: 'scsi0', value: 'other:vm-110-disk-0,size=8G' }] } },
    });
    expect(told.steps.map(({ hold }) => hold?.code)).toEqual(['SPLIT_BRAIN']);
  });
});
