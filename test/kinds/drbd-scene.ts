// Two nodes of literals, and what our commands do to them: enough of DRBD and LVM to see where a plan leads.
import type { ReplicaFact, NodeStorageFact, Generation, PeerFact, DrbdDisk } from '../../controller/model/node-facts.ts';
import type { Facts } from '../../controller/model/facts.ts';
import type { Step } from '../../controller/model/step.ts';
import { parseResFile } from '../../controller/drbd/res-file.ts';
import { CHECK_EMPTY, MAKE_VOLUME, PVCREATE_EMPTY, RELEASE_RES, WRITE_RES } from '../../controller/drbd/scripts.ts';
import { lineage } from '../../controller/safety/generations.ts';
import { unmet } from '../../controller/safety/conditions.ts';
import { facts } from './scene.ts';

export const MIB = 2 ** 20;
export const NEW = '0000000000000004';
export const NONE = '0000000000000000';
export type World = Map<string, NodeStorageFact>;

export const SPEC = {
  size: '1G', dualPrimary: true, storage: { id: 'disk-virtual', volumeGroup: 'drbdvg0' },
  nodes: { pve1: { address: '10.0.0.1:7788', volumeGroup: 'pve' }, pve2: { address: '10.0.0.2:7788', volumeGroup: 'pve' } },
};

export function bare(node: string, more: Partial<NodeStorageFact> = {}): NodeStorageFact {
  return {
    node, drbdVersion: '8.4.11', replicas: new Map(), resFiles: new Map(), volumes: [], addresses: [],
    groups: [{ name: 'pve', uuid: `vg-${node}`, sizeBytes: 2 ** 34, freeBytes: 2 ** 33, extentBytes: 4 * MIB }],
    physical: [{ device: '/dev/sda3', group: 'pve', uuid: `pv-${node}`, sizeBytes: 2 ** 34, freeBytes: 2 ** 33 }], ...more,
  };
}

export function world(...nodes: readonly NodeStorageFact[]): World {
  return new Map((nodes.length > 0 ? nodes : [bare('pve1'), bare('pve2')]).map((node) => [node.node, node]));
}

export function generation(current: string, bitmap = NONE, history: readonly string[] = []): Generation {
  return { current, bitmap, history };
}

export function peer(name: string, more: Partial<PeerFact> = {}): PeerFact {
  return { name, connection: 'Connected', role: 'Secondary', disk: 'UpToDate', replication: 'Established', outOfSyncBytes: 0, ...more };
}

export function replica(more: Partial<ReplicaFact> = {}): ReplicaFact {
  return { resource: 'r0', isUp: true, minor: 0, role: 'Secondary', disk: 'UpToDate', peers: [], generations: [generation('AAAAAAAAAAAAAAA0')], metadata: 'present', adjust: [], sizeBytes: 1024 * MIB - 72 * 1024, ...more };
}

/** What the step does, in this small world; waits and reads do nothing. Undefined: we do not know the command. */
export function perform(before: World, step: Step, secrets: Readonly<Record<string, string>> = {}): World {
  const { action } = step;
  const why = step.guards.map((guard) => unmet(guard, around(before))).find((one) => one !== undefined);
  if (why !== undefined) throw new Error(`${step.title}: guard: ${why}`);
  if (action.via === 'wait') {
    const late = unmet(action.until, around(before));
    if (late !== undefined) throw new Error(`${step.title}: ${late}`);
    return before;
  }
  if (action.via !== 'ssh') throw new Error('no command');
  const own = before.get(action.node) ?? bare(action.node);
  const stdin = (action.stdin ?? []).map((piece) => (typeof piece === 'string' ? piece : secrets[piece.secret])).join('');
  return settle(new Map([...before, [action.node, changed(own, action.argv, stdin, before)]]));
}

function around(nodes: World): Facts {
  const known = facts();
  return { ...known, storageNodes: nodes, nodes: [...nodes.keys()].flatMap((name) => known.nodes.slice(0, 1).map((node) => ({ ...node, name }))) };
}

function changed(own: NodeStorageFact, argv: readonly string[], stdin: string, all: World): NodeStorageFact {
  const args = argv.slice(4);
  const set = (name: string, more: Partial<ReplicaFact>) => ({ ...own, replicas: new Map([...own.replicas, [name, { ...replica({ resource: name, isUp: false, disk: 'Diskless', generations: [], metadata: 'absent' }), ...own.replicas.get(name), ...more }]]) });
  if (argv[0] === 'sh') {
    const [name = ''] = args;
    if (argv[2] === WRITE_RES) return { ...set(name, {}), resFiles: new Map([...own.resFiles, [name, stdin]]) };
    if (argv[2] === RELEASE_RES) return { ...own, resFiles: new Map([...own.resFiles, [name, (own.resFiles.get(name) ?? '').replace(/^.*\n/, '')]]) };
    if (argv[2] === CHECK_EMPTY) return own;
    if (argv[2] === MAKE_VOLUME) return { ...own, volumes: [...own.volumes, { group: name, name: args[1] ?? '', uuid: `lv-${own.node}`, sizeBytes: Number.parseInt(args[2] ?? '', 10), active: true, open: false, tags: [args[3] ?? ''] }] };
    if (argv[2] === PVCREATE_EMPTY) return { ...own, physical: [...own.physical, { device: name, group: '', uuid: 'pv-d', sizeBytes: 1020 * MIB, freeBytes: 1020 * MIB }] };
  }
  const last = argv.at(-1) ?? '';
  const line = argv.join(' ');
  if (argv[0] === 'lvextend') return { ...own, volumes: own.volumes.map((one) => ({ ...one, sizeBytes: `${one.group}/${one.name}` === last ? Number.parseInt(argv[2] ?? '', 10) : one.sizeBytes })) };
  if (argv[0] === 'lvremove') return { ...own, volumes: own.volumes.filter((one) => `${one.group}/${one.name}` !== last) };
  if (argv[0] === 'vgcreate') return { ...own, physical: own.physical.map((one) => (one.device === last ? { ...one, group: argv[1] ?? '' } : one)), groups: [...own.groups, { name: argv[1] ?? '', uuid: 'vg-d', sizeBytes: 1020 * MIB, freeBytes: 1020 * MIB, extentBytes: 4 * MIB }] };
  if (argv[0] === 'vgchange' || argv[0] === 'pvresize' || argv[0] === 'pvscan') return own;
  if (argv[0] === 'vgremove') return { ...own, groups: own.groups.filter(({ name }) => name !== last), physical: own.physical.map((one) => (one.group === last ? { ...one, group: '' } : one)) };
  if (argv[0] === 'pvremove') return { ...own, physical: own.physical.filter(({ device }) => device !== last) };
  if (argv[0] === 'rm') return { ...own, resFiles: new Map([...own.resFiles].filter(([name]) => !last.endsWith(`/${name}.res`))), replicas: new Map() };
  if (line.includes('create-md')) return set(last, { metadata: 'present', generations: [generation(NEW)] });
  if (line.includes('wipe-md')) return set(last, { metadata: 'absent', generations: [] });
  if (/drbdadm adjust/.test(line)) return set(last, { isUp: true, adjust: [], disk: own.replicas.get(last)?.disk === 'UpToDate' ? 'UpToDate' : 'Inconsistent', peers: othersOf(own, last, 'Connecting') });
  if (/drbdadm connect/.test(line)) return set(last, { peers: othersOf(own, last, 'Connecting'), ...(line.includes('--discard') ? { suspended: DISCARDS } : {}) });
  if (/drbdadm disconnect/.test(line)) return set(last, { peers: othersOf(own, last, 'StandAlone') });
  if (/drbdadm primary/.test(line)) return set(last, { role: 'Primary', ...(line.includes('--force') ? { disk: 'UpToDate' as DrbdDisk, generations: [generation('BBBBBBBBBBBBBBB0', NEW)] } : {}) });
  if (/drbdadm secondary/.test(line)) return set(last, { role: 'Secondary' });
  if (/drbdadm down/.test(line)) return set(last, { isUp: false, disk: 'Diskless', peers: [] });
  if (/new-current-uuid/.test(line)) return set(last.replace('/0', ''), { disk: 'UpToDate', generations: [generation('CCCCCCCCCCCCCCC0')] });
  if (/drbdadm resize/.test(line)) return set(last, { sizeBytes: Math.min(...[...all.values()].flatMap(({ volumes }) => volumes.filter(({ group }) => group === 'pve').map(({ sizeBytes }) => sizeBytes))) - 100 * 1024 });
  throw new Error(`no such command here: ${line}`);
}

function othersOf(own: NodeStorageFact, name: string, connection: PeerFact['connection']): readonly PeerFact[] {
  const files = parseResFile(own.resFiles.get(name) ?? '');
  const hosts = typeof files === 'string' ? [] : files[0]?.hosts ?? [];
  return hosts.filter((host) => host.name !== own.node).map((host) => peer(host.name, { connection, replication: 'Off', disk: 'DUnknown', role: 'Unknown' }));
}

/** What DRBD does by itself: sides that see each other connect, and the newer data goes to the older side; a Secondary shows no LVM. */
function settle(all: World): World {
  const up = [...all.values()].filter((node) => node.replicas.get('r0')?.isUp);
  const meets = up.length > 1 && up.every((node) => node.replicas.get('r0')?.peers.every(({ connection }) => connection !== 'StandAlone'));
  if (!meets) return all;
  const sides = up.map((node) => node.replicas.get('r0') ?? replica());
  const source = sides.find((side) => side.disk === 'UpToDate' && side.suspended !== DISCARDS && sides.every((other) => other === side || other.suspended === DISCARDS || !other.generations[0] || !side.generations[0] || !['second-newer', 'split', 'unrelated'].includes(lineage(side.generations[0], other.generations[0]))));
  if (!source && sides.some(({ disk }) => disk === 'UpToDate')) return all;
  const disk: DrbdDisk = source ? 'UpToDate' : 'Inconsistent';
  const current = source?.generations[0]?.current ?? NEW;
  const top = up.find((node) => node.physical.some(({ device }) => device === '/dev/drbd0'));
  return new Map([...all].map(([name, node]) => {
    const own = node.replicas.get('r0');
    if (!own?.isUp) return [name, node];
    const peers = up.filter((other) => other !== node).map((other) => peer(other.node, { role: other.replicas.get('r0')?.role ?? 'Unknown', disk }));
    const lvm = top && top !== node && own.role === 'Primary' ? { physical: [...node.physical.filter(({ device }) => device !== '/dev/drbd0'), ...top.physical.filter(({ device }) => device === '/dev/drbd0')], groups: [...node.groups.filter(({ name: group }) => group !== 'drbdvg0'), ...top.groups.filter(({ name: group }) => group === 'drbdvg0')] } : {};
    return [name, { ...node, ...lvm, replicas: new Map([['r0', { ...resumed(own), disk, peers, generations: [generation(current)], sizeBytes: Math.max(...sides.map(({ sizeBytes }) => sizeBytes ?? 0)) }]]) }];
  }));
}

/** Stands in for what the kernel keeps to itself: at the next handshake its changes are dropped. */
const DISCARDS = 'drops its changes when it connects';

function resumed({ suspended: _over, ...own }: ReplicaFact): ReplicaFact {
  return own;
}
