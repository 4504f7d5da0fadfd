// A DRBD resource from nothing to in sync and back; after a kill anywhere the next plan goes on.
import { describe, expect, test } from 'vitest';
import { commandText } from '../../controller/model/command.ts';
import type { Step } from '../../controller/model/step.ts';
import { ask } from './scene.ts';
import type { Scene, Told } from './scene.ts';
import type { ReplicaFact } from '../../controller/model/node-facts.ts';
import { bare, generation, MIB, peer, perform, replica, SPEC, world } from './drbd-scene.ts';
import type { World } from './drbd-scene.ts';

function resource(nodes: World, spec: object | undefined = SPEC, more: Partial<Scene> = {}): Told {
  return ask({ kind: 'DrbdResource', name: 'r0', ...(spec ? { spec } : {}), ...more, facts: { storageNodes: nodes, ...more.facts } });
}

/** `pve1: drbdadm …`; a script by its title. */
function told(steps: readonly Step[]): readonly string[] {
  return steps.map(({ title, action, hold }) => `${hold ? `held ${hold.code} ` : ''}${action.via === 'ssh' ? `${action.node}: ${action.argv[0] === 'sh' ? title.replace(/ on \S+$/, '') : commandText(action.argv)}` : title}`);
}

function through(nodes: World, steps: readonly Step[]): World {
  return steps.reduce((now, step) => perform(now, step), nodes);
}

const MADE = through(world(), resource(world()).steps);

describe('from nothing', () => {
  test('in the order in which each builds on the one before', () => {
    const plan = resource(world());
    expect([plan.verb, told(plan.steps)]).toEqual(['create', [
      'pve1: make the volume pve/r0 (1G)', 'pve2: make the volume pve/r0 (1G)',
      'pve1: write /etc/drbd.d/r0.res', 'pve2: write /etc/drbd.d/r0.res', 'pve1: drbdadm create-md r0', 'pve2: drbdadm create-md r0',
      'pve1: drbdadm adjust r0', 'pve2: drbdadm adjust r0', 'wait until its nodes are connected', 'pve1: drbdadm -- --clear-bitmap new-current-uuid r0', 'wait until it is in sync',
      'pve1: drbdadm primary r0', 'pve2: drbdadm primary r0', 'pve1: make /dev/drbd0, if it is empty, a physical volume of LVM', 'pve1: vgcreate drbdvg0 /dev/drbd0', 'pve2: pvscan --cache /dev/drbd0',
    ]]);
  });
  test('and then there is nothing to do', () => expect(resource(MADE)).toMatchObject({ verb: 'none', fields: [], observed: { state: 'present', owned: true } }));
  test('killed after any step, the next plan goes on to the same end', () => {
    const { steps } = resource(world());
    for (let done = 0; done <= steps.length; done += 1) {
      const halfway = through(world(), steps.slice(0, done));
      // Whether LVM is on a Secondary shows once it is Primary, so that it may take another plan.
      const plans = [halfway, through(halfway, resource(halfway, SPEC, { memory: {} }).steps)];
      const end = through(plans[1] ?? halfway, resource(plans[1] ?? halfway).steps);
      expect([done, resource(end).fields, end.get('pve1')?.groups.map(({ name }) => name)]).toEqual([done, [], ['pve', 'drbdvg0']]);
    }
  });
  test('with DRBD 9', () => {
    const nodes = world(bare('pve1', { drbdVersion: '9.2.18' }), bare('pve2', { drbdVersion: '9.2.18' }));
    expect(told(resource(nodes, { ...SPEC, storage: undefined }).steps)).toEqual(expect.arrayContaining(['pve2: drbdadm create-md --max-peers=7 r0', 'pve1: drbdadm new-current-uuid --clear-bitmap r0/0']));
  });
  test('from one node to the others, which is Secondary again at once', () => {
    const steps = told(resource(world(), { ...SPEC, dualPrimary: false, storage: undefined, initialSync: { from: 'pve2' } }).steps);
    expect(steps.slice(8)).toEqual(['wait until its nodes are connected', 'pve2: drbdadm primary --force r0', 'pve2: drbdadm secondary r0', 'wait until it is in sync (up to 1G at 20M a second, 1 min)']);
  });
  test('without the module only that is loaded', () => {
    const { drbdVersion: _none, ...node } = bare('pve1');
    const plan = resource(world(node, { ...node, node: 'pve2' }));
    expect(told(plan.steps)).toEqual(['pve1: modprobe drbd', 'pve2: modprobe drbd']);
  });
  test('after a start of a node its data is not taken for none, because nothing told of it', () => {
    const { drbdVersion: _none, ...node } = MADE.get('pve2') ?? bare('pve2');
    const plan = resource(new Map([...MADE, ['pve2', { ...node, replicas: new Map() }]]));
    expect([plan.verb, told(plan.steps)]).toEqual(['update', ['pve2: modprobe drbd']]);
  });
});

describe('in force', () => {
  const withReplica = (nodes: World, node: string, more: Partial<ReplicaFact>): World => {
    const own = nodes.get(node) ?? bare(node);
    return new Map([...nodes, [node, { ...own, replicas: new Map([['r0', { ...replica(), ...own.replicas.get('r0'), ...more }]]) }]]);
  };
  const withFile = (nodes: World, change: (text: string) => string): World => new Map([...nodes].map(([name, node]) => [name, { ...node, resFiles: new Map([['r0', change(node.resFiles.get('r0') ?? '')]]) }]));
  const paths = (plan: Told) => plan.fields.map(({ path, from, to, effect }) => `${path}: ${String(from)} → ${String(to)}${effect === 'refused' ? ' (refused)' : ''}`);

  test('an option is written on all nodes, and taken into use on all', () => {
    const plan = resource(MADE, { ...SPEC, verify: { algorithm: 'crc32c' } });
    expect([paths(plan), told(plan.steps)]).toEqual([['options.net.verify-alg: undefined → crc32c'], [
      'pve1: write /etc/drbd.d/r0.res', 'pve2: write /etc/drbd.d/r0.res', 'pve1: drbdadm adjust r0', 'pve2: drbdadm adjust r0', 'wait until its nodes are connected', 'wait until it is in sync (up to 1G at 20M a second, 1 min)',
    ]]);
    expect(resource(through(MADE, plan.steps), { ...SPEC, verify: { algorithm: 'crc32c' } }).fields).toEqual([]);
  });
  test('a file that was changed by hand is put back', () => expect(paths(resource(withFile(MADE, (text) => text.replace('protocol C', 'protocol A'))))).toEqual(['options.net.protocol: A → C']));
  test('and one that only looks otherwise', () => expect(paths(resource(withFile(MADE, (text) => text.replaceAll('    ', '\t'))))).toEqual(['nodes.pve1.file: another text → as written from Git', 'nodes.pve2.file: another text → as written from Git']));
  test('what runs otherwise than its file says shows the commands that mend it', () => {
    const plan = resource(withReplica(MADE, 'pve2', { adjust: ['drbdsetup-84 net-options --protocol=C'] }));
    expect([plan.fields, told(plan.steps)[0]]).toEqual([[{ path: 'nodes.pve2.running', from: 'not as its file says', to: 'as its file says', effect: 'live', note: 'drbdsetup-84 net-options --protocol=C' }], 'pve2: drbdadm adjust r0']);
  });
  test('made by hand and the same it only gets our mark', () => {
    const plan = resource(withFile(MADE, (text) => text.replace(/^.*\n/, '')));
    expect([plan.verb, paths(plan).filter((path) => path.startsWith('options')), told(plan.steps).slice(0, 2)]).toEqual(['adopt', [], ['pve1: write /etc/drbd.d/r0.res', 'pve2: write /etc/drbd.d/r0.res']]);
    expect(told(plan.steps).filter((step) => /create-md|make the volume|primary|new-current/.test(step))).toEqual([]);
  });
  test('on another disk by hand it stays where it is', () => {
    const plan = resource(withFile(MADE, (text) => text.replace(/^.*\n/, '').replaceAll('/dev/pve/r0', '/dev/sdb1')), { ...SPEC, storage: undefined });
    expect([paths(plan).filter((path) => path.includes('backing')), told(plan.steps)]).toEqual([
      ['nodes.pve1.backing: /dev/sdb1 → /dev/pve/r0 (refused)', 'nodes.pve2.backing: /dev/sdb1 → /dev/pve/r0 (refused)'], ['held REFUSED change nodes.pve1.backing', 'held REFUSED change nodes.pve2.backing'],
    ]);
  });
  test('it grows on all nodes, then once, then LVM, while guests run', () => {
    const plan = resource(MADE, { ...SPEC, size: '2G' });
    expect([paths(plan), told(plan.steps)]).toEqual([['size: 1G → 2G'], [
      'pve1: lvextend -L 2147483648b pve/r0', 'pve2: lvextend -L 2147483648b pve/r0', 'pve1: drbdadm resize r0', 'wait until it is in sync (up to 1G at 20M a second, 1 min)', 'pve1: pvresize /dev/drbd0',
    ]]);
    for (let done = 1; done < 3; done += 1) {
      const next = resource(through(MADE, plan.steps.slice(0, done)), { ...SPEC, size: '2G' });
      expect(told(next.steps)).toEqual([...(done === 1 ? ['pve2: lvextend -L 2147483648b pve/r0'] : []), 'pve1: drbdadm resize r0', expect.stringContaining('wait'), 'pve1: pvresize /dev/drbd0']);
    }
  });
  test('it does not shrink', () => expect(told(resource(MADE, { ...SPEC, size: '512M' }).steps)).toEqual(['held REFUSED change size']));
  test('without room nothing is grown', () => {
    const full = new Map([...MADE].map(([name, node]) => [name, { ...node, groups: node.groups.map((group) => ({ ...group, freeBytes: 0 })) }]));
    expect(told(resource(full, { ...SPEC, size: '2G' }).steps)[0]).toBe('held STORAGE_FULL pve1: lvextend -L 2147483648b pve/r0');
  });
  test('a replaced disk is filled from the good one, and never the other way', () => {
    const own = MADE.get('pve2') ?? bare('pve2');
    const lost = withReplica(new Map([...MADE, ['pve2', { ...own, volumes: [] }]]), 'pve2', { disk: 'Diskless', metadata: 'unknown', generations: [], adjust: [] });
    const plan = resource(lost);
    expect(told(plan.steps).slice(0, 3)).toEqual(['pve2: make the volume pve/r0 (1G)', 'pve2: drbdadm create-md r0', 'pve2: drbdadm adjust r0']);
    expect(plan.steps[1]?.guards).toContainEqual({ is: 'drbd-uptodate', resource: 'r0', node: 'pve1' });
    const alone = withReplica(lost, 'pve1', { disk: 'Inconsistent' });
    expect(told(resource(alone).steps)[1]).toBe('held LAST_COPY create the metadata on pve2');
  });
  test('a node that does not tell makes it unknown', () => expect(resource(new Map([...MADE, ['pve2', { ...bare('pve2'), unread: 'it does not answer' }]])).observed).toEqual({ state: 'unknown', why: 'pve2: it does not answer' }));
  test('a cut link is told and left to DRBD', () => {
    const cut = withReplica(withReplica(MADE, 'pve1', { peers: [peer('pve2', { connection: 'Connecting', disk: 'DUnknown', replication: 'Off' })] }), 'pve2', { peers: [peer('pve1', { connection: 'Connecting', disk: 'DUnknown', replication: 'Off' })] });
    const plan = resource(cut);
    expect([plan.verb, plan.steps, plan.result.notes]).toEqual(['none', [], ['r0 on pve1 is Connecting to pve2']]);
    expect(told(resource(cut, { ...SPEC, size: '2G' }).steps).map((step) => step.split(' ')[1])).toEqual(['WAITS_FOR', 'WAITS_FOR', 'WAITS_FOR', 'WAITS_FOR', 'WAITS_FOR']);
  });
  test('a node whose LVM does not know what another one made looks again', () => {
    const own = MADE.get('pve2') ?? bare('pve2');
    const blind = new Map([...MADE, ['pve2', { ...own, groups: own.groups.filter(({ name }) => name === 'pve') }]]);
    expect(told(resource(blind).steps)).toEqual(['pve2: pvscan --cache /dev/drbd0']);
    const filtered = new Map([...blind, ['pve2', { ...own, groups: [], lvmFilter: '[ "r|.*|" ]' }]]);
    expect(told(resource(filtered).steps)).toEqual([]);
  });
  test('during a resync a node is not made Primary', () => {
    const busy = withReplica(withReplica(MADE, 'pve1', { peers: [peer('pve2', { disk: 'Inconsistent', replication: 'SyncSource', outOfSyncBytes: MIB })] }), 'pve2', { role: 'Secondary', disk: 'Inconsistent', peers: [peer('pve1', { replication: 'SyncTarget', donePercent: 41.2, secondsLeft: 150 })] });
    const held = { code: 'RESYNC', reason: 'pve2 is being resynchronised from pve1: 41 % done, about 3 min left', approvable: false };
    expect(resource(busy).steps.map(({ hold }) => hold)).toEqual([held, held]);
  });
});

describe('a shared secret', () => {
  const KEYED = { ...SPEC, sharedSecret: { secret: 'drbd/r0' } };
  const secrets = { secrets: new Map([['drbd/r0', 'v1']]) };
  const steps = resource(world(), KEYED, { facts: secrets }).steps;
  const made = steps.reduce((now, step) => perform(now, step, { 'drbd/r0': 's3cr3t' }), world());
  const keyed = (more: Partial<Scene>) => resource(made, KEYED, { memory: { secrets: { sharedSecret: 'v1' } }, facts: { ...secrets, storageNodes: made }, ...more });

  test('stands as a reference in what is written, in a file for root alone', () => {
    const write = steps.find(({ title }) => title.startsWith('write'))?.action;
    expect(write).toMatchObject({ argv: expect.arrayContaining(['0600']), stdin: [expect.stringContaining('shared-secret "'), { secret: 'drbd/r0' }, expect.stringContaining('";')] });
  });
  test('is in sync afterwards', () => expect(keyed({}).fields).toEqual([]));
  test('is written again when its value is another', () => expect(keyed({ memory: { secrets: { sharedSecret: 'v0' } } }).fields).toEqual([{ path: 'sharedSecret', from: '<secret>', to: { secret: 'drbd/r0' }, effect: 'live' }]));
  test('shows nowhere', () => {
    const other = resource(made, SPEC, { facts: { ...secrets, storageNodes: made } });
    expect(JSON.stringify([keyed({ memory: { secrets: { sharedSecret: 'v0' } } }), other.fields, other.steps, other.result])).not.toContain('s3cr3t');
    expect(other.fields.map(({ path }) => path)).toEqual(['sharedSecret']);
  });
});

describe('Primary on two nodes, where one is allowed', () => {
  const { storage: _none, dualPrimary: _no, ...spec } = SPEC;
  const drift = ['drbdsetup-84 net-options 10.0.0.1:7788 10.0.0.2:7788 --set-defaults'];
  const file = MADE.get('pve1')?.resFiles.get('r0')?.replace(/^.*allow-two-primaries.*\n/m, '') ?? '';
  const both = (users: Readonly<Record<string, readonly string[]>>): World => new Map([...MADE].map(([node, own]) => [node, {
    ...own, resFiles: new Map([['r0', file]]),
    replicas: new Map([['r0', replica({ role: 'Primary', adjust: drift, generations: [generation('CCCCCCCCCCCCCCC0')], peers: [peer(node === 'pve1' ? 'pve2' : 'pve1', { role: 'Primary' })] })]]),
    volumes: [...own.volumes, ...(users[node] ?? []).map((name) => ({ group: 'drbdvg0', name, uuid: name, sizeBytes: 1, active: true, open: true, tags: [] }))],
  }]));
  const asked = (nodes: World) => ask({ kind: 'DrbdResource', name: 'r0', spec, facts: { storageNodes: nodes } }).steps;
  test('the one that nothing uses becomes Secondary, and then the options are taken', () => {
    const steps = asked(both({ pve1: ['vm-110-disk-0'] }));
    expect(steps.map(({ hold }) => hold).filter((hold) => hold)).toEqual([]);
    expect(steps.flatMap(({ action }) => (action.via === 'ssh' ? [`${action.node}: ${commandText(action.argv)}`] : [])).filter((line) => !line.includes('sh -c'))).toEqual(['pve2: vgchange -an drbdvg0', 'pve2: drbdadm secondary r0', 'pve1: drbdadm adjust r0', 'pve2: drbdadm adjust r0']);
  });
  test('where both are used, it says by whom, and what to do', () => expect(asked(both({ pve1: ['vm-110-disk-0'], pve2: ['vm-111-disk-0'] })).find(({ title }) => title.startsWith('bring it up'))?.hold).toEqual({
    code: 'WAITS_FOR', approvable: false,
    reason: 'pve1 and pve2 are both Primary, and r0 allows one, so that DRBD takes no other options: drbdvg0/vm-110-disk-0 on pve1 and drbdvg0/vm-111-disk-0 on pve2 use it: move them all to one node, and it is made Secondary on the other',
  }));
});
