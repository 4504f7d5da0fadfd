// What is wrong with a resource's manifest, before a cluster is asked and after.
import { describe, expect, test } from 'vitest';
import { ask, found } from './scene.ts';
import { bare, SPEC, world } from './drbd-scene.ts';
import type { Manifest } from './scene.ts';

const PLAIN = { size: '1G', nodes: SPEC.nodes };
const other = (spec: object): Manifest => ({ kind: 'DrbdResource', name: 'a0', spec });
const findings = (spec: object, ...others: readonly Manifest[]) => found(ask({ kind: 'DrbdResource', name: 'r0', spec, others, facts: { storageNodes: world() } }).findings);
const live = (spec: object, nodes = world()) => found(ask({ kind: 'DrbdResource', name: 'r0', spec, facts: { storageNodes: nodes } }).live);

describe('by itself', () => {
  test.each<[rule: string, spec: object, fact: string | undefined]>([
    ['a plain one is right', PLAIN, undefined],
    ['two writers need protocol C', { ...PLAIN, dualPrimary: true, protocol: 'A' }, 'POLICY_INVALID spec.protocol: dualPrimary needs protocol C: with A a write is done before the other node has it'],
    ['so is one without ports', { ...PLAIN, nodes: { pve1: { address: '10.0.0.1', volumeGroup: 'pve' }, pve2: { address: '10.0.0.2', volumeGroup: 'pve' } } }, undefined],
    ['shared storage needs two writers', { ...PLAIN, storage: SPEC.storage }, 'POLICY_INVALID spec.storage: storage on all nodes needs dualPrimary: true'],
    ['data lies somewhere', { ...PLAIN, nodes: { ...SPEC.nodes, pve2: { address: '10.0.0.2:7788' } } }, 'MANIFEST_SCHEMA spec.nodes.pve2: it does not say where its data lies'],
    ['and in one place', { ...PLAIN, nodes: { ...SPEC.nodes, pve2: { address: '10.0.0.2:7788', volumeGroup: 'pve', device: '/dev/sdb' } } }, 'MANIFEST_SCHEMA spec.nodes.pve2: a copy lies in one place'],
    ['one copy is none', { ...PLAIN, nodes: { ...SPEC.nodes, pve2: { address: '10.0.0.2:7788', diskless: true } } }, 'MANIFEST_SCHEMA spec.nodes: fewer than two of its nodes hold data'],
    ['the first source has a copy', { ...PLAIN, initialSync: { from: 'pve9' } }, 'REFERENCE_MISSING spec.initialSync.from: pve9 holds no copy of it'],
    ['so has the victim', { ...PLAIN, resolveSplitBrain: { discard: 'pve9', event: '00000000-00000000' } }, 'REFERENCE_MISSING spec.resolveSplitBrain.discard: pve9 is none of its nodes'],
    ['an address is one', { ...PLAIN, nodes: { ...SPEC.nodes, pve2: { address: '10.0.0.256:7788', volumeGroup: 'pve' } } }, "OPTION_INVALID spec.nodes.pve2.address: '10.0.0.256:7788' is not an address"],
    ['the group on it is not the group below it', { ...SPEC, storage: { id: 'x1', volumeGroup: 'pve' } }, 'POLICY_INVALID spec.storage.volumeGroup: pve is the volume group below the resource, and another is made on it'],
  ])('%s', (_, spec, fact) => expect(findings(spec)).toEqual(fact === undefined ? [] : [fact]));
});

describe('beside another', () => {
  test('a port is for one', () => expect(findings(PLAIN, other(PLAIN))).toEqual(['DUPLICATE spec.nodes.pve1.address: DrbdResource/a0 has 10.0.0.1:7788 already', 'DUPLICATE spec.nodes.pve2.address: DrbdResource/a0 has 10.0.0.2:7788 already']));
  test('a disk is for one', () => {
    const on = (port: number) => ({ size: '1G', nodes: { pve1: { address: `10.0.0.1:${port}`, device: '/dev/mapper/pve-x' }, pve2: { address: `10.0.0.2:${port}`, volumeGroup: 'pve' } } });
    expect(findings(on(7790), other({ ...on(7791), nodes: { ...on(7791).nodes, pve1: { address: '10.0.0.1:7791', device: '/dev/pve/x' } } }))).toEqual(['DUPLICATE spec.nodes.pve1.device: DrbdResource/a0 has /dev/pve/x already: two resources on one disk destroy each other']);
  });
  test('each gets a device number of its own', () => {
    const nodes = (port: number) => ({ pve1: { address: `10.0.0.1:${port}`, volumeGroup: 'pve' }, pve2: { address: `10.0.0.2:${port}`, volumeGroup: 'pve' } });
    const taken = 'resource hand {\n on pve1 { device /dev/drbd0 minor 0; disk /dev/sdx; address 10.0.0.1:7000; meta-disk internal; }\n}\n';
    const plan = ask({ kind: 'DrbdResource', name: 'r0', spec: { size: '1G', nodes: nodes(7788) }, others: [other({ size: '1G', nodes: nodes(7789) }), { kind: 'DrbdResource', name: 'z0', spec: { size: '1G', minor: 2, nodes: nodes(7790) } }], facts: { storageNodes: world(bare('pve1', { resFiles: new Map([['hand', taken]]) }), bare('pve2')) } });
    expect(plan.fields.find(({ path }) => path === 'device')?.to).toBe('/dev/drbd3');
  });
});

describe('on its nodes', () => {
  test('what 8.4 lacks', () => expect(live({ ...PLAIN, quorum: 'majority', nodes: { ...SPEC.nodes, pve3: { address: '10.0.0.3:7788', diskless: true } } })).toEqual([
    "NODE_UNKNOWN spec.nodes.pve3: the cluster has no node 'pve3'", 'VERSION_UNSUPPORTED spec.nodes: DRBD 8.4.11 has no more than two copies', 'VERSION_UNSUPPORTED spec.nodes.pve3.diskless: DRBD 8.4.11 has no nodes without data', 'VERSION_UNSUPPORTED spec.quorum: DRBD 8.4.11 has no quorum',
  ]));
  test('two versions do not mix', () => expect(live(PLAIN, world(bare('pve1'), bare('pve2', { drbdVersion: '9.2.18' })))).toEqual(['VERSION_UNSUPPORTED spec.nodes: its nodes run DRBD 8.4.11 and 9.2.18, which keep different metadata']));
  test('a resource made by hand on its port and disk', () => {
    const text = 'resource hand {\n on pve1 { device /dev/drbd7; disk /dev/mapper/pve-r0; address 10.0.0.1:7788; meta-disk internal; }\n}\n';
    expect(live(PLAIN, world(bare('pve1', { resFiles: new Map([['hand', text]]) }), bare('pve2')))).toEqual(['DUPLICATE spec.nodes.pve1.address: resource hand on pve1 has 10.0.0.1:7788 already', 'DUPLICATE spec.nodes.pve1: resource hand on pve1 lies on /dev/mapper/pve-r0 already']);
  });
  test('a device that LVM sees as well holds what would stand on it, with the line that hides it', () => {
    const given = { ...SPEC, nodes: { pve1: { address: '10.0.0.1:7788', device: '/dev/sdb' }, pve2: { address: '10.0.0.2:7788', device: '/dev/sdb' } } };
    const on = (filter?: string) => ask({ kind: 'DrbdResource', name: 'r0', spec: given, facts: { storageNodes: world(...['pve1', 'pve2'].map((node) => bare(node, filter === undefined ? {} : { lvmFilter: filter }))) } }).steps.find(({ title }) => title.startsWith('make /dev/drbd0,'))?.hold?.reason;
    const line = 'global_filter = [ "a|^/dev/drbd[0-9]+$|", "a|^/dev/sda3$|", "r|.*|" ]';
    expect(on()).toBe(`LVM on pve1 sees /dev/sdb beside /dev/drbd0, and would take one for the other: write this line into the section devices of /etc/lvm/lvm.conf there: ${line}`);
    expect(on('["r|^/dev/sdb$|"]')).toMatch(/^LVM on pve1 sees/);
    expect(on('["a|^/dev/drbd[0-9]+$|","a|^/dev/sda3$|","r|.*|"]')).toBeUndefined();
    expect(on('["a|^/dev/sda3$|","r|.*|"]')).toMatch(/^LVM on pve1 does not see \/dev\/drbd0/);
  });
});
