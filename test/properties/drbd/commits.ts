// In: dice. Out: a cluster of two nodes with DRBD 8.4 or three with 9, and manifests of resources, storage and guests on them, as commits
// change them: options, size, guests, copies and resources that go.
import type { ClusterSpec } from '../../../controller/sim/cluster-spec.ts';
import type { Dice } from '../seeds/dice.ts';

export interface Decision { readonly discard: string; readonly event: string }
export interface WantedGuest { readonly vmid: number; readonly node: string; readonly running: boolean; readonly memory: number }
export interface Wanted {
  readonly name: string;
  readonly nodes: readonly string[];
  readonly diskless?: string;
  readonly mebibytes: number;
  /** Dual-primary, with LVM and a storage of Proxmox on it. */
  readonly isShared: boolean;
  readonly source: 'skip' | 'from';
  readonly quorum: boolean;
  readonly policies: boolean;
  readonly verify?: string;
  readonly rate?: string;
  readonly reclaim: 'keep' | 'delete';
  readonly guests: readonly WantedGuest[];
  readonly decision?: Decision;
}

export interface Drawn { readonly spec: ClusterSpec; readonly version: string; readonly nodes: readonly string[]; readonly wanted: readonly Wanted[] }

const GIB = 2 ** 30;

export function drawCluster(dice: Dice): Drawn {
  const is9 = dice.chance(0.5);
  const version = is9 ? '9.2.18' : '8.4.11';
  const nodes = is9 ? ['pve1', 'pve2', 'pve3'] : ['pve1', 'pve2'];
  const spec: ClusterSpec = { nodes: nodes.map((name) => ({ name, drbd: version, volumeGroups: { pve: 8 * GIB } })), qdevice: !is9 };
  return { spec, version, nodes, wanted: Array.from({ length: dice.between(1, 3) }, (_none, at) => drawResource(dice, nodes, is9, at)) };
}

function drawResource(dice: Dice, nodes: readonly string[], is9: boolean, at: number): Wanted {
  const isThree = is9 && dice.chance(0.6);
  const isShared = !isThree && dice.chance(0.6);
  const held = isThree ? nodes : nodes.slice(0, 2);
  return {
    name: `r${at}`, nodes: held, mebibytes: dice.between(3, 6) * 64, isShared, source: dice.pick(['skip', 'skip', 'from']),
    ...(isThree && dice.chance(0.4) ? { diskless: 'pve3' } : {}), quorum: isThree && dice.chance(0.6), policies: dice.chance(0.2),
    reclaim: dice.pick(['delete', 'delete', 'keep']), guests: isShared ? drawGuests(dice, held, at) : [],
  };
}

function drawGuests(dice: Dice, nodes: readonly string[], at: number): readonly WantedGuest[] {
  return Array.from({ length: dice.between(0, 2) }, (_none, index) => ({ vmid: 110 + at * 10 + index, node: dice.pick(nodes), running: dice.chance(0.7), memory: 512 }));
}

/** What a person pushes next. */
export function changed(dice: Dice, wanted: readonly Wanted[]): readonly Wanted[] {
  return wanted.flatMap((one): readonly Wanted[] => {
    switch (dice.between(0, 9)) {
      case 0: return [{ ...one, mebibytes: one.mebibytes + 64 }];
      case 1: return [{ ...one, verify: dice.pick(['crc32c', 'sha1']) }];
      case 2: return [{ ...one, rate: dice.pick(['20M', '60M']) }];
      case 3: return [{ ...one, guests: one.guests.slice(1) }];
      case 4: return [{ ...one, guests: one.guests.map((guest) => ({ ...guest, memory: guest.memory + 256, running: dice.chance(0.7) })) }];
      case 5: return one.isShared && one.guests.length > 0 ? [{ ...one, guests: [] }] : [];
      case 6: return [{ ...one, reclaim: dice.pick(['delete', 'keep']) }];
      case 7: return one.isShared ? [{ ...one, guests: one.guests.map((guest) => ({ ...guest, node: dice.pick(one.nodes) })) }] : [one];
      case 8: return [withoutNode(dice, one)];
      default: return [one];
    }
  });
}

/** One of three copies leaves; two that hold data stay. */
function withoutNode(dice: Dice, one: Wanted): Wanted {
  if (one.nodes.length < 3) return one;
  const gone = one.diskless ?? dice.pick(one.nodes);
  const { diskless: _none, ...rest } = one;
  return { ...rest, nodes: one.nodes.filter((node) => node !== gone), quorum: false };
}

export function yamlOf(wanted: readonly Wanted[]): string {
  const cluster = { apiVersion: 'latido/v1', kind: 'Cluster', metadata: { name: 'lab' }, spec: { endpoints: ['https://pve1:8006', 'https://pve2:8006'], policy: { prune: 'auto', restart: 'now', limits: { deletions: 100, restarts: 100, migrations: 100 } } } };
  return [cluster, ...wanted.flatMap((one) => [resourceOf(one), ...one.guests.map((guest) => guestOf(guest, one))])].map((document) => JSON.stringify(document)).join('\n---\n');
}

function resourceOf({ name, nodes, diskless, mebibytes, isShared, source, quorum, policies, verify, rate, reclaim, decision }: Wanted) {
  const port = 7788 + Number(name.slice(1));
  return {
    apiVersion: 'latido/v1', kind: 'DrbdResource', metadata: { name },
    spec: {
      size: `${mebibytes}M`, reclaim, nodes: Object.fromEntries(nodes.map((node) => [node, { address: `10.0.0.${node.slice(3)}:${port}`, ...(node === diskless ? { diskless: true } : { volumeGroup: 'pve' }) }])),
      ...(source === 'from' ? { initialSync: { from: nodes[1] } } : {}), ...(quorum ? { quorum: 'majority' } : {}),
      ...(policies ? { splitBrain: { noPrimaries: 'discard-least-changes', onePrimary: 'discard-secondary' } } : {}),
      ...(verify ? { verify: { algorithm: verify } } : {}), ...(rate ? { resyncRate: rate } : {}),
      ...(isShared ? { dualPrimary: true, storage: { id: `disk-${name}`, volumeGroup: `vg${name}` } } : {}),
      ...(decision ? { resolveSplitBrain: decision } : {}),
    },
  };
}

function guestOf({ vmid, node, running, memory }: WantedGuest, { name }: Wanted) {
  return { apiVersion: 'latido/v1', kind: 'VirtualMachine', metadata: { name: `guest${vmid}` }, spec: { vmid, power: running ? 'running' : 'stopped', reclaim: 'delete', placement: { node }, config: { memory, scsi0: { storage: `disk-${name}`, size: '48M' } } } };
}
