// A resource that left Git: the way back in reverse, or only released; and replicas that come and go with DRBD 9.
import { describe, expect, test } from 'vitest';
import { commandText } from '../../controller/model/command.ts';
import type { Step } from '../../controller/model/step.ts';
import { ask } from './scene.ts';
import type { Scene, Told } from './scene.ts';
import type { Facts } from '../../controller/model/facts.ts';
import type { NodeStorageFact, ReplicaFact } from '../../controller/model/node-facts.ts';
import { bare, generation, peer, perform, replica, SPEC, world } from './drbd-scene.ts';
import type { World } from './drbd-scene.ts';

function told(steps: readonly Step[]): readonly string[] {
  return steps.map(({ title, action, hold }) => `${hold ? `held ${hold.code} ` : ''}${action.via === 'ssh' ? `${action.node}: ${action.argv[0] === 'sh' ? title.replace(/ on \S+$/, '') : commandText(action.argv)}` : title}`);
}
function make(spec: object, nodes = world()): World {
  return ask({ kind: 'DrbdResource', name: 'r0', spec, facts: { storageNodes: nodes } }).steps.reduce((now, step) => perform(now, step), nodes);
}
function left(nodes: World, more: Partial<Scene> = {}): Told {
  return ask({ kind: 'DrbdResource', name: 'r0', memory: {}, ...more, facts: { storageNodes: nodes } });
}

describe('with reclaim: delete', () => {
  const made = make({ ...SPEC, reclaim: 'delete' });
  const plan = left(made);
  test('everything goes, what was made last first', () => expect([plan.verb, told(plan.steps)]).toEqual(['delete', [
    'pve1: vgchange -an drbdvg0', 'pve2: vgchange -an drbdvg0', 'pve1: vgremove drbdvg0', 'pve1: pvremove /dev/drbd0', 'pve1: drbdadm secondary r0', 'pve2: drbdadm secondary r0', 'pve1: drbdadm down r0', 'pve2: drbdadm down r0',
    'pve1: drbdadm -- --force wipe-md r0', 'pve2: drbdadm -- --force wipe-md r0', 'pve1: lvremove -y pve/r0', 'pve2: lvremove -y pve/r0', "pve1: rm -f /etc/drbd.d/r0.res", "pve2: rm -f /etc/drbd.d/r0.res",
  ]]));
  test('what is lost is named with its size', () => expect(plan.fields.map(({ path, from, note }) => `${path} ${String(from)}: ${note}`)).toEqual(['nodes.pve1 /dev/pve/r0 (1G): its data is destroyed', 'nodes.pve2 /dev/pve/r0 (1G): its data is destroyed']));
  test('what destroys data says so, and only what is the very volume', () => {
    expect(plan.steps.filter(({ risk }) => risk === 'data-loss').map(({ title }) => title)).toEqual(['destroy its metadata on pve1', 'destroy its metadata on pve2', 'destroy the volume pve/r0 (1G) on pve1', 'destroy the volume pve/r0 (1G) on pve2']);
    expect(plan.steps.find(({ title }) => title.startsWith('destroy the volume'))?.guards).toContainEqual({ is: 'volume-is', node: 'pve1', group: 'pve', volume: 'r0', uuid: 'lv-pve1' });
  });
  test('killed after any step, the next plan ends it; where nobody sees what is on it, after an approval', () => {
    for (let done = 1; done < plan.steps.length; done += 1) {
      const halfway = plan.steps.slice(0, done).reduce((now, step) => perform(now, step), made);
      const next = left(halfway);
      const end = next.steps.reduce((now, step) => perform(now, step), halfway);
      expect([done, next.steps.every(({ hold }) => hold === undefined || hold.approvable), [...end.values()].map(({ resFiles, volumes }) => [resFiles.size, volumes.length])]).toEqual([done, true, [[0, 0], [0, 0]]]);
    }
  });
  test('volumes on it hold all', () => {
    const used = new Map([...made].map(([name, node]) => [name, { ...node, volumes: [...node.volumes, { group: 'drbdvg0', name: 'vm-110-disk-0', uuid: 'x', sizeBytes: 1, active: false, open: false, tags: [] }] }]));
    expect(new Set(left(used).steps.map(({ hold }) => hold?.reason))).toEqual(new Set(['volume group drbdvg0 on it still holds vm-110-disk-0']));
  });
  test('a volume that latido did not make stays', () => {
    const given = new Map([...made].map(([name, node]) => [name, { ...node, volumes: node.volumes.map((volume) => ({ ...volume, tags: [] })) }]));
    const kept = left(given);
    expect([told(kept.steps).filter((step) => step.includes('lvremove')), kept.result.notes]).toEqual([[], ['/dev/pve/r0 on pve1 stays, empty: latido did not make it', '/dev/pve/r0 on pve2 stays, empty: latido did not make it']]);
  });
  test('a node that does not tell leaves it unknown', () => expect(left(new Map([...made, ['pve3', { ...bare('pve3'), unread: 'off' }]])).observed).toEqual({ state: 'unknown', why: 'pve3: off' }));
});

describe('with reclaim: keep', () => {
  const made = make(SPEC);
  const plan = left(made);
  test('only our mark goes', () => expect(told(plan.steps)).toEqual(['pve1: take our mark off /etc/drbd.d/r0.res', 'pve2: take our mark off /etc/drbd.d/r0.res']));
  test('and then it is somebody else\'s', () => expect(left(plan.steps.reduce((now, step) => perform(now, step), made))).toMatchObject({ verb: 'none', observed: { state: 'present', owned: false } }));
  test('what stays is told', () => expect(plan.result.notes?.[0]).toMatch(/^released: .* stay as they are on pve1 and pve2/));
});

describe('replicas with DRBD 9', () => {
  const nine = (node: string) => bare(node, { drbdVersion: '9.2.18' });
  const OLD = { size: '1G', nodes: SPEC.nodes };
  const made = make(OLD, world(nine('pve1'), nine('pve2')));
  const THREE = { ...OLD, nodes: { ...SPEC.nodes, apve: { address: '10.0.0.9:7788', volumeGroup: 'pve' } } };
  const wider = ask({ kind: 'DrbdResource', name: 'r0', spec: THREE, facts: { storageNodes: new Map([...made, ['apve', nine('apve')]]) } });

  test('a third one is made, and filled from a good one', () => {
    expect(told(wider.steps).filter((step) => !step.includes('wait'))).toEqual([
      'apve: make the volume pve/r0 (1G)', 'apve: write /etc/drbd.d/r0.res', 'pve1: write /etc/drbd.d/r0.res', 'pve2: write /etc/drbd.d/r0.res',
      'apve: drbdadm create-md --max-peers=7 r0', 'apve: drbdadm adjust r0', 'pve1: drbdadm adjust r0', 'pve2: drbdadm adjust r0',
    ]);
    expect(wider.steps.find(({ title }) => title.startsWith('create the metadata'))?.guards).toContainEqual({ is: 'drbd-uptodate', resource: 'r0', node: 'pve1' });
  });
  test('the others keep their node ids', () => {
    const write = wider.steps.find(({ title }) => title.startsWith('write'))?.action;
    expect([...String(write?.via === 'ssh' ? write.stdin?.[0] : '').matchAll(/on "(\w+)" \{\n\s*node-id (\d)/g)].map(([, node, id]) => `${node}=${id}`)).toEqual(['apve=2', 'pve1=0', 'pve2=1']);
  });
  const three = make(THREE, world(nine('apve'), nine('pve1'), nine('pve2')));
  const leaves = (nodes: World, more: Partial<Facts> = {}) => ask({ kind: 'DrbdResource', name: 'r0', spec: OLD, facts: { storageNodes: nodes, nodes: ['apve', 'pve1', 'pve2'].map((name) => ({ name, online: true, maintenance: false, memTotal: 0, memUsed: 0, cpus: 1, guests: 0 })), ...more } });
  const changed = (node: string, more: Partial<NodeStorageFact>, copy: Partial<ReplicaFact> = {}) => new Map([...three, [node, { ...three.get(node) ?? bare(node), replicas: new Map([['r0', { ...three.get(node)?.replicas.get('r0') ?? replica(), ...copy }]]), ...more }]]);
  const held = ({ steps }: Told) => steps.flatMap(({ title, hold }) => (hold ? [`${title}: ${hold.code} ${hold.reason}`] : []));
  test('one that left lets go, and then the others forget it', () => {
    const plan = leaves(three);
    expect(told(plan.steps).slice(0, 4)).toEqual(['apve: drbdsetup down r0', 'apve: rm -f /etc/drbd.d/r0.res', 'pve1: write /etc/drbd.d/r0.res', 'pve2: write /etc/drbd.d/r0.res']);
    expect(plan.steps[0]?.guards).toContainEqual({ is: 'drbd-in-sync', resource: 'r0', nodes: ['pve1', 'pve2'] });
    expect(plan.result.notes).toEqual(['/dev/pve/r0 on apve stays as it is']);
  });
  test('one that does not tell stays in the files, and the rest goes on', () => {
    const plan = leaves(changed('apve', { unread: 'ssh: no answer', replicas: new Map(), resFiles: new Map() }));
    expect(held(plan)).toEqual(['take the resource away from apve: UNKNOWN apve is to give its copy away, and does not tell of it (apve: ssh: no answer); if it is gone for good, take it out of the cluster: pvecm delnode apve']);
    const other = ask({ kind: 'DrbdResource', name: 'r0', spec: { ...OLD, verify: { algorithm: 'md5' } }, facts: { storageNodes: changed('apve', { unread: 'off', replicas: new Map(), resFiles: new Map() }), nodes: ['apve', 'pve1', 'pve2'].map((name) => ({ name, online: true, maintenance: false, memTotal: 0, memUsed: 0, cpus: 1, guests: 0 })) } });
    const write = other.steps.find(({ title }) => title.startsWith('write'))?.action;
    expect(write?.via === 'ssh' && [...String(write.stdin?.[0]).matchAll(/on "(\w+)" \{\n\s*node-id (\d)/g)].map(([, node, id]) => `${node}=${id}`)).toEqual(['apve=0', 'pve1=1', 'pve2=2']);
  });
  test('one that is no node of the cluster any more is forgotten', () => {
    const plan = leaves(new Map([...three].filter(([node]) => node !== 'apve')), { nodes: ['pve1', 'pve2'].map((name) => ({ name, online: true, maintenance: false, memTotal: 0, memUsed: 0, cpus: 1, guests: 0 })) });
    expect([held(plan), plan.result.notes]).toEqual([[], ['the others forget apve, which is no node of the cluster any more']]);
    expect(told(plan.steps)[0]).toBe('pve1: write /etc/drbd.d/r0.res');
  });
  test('one that is used does not leave', () => {
    const nodes = changed('apve', { physical: [{ device: '/dev/drbd0', group: 'hers', uuid: 'p', sizeBytes: 1, freeBytes: 1 }], volumes: [{ group: 'hers', name: 'vm-110-disk-0', uuid: 'l', sizeBytes: 1, active: true, open: true, tags: [] }] });
    expect(held(leaves(nodes))).toEqual(['take the resource away from apve: REFERENCED hers/vm-110-disk-0 still uses r0 on apve: move it away first']);
  });
  test('one with newer data does not leave', () => {
    const nodes = changed('apve', {}, { generations: [generation('EEEEEEEEEEEEEEE0', 'CCCCCCCCCCCCCCC0')] });
    expect(held(leaves(nodes))).toEqual(['take the resource away from apve: LAST_COPY the copy on apve is newer than that on pve1: connect it, and let the resync end']);
  });
  test('nor one whose copy is good while another is not', () => expect(held(leaves(changed('pve2', {}, { disk: 'Inconsistent' }))).at(-1)).toBe('take the resource away from apve: LAST_COPY the copies that stay are not all good yet: r0 on pve2 is Inconsistent'));
  test('the last good copy does not leave', () => {
    const own = (node: string, disk: 'UpToDate' | 'Inconsistent') => ({ ...made.get(node) ?? bare(node), replicas: new Map([['r0', replica({ disk, peers: ['pve1', 'pve2'].filter((other) => other !== node).map((other) => peer(other)) })]]) });
    const nodes = new Map([['pve1', own('pve1', 'UpToDate')], ['pve2', own('pve2', 'Inconsistent')], ['pve3', nine('pve3')]]);
    const plan = ask({ kind: 'DrbdResource', name: 'r0', spec: { ...OLD, nodes: { pve2: SPEC.nodes.pve2, pve3: { address: '10.0.0.3:7788', volumeGroup: 'pve' } } }, facts: { storageNodes: nodes } });
    expect(plan.steps.filter(({ action }) => action.via === 'ssh').every(({ hold }) => hold !== undefined)).toBe(true);
    expect(plan.steps[0]?.hold).toMatchObject({ code: 'LAST_COPY', reason: 'none of the copies of r0 that would remain is UpToDate' });
  });
  test('with 8.4 there is no third one, and nothing is begun for it', () => {
    const eight = make({ size: '1G', nodes: SPEC.nodes });
    expect(told(ask({ kind: 'DrbdResource', name: 'r0', spec: THREE, facts: { storageNodes: new Map([...eight, ['apve', bare('apve')]]) } }).steps)).toEqual(['held REFUSED change nodes.apve']);
  });
});
