// The cluster's address: mistakes in manifests, what a plan does in which order, what it refuses to touch.
import { describe, expect, test } from 'vitest';
import type { NodeStorageFact, VirtualIpNodeFact, VrrpState } from '../../controller/model/node-facts.ts';
import { mainText, partText, shown } from '../../controller/virtual-ip/keepalived-text.ts';
import { ask, desired, facts, object as objectOf } from './scene.ts';
import type { Manifest } from './scene.ts';

const SPEC = { address: '10.0.0.9/24', interface: 'vmbr0', nodes: { pve1: 150, pve2: 100 } };
const MAIN = mainText('latido');

interface Side { readonly has?: boolean; readonly programs?: VirtualIpNodeFact; readonly own?: string | null }

function part(node: 1 | 2, more: object = {}): string {
  return shown(partText({ name: 'cluster', mark: 'latido', address: SPEC.address, interface: 'vmbr0', routerId: 9, priority: node === 1 ? 150 : 100, advertSeconds: 1, preempt: false, source: `10.0.0.${node}`, peers: [`10.0.0.${3 - node}`], ...more }));
}

function running(text: string | undefined, state?: VrrpState, main: string | undefined = MAIN): VirtualIpNodeFact {
  return { keepalived: { running: true, enabled: true, parts: new Map(text === undefined ? [] : [['cluster', text]]), states: new Map(state ? [['cluster', { state, since: 1_000 }]] : []), ...(main === undefined ? {} : { main }) } };
}

const BARE: VirtualIpNodeFact = { keepalived: { running: false, enabled: false, parts: new Map(), states: new Map() } };
const SETTLED: Readonly<Record<string, Side>> = { pve1: { has: true, programs: running(part(1), 'MASTER') }, pve2: { programs: running(part(2), 'BACKUP') } };

function storage(sides: Readonly<Record<string, Side>>) {
  return new Map(Object.entries(sides).map(([node, { has, programs, own }]): readonly [string, NodeStorageFact] => [node, {
    node, replicas: new Map(), resFiles: new Map(), groups: [], volumes: [], physical: [], ...(programs ? { virtualIp: programs } : {}),
    addresses: [...(own === null ? [] : [{ interface: 'vmbr0', address: `${own ?? `10.0.0.${node.slice(-1)}`}/24` }]), ...(has ? [{ interface: 'vmbr0', address: SPEC.address }] : [])],
  }]));
}

function told(sides: Readonly<Record<string, Side>>, spec: object | null = SPEC, others: readonly Manifest[] = []) {
  return ask({ kind: 'VirtualIP', name: 'cluster', ...(spec ? { spec } : {}), others, facts: { storageNodes: storage(sides) } });
}

const titles = (sides: Readonly<Record<string, Side>>, spec: object | null = SPEC) => told(sides, spec).steps.map(({ title, hold }) => `${title.replace(/, once.*?,(?= on)/, '').replace(/, which.*?,(?= on)/, '')}${hold ? ` [${hold.code}]` : ''}`);

describe('mistakes', () => {
  const code = (spec: object, others: readonly Manifest[] = []) => told({}, { ...SPEC, ...spec }, others).findings.map((finding) => finding.code);
  test.each([
    ['no address', { address: '10.0.0.300/24' }, ['OPTION_INVALID']], ['a prefix too long', { address: '10.0.0.9/33' }, ['OPTION_INVALID']],
    ['another spelling', { address: 'fd00:0:0::9/64' }, ['OPTION_INVALID']], ['one priority twice', { nodes: { pve1: 100, pve2: 100 } }, ['DUPLICATE']],
    ['heartbeat with three nodes', { provider: 'heartbeat', nodes: { pve1: 3, pve2: 2, pve3: 1 } }, ['OPTION_INVALID']],
    ['heartbeat with a router id', { provider: 'heartbeat', virtualRouterId: 3 }, ['OPTION_INVALID']], ['heartbeat that starts for longer than it is waited for', { provider: 'heartbeat', advertSeconds: 9 }, ['OPTION_INVALID']], ['heartbeat with IPv6', { provider: 'heartbeat', address: 'fd00::9/64' }, ['OPTION_INVALID']],
    ['half seconds with authentication', { advertSeconds: 0.5, authentication: { secret: 'x' } }, ['OPTION_INVALID']], ['IPv6 with authentication', { address: 'fd00::9/64', authentication: { secret: 'x' } }, ['OPTION_INVALID']],
    ['nothing', {}, []], ['nothing with IPv6', { address: 'fd00::9/64' }, []],
  ])('%s', (_name, spec, codes) => {
    expect(code(spec)).toEqual(codes);
  });

  test('the address of a node, and of another VirtualIP', () => {
    expect(code({}, [{ kind: 'Node', name: 'pve1', spec: { address: '10.0.0.9' } }])).toEqual(['DUPLICATE']);
    expect(code({}, [{ kind: 'VirtualIP', name: 'a', spec: { ...SPEC, virtualRouterId: 77 } }])).toEqual(['DUPLICATE']);
    expect(code({}, [{ kind: 'VirtualIP', name: 'a', spec: { ...SPEC, address: '10.0.1.9/24' } }])).toEqual(['DUPLICATE']);
    // Only the later one has the mistake.
    expect(code({}, [{ kind: 'VirtualIP', name: 'z', spec: SPEC }])).toEqual([]);
  });

  test('a node that the cluster has not, and the address that one of its nodes has', () => {
    expect(told({}, { ...SPEC, nodes: { pve1: 1, pve9: 2 } }).live.map((finding) => finding.code)).toEqual(['NODE_UNKNOWN']);
    expect(told({}, { ...SPEC, address: '10.0.0.2/24' }).live.map((finding) => finding.code)).toEqual(['DUPLICATE']);
  });
});

describe('the order of steps', () => {
  test('new: the first one alone, and the next when it has it', () => {
    expect(titles({ pve1: { programs: BARE }, pve2: { programs: BARE } })).toEqual([
      "write the address into keepalived's configuration on pve1", 'start keepalived on pve1', 'wait until one node has 10.0.0.9',
      "write the address into keepalived's configuration on pve2", 'start keepalived on pve2',
    ]);
  });

  test('as its manifest asks: nothing', () => {
    expect(told(SETTLED)).toMatchObject({ fields: [], steps: [] });
  });

  test('the one that has it comes last, and nothing is done once it is elsewhere', () => {
    const spec = { ...SPEC, advertSeconds: 2 };
    expect(titles(SETTLED, spec)).toEqual([
      "write the address into keepalived's configuration on pve2", 'let keepalived read it on pve2',
      "write the address into keepalived's configuration on pve1", 'let keepalived read it on pve1', 'wait until one node has 10.0.0.9',
    ]);
    expect(told(SETTLED, spec).steps[0]?.guards).toContainEqual({ is: 'address-held', address: '10.0.0.9/24', nodes: ['pve1', 'pve2'], by: 'pve1' });
  });

  test('what all must have alike is changed while only one keeps it', () => {
    expect(titles(SETTLED, { ...SPEC, virtualRouterId: 50 })).toEqual([
      'take it out of keepalived on pve2', "write the address into keepalived's configuration on pve1", 'let keepalived read it on pve1', 'wait until one node has 10.0.0.9',
      "write the address into keepalived's configuration on pve2", 'start keepalived on pve2',
    ]);
  });

  test('with nobody or two that have it there is no guard to keep it from being repaired', () => {
    const both = { pve1: { has: true, programs: running(part(1, { priority: 9 })) }, pve2: { has: true, programs: running(part(2, { priority: 8 })) } };
    expect(told(both).steps.flatMap(({ guards }) => guards).filter(({ is }) => is === 'address-held')).toEqual([]);
  });

  test('removed: the one that has it last', () => {
    expect(titles(SETTLED, null)).toEqual(['take it out of keepalived on pve2', 'take it out of keepalived on pve1']);
  });

  test('a node that leaves goes first', () => {
    const sides = { ...SETTLED, pve3: { programs: running(part(2)) } };
    expect(titles(sides)[0]).toBe('take it out of keepalived on pve3');
  });
});

describe('held', () => {
  const holdOf = (sides: Readonly<Record<string, Side>>, spec: object = SPEC) => { const [step] = told(sides, spec).steps; return step?.hold && `${step.hold.code} ${step.hold.reason}`; };
  const foreign = (text: string) => running(undefined, undefined, text);
  const THEIRS = 'vrrp_instance VI_1 {\n interface vmbr0\n virtual_router_id 9\n priority 150\n virtual_ipaddress {\n 10.0.0.9/24\n }\n}\n';
  test.each([
    ['keepalived is missing', { pve1: { programs: BARE }, pve2: { programs: {} } }, /^REFUSED keepalived is not installed on pve2: apt install keepalived$/],
    ['no address of its own', { pve1: { programs: BARE, own: null }, pve2: { programs: BARE } }, /^REFUSED pve1 has no address of its own on vmbr0/],
    ['put there by hand', { pve1: { programs: BARE }, pve2: { programs: BARE, has: true } }, /^REFUSED pve2 has 10\.0\.0\.9 on an interface, and neither/],
    ['a configuration of somebody else', { pve1: { programs: foreign('virtual_server 1.2.3.4 80 {\n}\n') }, pve2: { programs: BARE } }, /^REFUSED \/etc\/keepalived\/keepalived\.conf on pve1 stays as it is/],
    ['more in it than the address', { pve1: { programs: foreign(`${THEIRS}virtual_server 1.2.3.4 80 {\n}\n`) }, pve2: { programs: BARE } }, /stays as it is \(beside this address it holds virtual_server/],
    ['kept by heartbeat', { pve1: { programs: { ...BARE, heartbeat: { running: true, enabled: true, files: new Map([['haresources', 'pve1 IPaddr2::10.0.0.9/24/vmbr0\n']]), peers: new Map() } } }, pve2: { programs: BARE } }, /^REFUSED heartbeat on pve1 keeps 10\.0\.0\.9/],
    ['told otherwise', { pve1: { programs: foreign(THEIRS.replace('id 9', 'id 51')) }, pve2: { programs: BARE } }, /^ADOPT_POLICY latido did not set it up, and it differs: nodes\.pve1\.routerId is 51$/],
  ])('%s', (_name, sides, reason) => {
    expect(holdOf(sides)).toMatch(reason);
  });

  test('one that says the same is taken over, and its file put aside', () => {
    const sides = { pve1: { has: true, programs: foreign(THEIRS) }, pve2: { programs: BARE } };
    expect(told(sides).verb).toBe('adopt');
    expect(holdOf(sides)).toBeUndefined();
    const [write] = told(sides).steps.filter(({ action }) => action.via === 'ssh' && action.node === 'pve1');
    expect(write?.action.via === 'ssh' && write.action.argv.at(-1)).toMatch(/^[0-9a-f]{64}$/);
  });

  test('a file that reads our parts stays', () => {
    const sides = { pve1: { programs: foreign('global_defs {\n}\ninclude /etc/keepalived/conf.d/*.conf\n') }, pve2: { programs: BARE } };
    expect(holdOf(sides)).toBeUndefined();
    expect(told(sides).steps.flatMap(({ action }) => (action.via === 'ssh' && action.node === 'pve1' && action.argv.length > 5 ? [action.argv.at(-1)] : []))).toEqual(['keep']);
  });

  test('a node that does not tell makes it unknown', () => {
    expect(told({ pve1: SETTLED.pve1 ?? {}, pve2: {} }).observed).toEqual({ state: 'unknown', why: 'pve2 did not tell of keepalived and heartbeat; pve1 has 10.0.0.9' });
  });
});

describe('how it stands', () => {
  const standing = (sides: Readonly<Record<string, Side>>) => {
    const context = { desired: desired({ kind: 'VirtualIP', name: 'cluster', spec: SPEC }), facts: facts({ storageNodes: storage(sides) }), mark: 'latido' };
    return told(sides).kind.standing?.(objectOf('VirtualIP', 'cluster', SPEC), context);
  };
  test('one has it, since when', () => {
    expect(standing(SETTLED)).toEqual({ message: 'pve1 has 10.0.0.9 since 1970-01-01T00:00:01.000Z: pve1 MASTER, pve2 BACKUP' });
  });
  test('nobody, and two', () => {
    expect(standing({ pve1: { programs: BARE }, pve2: { programs: running(part(2), 'FAULT') } })).toEqual({ message: 'nobody has 10.0.0.9: pve1 keepalived stopped, pve2 FAULT', trouble: 'NoHolder' });
    expect(standing({ pve1: SETTLED.pve1 ?? {}, pve2: { has: true, programs: running(part(2), 'MASTER') } })).toMatchObject({ trouble: 'TwoHolders' });
  });
});
